/* What is wrong with a file or the environment: a line each, and how many. */
#ifndef ALPHALOOP_SETTINGS_PROBLEMS_I_H
#define ALPHALOOP_SETTINGS_PROBLEMS_I_H

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

struct problems {
    struct buf *text; /* NULL: only counted */
    size_t n;
};

void problems_add(struct problems *problems, const char *format, ...) PRINTF(2, 3);

#endif
