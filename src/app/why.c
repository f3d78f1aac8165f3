/* Role `why`: everything about one decision. What it was made from is frozen in the ledger; why the model said what it said is
 * computed again from those features and the version's folder, and held against what was published. */
#include "why_i.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/database.h"
#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/domain/signal.h"
#include "alphaloop/io/pg_sync.h"
#include "alphaloop/store/abstentions.h"

enum { KEY_ENV = 1000, KEY_JSON };
enum { BATCH_BYTES = 64 * 1024, VERDICT_MAX = 1 << 20 };

struct why_arguments {
    const char *env_file;
    struct uuid id;
    bool has_id, json;
};

/* ---- reading ---- */

enum { RESULT_SIGNAL, RESULT_ABSTENTION, RESULT_OUTCOME, RESULT_OUTCOMES, RESULT_EXECUTIONS };

static enum al_err take_signal(struct why *why, const struct pg_result *result)
{
    static struct signal_row row;
    enum al_err err = trading_signals_read(result, 0, &row);
    why->is_signal = true;
    why->decision = row.decision;
    why->status = row.status;
    why->published_at_ns = row.published_at_ns;
    buf_append(&why->body, row.body.ptr, row.body.len);
    return err;
}

static enum al_err take_outcomes(struct why *why, const struct pg_result *result)
{
    enum al_err err = AL_OK;
    size_t n = pg_result_n_rows(result);
    why->n_outcomes = n < WHY_OUTCOMES_MAX ? n : WHY_OUTCOMES_MAX;
    for (size_t i = 0; i < why->n_outcomes && err == AL_OK; i++)
        err = decision_views_read_outcome(result, i, &why->outcomes[i]);
    return err;
}

static enum al_err take_executions(struct why *why, const struct pg_result *result)
{
    enum al_err err = AL_OK;
    why->n_executions = pg_result_n_rows(result);
    for (size_t i = 0; i < why->n_executions && err == AL_OK; i++)
        err = decision_views_read_execution(result, i, &why->executions[i]);
    return err;
}

static enum al_err take(struct why *why, size_t index, const struct pg_result *result)
{
    bool is_empty = pg_result_n_rows(result) == 0;
    switch (index) {
    case RESULT_SIGNAL:
        return is_empty ? AL_OK : take_signal(why, result);
    case RESULT_ABSTENTION:
        why->is_abstention = !is_empty;
        return is_empty ? AL_OK : abstentions_read(result, 0, &why->decision);
    case RESULT_OUTCOME:
        return is_empty ? AL_OK : pg_result_chars(result, 0, 0, why->outcome, sizeof why->outcome);
    case RESULT_OUTCOMES:
        return take_outcomes(why, result);
    default:
        return take_executions(why, result);
    }
}

static void on_ledger(void *ctx, size_t index, const struct pg_result *result)
{
    struct why *why = ctx;
    if (why->err == AL_OK)
        why->err = take(why, index, result);
}

static void on_version(void *ctx, size_t index, const struct pg_result *result)
{
    struct why *why = ctx;
    (void)index;
    why->has_version = pg_result_n_rows(result) > 0;
    if (!why->has_version)
        return;
    why->err = model_versions_read(result, 0, &why->version);
    if (why->err == AL_OK)
        buf_append(&why->verdict, why->version.verdict.ptr, why->version.verdict.len);
    why->version.verdict = (struct slice){"", 0};
}

static enum al_err read_ledger(struct why *why, struct pg_sync *sync, struct pg_batch *batch)
{
    trading_signals_get(batch, why->id);
    abstentions_get(batch, why->id);
    decision_views_outcome(batch, why->id);
    decision_views_outcomes(batch, why->id);
    decision_views_executions(batch, why->id, WHY_EXECUTIONS_MAX);
    enum al_err err = pg_sync_run(sync, batch, on_ledger, why);
    if (err != AL_OK || why->err != AL_OK || why->decision.model_version.text[0] == '\0')
        return err != AL_OK ? err : why->err;
    pg_batch_reset(batch);
    model_versions_get(batch, &why->decision.model_version);
    err = pg_sync_run(sync, batch, on_version, why);
    return err != AL_OK ? err : why->err;
}

static enum al_err read_decision(struct why *why)
{
    struct pg_options options = database_from_settings(why->settings, "why");
    struct pg_batch *batch = pg_batch_create(BATCH_BYTES);
    struct pg_sync *sync = NULL;
    enum al_err err =
        batch == NULL ? err_set(AL_ENOMEM, "a question") : pg_sync_open(&options, &sync);
    if (err == AL_OK)
        err = read_ledger(why, sync, batch);
    pg_sync_close(sync);
    pg_batch_destroy(batch);
    return err;
}

/* ---- answering ---- */

static int answer(struct why *why, const struct why_arguments *arguments)
{
    char id[UUID_TEXT_MAX];
    uuid_format(why->id, id);
    if (read_decision(why) != AL_OK) {
        fprintf(stderr, "alphaloop why: %s\n", err_text());
        return EXIT_FAILED;
    }
    if (!why->is_signal && !why->is_abstention) {
        fprintf(stderr, "alphaloop why: there is no signal and no decision %s\n", id);
        return EXIT_FAILED;
    }
    why_explain(why);
    if (arguments->json)
        why_print_json(why);
    else
        why_print(why);
    if (why->is_model_decision && !why->is_explained)
        fprintf(stderr, "alphaloop why: not explained: %s\n", why->unexplained);
    if (why->check == WHY_DIFFERS)
        fprintf(stderr, "alphaloop why: %s\n", why->check_text);
    bool ok = (why->is_explained || !why->is_model_decision) && why->check != WHY_DIFFERS;
    return ok && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct why_arguments *arguments = state->input;
    switch (key) {
    case KEY_ENV:
        arguments->env_file = arg;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->has_id)
            argp_error(state, "'%s': one id is expected", arg);
        if (uuid_parse(slice_of(arg), &arguments->id) != AL_OK)
            argp_error(state, "'%s': an id is a UUID", arg);
        arguments->has_id = true;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->has_id)
            argp_error(state, "the id of a signal or a decision is expected");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int role_why(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        {"env-file", KEY_ENV, "FILE", 0, "settings; default .env if it exists", 0},
        {"json", KEY_JSON, NULL, 0, "one JSON object instead of text", 0},
        {0},
    };
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .args_doc = "ID",
        .doc =
            "Why a decision was made: the market it saw, its features, what each added to the "
            "model's "
            "score, the model and its verdict, what was done and what came of it. ID is a "
            "signal_id, or "
            "the decision_id of an abstention.\vExit code 1: no such decision, a model's decision "
            "that cannot be explained (its folder is gone or too old), or one that was published "
            "otherwise than its folder gives.",
    };
    static struct settings settings;
    static struct why why;
    struct why_arguments arguments = {0};
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (environment_settings(arguments.env_file, 0, &settings) != AL_OK)
        return EXIT_USAGE;
    why.settings = &settings;
    why.id = arguments.id;
    why.body = BUF_INIT(SIGNAL_BODY_MAX);
    why.verdict = BUF_INIT(VERDICT_MAX);
    int code = answer(&why, &arguments);
    buf_deinit(&why.body);
    buf_deinit(&why.verdict);
    scorer_destroy(why.scorer);
    free(why.set);
    return code;
}
