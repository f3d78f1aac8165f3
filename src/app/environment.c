/* The one place that reads the environment. See environment.h. */
#include "alphaloop/app/environment.h"

#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/io/file.h"
#include "alphaloop/settings/env_file.h"

static const char *get(void *ctx, const char *name, const char **origin)
{
    const struct env_file *file = ctx;
    const char *value = getenv(name);
    *origin = "environment";
    if (value != NULL && value[0] != '\0')
        return value;
    *origin = "env file";
    return env_file_get(file, name);
}

static enum al_err read_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx;
    return file_read(path, ENV_FILE_BYTES_MAX, out);
}

static bool in_container(void)
{
    return file_exists("/.dockerenv") || file_exists("/run/.containerenv");
}

/* An absent default file is an empty one. */
static enum al_err load(const char *path, struct env_file *file, struct buf *problems)
{
    bool is_default = path == NULL;
    if (is_default)
        path = ENVIRONMENT_FILE_DEFAULT;
    *file = (struct env_file){0};
    if (is_default && !file_exists(path))
        return AL_OK;
    struct buf bytes = BUF_INIT(ENV_FILE_BYTES_MAX);
    enum al_err err = file_read(path, ENV_FILE_BYTES_MAX, &bytes);
    if (err != AL_OK)
        buf_printf(problems, "%s\n", err_text());
    else if ((err = env_file_parse(buf_slice(&bytes), file, problems)) != AL_OK)
        err_add(err, "%s", path);
    buf_deinit(&bytes);
    return err;
}

enum al_err environment_settings_again(const char *env_file,
                                       unsigned needs,
                                       struct settings *out,
                                       struct buf *problems)
{
    struct env_file file;
    enum al_err err = load(env_file, &file, problems);
    if (err == AL_OK) {
        struct settings_source source = {
            .get = get, .read_file = read_file, .ctx = &file, .in_container = in_container()};
        err = settings_read(&source, needs, out, problems);
    }
    env_file_deinit(&file);
    return err;
}

enum al_err environment_settings(const char *env_file, unsigned needs, struct settings *out)
{
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    enum al_err err = environment_settings_again(env_file, needs, out, &problems);
    if (err != AL_OK)
        fprintf(stderr, "alphaloop: settings: %s\n%s", err_text(), buf_str(&problems));
    buf_deinit(&problems);
    return err;
}
