/* Role replay: a recorded journal told to a core again. What it decides is held against what was decided then, byte for byte;
 * the first difference is said. Needs what the recording worker had: the same version of the program, settings and strategy
 * files, and for lines `activate` the version's folder in MODEL_STORAGE_PATH. */
#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/model_store.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/observe/log.h"
#include "journal_i.h"
#include "strategies_i.h"

struct replay_role {
    const char *env_file, *path;
    bool prints; /* the signals, one a line */
    struct settings *settings;
    struct strategy_config *strategies;
    size_t n_strategies;
    struct pipeline *pipeline;
    struct effects effects, decisions; /* of the core; decided and not yet held against a line */
    struct json_reader *reader;
    struct market_event *event;
    uint64_t n_lines, n_decisions, n_signals;
    bool has_ended; /* an end line came, or one that nothing can follow */
    bool is_whole;  /* the worker stopped in order: all it decided is recorded */
};

static const struct argp_option options[] = {
    {"env-file", 'e', "FILE", 0, "settings; default .env if it exists, the environment wins", 0},
    {"print", 'p', NULL, 0, "print the signals, one a line", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct replay_role *r = state->input;
    switch (key) {
    case 'e':
        r->env_file = value;
        return 0;
    case 'p':
        r->prints = true;
        return 0;
    case ARGP_KEY_ARG:
        if (r->path != NULL)
            argp_error(state, "one FILE is expected");
        r->path = value;
        return 0;
    case ARGP_KEY_END:
        if (r->path == NULL)
            argp_error(state, "the FILE of a journal is expected");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "FILE",
    .doc = "Tells a core again what a worker recorded (serve --journal FILE), and compares what it "
           "decides with what was decided then.",
};

/* ---- parts of a line ---- */

static enum al_err bad(const char *what)
{
    return err_set(AL_EPARSE, "%s is missing or of another size", what);
}

static bool take(const struct journal_line *line, size_t index, void *out, size_t size)
{
    if (index >= line->n_bytes || line->bytes[index].len != size)
        return false;
    memcpy(out, line->bytes[index].ptr, size);
    return true;
}

/* A strategy this core has: its doors take no other. */
static bool take_strategy(const struct replay_role *r,
                          const struct journal_line *line,
                          struct strategy_id *out)
{
    return line->n_texts > 0 && strategy_id_parse(line->texts[0], out) &&
           pipeline_feature_set(r->pipeline, out) != NULL;
}

/* ---- telling ---- */

static enum al_err tell_market(struct replay_role *r, const struct journal_line *line)
{
    struct order_event_refusal refusal;
    if (line->n_texts != 3 || line->number < 0 || line->number >= MARKET_KIND_COUNT)
        return bad("a market message");
    if (!market_event_parse(r->reader, (enum market_kind)line->number, line->texts[0],
                            line->wall_ns, r->event, &refusal))
        return err_set(AL_EPARSE, "market message: %s: %s", refusal.field, refusal.detail);
    (void)chars_set(r->event->trace_id.text, sizeof(r->event->trace_id.text), line->texts[1].ptr);
    (void)chars_set(r->event->traceparent, sizeof(r->event->traceparent), line->texts[2].ptr);
    act_on_market(r->pipeline, r->event, line->now_ns, &r->effects);
    return AL_OK;
}

static enum al_err tell_position(struct replay_role *r, const struct journal_line *line)
{
    struct position_update update;
    if (!take(line, 0, &update, sizeof(update)))
        return bad("a position");
    protect_on_position(r->pipeline, &update, line->now_ns, &r->effects);
    return AL_OK;
}

static enum al_err tell_order(struct replay_role *r, const struct journal_line *line)
{
    struct order_state state;
    struct journal_told told;
    struct execution execution;
    bool executed = line->n_bytes == 3;
    if (!take(line, 0, &state, sizeof(state)) || !take(line, 1, &told, sizeof(told)) ||
        (executed && !take(line, 2, &execution, sizeof(execution))))
        return bad("an order");
    const struct order_event event = {.is_dry_run = line->number != 0,
                                      .filled_quantity = told.filled_quantity,
                                      .executed_at_ns = told.executed_at_ns};
    struct order_fact fact = {
        .event = &event, .state = &state, .execution = executed ? &execution : NULL};
    learn_on_order(r->pipeline, &fact, line->now_ns, &r->effects);
    return AL_OK;
}

/* The version whose name and hash stand behind the strategy's; NULL when none does.   gives */
static enum al_err load_model(const struct replay_role *r,
                              const struct journal_line *line,
                              const struct strategy_id *id,
                              struct scorer **out)
{
    struct model_version_id version;
    char folder[FILE_PATH_MAX], hash[SHA256_TEXT_MAX] = "";
    *out = NULL;
    if (line->n_texts == 1)
        return AL_OK;
    if (line->n_texts != 3 || !model_version_id_parse(line->texts[1], &version))
        return bad("a version");
    enum al_err err = model_store_path(r->settings->model_storage_path, &version, folder);
    if (err == AL_OK)
        err = model_store_load(folder, NULL, pipeline_schema_hash(r->pipeline, id), out);
    if (err != AL_OK)
        return err_add(err, "version %s", version.text);
    const struct manifest *manifest = scorer_manifest(*out);
    const struct manifest_file *trees = manifest_find_file(manifest, TREES_FILE_NAME);
    sha256_format(trees != NULL ? &trees->hash : &manifest->data.hash, hash);
    if (slice_is(line->texts[2], hash))
        return AL_OK;
    scorer_destroy(*out);
    *out = NULL;
    return err_set(AL_EVERIFY, "%s is not the model that it was then", version.text);
}

static enum al_err tell_model(struct replay_role *r, const struct journal_line *line)
{
    struct strategy_id id;
    struct rollout_start start = {0};
    struct model_version_id ousted;
    struct scorer *scorer = NULL;
    bool is_shadow = line->call == JOURNAL_shadow;
    if (!take_strategy(r, line, &id) || (is_shadow && !take(line, 0, &start, sizeof(start))))
        return bad("a strategy");
    enum al_err err = load_model(r, line, &id, &scorer);
    if (err != AL_OK || (is_shadow && scorer == NULL))
        return err != AL_OK ? err : bad("a version");
    if (is_shadow)
        (void)learn_shadow(r->pipeline, &id, scorer, &start, &ousted);
    else if (line->call == JOURNAL_promote)
        learn_promote(r->pipeline, &id, scorer, line->now_ns);
    else
        learn_activate(r->pipeline, &id, scorer, line->now_ns);
    return AL_OK;
}

static enum al_err tell_rollout(struct replay_role *r, const struct journal_line *line)
{
    struct rollout_step step;
    struct strategy_id id;
    if (line->call == JOURNAL_rollout_done) {
        if (!take(line, 0, &step, sizeof(step)) ||
            pipeline_feature_set(r->pipeline, &step.strategy_id) == NULL)
            return bad("a rollout's step");
        learn_rollout_done(r->pipeline, &step, line->number != 0, line->now_ns);
        return AL_OK;
    }
    if (!take_strategy(r, line, &id))
        return bad("a strategy");
    if (line->call == JOURNAL_watch)
        learn_watch(r->pipeline, &id);
    else if (line->call == JOURNAL_drifting)
        learn_drifting(r->pipeline, &id);
    else
        learn_cool_down(r->pipeline, &id, line->number);
    return AL_OK;
}

static enum al_err tell_restored_rollout(struct replay_role *r, const struct journal_line *line)
{
    struct shadow_scores scores;
    struct paired_block block;
    struct strategy_id id;
    struct model_version_id version;
    struct asset asset;
    if (line->call == JOURNAL_restore_scores && take(line, 0, &scores, sizeof(scores))) {
        pipeline_restore_scores(r->pipeline, &scores);
        return AL_OK;
    }
    if (!take_strategy(r, line, &id) || line->n_texts != 3 ||
        !model_version_id_parse(line->texts[1], &version) || !asset_parse(line->texts[2], &asset) ||
        !take(line, 0, &block, sizeof(block)))
        return bad("a block");
    pipeline_restore_block(r->pipeline, &id, &version, &asset, &block);
    return AL_OK;
}

static enum al_err tell_training(struct replay_role *r, const struct journal_line *line)
{
    struct strategy_id id;
    bool is_end = line->call == JOURNAL_training_end;
    if (!take_strategy(r, line, &id) || line->n_texts != (is_end ? 2 : 1))
        return bad("a strategy");
    if (is_end)
        learn_on_training_end(r->pipeline, &id, line->number != 0,
                              strtoull(line->texts[1].ptr, NULL, 10), line->now_ns);
    else
        learn_on_training_start(r->pipeline, &id, line->now_ns);
    return AL_OK;
}

/* Rows are copied: the bytes of a line are not aligned. */
static enum al_err tell_neighbours(struct replay_role *r, const struct journal_line *line)
{
    const size_t sizes[] = {sizeof(struct known_balance), sizeof(struct known_order),
                            sizeof(struct known_position)};
    void *rows[3] = {NULL};
    enum al_err err = line->n_bytes == 3 ? AL_OK : bad("the neighbours");
    for (size_t i = 0; i < 3 && err == AL_OK; i++) {
        if (line->bytes[i].len % sizes[i] != 0 ||
            line->bytes[i].len > NEIGHBOUR_ROWS_MAX * sizes[i])
            err = bad("the neighbours");
        else if ((rows[i] = malloc(line->bytes[i].len + 1)) == NULL)
            err = err_set(AL_ENOMEM, "replay");
        else
            memcpy(rows[i], line->bytes[i].ptr, line->bytes[i].len);
    }
    if (err == AL_OK)
        pipeline_on_neighbours(r->pipeline,
                               &(struct neighbours){.balances = rows[0],
                                                    .orders = rows[1],
                                                    .positions = rows[2],
                                                    .n_balances = line->bytes[0].len / sizes[0],
                                                    .n_orders = line->bytes[1].len / sizes[1],
                                                    .n_positions = line->bytes[2].len / sizes[2],
                                                    .positions_known = line->number != 0});
    for (size_t i = 0; i < 3; i++)
        free(rows[i]);
    return err;
}

/* ---- telling what was restored ---- */

static enum al_err tell_restored_open(struct replay_role *r, const struct journal_line *line)
{
    struct decision *decision = malloc(sizeof(*decision));
    bool ok = decision != NULL && take(line, 0, decision, sizeof(*decision)) &&
              decision->n_features <= FEATURES_MAX;
    if (ok)
        pipeline_restore_open(r->pipeline, decision);
    free(decision);
    return ok ? AL_OK : bad("an open decision");
}

static enum al_err tell_restored_fill(struct replay_role *r, const struct journal_line *line)
{
    struct execution execution;
    double price = 0;
    if (!take(line, 0, &execution, sizeof(execution)))
        return bad("an execution");
    if (line->call == JOURNAL_restore_execution)
        pipeline_restore_execution(r->pipeline, &execution, line->number != 0);
    else if (take(line, 1, &price, sizeof(price)))
        pipeline_restore_cost(r->pipeline, &execution, price, line->number);
    else
        return bad("a price");
    return AL_OK;
}

static enum al_err tell_restored_market(struct replay_role *r, const struct journal_line *line)
{
    struct candle candle;
    struct asset asset;
    if (!take(line, 0, &candle, sizeof(candle)) || line->n_texts != 1 ||
        !asset_parse(line->texts[0], &asset))
        return bad("a candle");
    pipeline_restore_candle(r->pipeline, &asset, &candle);
    return AL_OK;
}

static enum al_err tell_restored_order(struct replay_role *r, const struct journal_line *line)
{
    struct order_state state;
    struct order_outcome outcome;
    struct position_track track;
    if (line->call == JOURNAL_restore_order && take(line, 0, &state, sizeof(state)))
        pipeline_restore_order(r->pipeline, &state, line->now_ns);
    else if (line->call == JOURNAL_restore_outcome_of_order &&
             take(line, 0, &outcome, sizeof(outcome)))
        pipeline_restore_order_outcome(r->pipeline, &outcome);
    else if (line->call == JOURNAL_restore_position && take(line, 0, &track, sizeof(track)))
        pipeline_restore_position(r->pipeline, &track);
    else
        return bad("what was restored");
    return AL_OK;
}

static enum al_err tell_restored_learning(struct replay_role *r, const struct journal_line *line)
{
    struct restored_training training;
    struct restored_outcome outcome;
    struct restored_interval interval;
    struct restored_fills fills;
    struct strategy_id id;
    if (line->call == JOURNAL_restore_interval && take(line, 0, &interval, sizeof(interval)))
        pipeline_restore_interval(r->pipeline, &interval);
    else if (line->call == JOURNAL_restore_fills && take(line, 0, &fills, sizeof(fills)))
        pipeline_restore_fills(r->pipeline, &fills);
    else if (line->call == JOURNAL_restore_outcome && take(line, 0, &outcome, sizeof(outcome)))
        pipeline_restore_outcome(r->pipeline, &outcome);
    else if (take_strategy(r, line, &id) && take(line, 0, &training, sizeof(training)))
        pipeline_restore_training(r->pipeline, &id, &training, line->now_ns);
    else
        return bad("what was restored");
    return AL_OK;
}

/* ---- comparing ---- */

static void gather(struct replay_role *r)
{
    struct effect effect;
    while (effects_take(&r->effects, &effect)) {
        if (effect.kind == EFFECT_store_decision && effects_room(&r->decisions) > 0) {
            struct effect *kept = effects_push(&r->decisions, EFFECT_store_decision);
            kept->decision = effect.decision;
            kept->body = effect.body;
        } else {
            effect_deinit(&effect);
        }
    }
}

static enum al_err compare(struct replay_role *r, const struct journal_line *line)
{
    struct effect effect;
    char digest[JOURNAL_DIGEST_MAX];
    if (line->n_texts != 1)
        return bad("a decision");
    if (!effects_take(&r->decisions, &effect))
        return err_set(AL_EVERIFY, "recorded: %.300s\nreplayed: nothing", line->texts[0].ptr);
    bool is_signal = effect.decision->side != SIDE_NONE;
    journal_digest(effect.decision, digest);
    struct slice said = is_signal ? buf_slice(&effect.body) : slice_of(digest);
    bool same = slice_eq(said, line->texts[0]) && is_signal == (line->number != 0);
    r->n_decisions++;
    r->n_signals += is_signal;
    if (same && is_signal && r->prints)
        printf("%.*s\n", (int)said.len, said.ptr);
    enum al_err err =
        same ? AL_OK
             : err_set(AL_EVERIFY, "recorded: %.220s\nreplayed: %.*s", line->texts[0].ptr,
                       (int)(said.len < 220 ? said.len : 220), said.ptr);
    effect_deinit(&effect);
    return err;
}

/* The core keeps settings and strategies, which change under it as they did then. */
static enum al_err tell_reload(struct replay_role *r, const struct journal_line *line)
{
    enum al_err err = journal_reload_read(line, r->settings, r->strategies, r->n_strategies);
    if (err == AL_OK)
        pipeline_reload(r->pipeline, line->now_ns);
    return err;
}

/* ---- lines ---- */

static enum al_err tell(struct replay_role *r, const struct journal_line *line)
{
    switch (line->call) {
    case JOURNAL_market:
        return tell_market(r, line);
    case JOURNAL_position:
        return tell_position(r, line);
    case JOURNAL_order:
        return tell_order(r, line);
    case JOURNAL_tick:
        (void)pipeline_tick(r->pipeline, line->now_ns, &r->effects);
        return AL_OK;
    case JOURNAL_pause:
        act_pause(r->pipeline, line->number != 0);
        return AL_OK;
    case JOURNAL_activate:
    case JOURNAL_promote:
    case JOURNAL_shadow:
        return tell_model(r, line);
    case JOURNAL_watch:
    case JOURNAL_drifting:
    case JOURNAL_rollout_done:
    case JOURNAL_cool_down:
        return tell_rollout(r, line);
    case JOURNAL_restore_scores:
    case JOURNAL_restore_block:
        return tell_restored_rollout(r, line);
    case JOURNAL_training_start:
    case JOURNAL_training_end:
        return tell_training(r, line);
    case JOURNAL_neighbours:
        return tell_neighbours(r, line);
    case JOURNAL_restore_cost:
    case JOURNAL_restore_execution:
        return tell_restored_fill(r, line);
    case JOURNAL_restore_candle:
        return tell_restored_market(r, line);
    case JOURNAL_restore_open:
        return tell_restored_open(r, line);
    case JOURNAL_restore_order:
    case JOURNAL_restore_outcome_of_order:
    case JOURNAL_restore_position:
        return tell_restored_order(r, line);
    case JOURNAL_restore_training:
    case JOURNAL_restore_outcome:
    case JOURNAL_restore_interval:
    case JOURNAL_restore_fills:
        return tell_restored_learning(r, line);
    case JOURNAL_decision:
        return compare(r, line);
    case JOURNAL_reload:
        return tell_reload(r, line);
    case JOURNAL_end:
        r->has_ended = true;
        r->is_whole = line->number != 0;
        return AL_OK;
    case JOURNAL_start:
    case JOURNAL_CALL_COUNT:
        break;
    }
    return err_set(AL_EPARSE, "a second start");
}

/* ---- the start ---- */

static enum al_err hold_against(const struct replay_role *r, const struct journal_start *start)
{
    struct journal_start own;
    journal_start_of(r->settings, r->strategies, r->n_strategies, start->seed, &own);
    if (strcmp(own.version, start->version) != 0 || !sha256_eq(&own.shape, &start->shape))
        return err_set(AL_EVERSION, "it was recorded by version %s or by another build, this is %s",
                       start->version, own.version);
    if (!sha256_eq(&own.settings, &start->settings))
        return err_set(AL_EVERIFY, "settings of the core are not those of the recording worker");
    if (!sha256_eq(&own.strategies, &start->strategies))
        return err_set(AL_EVERIFY, "strategies are not those of the recording worker");
    return AL_OK;
}

static enum al_err begin(struct replay_role *r, const struct journal_line *line)
{
    struct journal_start start;
    enum al_err err = journal_start_read(line, &start);
    if (err == AL_OK)
        err = hold_against(r, &start);
    const struct pipeline_options core = {r->settings, r->strategies, r->n_strategies, start.seed};
    return err == AL_OK ? pipeline_create(&core, &r->pipeline) : err;
}

static enum al_err take_line(struct replay_role *r, struct slice text)
{
    struct journal_line line;
    struct json_node *doc;
    struct buf hold;
    r->n_lines++;
    enum al_err err = journal_line_read(r->reader, text, &doc, &hold, &line);
    if (err == AL_OK)
        err = r->pipeline == NULL ? begin(r, &line) : tell(r, &line);
    if (err == AL_OK)
        gather(r);
    buf_deinit(&hold);
    json_put(doc);
    return err;
}

static enum al_err take_file(struct replay_role *r, FILE *file)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    enum al_err err = AL_OK;
    while (err == AL_OK && !r->has_ended && (n = getline(&text, &cap, file)) > 0) {
        if (text[n - 1] != '\n')
            break; /* the worker was killed while it wrote */
        err = take_line(r, (struct slice){text, (size_t)n - 1});
    }
    free(text);
    if (err == AL_OK && ferror(file))
        err = err_set(AL_EIO, "%s: %s", r->path, strerror(errno));
    if (err == AL_OK && r->pipeline == NULL)
        err = err_set(AL_EPARSE, "not a journal");
    return err;
}

/* What a worker that was killed decided last may not be on the disk. */
static enum al_err finish(struct replay_role *r)
{
    struct effect effect;
    bool more = effects_take(&r->decisions, &effect);
    if (!more)
        return AL_OK;
    effect_deinit(&effect);
    return r->is_whole ? err_set(AL_EVERIFY, "recorded: nothing more\nreplayed: another decision")
                       : AL_OK;
}

/* ---- the role ---- */

static int report(const struct replay_role *r, enum al_err err)
{
    if (err != AL_OK) {
        fprintf(stderr, "alphaloop replay: %s: line %llu: %s\n", r->path,
                (unsigned long long)r->n_lines, err_text());
        return EXIT_FAILED;
    }
    fprintf(r->prints ? stderr : stdout,
            "%llu lines: %llu decisions, %llu of them signals, are the same byte for byte%s\n",
            (unsigned long long)r->n_lines, (unsigned long long)r->n_decisions,
            (unsigned long long)r->n_signals,
            r->is_whole ? ""
                        : "; the journal breaks off here: the worker was killed, or recording "
                          "stopped");
    return EXIT_DONE;
}

static enum al_err replay(struct replay_role *r)
{
    FILE *file = fopen(r->path, "re");
    if (file == NULL) {
        r->n_lines = 0;
        return err_set(AL_ENOTFOUND, "%s", strerror(errno));
    }
    enum al_err err = take_file(r, file);
    fclose(file);
    return err == AL_OK ? finish(r) : err;
}

static void on_log(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static void deinit(struct replay_role *r)
{
    pipeline_destroy(r->pipeline);
    effects_deinit(&r->effects);
    effects_deinit(&r->decisions);
    json_reader_destroy(r->reader);
    free(r->event);
    free(r->strategies);
    free(r->settings);
}

int role_replay(int argc, char **argv)
{
    struct replay_role r = {0};
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (argp_parse(&argp, argc, argv, 0, NULL, &r) != 0)
        return EXIT_USAGE;
    log_init("replay", LOG_ERROR, on_log, NULL);
    effects_init(&r.effects);
    effects_init(&r.decisions);
    r.settings = calloc(1, sizeof(*r.settings));
    r.event = calloc(1, sizeof(*r.event));
    r.reader = json_reader_create(JOURNAL_LINE_MAX, JSON_DEPTH_MAX);
    int code = EXIT_FAILED;
    if (r.settings != NULL && r.event != NULL && r.reader != NULL) {
        code = EXIT_USAGE;
        if (environment_settings(r.env_file, 0, r.settings) == AL_OK &&
            strategies_load(r.settings, &r.strategies, &r.n_strategies, &problems) == AL_OK)
            code = report(&r, replay(&r));
        fputs(buf_str(&problems), stderr);
    }
    buf_deinit(&problems);
    deinit(&r);
    return code;
}
