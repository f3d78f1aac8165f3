#include "alphaloop/app/forecast_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_NAMES_MAX 100000

void forecast_store_relative(const struct forecast_name *name,
                             uint64_t version,
                             char out[FILE_PATH_MAX])
{
    snprintf(out, FILE_PATH_MAX, FORECAST_STORE_DIR "/%s/%llu", name->text,
             (unsigned long long)version);
}

enum al_err forecast_store_path(const char *root, const char *relative, char out[FILE_PATH_MAX])
{
    return file_join(root, relative, out);
}

static void skip(struct slice *path, const char *prefix)
{
    size_t n = strlen(prefix);
    if (path->len > n && memcmp(path->ptr, prefix, n) == 0 && path->ptr[n] == '/')
        *path = (struct slice){path->ptr + n + 1, path->len - n - 1};
}

/* <name>/<n> and nothing else, so that no path leads out of the store. */
bool forecast_store_own(const char *root, struct slice path, char out[FILE_PATH_MAX])
{
    struct forecast_name name;
    uint64_t version = 0;
    skip(&path, root);
    skip(&path, FORECAST_STORE_DIR);
    const char *slash = path.len > 0 ? memchr(path.ptr, '/', path.len) : NULL;
    size_t n_name = slash == NULL ? 0 : (size_t)(slash - path.ptr);
    size_t n_digits = slash == NULL ? 0 : path.len - n_name - 1;
    if (n_digits == 0 || n_digits > 15 ||
        !forecast_name_parse((struct slice){path.ptr, n_name}, &name))
        return false;
    for (size_t i = 0; i < n_digits; i++) {
        char c = slash[1 + i];
        if (c < '0' || c > '9')
            return false;
        version = version * 10 + (uint64_t)(c - '0');
    }
    forecast_store_relative(&name, version, out);
    return true;
}

enum al_err forecast_store_make(const char *root, const struct forecast_name *name)
{
    char dir[FILE_PATH_MAX], all[FILE_PATH_MAX];
    enum al_err err = file_join(root, FORECAST_STORE_DIR, all);
    if (err == AL_OK)
        err = file_join(all, name->text, dir);
    return err == AL_OK ? file_make_dir(dir) : err;
}

/* ---- writing ---- */

static enum al_err add_files(struct file_folder *folder, const struct forecast_result *result)
{
    const struct forecast_manifest *m = result->manifest;
    enum al_err err = AL_OK;
    for (size_t i = 0; i < m->n_horizons && err == AL_OK; i++)
        err = file_folder_add(folder, m->horizons[i].file.name, buf_slice(&result->models[i]));
    if (err == AL_OK)
        err = file_folder_add(folder, FORECAST_OOF_FILE, buf_slice(&result->oof));
    return err == AL_OK
               ? file_folder_add(folder, MANIFEST_FILE_NAME, buf_slice(&result->manifest_json))
               : err;
}

enum al_err forecast_store_save(const char *path, const struct forecast_result *result)
{
    struct file_folder folder;
    enum al_err err = file_folder_begin(path, &folder);
    if (err != AL_OK)
        return err;
    err = add_files(&folder, result);
    if (err == AL_OK)
        err = file_folder_commit(&folder);
    if (err != AL_OK)
        file_folder_abort(&folder);
    return err;
}

/* ---- reading ---- */

static enum al_err read_file(const char *folder,
                             const char *name,
                             size_t max_bytes,
                             struct buf *out)
{
    char path[FILE_PATH_MAX];
    enum al_err err = file_join(folder, name, path);
    *out = BUF_INIT(max_bytes + 65536); /* room for the last read to see that there is more */
    return err == AL_OK ? file_read(path, max_bytes, out) : err;
}

static enum al_err read_manifest(const char *folder,
                                 struct sha256 *hash,
                                 struct forecast_manifest *out)
{
    struct buf text = {0};
    enum al_err err = read_file(folder, MANIFEST_FILE_NAME, FORECAST_MANIFEST_BYTES_MAX, &text);
    if (err == AL_OK && hash != NULL)
        sha256_of(text.ptr, text.len, hash);
    if (err == AL_OK)
        err = forecast_manifest_read(buf_slice(&text), out);
    buf_deinit(&text);
    return err;
}

static enum al_err load_models(const char *folder,
                               const struct forecast_manifest *m,
                               struct forecaster **out)
{
    struct buf bytes[FORECAST_HORIZONS_MAX] = {0};
    struct slice models[FORECAST_HORIZONS_MAX];
    enum al_err err = AL_OK;
    for (size_t i = 0; i < m->n_horizons && err == AL_OK; i++) {
        err = read_file(folder, m->horizons[i].file.name, MODEL_BYTES_MAX, &bytes[i]);
        models[i] = buf_slice(&bytes[i]);
    }
    if (err == AL_OK)
        err = forecaster_create(m, models, out);
    for (size_t i = 0; i < m->n_horizons; i++)
        buf_deinit(&bytes[i]);
    return err;
}

static enum al_err read_oof(const char *folder,
                            const struct forecast_manifest *m,
                            struct forecast_oof *out)
{
    struct buf bytes = {0};
    enum al_err err = read_file(folder, FORECAST_OOF_FILE, FORECAST_OOF_BYTES_MAX, &bytes);
    if (err == AL_OK)
        err = forecast_file_check(&m->oof, buf_slice(&bytes));
    if (err == AL_OK)
        err = forecast_oof_read(buf_slice(&bytes), out);
    buf_deinit(&bytes);
    return err;
}

enum al_err forecast_store_load(const char *folder,
                                struct sha256 *manifest_hash,
                                struct forecaster **out)
{
    struct forecast_oof oof = {0};
    struct forecaster *forecaster = NULL;
    struct forecast_manifest *m = malloc(sizeof *m);
    if (m == NULL)
        return err_set(AL_ENOMEM, "a forecast manifest");
    enum al_err err = read_manifest(folder, manifest_hash, m);
    if (err == AL_OK)
        err = load_models(folder, m, &forecaster);
    if (err == AL_OK)
        err = read_oof(folder, m, &oof); /* a folder is whole or refused */
    forecast_oof_deinit(&oof);
    free(m);
    if (err != AL_OK) {
        forecaster_destroy(forecaster);
        return err_add(err, "forecast %s", folder);
    }
    *out = forecaster;
    return AL_OK;
}

enum al_err forecast_store_load_oof(const char *folder,
                                    struct forecast_manifest *manifest,
                                    struct forecast_oof *oof)
{
    enum al_err err = read_manifest(folder, NULL, manifest);
    if (err == AL_OK)
        err = read_oof(folder, manifest, oof);
    return err == AL_OK ? AL_OK : err_add(err, "forecast %s", folder);
}

/* ---- cleaning ---- */

static enum al_err clean_dir(const char *dir)
{
    struct file_names names = {0};
    enum al_err err = file_list(dir, STORE_NAMES_MAX, &names);
    for (size_t i = 0; i < names.count && err == AL_OK; i++) {
        char path[FILE_PATH_MAX];
        if (strncmp(names.names[i], FILE_TEMP_PREFIX, strlen(FILE_TEMP_PREFIX)) != 0)
            continue;
        err = file_join(dir, names.names[i], path);
        if (err == AL_OK)
            err = file_remove(path);
    }
    file_names_deinit(&names);
    return err;
}

enum al_err forecast_store_clean(const char *root)
{
    struct file_names names = {0};
    struct forecast_name name;
    char all[FILE_PATH_MAX], dir[FILE_PATH_MAX];
    enum al_err err = file_join(root, FORECAST_STORE_DIR, all);
    if (err == AL_OK)
        err = file_make_dir(all);
    if (err == AL_OK)
        err = clean_dir(all);
    if (err == AL_OK)
        err = file_list(all, STORE_NAMES_MAX, &names);
    for (size_t i = 0; i < names.count && err == AL_OK; i++) {
        if (!forecast_name_parse(slice_of(names.names[i]), &name))
            continue;
        err = file_join(all, names.names[i], dir);
        if (err == AL_OK)
            err = clean_dir(dir);
    }
    file_names_deinit(&names);
    return err;
}
