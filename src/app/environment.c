/* The one place that reads the environment. See environment.h. */
#include "alphaloop/app/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/io/file.h"
#include "alphaloop/settings/env_file.h"

#define FILE_SUFFIX "_FILE"

/* X for X_FILE and X_FILE for X: two ways to say the same. */
static bool has_twin_in_environment(const char *name)
{
    char twin[ENV_NAME_TEXT_MAX + sizeof FILE_SUFFIX];
    size_t len = strlen(name), n_suffix = strlen(FILE_SUFFIX);
    bool has_suffix = len > n_suffix && strcmp(name + len - n_suffix, FILE_SUFFIX) == 0;
    snprintf(twin, sizeof twin, "%.*s%s", (int)(has_suffix ? len - n_suffix : len), name,
             has_suffix ? "" : FILE_SUFFIX);
    const char *value = getenv(twin);
    return value != NULL && value[0] != '\0';
}

/* The environment wins over the file: also with an empty value, and with X over X_FILE and the other way round. */
static const char *get(void *ctx, const char *name, const char **origin)
{
    const struct env_file *file = ctx;
    const char *value = getenv(name);
    *origin = "environment";
    if (value != NULL)
        return value;
    *origin = "env file";
    return has_twin_in_environment(name) ? NULL : env_file_get(file, name);
}

static enum al_err read_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx;
    return file_read(path, ENV_FILE_BYTES_MAX, out);
}

static bool in_container(void)
{
    return file_exists("/.dockerenv") || file_exists("/run/.containerenv") ||
           getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

/* An absent default file is an empty one. AL_EPARSE: it has bad lines; the others are in *file. */
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
    struct buf lines = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (err == AL_OK)
        err = env_file_parse(buf_slice(&bytes), file, &lines);
    if (err != AL_OK)
        buf_printf(problems, "%s: %s\n%s", path, err_text(), buf_str(&lines));
    buf_deinit(&lines);
    buf_deinit(&bytes);
    return err;
}

enum al_err environment_settings_again(const char *env_file,
                                       unsigned needs,
                                       struct settings *out,
                                       struct buf *problems)
{
    struct env_file file;
    enum al_err loaded = load(env_file, &file, problems), err = loaded;
    if (loaded == AL_OK || loaded == AL_EPARSE) { /* all problems at once */
        struct settings_source source = {
            .get = get, .read_file = read_file, .ctx = &file, .in_container = in_container()};
        err = settings_read(&source, needs, out, problems);
    }
    env_file_deinit(&file);
    return loaded != AL_OK ? loaded : err;
}

enum al_err environment_settings(const char *env_file, unsigned needs, struct settings *out)
{
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    enum al_err err = environment_settings_again(env_file, needs, out, &problems);
    if (err != AL_OK)
        fprintf(stderr, "alphaloop: bad settings\n%s", buf_str(&problems));
    buf_deinit(&problems);
    return err;
}
