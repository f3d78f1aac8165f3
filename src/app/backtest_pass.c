/* One pass over the market: the worker without its edge. Effects are performed at once, as a broker and a database that never
 * fail would; order events and positions come from the simulated exchange, in its own JSON, through the worker's own readers.
 *
 * Time is the market's. Before an event everything the exchange owes by then happens, each thing at its own time; then the
 * event is seen by exchange and pipeline, in this order, as the worker's neighbours see it. Nothing reads a clock.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backtest_i.h"

#define ORDERS_MAX 100000

/* ---- what the exchange says ---- */

static struct order_state *state_of(struct backtest_pass *pass, const struct order_id *id)
{
    struct order_state *state = map_get(&pass->orders, id);
    if (state != NULL)
        return state;
    state = calloc(1, sizeof(*state));
    if (state == NULL || map_put(&pass->orders, id, state) != AL_OK) {
        free(state);
        return NULL;
    }
    state->order_id = *id;
    return state;
}

static void take_order_event(struct backtest_pass *pass, const struct exchange_message *message)
{
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc = NULL;
    bool ok = order_event_parse(pass->reader, message->body, slice_of(message->trace_id),
                                message->ts_ns, &event, &doc, &refusal);
    assert(ok); /* the simulated exchange keeps to the contract */
    struct order_state *state = state_of(pass, &event.order_id);
    if (state == NULL) {
        pass->err = err_set(AL_ENOMEM, "orders");
    } else {
        struct execution execution;
        bool conflict = false;
        bool executed = order_state_apply(state, &event, &execution, &conflict);
        state->exists = true;
        struct order_fact fact = {&event, state, executed ? &execution : NULL};
        learn_on_order(pass->pipeline, &fact, pass->now_ns, &pass->effects);
        if (state->ended)
            free(map_remove(&pass->orders, &event.order_id));
    }
    json_put(doc);
}

static void on_exchange(void *ctx, const struct exchange_message *message)
{
    struct backtest_pass *pass = ctx;
    if (message->kind == EXCHANGE_ORDER_EVENT) {
        take_order_event(pass, message);
        return;
    }
    struct position_update update;
    struct order_event_refusal refusal;
    bool ok = position_update_parse(pass->reader, message->body, slice_of(message->trace_id),
                                    message->ts_ns, &update, &refusal);
    assert(ok);
    protect_on_position(pass->pipeline, &update, pass->now_ns, &pass->effects);
}

/* ---- effects ---- */

static size_t desk_index(const struct backtest_pass *pass, const struct strategy_id *id)
{
    size_t i = 0;
    while (!strategy_id_eq(&pass->desks[i].config->strategy_id, id))
        i++;
    return i;
}

static size_t asset_index(const struct strategy_config *config, const struct asset *asset)
{
    size_t i = 0;
    while (!asset_eq(&config->assets[i], asset))
        i++;
    return i;
}

/* Whoever is looked at is the one that decided: it says again what the decision says. */
static bool is_view_of(const struct backtest_view *view, const struct decision *decision)
{
    return decision->leaning == SIDE_NONE || !view->is_known ||
           view->q[decision->leaning - SIDE_BUY] == (float)decision->confidence;
}

/* Abstaining has its outcome at once: nothing. */
static enum al_err note(struct backtest_pass *pass, const struct decision *decision)
{
    struct backtest_desk *desk = &pass->desks[desk_index(pass, &decision->strategy_id)];
    struct backtest_note item = {
        .t_ns = decision->decided_at_ns,
        .mid = decision->snapshot.mid,
        .strategy = (uint8_t)(desk - pass->desks),
        .asset = (uint8_t)asset_index(desk->config, &decision->asset),
        .side = (uint8_t)decision->side,
        .version = backtest_version_of(pass, &decision->model_version),
        .is_warmup = decision->is_warmup,
        .is_settled = decision->side == SIDE_NONE,
    };
    const struct scorer *decider =
        pipeline_scorer(pass->pipeline, &decision->strategy_id, &decision->model_version);
    if (decider != NULL)
        backtest_look(decider, desk->set, decision->features, &item.served);
    assert(is_view_of(&item.served, decision));
    if (desk->newest != NULL)
        backtest_look(desk->newest, desk->set, decision->features, &item.newest);
    if (desk->linear != NULL)
        backtest_look(desk->linear, desk->set, decision->features, &item.linear);
    return backtest_notes_add(&pass->notes, &item, &decision->decision_id);
}

static enum al_err take_decision(struct backtest_pass *pass, const struct effect *effect)
{
    const struct decision *decision = effect->decision;
    enum al_err err = backtest_notes_trace(&pass->notes, decision, buf_slice(&effect->body));
    if (err == AL_OK && decision->kind == DECISION_ENTRY && decision->n_features > 0)
        err = note(pass, decision);
    if (err != AL_OK)
        return err;
    if (decision->side == SIDE_NONE) {
        pass->notes.n_abstained[decision->reason]++;
        return AL_OK;
    }
    err =
        exchange_signal(pass->exchange, buf_slice(&effect->body), pass->now_ns, on_exchange, pass);
    pass->exchange_due_ns = pass->now_ns;                     /* it owes something new */
    return err == AL_EFULL || err == AL_ESTATE ? AL_OK : err; /* an order it will not take */
}

static enum al_err take_sample(struct backtest_pass *pass, const struct sample *sample)
{
    backtest_notes_settle(&pass->notes, sample);
    backtest_rollout_settle(pass, sample);
    return backtest_train_keep(&pass->desks[desk_index(pass, &sample->strategy_id)], sample);
}

static enum al_err perform_one(struct backtest_pass *pass, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_store_decision:
        return take_decision(pass, effect);
    case EFFECT_store_sample:
        return take_sample(pass, effect->sample);
    case EFFECT_store_scores:
        return backtest_rollout_score(pass, effect->scores);
    case EFFECT_rollout_step:
        return backtest_rollout_perform(
            pass, &pass->desks[desk_index(pass, &effect->rollout->strategy_id)], effect->rollout);
    case EFFECT_drop_decision:
        backtest_notes_drop(&pass->notes, &effect->drop.decision_id, effect->drop.reason);
        return AL_OK;
    case EFFECT_start_training:
        backtest_train_request(pass, &effect->training.strategy_id, effect->training.trigger);
        return AL_OK;
    default:
        return AL_OK; /* candles and positions live in the pipeline */
    }
}

static enum al_err perform(struct backtest_pass *pass)
{
    struct effect effect;
    while (effects_take(&pass->effects, &effect)) {
        enum al_err err = perform_one(pass, &effect);
        effect_deinit(&effect);
        if (err != AL_OK)
            return err;
    }
    return pass->err;
}

/* ---- time ---- */

/* What the exchange owes by then, each thing at its own time. */
static enum al_err run_exchange(struct backtest_pass *pass, int64_t until_ns)
{
    enum al_err err = AL_OK;
    while (err == AL_OK && pass->exchange_due_ns <= until_ns) {
        if (pass->exchange_due_ns > pass->now_ns)
            pass->now_ns = pass->exchange_due_ns;
        pass->exchange_due_ns = exchange_run(pass->exchange, pass->now_ns, on_exchange, pass);
        err = perform(pass);
    }
    return err;
}

static void note_equity(struct backtest_pass *pass)
{
    struct exchange_stats stats;
    exchange_stats(pass->exchange, &stats);
    pass->equity_peak = fmax(pass->equity_peak, stats.equity);
    pass->drawdown = fmax(pass->drawdown, pass->equity_peak - stats.equity);
}

/* A tick a market second at most, as the worker's; after all that is of one instant, because a label that fell due waits
 * for the first price after it and a trade may come before the quote. */
static enum al_err tick(struct backtest_pass *pass)
{
    if (pass->now_ns < pass->tick_ns)
        return AL_OK;
    note_equity(pass);
    pass->tick_ns = pipeline_tick(pass->pipeline, pass->now_ns, &pass->effects);
    enum al_err err = perform(pass);
    if (err == AL_OK)
        err = backtest_train_run(pass);
    return err == AL_OK ? perform(pass) : err;
}

static enum al_err step(struct backtest_pass *pass, const struct market_event *event)
{
    enum al_err err = event->ts_event_ns > pass->now_ns ? tick(pass) : AL_OK;
    if (err == AL_OK)
        err = run_exchange(pass, event->ts_event_ns);
    if (err != AL_OK)
        return err;
    pass->now_ns = event->ts_event_ns > pass->now_ns ? event->ts_event_ns : pass->now_ns;
    exchange_market(pass->exchange, event);
    act_on_market(pass->pipeline, event, pass->now_ns, &pass->effects);
    return perform(pass);
}

/* A first start: schedules count from there, as the worker's. */
static void begin_schedules(struct backtest_pass *pass)
{
    const struct restored_training nothing = {.last_training_ns = TIMESTAMP_NONE,
                                              .next_training_ns = TIMESTAMP_NONE};
    for (size_t i = 0; i < pass->plan->n_strategies; i++)
        pipeline_restore_training(pass->pipeline, &pass->plan->strategies[i].strategy_id, &nothing,
                                  pass->now_ns);
}

static enum al_err play(struct backtest_pass *pass)
{
    enum { PROGRESS_EVENTS = 2048 };
    const struct market_event *event = NULL;
    enum al_err err = source_peek(pass->source, &event);
    if (err == AL_OK && event != NULL)
        pass->now_ns = event->ts_event_ns;
    begin_schedules(pass);
    while (err == AL_OK && event != NULL && event->ts_event_ns <= pass->options.stop_ns) {
        err = step(pass, event);
        source_take(pass->source);
        if (++pass->n_events % PROGRESS_EVENTS == 0 && pass->options.on_progress != NULL)
            pass->options.on_progress(pass->options.ctx, pass);
        if (err == AL_OK)
            err = source_peek(pass->source, &event);
    }
    return err == AL_OK ? tick(pass) : err;
}

/* ---- life ---- */

static enum al_err open_source(struct backtest_pass *pass)
{
    const struct backtest_options *o = pass->plan->options;
    enum al_err err =
        source_open_files(o->paths, o->assets, o->n_paths, o->half_spread_bps, &pass->source);
    if (err == AL_OK && pass->options.poison_ns != TIMESTAMP_NONE)
        source_poison(pass->source, pass->options.poison_ns, o->seed);
    return err;
}

static enum al_err open_core(struct backtest_pass *pass)
{
    const struct backtest_plan *plan = pass->plan;
    const struct pipeline_options core = {.settings = plan->settings,
                                          .strategies = plan->strategies,
                                          .n_strategies = plan->n_strategies,
                                          .seed = plan->options->seed};
    struct exchange_options exchange = plan->options->exchange;
    exchange.seed = plan->options->seed;
    if (plan->interval_ns >
        0) /* exits at the beginning of candles, as decisions: inside they are an invention */
        exchange.position_interval_ns = plan->interval_ns;
    pass->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    if (pass->reader == NULL)
        return err_set(AL_ENOMEM, "backtest");
    enum al_err err = pipeline_create(&core, &pass->pipeline);
    for (size_t i = 0; err == AL_OK && i < plan->n_strategies; i++)
        pass->desks[i] = (struct backtest_desk){
            .config = &plan->strategies[i],
            .set = pipeline_feature_set(pass->pipeline, &plan->strategies[i].strategy_id)};
    return err == AL_OK ? exchange_create(&exchange, &pass->exchange) : err;
}

enum al_err backtest_pass_run(struct backtest_pass *pass,
                              const struct backtest_plan *plan,
                              const struct backtest_pass_options *options)
{
    *pass = (struct backtest_pass){.plan = plan,
                                   .options = *options,
                                   .exchange_due_ns = INT64_MAX,
                                   .tick_ns = INT64_MIN,
                                   .first_activation_ns = TIMESTAMP_NONE,
                                   .first_challenger_ns = TIMESTAMP_NONE};
    effects_init(&pass->effects);
    map_init(&pass->orders, sizeof(struct order_id), ORDERS_MAX);
    backtest_notes_init(&pass->notes);
    backtest_rollouts_init(&pass->rollouts);
    enum al_err err = open_source(pass);
    if (err == AL_OK)
        err = open_core(pass);
    return err == AL_OK ? play(pass) : err;
}

void backtest_pass_deinit(struct backtest_pass *pass)
{
    size_t cursor = 0;
    void *state;
    if (pass->plan == NULL)
        return;
    while ((state = map_next(&pass->orders, &cursor, NULL)) != NULL)
        free(state);
    map_deinit(&pass->orders);
    for (size_t i = 0; i < pass->plan->n_strategies; i++) {
        train_rows_deinit(&pass->desks[i].rows);
        scorer_destroy(pass->desks[i].newest);
        scorer_destroy(pass->desks[i].linear);
    }
    backtest_notes_deinit(&pass->notes);
    backtest_rollouts_deinit(&pass->rollouts);
    free(pass->trainings);
    effects_deinit(&pass->effects);
    pipeline_destroy(pass->pipeline);
    exchange_destroy(pass->exchange);
    source_close(pass->source);
    json_reader_destroy(pass->reader);
    *pass = (struct backtest_pass){0};
}
