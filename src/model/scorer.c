/* A served model. The walker is used only after it has given the library's own bits on the probe rows; otherwise the library
 * is asked, which is slower and makes the process bigger, but is right. */
#include "alphaloop/model/scorer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/walker.h"
#include "probe_i.h"

struct scorer {
    struct manifest manifest;
    struct walker *walker; /* NULL when the library serves */
    const struct model_kind *kind;
    struct model *model;     /* NULL while the walker serves */
    struct novelty *novelty; /* NULL: nothing is called novel */
    char note[160];
};

/* ---- loading ---- */

/* How many probe rows get other bits than the library gave. */
static size_t probe_differences(const struct probe *probe, const struct walker *walker)
{
    size_t n = 0;
    for (size_t i = 0; i < probe->n_rows; i++) {
        float margin = walker_score(walker, probe->x + i * probe->n_cols);
        n += memcmp(&margin, &probe->margins[i], sizeof margin) != 0;
    }
    return n;
}

static enum al_err check_files(const struct manifest *m, const struct model_files *files)
{
    const struct {
        const char *name;
        struct slice bytes;
    } wanted[] = {{TREES_FILE_NAME, files->trees},
                  {PROBE_FILE_NAME, files->probe},
                  {MODEL_FILE_NAME, files->model}};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        enum al_err err = manifest_check_file(m, wanted[i].name, wanted[i].bytes);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static enum al_err check_schema(const struct manifest *m, const struct sha256 *schema_hash)
{
    if (schema_hash == NULL || sha256_eq(schema_hash, &m->schema_hash))
        return AL_OK;
    char theirs[SHA256_TEXT_MAX], ours[SHA256_TEXT_MAX];
    sha256_format(&m->schema_hash, theirs);
    sha256_format(schema_hash, ours);
    return err_set(AL_EVERSION, "%s was trained on feature schema %.12s, the strategy has %.12s",
                   m->version.text, theirs, ours);
}

/* The walker could not be used, for the reason in the note: the library serves. */
static enum al_err fall_back(struct scorer *scorer, struct slice model)
{
    walker_destroy(scorer->walker);
    scorer->walker = NULL;
    return scorer->kind->load(model, &scorer->model);
}

static enum al_err load_walker(struct scorer *scorer, const struct model_files *files)
{
    struct probe probe = {0};
    if (walker_load(files->trees, &scorer->walker) != AL_OK) {
        snprintf(scorer->note, sizeof scorer->note, "the library serves: %s", err_text());
        return fall_back(scorer, files->model);
    }
    if (walker_n_features(scorer->walker) != scorer->manifest.n_features)
        return err_set(AL_EVERIFY, "the flattened model knows %zu features, the manifest %zu",
                       walker_n_features(scorer->walker), scorer->manifest.n_features);
    enum al_err err = probe_read(files->probe, scorer->manifest.n_features, &probe);
    if (err != AL_OK)
        return err;
    size_t n_rows = probe.n_rows, n_different = probe_differences(&probe, scorer->walker);
    probe_deinit(&probe);
    if (n_different == 0)
        return AL_OK;
    snprintf(scorer->note, sizeof scorer->note,
             "the library serves: the walker differs from it on %zu of %zu probe rows", n_different,
             n_rows);
    return fall_back(scorer, files->model);
}

/* Folders from before there was such a file have none. */
static enum al_err load_novelty(struct scorer *scorer, struct slice bytes)
{
    if (bytes.ptr == NULL || manifest_find_file(&scorer->manifest, NOVELTY_FILE_NAME) == NULL)
        return AL_OK;
    enum al_err err = manifest_check_file(&scorer->manifest, NOVELTY_FILE_NAME, bytes);
    return err == AL_OK ? novelty_read(bytes, scorer->manifest.n_features, &scorer->novelty) : err;
}

enum al_err scorer_create(const struct model_files *files,
                          const struct sha256 *schema_hash,
                          struct scorer **out)
{
    struct scorer *scorer = calloc(1, sizeof *scorer);
    if (scorer == NULL)
        return err_set(AL_ENOMEM, "a scorer");
    enum al_err err = manifest_read(files->manifest, &scorer->manifest);
    if (err == AL_OK)
        err = check_schema(&scorer->manifest, schema_hash);
    if (err == AL_OK)
        err = check_files(&scorer->manifest, files);
    if (err == AL_OK)
        err = load_novelty(scorer, files->novelty);
    if (err == AL_OK) {
        scorer->kind = model_kind_find(slice_of(scorer->manifest.kind));
        err = load_walker(scorer, files);
    }
    if (err != AL_OK)
        scorer_destroy(scorer);
    else
        *out = scorer;
    return err;
}

void scorer_destroy(struct scorer *scorer)
{
    if (scorer == NULL)
        return;
    walker_destroy(scorer->walker);
    novelty_destroy(scorer->novelty);
    if (scorer->model != NULL)
        scorer->kind->destroy(scorer->model);
    free(scorer);
}

const struct manifest *scorer_manifest(const struct scorer *scorer)
{
    return &scorer->manifest;
}

bool scorer_uses_walker(const struct scorer *scorer)
{
    return scorer->walker != NULL;
}

const struct novelty *scorer_novelty(const struct scorer *scorer)
{
    return scorer->novelty;
}

const char *scorer_note(const struct scorer *scorer)
{
    return scorer->note;
}

enum al_err scorer_margins(const struct scorer *scorer,
                           const float *x,
                           size_t n_rows,
                           float *margins)
{
    if (scorer->walker == NULL)
        return scorer->kind->predict(scorer->model, x, n_rows, scorer->manifest.n_features,
                                     margins);
    walker_score_rows(scorer->walker, x, n_rows, margins);
    return AL_OK;
}

enum al_err scorer_predict(const struct scorer *scorer,
                           const float *oriented_row,
                           struct prediction *out)
{
    float margin;
    enum al_err err = scorer_margins(scorer, oriented_row, 1, &margin);
    if (err == AL_OK)
        *out = calibration_apply(&scorer->manifest.calibration, (double)margin);
    return err;
}

bool scorer_contributions(const struct scorer *scorer,
                          const float *oriented_row,
                          double *contributions,
                          double *bias)
{
    if (scorer->walker == NULL ||
        !walker_contributions(scorer->walker, oriented_row, contributions))
        return false;
    *bias = walker_bias(scorer->walker);
    return true;
}
