/* A file of market data, plain or gzipped, read row by row. Reading blocks, for the short time a chunk of a local file takes. */
#ifndef ALPHALOOP_APP_CSV_FILE_I_H
#define ALPHALOOP_APP_CSV_FILE_I_H

#include <zlib.h>

#include "alphaloop/market/csv.h"

struct csv_file {
    const char *path; /* borrows */
    gzFile file;
    struct csv_reader *reader;
};

/* AL_ENOTFOUND, AL_ENOMEM; csv_file_close() it in any case. */
MUST_CHECK enum al_err csv_file_open(struct csv_file *file, const char *path);
void csv_file_close(struct csv_file *file);
/* *step is CSV_ROW, CSV_REFUSED (err_text() says why) or CSV_DONE.
 *   returns  AL_OK; AL_EIO when it cannot be read or was cut off; AL_EPARSE when it is no such file
 */
MUST_CHECK enum al_err csv_file_next(struct csv_file *file,
                                     struct csv_row *row,
                                     enum csv_step *step);

#endif
