/* Files that matter: bounded reads, and writes that appear whole or not at all (temporary name, write, fsync, rename, fsync
 * of the directory). Every function blocks: call them in the training child, at start-up, or from the thread pool.
 * Errors are AL_EIO or AL_ENOTFOUND with the path in err_text(). */
#ifndef ALPHALOOP_IO_FILE_H
#define ALPHALOOP_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define FILE_PATH_MAX    1024
#define FILE_TEMP_PREFIX ".tmp-" /* what a crash may leave behind; never read, removed at start */

/* dir + "/" + name; AL_ERANGE when too long. */
MUST_CHECK enum al_err file_join(const char *dir, const char *name, char out[FILE_PATH_MAX]);

/* The whole file, appended to *out; AL_ERANGE when it is longer than max_bytes. Regular files only. */
MUST_CHECK enum al_err file_read(const char *path, size_t max_bytes, struct buf *out);
/* A device, a pipe or a link that is there is written to and stays. */
MUST_CHECK enum al_err file_write_whole(const char *path, struct slice bytes);

/* Make a directory and its parents; fine when it exists. */
MUST_CHECK enum al_err file_make_dir(const char *path);
bool file_exists(const char *path);
/* Whether a file could be created in the directory. */
MUST_CHECK enum al_err file_check_writable(const char *dir);
/* Bytes that a user without privileges may still write on the disk of a path, and its size; NaN when it cannot be told. */
void file_disk_room(const char *path, double *free_bytes, double *total_bytes);

/* Names in a directory, sorted by byte, without "." and "..". Stops with AL_EFULL past max_names. */
struct file_names {
    size_t count;
    char **names;
};
MUST_CHECK enum al_err file_list(const char *dir, size_t max_names, struct file_names *out);
void file_names_deinit(struct file_names *names);

/* A folder that appears whole: begin makes an empty temporary one beside it, files are written into that, commit makes them
 * durable and renames it to its name (AL_EEXIST when that is taken), abort removes it. */
struct file_folder {
    char path[FILE_PATH_MAX]; /* what it will be called */
    char temp[FILE_PATH_MAX];
};
MUST_CHECK enum al_err file_folder_begin(const char *path, struct file_folder *folder);
MUST_CHECK enum al_err file_folder_add(struct file_folder *folder,
                                       const char *name,
                                       struct slice bytes);
MUST_CHECK enum al_err file_folder_commit(struct file_folder *folder);
void file_folder_abort(struct file_folder *folder);

/* Remove a file, or a folder and the plain files in it (no deeper). Fine when it is not there. */
MUST_CHECK enum al_err file_remove(const char *path);

#endif
