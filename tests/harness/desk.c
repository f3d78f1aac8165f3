#include "harness/desk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"

/* ---- building ---- */

static const char *get(void *ctx, const char *name, const char **origin)
{
    *origin = "test";
    const struct desk_options *options = ctx;
    for (size_t i = 0; i < COUNT_OF(options->settings) && options->settings[i][0] != NULL; i++) {
        if (strcmp(options->settings[i][0], name) == 0)
            return options->settings[i][1];
    }
    return NULL;
}

static void start_pipeline(struct desk_run *desk, const struct desk_options *options)
{
    struct settings_source source = {.get = get, .ctx = (void *)(uintptr_t)options};
    struct strategy_id id = {"momentum_v1"};
    struct buf problems = BUF_INIT(65536);
    const char *json = options->strategy_json != NULL ? options->strategy_json : "{}";
    desk->settings = calloc(1, sizeof(*desk->settings));
    desk->strategy = calloc(1, sizeof(*desk->strategy));
    desk->reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    enum al_err err = settings_read(&source, 0, desk->settings, &problems);
    if (err == AL_OK)
        err = strategy_config_parse(desk->reader, &id, slice_of(json), desk->settings,
                                    desk->strategy, &problems);
    struct pipeline_options core = {desk->settings, desk->strategy, 1, options->seed};
    if (err == AL_OK)
        err = pipeline_create(&core, &desk->pipeline);
    if (err != AL_OK)
        fprintf(stderr, "desk: %s\n%s", err_text(), buf_str(&problems));
    assert(err == AL_OK);
    buf_deinit(&problems);
}

void desk_start(struct desk_run *desk, const struct desk_options *options)
{
    *desk = (struct desk_run){0};
    struct synthetic_options market;
    struct exchange_options exchange;
    synthetic_options_default(&market);
    exchange_options_default(&exchange);
    if (options->exchange != NULL)
        exchange = *options->exchange;
    desk->wait = options->wait;
    effects_init(&desk->effects);
    map_init(&desk->orders, sizeof(struct order_id), 10000000);
    start_pipeline(desk, options);
    market.seed = exchange.seed = options->seed;
    market.edge = options->edge;
    market.n_assets = desk->strategy->n_assets;
    assert(market.n_assets <= SYNTHETIC_ASSETS_MAX);
    memcpy(market.assets, desk->strategy->assets, market.n_assets * sizeof(market.assets[0]));
    if (options->is_free) {
        market.half_spread_bps = 1e-3;
        exchange.fee_bps = exchange.slippage_bps = 0;
    }
    desk->market_options = market;
    enum al_err err = synthetic_create(&market, &desk->market);
    if (err == AL_OK)
        err = exchange_create(&exchange, &desk->exchange);
    assert(err == AL_OK);
    desk->now_ns = synthetic_now_ns(desk->market);
}

void desk_stop(struct desk_run *desk)
{
    size_t cursor = 0;
    void *state;
    while ((state = map_next(&desk->orders, &cursor, NULL)) != NULL)
        free(state);
    map_deinit(&desk->orders);
    for (size_t i = 0; i < desk->n_signals; i++)
        free(desk->signals[i].body);
    free(desk->signals);
    free(desk->samples);
    free(desk->truths);
    for (size_t i = 0; i < desk->n_letters; i++)
        free(desk->letters[i].body);
    free(desk->letters);
    for (size_t i = 0; i < desk->n_waiting; i++)
        free(desk->waiting[i].body);
    free(desk->waiting);
    free(desk->outcomes);
    free(desk->fills);
    free(desk->scores);
    effects_deinit(&desk->effects);
    pipeline_destroy(desk->pipeline);
    synthetic_destroy(desk->market);
    exchange_destroy(desk->exchange);
    json_reader_destroy(desk->reader);
    free(desk->strategy);
    free(desk->settings);
}

/* ---- effects ---- */

static void *grown(void *items, size_t count, size_t *cap, size_t item_size)
{
    if (count < *cap)
        return items;
    *cap = *cap == 0 ? 256 : 2 * *cap;
    items = realloc(items, *cap * item_size);
    assert(items != NULL);
    return items;
}

static void on_exchange(void *ctx, const struct exchange_message *message);

static void keep_signal(struct desk_run *desk, const struct effect *effect)
{
    desk->signals =
        grown(desk->signals, desk->n_signals, &desk->cap_signals, sizeof(struct desk_signal));
    struct desk_signal *signal = &desk->signals[desk->n_signals++];
    signal->decision = *effect->decision;
    signal->body = strdup(buf_str(&effect->body));
}

static void hand_in(struct desk_run *desk, struct slice body, int64_t ts_ns)
{
    enum al_err err = exchange_signal(desk->exchange, body, ts_ns, on_exchange, desk);
    if (err != AL_OK)
        fprintf(stderr, "desk: exchange: %s\n", err_text());
    assert(err == AL_OK);
}

static void put_aside(struct desk_run *desk, const struct buf *body, int64_t due_ns)
{
    desk->waiting =
        grown(desk->waiting, desk->n_waiting, &desk->cap_waiting, sizeof(struct desk_order));
    desk->waiting[desk->n_waiting++] = (struct desk_order){strdup(buf_str(body)), due_ns};
}

static void hand_in_due(struct desk_run *desk)
{
    size_t n_left = 0;
    for (size_t i = 0; i < desk->n_waiting; i++) {
        struct desk_order order = desk->waiting[i];
        if (order.due_ns > desk->now_ns) {
            desk->waiting[n_left++] = order;
            continue;
        }
        hand_in(desk, slice_of(order.body), order.due_ns);
        free(order.body);
    }
    desk->n_waiting = n_left;
}

static void send(struct desk_run *desk, const struct effect *effect)
{
    bool is_entry = effect->decision->kind == DECISION_ENTRY;
    if (!desk->forgets_signals)
        keep_signal(desk, effect);
    desk->n_exits += !is_entry;
    int64_t wait_ns = is_entry && desk->wait != NULL ? desk->wait(desk, effect->decision) : 0;
    if (wait_ns == 0)
        hand_in(desk, buf_slice(&effect->body), desk->now_ns);
    else if (wait_ns != DESK_NEVER)
        put_aside(desk, &effect->body, desk->now_ns + wait_ns);
}

static size_t asset_index(const struct desk_run *desk, const struct asset *asset)
{
    size_t index = 0;
    while (!asset_eq(&desk->market_options.assets[index], asset))
        index++;
    return index;
}

static void keep_truth(struct desk_run *desk, const struct decision *decision)
{
    if (decision->kind != DECISION_ENTRY || decision->n_features == 0)
        return;
    desk->truths =
        grown(desk->truths, desk->n_truths, &desk->cap_truths, sizeof(struct desk_truth));
    struct desk_truth *truth = &desk->truths[desk->n_truths++];
    truth->decision_id = decision->decision_id;
    synthetic_truth(desk->market, asset_index(desk, &decision->asset), decision->horizon_ns,
                    &truth->truth);
}

static void keep_scores(struct desk_run *desk, const struct shadow_scores *scores)
{
    if (!desk->keeps_scores)
        return;
    desk->scores =
        grown(desk->scores, desk->n_scores, &desk->cap_scores, sizeof(struct shadow_scores));
    desk->scores[desk->n_scores++] = *scores;
}

static void perform(struct desk_run *desk)
{
    struct effect effect;
    while (effects_take(&desk->effects, &effect)) {
        switch (effect.kind) {
        case EFFECT_store_decision:
            keep_truth(desk, effect.decision);
            if (effect.decision->side != SIDE_NONE)
                send(desk, &effect);
            else
                desk->n_abstentions[effect.decision->reason]++;
            break;
        case EFFECT_store_sample:
            desk->samples =
                grown(desk->samples, desk->n_samples, &desk->cap_samples, sizeof(struct sample));
            desk->samples[desk->n_samples++] = *effect.sample;
            break;
        case EFFECT_store_order_outcome:
            desk->outcomes = grown(desk->outcomes, desk->n_outcomes, &desk->cap_outcomes,
                                   sizeof(struct order_outcome));
            desk->outcomes[desk->n_outcomes++] = *effect.order;
            break;
        case EFFECT_store_scores:
            keep_scores(desk, effect.scores);
            break;
        case EFFECT_rollout_step:
            if (desk->on_rollout != NULL)
                desk->on_rollout(desk, effect.rollout);
            break;
        case EFFECT_drop_decision:
            desk->n_drops[effect.drop.reason]++;
            break;
        case EFFECT_start_training:
            desk->n_trainings++;
            if (desk->on_training != NULL)
                desk->on_training(desk, effect.training.trigger);
            break;
        default:
            desk->n_candles += effect.kind == EFFECT_store_candle;
            desk->n_positions += effect.kind == EFFECT_store_position;
            break;
        }
        effect_deinit(&effect);
    }
}

/* ---- what the exchange says ---- */

static struct order_state *state_of(struct desk_run *desk, const struct order_id *id)
{
    struct order_state *state = map_get(&desk->orders, id);
    if (state == NULL) {
        state = calloc(1, sizeof(*state));
        assert(state != NULL);
        state->order_id = *id;
        enum al_err err = map_put(&desk->orders, id, state);
        assert(err == AL_OK);
    }
    return state;
}

static void take_order_event(struct desk_run *desk, const struct exchange_message *message)
{
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc;
    if (!order_event_parse(desk->reader, message->body, slice_of(message->trace_id), message->ts_ns,
                           &event, &doc, &refusal)) {
        fprintf(stderr, "desk: %s %s\n", refusal.field, refusal.detail);
        assert(0 && "the exchange speaks the contract");
    }
    event.is_dry_run = desk->plays_half && (event.signal_id.bytes[15] & 1) != 0;
    struct order_state *state = state_of(desk, &event.order_id);
    struct execution execution;
    bool conflict = false;
    bool executed = order_state_apply(state, &event, &execution, &conflict);
    state->exists = true;
    desk->n_executions += executed;
    if (executed) {
        desk->fills = grown(desk->fills, desk->n_fills, &desk->cap_fills, sizeof(struct execution));
        desk->fills[desk->n_fills++] = execution;
    }
    struct order_fact fact = {&event, state, executed ? &execution : NULL};
    int64_t now_ns = desk->post_every_ns > 0 ? desk->now_ns : message->ts_ns;
    learn_on_order(desk->pipeline, &fact, now_ns, &desk->effects);
    json_put(doc);
}

/* ---- in the post ---- */

static void post_letter(struct desk_run *desk, const struct exchange_message *message)
{
    desk->letters =
        grown(desk->letters, desk->n_letters, &desk->cap_letters, sizeof(struct desk_letter));
    struct desk_letter *letter = &desk->letters[desk->n_letters++];
    *letter = (struct desk_letter){
        .body = malloc(message->body.len), .body_len = message->body.len, .ts_ns = message->ts_ns};
    assert(letter->body != NULL);
    memcpy(letter->body, message->body.ptr, message->body.len);
    snprintf(letter->trace_id, sizeof(letter->trace_id), "%s", message->trace_id);
}

static void mix_letters(struct desk_run *desk)
{
    for (size_t i = desk->n_letters; i > 1; i--) {
        size_t k = (size_t)rng_below(&desk->post_rng, i);
        struct desk_letter kept = desk->letters[i - 1];
        desk->letters[i - 1] = desk->letters[k];
        desk->letters[k] = kept;
    }
}

static void deliver_post(struct desk_run *desk)
{
    if (desk->post_every_ns == 0 || desk->now_ns < desk->next_post_ns)
        return;
    desk->next_post_ns = desk->now_ns + desk->post_every_ns;
    if (desk->post_is_mixed)
        mix_letters(desk);
    for (size_t i = 0; i < desk->n_letters; i++) {
        const struct desk_letter *letter = &desk->letters[i];
        const struct exchange_message message = {.kind = EXCHANGE_ORDER_EVENT,
                                                 .body = {letter->body, letter->body_len},
                                                 .trace_id = letter->trace_id,
                                                 .ts_ns = letter->ts_ns};
        take_order_event(desk, &message);
        if (desk->post_is_mixed && rng_below(&desk->post_rng, 3) == 0)
            take_order_event(desk, &message);
    }
    for (size_t i = 0; i < desk->n_letters; i++)
        free(desk->letters[i].body);
    desk->n_letters = 0;
}

static void on_exchange(void *ctx, const struct exchange_message *message)
{
    struct desk_run *desk = ctx;
    if (desk->hold_fills)
        return;
    if (message->kind == EXCHANGE_ORDER_EVENT) {
        if (desk->post_every_ns > 0)
            post_letter(desk, message);
        else
            take_order_event(desk, message);
        return;
    }
    struct position_update update;
    struct order_event_refusal refusal;
    bool ok = position_update_parse(desk->reader, message->body, slice_of(message->trace_id),
                                    message->ts_ns, &update, &refusal);
    assert(ok);
    protect_on_position(desk->pipeline, &update, message->ts_ns, &desk->effects);
}

/* ---- playing ---- */

static void on_market(void *ctx, const struct market_event *event)
{
    struct desk_run *desk = ctx;
    desk->now_ns = event->ts_event_ns > desk->now_ns ? event->ts_event_ns : desk->now_ns;
    exchange_market(desk->exchange, event);
    act_on_market(desk->pipeline, event, desk->now_ns, &desk->effects);
    perform(desk);
}

void desk_play(struct desk_run *desk, int64_t duration_ns)
{
    int64_t end_ns = synthetic_now_ns(desk->market) + duration_ns, tick_ns = 0;
    while (synthetic_now_ns(desk->market) < end_ns) {
        synthetic_step(desk->market, on_market, desk);
        desk->now_ns = synthetic_now_ns(desk->market);
        hand_in_due(desk);
        (void)exchange_run(desk->exchange, desk->now_ns, on_exchange, desk);
        deliver_post(desk);
        perform(desk);
        if (desk->now_ns >= tick_ns)
            tick_ns = pipeline_tick(desk->pipeline, desk->now_ns, &desk->effects);
        perform(desk);
    }
}
