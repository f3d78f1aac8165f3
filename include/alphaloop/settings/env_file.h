/* A file of NAME=value lines, the form of `.env`:
 *
 *     # comment
 *     export NAME=value            blanks around the value are dropped, and a comment after a blank and '#'
 *     NAME='as it is'
 *     NAME="with \n, \", \\ and \$"
 *
 * Nothing is expanded. The last line of a name counts. Lines end with LF or CR LF.
 */
#ifndef ALPHALOOP_SETTINGS_ENV_FILE_H
#define ALPHALOOP_SETTINGS_ENV_FILE_H

#include <stddef.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define ENV_FILE_BYTES_MAX   (256 * 1024)
#define ENV_FILE_ENTRIES_MAX 1024
#define ENV_NAME_TEXT_MAX    64

struct env_file {
    struct env_entry *entries;
    size_t count;
};

/* AL_EPARSE with one line for each bad line in `problems` (may be NULL): "line 3: ...". env_file_deinit() in any case. */
MUST_CHECK enum al_err env_file_parse(struct slice bytes,
                                      struct env_file *out,
                                      struct buf *problems);
void env_file_deinit(struct env_file *file);
const char *env_file_get(const struct env_file *file,
                         const char *name); /* NULL when absent; borrows */

#endif
