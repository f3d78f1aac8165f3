/* The files of the pages, web/ and what it vendors, inside the program. They hold no secret: the pages ask for the key. */
#ifndef ALPHALOOP_ADMIN_WEB_H
#define ALPHALOOP_ADMIN_WEB_H

#include <stddef.h>

/* Made by tools/embed_web, which lays out the members in this order: a change here is one there. */
struct web_file {
    const char *name; /* "docs.html": without folders, so names are unique */
    const char *content_type;
    const char *etag; /* of its bytes, in quotes */
    const char *bytes;
    size_t n_bytes;
};

extern const struct web_file web_files[];
extern const size_t n_web_files;

#endif
