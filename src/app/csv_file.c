/* zlib reads plain files too, so there is one way for both. */
#include "csv_file_i.h"

#include <errno.h>
#include <string.h>

enum { CHUNK = 65536 };

enum al_err csv_file_open(struct csv_file *file, const char *path)
{
    file->path = path;
    file->reader = NULL;
    file->file = gzopen(path, "rb");
    if (file->file == NULL)
        return err_set(AL_ENOTFOUND, "%s: %s", path,
                       errno != 0 ? strerror(errno) : "out of memory");
    file->reader = csv_reader_create();
    return file->reader != NULL ? AL_OK : err_set(AL_ENOMEM, "CSV reader");
}

void csv_file_close(struct csv_file *file)
{
    if (file->file != NULL)
        gzclose(file->file);
    csv_reader_destroy(file->reader);
}

static enum al_err feed(struct csv_file *file)
{
    char chunk[CHUNK];
    int code;
    int n = gzread(file->file, chunk, sizeof(chunk));
    if (n > 0)
        return csv_reader_feed(file->reader, (struct slice){chunk, (size_t)n});
    const char *why = gzerror(file->file, &code); /* also for a file that was cut off */
    if (n < 0 || code < 0)
        return err_set(AL_EIO, "%s: %s", file->path, why);
    csv_reader_end(file->reader);
    return AL_OK;
}

enum al_err csv_file_next(struct csv_file *file, struct csv_row *row, enum csv_step *step)
{
    enum al_err err = AL_OK;
    while (err == AL_OK) {
        *step = csv_reader_next(file->reader, row);
        if (*step == CSV_FAILED)
            return err_add(AL_EPARSE, "%s", file->path);
        if (*step != CSV_HUNGRY)
            return AL_OK;
        err = feed(file);
    }
    return err;
}
