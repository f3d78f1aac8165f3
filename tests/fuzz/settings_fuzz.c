/* Any bytes are an env file, and what it says is read as settings: no crash, no read beyond the end, every string bounded,
 * and a complaint whenever there is an error. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/settings/env_file.h"
#include "alphaloop/settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const char *get(void *ctx, const char *name, const char **origin)
{
    *origin = "fuzz";
    return env_file_get(ctx, name);
}

static enum al_err read_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx;
    buf_puts(out, path);
    return AL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct settings settings, again;
    struct env_file file;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX), out = BUF_INIT(1024 * 1024);
    const struct settings_source source = {get, read_file, &file, false};
    if (env_file_parse((struct slice){(const char *)bytes, n_bytes}, &file, &problems) != AL_OK)
        assert(problems.len > 0 || n_bytes > ENV_FILE_BYTES_MAX);
    buf_reset(&problems);
    enum al_err err = settings_read(&source, SETTINGS_NEED_API_KEY, &settings, &problems);
    assert((err == AL_OK) == (problems.len == 0));
    settings_print(&settings, &out);
    settings_print_json(&settings, &out);
    assert(buf_ok(&out));
    again = settings;
    assert(settings_reload(&again, &settings, NULL) == 0);
    buf_deinit(&out);
    buf_deinit(&problems);
    env_file_deinit(&file);
    return 0;
}
