#include "harness/model_folder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/model/trees.h"

#define N_ROWS 600
#define N_COLS 4

struct manifest *manifest_example(void)
{
    struct manifest *m = calloc(1, sizeof *m);
    snprintf(m->version.text, sizeof m->version.text, "v12");
    snprintf(m->strategy_id.text, sizeof m->strategy_id.text, "momentum_v1");
    snprintf(m->kind, sizeof m->kind, "xgboost");
    snprintf(m->library_version, sizeof m->library_version, "1.7.4");
    m->timeframe_ns = 60 * NS_PER_S;
    m->n_features = N_COLS;
    m->seed = UINT64_MAX;
    m->n_rounds = 17;
    m->trained_at_ns = 4 * NS_PER_DAY;
    m->training_seconds = 1.25;
    m->label = (struct manifest_label){60, 1.5, 1.25, 5};
    m->data = (struct manifest_data){.from_ns = NS_PER_DAY,
                                     .to_ns = 2 * NS_PER_DAY,
                                     .cut_ns = 3 * NS_PER_DAY,
                                     .holdout_from_ns = 2 * NS_PER_DAY,
                                     .n_rows = 4000,
                                     .n_decisions = 2000,
                                     .n_market_rows = 1900,
                                     .n_holdout_rows = 800,
                                     .n_eff = 3100.5};
    m->calibration.platt = (struct platt){-1, 0.1};
    m->calibration.value = (struct value_line){.beta = 0.01, .z = 1, .q_max = 1};
    m->calibration.n_rows = 3000;
    m->conformal = (struct conformal){.n_rows = 100, .n_quantiles = 2, .quantile = {0.1, 0.3}};
    m->calibration.n_independent = 1500;
    m->gate.promote = true;
    m->gate.n_numbers = 1;
    snprintf(m->gate.rule, sizeof m->gate.rule, "evidence");
    snprintf(m->gate.reason, sizeof m->gate.reason, "better");
    static const char *const features[N_COLS] = {"ret_1", "rsi_14@300", "spread_rel",
                                                 "rsi(period=21)"};
    for (size_t i = 0; i < N_COLS; i++)
        snprintf(m->features[i], sizeof m->features[i], "%s", features[i]);
    m->gate.numbers[0] = (struct manifest_number){"mean_d", 0.001};
    sha256_of("schema", 6, &m->schema_hash);
    sha256_of("data", 4, &m->data.hash);
    model_params_default(model_kind_find(SLICE("xgboost")), &m->params);
    enum al_err err = manifest_add_metric(m, "auc", METRIC_TYPE_CLASSIFICATION, 0.56, 800);
    assert(err == AL_OK);
    return m;
}

void model_folder_write_manifest(struct model_folder *folder)
{
    const struct {
        const char *name;
        struct buf *bytes;
    } files[] = {{MODEL_FILE_NAME, &folder->model},
                 {TREES_FILE_NAME, &folder->trees},
                 {PROBE_FILE_NAME, &folder->probe},
                 {NOVELTY_FILE_NAME, &folder->novelty}};
    folder->manifest->n_files = 0;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        enum al_err err =
            manifest_add_file(folder->manifest, files[i].name, buf_slice(files[i].bytes));
        assert(err == AL_OK);
    }
    buf_reset(&folder->manifest_json);
    manifest_write(folder->manifest, &folder->manifest_json);
}

void model_folder_init(struct model_folder *folder, const char *kind_name)
{
    model_folder_init_wide(folder, kind_name, N_COLS);
}

void model_folder_init_wide(struct model_folder *folder, const char *kind_name, size_t n_cols)
{
    const struct model_kind *kind = model_kind_find(slice_of(kind_name));
    struct model_params params;
    struct model *model = NULL;
    float margins[64];
    *folder = (struct model_folder){.manifest = manifest_example(),
                                    .manifest_json = BUF_INIT(MANIFEST_BYTES_MAX),
                                    .trees = BUF_INIT(TREES_BYTES_MAX),
                                    .probe = BUF_INIT(1U << 20),
                                    .model = BUF_INIT(MODEL_BYTES_MAX),
                                    .novelty = BUF_INIT(NOVELTY_BYTES_MAX)};
    learnable_init(&folder->rows, N_ROWS, n_cols, 1, 3);
    model_params_default(kind, &params);
    struct model_fit fit = {.train = {N_ROWS, n_cols, folder->rows.x, folder->rows.labels, NULL},
                            .params = &params,
                            .seed = 1,
                            .n_rounds = 10};
    enum al_err err = kind->fit(&fit, &model);
    assert(err == AL_OK);
    err = kind->save(model, &folder->model);
    assert(err == AL_OK);
    err = kind->flatten(model, &folder->trees);
    assert(err == AL_OK);
    err = kind->predict(model, folder->rows.x, 64, n_cols, margins);
    assert(err == AL_OK);
    probe_write(folder->rows.x, 64, n_cols, margins, &folder->probe);
    kind->destroy(model);
    struct novelty *novelty = NULL;
    err = novelty_fit(folder->rows.x, N_ROWS, n_cols, NULL, &novelty);
    assert(err == AL_OK);
    novelty_write(novelty, &folder->novelty);
    novelty_destroy(novelty);
    snprintf(folder->manifest->kind, sizeof folder->manifest->kind, "%s", kind_name);
    model_params_default(kind, &folder->manifest->params);
    folder->manifest->n_features = n_cols;
    for (size_t i = N_COLS; i < n_cols; i++)
        snprintf(folder->manifest->features[i], MANIFEST_NAME_MAX, "column_%zu", i);
    model_folder_write_manifest(folder);
}

void model_folder_deinit(struct model_folder *folder)
{
    learnable_deinit(&folder->rows);
    free(folder->manifest);
    buf_deinit(&folder->manifest_json);
    buf_deinit(&folder->trees);
    buf_deinit(&folder->probe);
    buf_deinit(&folder->model);
    buf_deinit(&folder->novelty);
}

struct model_files model_folder_files(const struct model_folder *folder)
{
    return (struct model_files){buf_slice(&folder->manifest_json), buf_slice(&folder->trees),
                                buf_slice(&folder->probe), buf_slice(&folder->model),
                                buf_slice(&folder->novelty)};
}
