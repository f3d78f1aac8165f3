#include "asset_names_i.h"

#include <stdlib.h>

#include "alphaloop/io/file.h"

static enum al_err load(const char *path,
                        struct json_reader *reader,
                        struct asset_names *out,
                        struct buf *found)
{
    struct buf text = BUF_INIT(ASSET_NAMES_FILE_BYTES_MAX);
    enum al_err err = AL_OK;
    if (file_exists(path))
        err = file_read(path, ASSET_NAMES_FILE_BYTES_MAX, &text);
    if (err == AL_OK)
        err = asset_names_parse(reader, buf_slice(&text), out, found);
    buf_deinit(&text);
    return err;
}

enum al_err asset_names_load(const struct settings *settings,
                             struct asset_names **out,
                             struct buf *problems)
{
    const char *path = settings->asset_names_file;
    struct json_reader *reader = json_reader_create(ASSET_NAMES_FILE_BYTES_MAX, 8);
    struct buf found = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    enum al_err err = err_set(AL_ENOMEM, "asset names");
    *out = calloc(1, sizeof(**out));
    if (reader != NULL && *out != NULL)
        err = load(path, reader, *out, &found);
    if (err != AL_OK)
        buf_printf(problems, "%s: %s\n%s", path, err_text(), buf_str(&found));
    json_reader_destroy(reader);
    buf_deinit(&found);
    return err;
}
