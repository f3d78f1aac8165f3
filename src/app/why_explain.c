#include "why_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/base/json.h"
#include "alphaloop/model/explain.h"

#include "strategies_i.h"

#define PROBLEMS_MAX 65536
/* Both sides are doubles that went through text and back, or through the database: more than this is another number. */
#define SAME 1e-9

/* ---- names ---- */

/* The columns of these names, if they are those the decision was made with; else nothing changes. */
static void take_set(struct why *why, const struct slice *names, size_t n, int64_t timeframe_ns)
{
    struct feature_set *set = calloc(1, sizeof *set);
    if (set != NULL && why->set == NULL && n > 0 &&
        feature_set_resolve(names, n, timeframe_ns, set) == AL_OK &&
        sha256_eq(&set->schema_hash, &why->decision.schema_hash))
        why->set = set;
    else
        free(set);
}

static void names_of_version(struct why *why)
{
    const struct manifest *m = scorer_manifest(why->scorer);
    struct slice names[FEATURES_MAX];
    for (size_t i = 0; i < m->n_features; i++)
        names[i] = slice_of(m->features[i]);
    take_set(why, names, m->n_features, m->timeframe_ns);
}

/* As the strategy is configured now: for warm-up, and where the folder is gone. */
static void names_of_strategy(struct why *why)
{
    struct buf problems = BUF_INIT(PROBLEMS_MAX);
    struct strategy_config *configs = NULL;
    size_t n = 0;
    if (strategies_load(why->settings, &configs, &n, &problems) == AL_OK) {
        for (size_t i = 0; i < n; i++) {
            struct slice names[STRATEGY_FEATURES_MAX];
            if (!strategy_id_eq(&configs[i].strategy_id, &why->decision.strategy_id))
                continue;
            for (size_t k = 0; k < configs[i].n_features; k++)
                names[k] = slice_of(configs[i].features[k]);
            take_set(why, names, configs[i].n_features, configs[i].timeframe_ns);
        }
        free(configs);
    }
    buf_deinit(&problems);
}

/* ---- the model ---- */

static void say(struct why *why, const char *text)
{
    snprintf(why->unexplained, sizeof why->unexplained, "%s", text);
}

static void load_folder(struct why *why)
{
    char folder[FILE_PATH_MAX];
    if (!why->has_version) {
        snprintf(why->unexplained, sizeof why->unexplained, "the registry has no version %s",
                 why->decision.model_version.text);
        return;
    }
    enum al_err err =
        model_store_path(why->settings->model_storage_path, &why->decision.model_version, folder);
    if (err == AL_OK)
        err = model_store_load(folder, &why->version.folder_hash, &why->decision.schema_hash,
                               &why->scorer);
    if (err != AL_OK)
        say(why, err_text());
}

static void sort_by_size(struct why_action *action, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 &&
               fabs(action->contributions[action->order[k - 1]]) < fabs(action->contributions[i]);
             k--)
            action->order[k] = action->order[k - 1];
        action->order[k] = i;
    }
}

static bool explain_side(struct why *why, enum side side, struct why_action *out)
{
    float oriented[FEATURES_MAX], margin;
    out->side = side;
    feature_orient(why->set, why->decision.features, side, oriented);
    if (scorer_margins(why->scorer, oriented, 1, &margin) != AL_OK ||
        scorer_predict(why->scorer, oriented, &out->prediction) != AL_OK) {
        say(why, err_text());
        return false;
    }
    out->log_odds = (double)margin;
    if (!scorer_contributions(why->scorer, oriented, out->contributions, &out->bias)) {
        say(why, scorer_uses_walker(why->scorer)
                     ? "the version's folder is of a program that kept no covers (docs/models.md)"
                     : scorer_note(why->scorer));
        return false;
    }
    sort_by_size(out, why->set->n_columns);
    return true;
}

/* ---- what was published ---- */

static bool is_same(double a, double b)
{
    return fabs(a - b) <= SAME * fmax(1, fmax(fabs(a), fabs(b)));
}

static bool number_is(struct json_node *object, const char *key, double expected)
{
    double value;
    return json_double(json_get(object, key), &value) == AL_OK && is_same(value, expected);
}

static void differs(struct why *why, const char *what)
{
    why->check = WHY_DIFFERS;
    snprintf(why->check_text, sizeof why->check_text,
             "what was published differs from what the folder gives: %s", what);
}

static void check_contributions(struct why *why, struct json_node *metadata)
{
    struct explanation e;
    struct json_node *published = json_get(metadata, "contributions");
    if (!explain_action(why->scorer, why->set, why->decision.features, why->decision.side, &e))
        return;
    if (json_length(published) != e.n || !number_is(metadata, "contribution_rest", e.rest) ||
        !number_is(metadata, "contribution_bias", e.bias))
        differs(why, "the number of contributions, their rest or their mean");
    for (size_t i = 0; i < e.n && why->check != WHY_DIFFERS; i++) {
        struct json_node *item = json_at(published, i);
        if (!slice_is(json_text(json_get(item, "feature")), e.top[i].feature) ||
            !number_is(item, "contribution", e.top[i].log_odds))
            differs(why, e.top[i].feature);
    }
}

static void check_published(struct why *why)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *body = NULL;
    const struct why_action *action = &why->actions[why->decision.side == SIDE_SELL];
    why->check = WHY_AGREES;
    snprintf(why->check_text, sizeof why->check_text,
             "what was published is what the folder gives");
    if (!is_same(action->prediction.q, why->decision.confidence))
        differs(why, "the confidence");
    else if (json_read(reader, buf_slice(&why->body), &body) != AL_OK)
        differs(why, "the message is not JSON");
    else if (json_get(json_get(body, "metadata"), "contributions") == NULL)
        snprintf(why->check_text, sizeof why->check_text,
                 "published without contributions; its confidence is what the folder gives");
    else
        check_contributions(why, json_get(body, "metadata"));
    json_put(body);
    json_reader_destroy(reader);
}

void why_explain(struct why *why)
{
    const struct decision *d = &why->decision;
    why->is_model_decision =
        d->kind == DECISION_ENTRY && d->model_version.text[0] != '\0' && d->n_features > 0;
    if (why->is_model_decision)
        load_folder(why);
    if (why->scorer != NULL)
        names_of_version(why);
    if (d->n_features > 0)
        names_of_strategy(why);
    if (why->scorer == NULL)
        return;
    if (why->set == NULL) {
        say(why, "this program's catalogue gives these features another meaning");
        return;
    }
    why->is_explained = explain_side(why, SIDE_BUY, &why->actions[0]) &&
                        explain_side(why, SIDE_SELL, &why->actions[1]);
    if (why->is_explained && why->is_signal)
        check_published(why);
}
