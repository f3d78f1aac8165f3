/* Folders by version name. Only names that are versions are ever touched, so a store may hold other things too. */
#include "alphaloop/app/model_store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/model/trees.h"

#define STORE_NAMES_MAX  100000
#define REPORT_BYTES_MAX (8U << 20)
#define PROBE_BYTES_MAX  (16U + 4U * PROBE_ROWS_MAX * (FEATURES_MAX + 1U))

enum al_err model_store_path(const char *root,
                             const struct model_version_id *version,
                             char out[FILE_PATH_MAX])
{
    return file_join(root, version->text, out);
}

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

static enum al_err check_manifest_hash(struct slice manifest, const struct sha256 *expected)
{
    struct sha256 hash;
    if (expected == NULL)
        return AL_OK;
    sha256_of(manifest.ptr, manifest.len, &hash);
    return sha256_eq(&hash, expected)
               ? AL_OK
               : err_set(AL_EVERIFY, "%s is not what the registry's hash says", MANIFEST_FILE_NAME);
}

/* Files that a scorer has no use for must be what the manifest says all the same: a folder is whole or refused. */
static enum al_err check_others(const char *folder, const struct manifest *m)
{
    static const char *const scored[] = {MODEL_FILE_NAME, TREES_FILE_NAME, PROBE_FILE_NAME};
    enum al_err err = AL_OK;
    for (size_t i = 0; i < m->n_files && err == AL_OK; i++) {
        bool is_scored = false;
        for (size_t k = 0; k < COUNT_OF(scored); k++)
            is_scored |= strcmp(m->files[i].name, scored[k]) == 0;
        if (is_scored)
            continue;
        struct buf bytes = {0};
        err = read_file(folder, m->files[i].name, MODEL_BYTES_MAX, &bytes);
        if (err == AL_OK)
            err = manifest_check_file(m, m->files[i].name, buf_slice(&bytes));
        buf_deinit(&bytes);
    }
    return err;
}

/* Older folders have none; one that is listed and gone is found missing by check_others(). */
static enum al_err read_novelty(const char *folder, struct buf *out)
{
    enum al_err err = read_file(folder, NOVELTY_FILE_NAME, NOVELTY_BYTES_MAX, out);
    return err == AL_ENOTFOUND ? AL_OK : err;
}

enum al_err model_store_load(const char *folder,
                             const struct sha256 *manifest_hash,
                             const struct sha256 *schema_hash,
                             struct scorer **out)
{
    struct buf manifest = {0}, trees = {0}, probe = {0}, model = {0}, novelty = {0};
    struct scorer *scorer = NULL;
    enum al_err err = read_file(folder, MANIFEST_FILE_NAME, MANIFEST_BYTES_MAX, &manifest);
    if (err == AL_OK)
        err = check_manifest_hash(buf_slice(&manifest), manifest_hash);
    if (err == AL_OK)
        err = read_file(folder, TREES_FILE_NAME, TREES_BYTES_MAX, &trees);
    if (err == AL_OK)
        err = read_file(folder, PROBE_FILE_NAME, PROBE_BYTES_MAX, &probe);
    if (err == AL_OK)
        err = read_file(folder, MODEL_FILE_NAME, MODEL_BYTES_MAX, &model);
    if (err == AL_OK)
        err = read_novelty(folder, &novelty);
    if (err == AL_OK) {
        struct model_files files = {buf_slice(&manifest), buf_slice(&trees), buf_slice(&probe),
                                    buf_slice(&model), buf_slice(&novelty)};
        err = scorer_create(&files, schema_hash, &scorer);
    }
    if (err == AL_OK)
        err = check_others(folder, scorer_manifest(scorer));
    buf_deinit(&manifest);
    buf_deinit(&trees);
    buf_deinit(&probe);
    buf_deinit(&model);
    buf_deinit(&novelty);
    if (err != AL_OK) {
        scorer_destroy(scorer);
        return err_add(err, "model %s", folder);
    }
    *out = scorer;
    return AL_OK;
}

/* ---- how long scoring takes ---- */

#define TIMED_ROWS 2000

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double model_store_scoring_p99_us(const struct scorer *scorer)
{
    double times_us[TIMED_ROWS];
    float row[FEATURES_MAX];
    struct prediction prediction;
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < TIMED_ROWS; i++) {
        for (size_t k = 0; k < scorer_manifest(scorer)->n_features; k++)
            row[k] = (float)rng_normal(&rng);
        uint64_t begin_ns = uv_hrtime();
        if (scorer_predict(scorer, row, &prediction) != AL_OK)
            return NAN;
        times_us[i] = (double)(uv_hrtime() - begin_ns) / 1e3;
    }
    qsort(times_us, TIMED_ROWS, sizeof *times_us, double_cmp);
    return times_us[TIMED_ROWS * 99 / 100];
}

/* gives *out: json_put() */
static enum al_err read_report(const char *folder, const struct manifest *m, struct json_node **out)
{
    struct buf bytes = {0};
    struct json_reader *reader = json_reader_create(REPORT_BYTES_MAX, JSON_DEPTH_MAX);
    enum al_err err = read_file(folder, REPORT_FILE_NAME, REPORT_BYTES_MAX, &bytes);
    if (err == AL_OK)
        err = manifest_check_file(m, REPORT_FILE_NAME, buf_slice(&bytes));
    if (err == AL_OK)
        err = json_read(reader, buf_slice(&bytes), out);
    json_reader_destroy(reader);
    buf_deinit(&bytes);
    return err;
}

static enum al_err write_importance(const struct manifest *m,
                                    struct json_node *importance,
                                    struct buf *out)
{
    struct json_writer w;
    if (importance == NULL)
        return err_set(AL_ENOTFOUND, "%s was trained by a program that kept no importance",
                       m->version.text);
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "version", m->version.text);
    json_m_str(&w, "strategy_id", m->strategy_id.text);
    json_m_str(&w, "model_type", m->kind);
    json_w_key(&w, "rows");
    json_w_node(&w, json_get(importance, "rows"));
    json_w_key(&w, "features");
    json_w_node(&w, json_get(importance, "features"));
    json_w_end_object(&w);
    return buf_ok(out) ? AL_OK : err_set(AL_ERANGE, "the importance is too long");
}

enum al_err model_store_importance(const char *folder, struct buf *out)
{
    struct buf manifest_json = {0};
    struct json_node *report = NULL;
    struct manifest *m = calloc(1, sizeof *m);
    enum al_err err =
        m == NULL ? err_set(AL_ENOMEM, "a manifest")
                  : read_file(folder, MANIFEST_FILE_NAME, MANIFEST_BYTES_MAX, &manifest_json);
    if (err == AL_ENOTFOUND)
        err = err_set(AL_ENOTFOUND, "the model store has no such version");
    if (err == AL_OK)
        err = manifest_read(buf_slice(&manifest_json), m);
    if (err == AL_OK)
        err = read_report(folder, m, &report);
    if (err == AL_OK)
        err = write_importance(m, json_get(report, "importance"), out);
    json_put(report);
    buf_deinit(&manifest_json);
    free(m);
    return err;
}

static enum al_err add_files(struct file_folder *folder, const struct train_result *result)
{
    const struct {
        const char *name;
        const struct buf *bytes;
    } files[] = {
        {MODEL_FILE_NAME, &result->model},   {TREES_FILE_NAME, &result->trees},
        {PROBE_FILE_NAME, &result->probe},   {NOVELTY_FILE_NAME, &result->novelty},
        {REPORT_FILE_NAME, &result->report}, {MANIFEST_FILE_NAME, &result->manifest_json},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (files[i].bytes->len == 0) /* novelty, where nothing was fitted */
            continue;
        enum al_err err = file_folder_add(folder, files[i].name, buf_slice(files[i].bytes));
        if (err != AL_OK)
            return err;
    }
    return result->fill_times.len == 0
               ? AL_OK
               : file_folder_add(folder, FILL_TIMES_FILE, buf_slice(&result->fill_times));
}

enum al_err model_store_save(const char *path, const struct train_result *result)
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

static bool is_left_over(const char *name,
                         bool (*is_known)(void *ctx, const struct model_version_id *version),
                         void *ctx)
{
    struct model_version_id version;
    if (strncmp(name, FILE_TEMP_PREFIX, strlen(FILE_TEMP_PREFIX)) == 0)
        return true;
    return model_version_id_parse(slice_of(name), &version) && !is_known(ctx, &version);
}

enum al_err model_store_clean(const char *root,
                              bool (*is_known)(void *ctx, const struct model_version_id *version),
                              void *ctx,
                              size_t *n_removed)
{
    struct file_names names;
    size_t n = 0;
    enum al_err err = file_list(root, STORE_NAMES_MAX, &names);
    for (size_t i = 0; i < names.count && err == AL_OK; i++) {
        char path[FILE_PATH_MAX];
        if (!is_left_over(names.names[i], is_known, ctx))
            continue;
        err = file_join(root, names.names[i], path);
        if (err == AL_OK)
            err = file_remove(path);
        n += err == AL_OK;
    }
    file_names_deinit(&names);
    if (n_removed != NULL)
        *n_removed = n;
    return err;
}

enum al_err model_store_check(const char *root)
{
    enum al_err err = file_make_dir(root);
    return err == AL_OK ? file_check_writable(root) : err;
}
