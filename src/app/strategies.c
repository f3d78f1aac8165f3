#include "strategies_i.h"

#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/io/file.h"

enum al_err strategies_file(const char *dir, const char *strategy_id, char path[FILE_PATH_MAX])
{
    char name[STRATEGY_TEXT_MAX + 8];
    snprintf(name, sizeof(name), "%s.json", strategy_id);
    enum al_err err = file_join(dir, name, path);
    if (err == AL_OK && !file_exists(path))
        err = file_join(dir, "default.json", path);
    if (err == AL_OK && !file_exists(path))
        path[0] = '\0';
    return err;
}

static enum al_err read_file(const char *dir, const char *strategy_id, struct buf *out)
{
    char path[FILE_PATH_MAX];
    enum al_err err = strategies_file(dir, strategy_id, path);
    return err == AL_OK && path[0] != '\0' ? file_read(path, STRATEGY_FILE_BYTES_MAX, out) : err;
}

static enum al_err load_one(struct json_reader *reader,
                            const struct settings *settings,
                            const char *id,
                            struct strategy_config *out,
                            struct buf *problems)
{
    struct buf text = BUF_INIT(STRATEGY_FILE_BYTES_MAX), found = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    struct strategy_id strategy_id = {0};
    enum al_err err = AL_OK;
    if (!strategy_id_parse(slice_of(id), &strategy_id))
        err = err_set(AL_EINVAL, "not a strategy id");
    if (err == AL_OK)
        err = read_file(settings->strategy_config_dir, id, &text);
    if (err == AL_OK)
        err = strategy_config_parse(reader, &strategy_id, buf_slice(&text), settings, out, &found);
    if (err != AL_OK)
        buf_printf(problems, "strategy %s: %s\n%s", id, err_text(), buf_str(&found));
    buf_deinit(&text);
    buf_deinit(&found);
    return err;
}

enum al_err strategies_load(const struct settings *settings,
                            struct strategy_config **out,
                            size_t *n,
                            struct buf *problems)
{
    const struct setting_list *ids = &settings->trading_strategies;
    struct json_reader *reader = json_reader_create(STRATEGY_FILE_BYTES_MAX, 16);
    struct strategy_config *strategies = calloc(ids->count, sizeof(*strategies));
    enum al_err first = AL_OK;
    *out = strategies;
    *n = ids->count;
    if (reader == NULL || strategies == NULL)
        first = err_set(AL_ENOMEM, "strategies");
    for (size_t i = 0; i < ids->count && strategies != NULL && reader != NULL; i++) {
        enum al_err err = load_one(reader, settings, ids->items[i], &strategies[i], problems);
        first = first == AL_OK ? err : first;
    }
    json_reader_destroy(reader);
    return first;
}
