#include "alphaloop/train/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const verdict_names[TRIAL_VERDICT_COUNT] = {"chosen", "completed", "pruned",
                                                               "cancelled"};

static const char *const tries_names[TRIAL_TRIES_COUNT] = {"parameters", "teachers"};

const char *trial_tries_name(enum trial_tries tries)
{
    return tries_names[tries];
}

const char *trial_verdict_name(enum trial_verdict verdict)
{
    return verdict_names[verdict];
}

/* ---- writing ---- */

static void write_fold(struct json_writer *w, const struct trial_fold *fold)
{
    json_w_object(w);
    json_m_i64(w, "rounds", (int64_t)fold->n_rounds);
    json_m_number(w, "validation_loss", fold->validation_loss);
    json_m_number(w, "log_loss", fold->loss);
    json_m_number(w, "roc_auc", fold->auc);
    json_w_end_object(w);
}

void trial_write(const struct train_trial *trial, struct json_writer *w)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)trial->seed);
    json_w_object(w);
    json_m_i64(w, "trial", trial->number);
    json_m_str(w, "kind", trial->kind);
    json_w_key(w, "parameters");
    model_params_write(model_kind_find(slice_of(trial->kind)), &trial->params, w);
    json_m_str(w, "seed", seed);
    json_m_str(w, "tries", tries_names[trial->tries]);
    json_m_number(w, "window_scale", trial->teachers.window_scale);
    json_m_bool(w, "return_attribution", trial->teachers.return_attribution);
    json_m_str(w, "trial_verdict", verdict_names[trial->verdict]);
    json_m_number(w, "log_loss", trial->loss);
    json_m_number(w, "sharpe_ratio", trial->sharpe);
    json_m_number(w, "seconds", trial->seconds);
    json_w_key(w, "folds");
    json_w_array(w);
    for (size_t i = 0; i < trial->n_folds; i++)
        write_fold(w, &trial->folds[i]);
    json_w_end_array(w);
    json_w_key(w, "periods");
    json_w_array(w);
    for (size_t i = 0; i < trial->n_periods; i++)
        json_w_double(w, trial->periods[i]);
    json_w_end_array(w);
    json_w_end_object(w);
}

/* ---- reading ---- */

static enum al_err wrong(const char *field)
{
    return err_set(AL_EPARSE, "trial: %s is missing or wrong", field);
}

static enum al_err read_whole(struct json_node *object, const char *name, int64_t max, int64_t *out)
{
    struct json_node *node = json_get(object, name);
    return node != NULL && json_i64(node, out) == AL_OK && *out >= 0 && *out <= max ? AL_OK
                                                                                    : wrong(name);
}

/* A finite number; null or nothing for one that is not known. */
static enum al_err read_number(struct json_node *object, const char *name, double *out)
{
    struct json_node *node = json_get(object, name);
    *out = NAN;
    return node == NULL || json_double(node, out) == AL_OK ? AL_OK : wrong(name);
}

static enum al_err read_fold(struct json_node *node, struct trial_fold *out)
{
    int64_t n_rounds;
    enum al_err err = read_whole(node, "rounds", INT32_MAX, &n_rounds);
    if (err != AL_OK)
        return err;
    out->n_rounds = (uint64_t)n_rounds;
    err = read_number(node, "validation_loss", &out->validation_loss);
    if (err == AL_OK)
        err = read_number(node, "log_loss", &out->loss);
    return err == AL_OK ? read_number(node, "roc_auc", &out->auc) : err;
}

static enum al_err read_folds(struct json_node *list, struct train_trial *out)
{
    if (!json_is_array(list) || json_length(list) > TRAIN_FOLDS_MAX)
        return wrong("folds");
    out->n_folds = json_length(list);
    for (size_t i = 0; i < out->n_folds; i++) {
        enum al_err err = read_fold(json_at(list, i), &out->folds[i]);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static enum al_err read_periods(struct json_node *list, struct train_trial *out)
{
    if (!json_is_array(list) || json_length(list) > TRIAL_PERIODS)
        return wrong("periods");
    out->n_periods = json_length(list);
    for (size_t i = 0; i < out->n_periods; i++) {
        if (json_double(json_at(list, i), &out->periods[i]) != AL_OK)
            return wrong("periods");
    }
    return AL_OK;
}

static enum al_err read_verdict(struct json_node *node, struct train_trial *out)
{
    for (size_t i = 0; i < TRIAL_VERDICT_COUNT; i++) {
        if (slice_is(json_text(node), verdict_names[i])) {
            out->verdict = (enum trial_verdict)i;
            return AL_OK;
        }
    }
    return wrong("trial_verdict");
}

static enum al_err read_teachers(struct json_node *node, struct train_trial *out)
{
    struct json_node *attribution = json_get(node, "return_attribution");
    bool tries_teachers = slice_is(json_text(json_get(node, "tries")), tries_names[1]);
    if (!tries_teachers && !slice_is(json_text(json_get(node, "tries")), tries_names[0]))
        return wrong("tries");
    if (!json_is_bool(attribution))
        return wrong("return_attribution");
    out->tries = tries_teachers ? TRIAL_TRIES_TEACHERS : TRIAL_TRIES_PARAMETERS;
    out->teachers.return_attribution = json_is_true(attribution);
    enum al_err err = read_number(node, "window_scale", &out->teachers.window_scale);
    return err == AL_OK && !(out->teachers.window_scale > 0) ? wrong("window_scale") : err;
}

static enum al_err read_params(struct json_node *node, struct train_trial *out)
{
    if (!json_chars(json_get(node, "kind"), out->kind, sizeof out->kind) ||
        model_kind_find(slice_of(out->kind)) == NULL)
        return wrong("kind");
    if (json_u64_text(json_get(node, "seed"), &out->seed) != AL_OK)
        return wrong("seed");
    return model_params_read(model_kind_find(slice_of(out->kind)), json_get(node, "parameters"),
                             &out->params);
}

enum al_err trial_read(struct json_node *node, struct train_trial *out)
{
    int64_t number;
    memset(out, 0, sizeof *out);
    enum al_err err = read_whole(node, "trial", TRIAL_NUMBER_MAX + TRIAL_TEACHERS_MAX, &number);
    if (err != AL_OK)
        return err;
    out->number = (uint32_t)number;
    err = read_params(node, out);
    if (err == AL_OK)
        err = read_teachers(node, out);
    if (err == AL_OK)
        err = read_verdict(json_get(node, "trial_verdict"), out);
    if (err == AL_OK)
        err = read_number(node, "log_loss", &out->loss);
    if (err == AL_OK)
        err = read_number(node, "sharpe_ratio", &out->sharpe);
    if (err == AL_OK)
        err = read_number(node, "seconds", &out->seconds);
    if (err == AL_OK)
        err = read_folds(json_get(node, "folds"), out);
    return err == AL_OK ? read_periods(json_get(node, "periods"), out) : err;
}
