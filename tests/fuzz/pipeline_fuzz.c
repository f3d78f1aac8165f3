/* Any sequence of messages, answers and clock readings: the whole core goes on, and what it wants kept is sound.
 *
 * The bytes are a script. Every message goes through the worker's own readers, so only what they let in gets to the core:
 * prices that leap, fills that are older than their decision, totals that shrink, clocks that jump either way. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/pipeline/pipeline.h"
#include "fuzz/source.h"
#include "harness/model_folder.h"

#define START_NS   (INT64_C(1700000000) * NS_PER_S)
#define SIGNALS    8   /* the newest ones, which orders are for */
#define ORDERS     64  /* then the oldest is forgotten */
#define STEPS_MAX  100 /* of one script */
#define WALK_S_MAX 900 /* all together */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static struct world {
    struct settings *settings;
    struct strategy_config *strategy;
    struct json_reader *reader;
    struct model_folder folder; /* of a model that knows nothing of this market, but is one */
    struct pipeline *pipeline;
    struct effects effects;
    int64_t now_ns;
    double price;
    struct decision signals[SIGNALS];
    struct order_state orders[ORDERS];
    size_t n_signals, n_orders, n_events;
    int n_seconds; /* walked */
    unsigned n_versions, n_moves;
} world;

static const char strategy_json[] =
    "{\"horizon_seconds\":60,\"timeframe_seconds\":60,\"features\":[\"return_1\",\"return_5\","
    "\"return_10\",\"rsi_14\",\"spread_bps\"],"
    "\"decision\":{\"trigger\":\"interval\",\"interval_seconds\":1},"
    "\"limits\":{\"rate\":100000,\"burst\":1000,\"cooldown_seconds\":0,\"skip_on_open_order\":"
    "false},"
    "\"freshness_seconds\":{\"ticker\":600,\"book\":600,\"trades\":600,\"candle\":600},"
    "\"training\":{\"new_samples\":5},\"epsilon\":0.2,\"uncertainty\":{\"abstain_when_novel\":"
    "false},"
    "\"rollout\":{\"policy\":\"staged\"}}";

static const double factors[] = {1,    1.0001, 0.9999, 1.01, 0.99, 2,    0.5,  1e3,
                                 1e-3, 1e6,    1e-6,   1e9,  1e-9, 1.25, 0.75, 1};
static const double shares[] = {0, 1, 0.1, 0.5, 0.999999, 1.000001, 2, 1e6};
static const double lapses_s[] = {0,  0.001, 0.5, 1,   5,    30,   61,    299,
                                  -1, -5,    -61, 600, 7200, -600, -7200, 86400};

#define PICK(table, script) ((table)[any_byte(script) % (sizeof(table) / sizeof(*(table)))])

/* ---- models ---- */

/* The model under the name of a new version, or of a given one. */
static struct scorer *scorer_of(const char *version)
{
    struct scorer *scorer;
    struct manifest *manifest = world.folder.manifest;
    snprintf(manifest->version.text, sizeof manifest->version.text, "%s", version);
    manifest->trained_at_ns = manifest->data.to_ns = manifest->data.cut_ns = world.now_ns;
    model_folder_write_manifest(&world.folder);
    struct model_files files = model_folder_files(&world.folder);
    enum al_err err = scorer_create(&files, &manifest->schema_hash, &scorer);
    assert(err == AL_OK);
    return scorer;
}

static void model(struct source *script)
{
    const struct strategy_id *id = &world.strategy->strategy_id;
    struct rollout_start start = {ROLLOUT_shadow, 1, world.now_ns, 0};
    struct model_version_id ousted;
    char version[16];
    uint8_t what = any_byte(script) % 8;
    snprintf(version, sizeof version, "v%u", ++world.n_versions);
    if (what == 0)
        learn_activate(world.pipeline, id, NULL, world.now_ns);
    else if (what < 3)
        learn_activate(world.pipeline, id, scorer_of(version), world.now_ns);
    else if (what < 6)
        (void)learn_shadow(world.pipeline, id, scorer_of(version), &start, &ousted);
    else if (what == 6)
        learn_drifting(world.pipeline, id);
    else
        learn_watch(world.pipeline, id);
}

/* A move is done, or could not be. */
static void on_rollout(const struct rollout_step *move, bool done)
{
    if (done && move->to == ROLLOUT_active)
        learn_promote(world.pipeline, &move->strategy_id, scorer_of(move->version.text),
                      world.now_ns);
    else if (done && !rollout_is_shadow(move->from))
        learn_activate(world.pipeline, &move->strategy_id,
                       move->target.text[0] == '\0' ? NULL : scorer_of(move->target.text),
                       world.now_ns);
    learn_rollout_done(world.pipeline, move, done, world.now_ns);
}

/* ---- what the core wants ---- */

static void check_sample(const struct sample *sample)
{
    assert(sample->t0_ns <= sample->t1_ns && sample->t1_ns <= sample->available_at_ns);
    assert(isfinite(sample->gross_return) && isfinite(sample->cost_return) &&
           isfinite(sample->net_return));
    assert(sample->fill_fraction >= 0 && sample->fill_fraction <= 1);
    assert(sample->propensity > 0 && sample->propensity <= 1);
}

static void check_order(const struct order_outcome *order)
{
    assert(order->quantity >= 0 && isfinite(order->quantity));
    assert(order->quantity == 0 || (order->price > 0 && isfinite(order->price)));
    assert(order->first_fill_ns <= order->last_fill_ns);
}

static void see(const struct effect *effect)
{
    if (effect->kind == EFFECT_store_sample)
        check_sample(effect->sample);
    else if (effect->kind == EFFECT_store_order_outcome)
        check_order(effect->order);
    else if (effect->kind == EFFECT_rollout_step)
        on_rollout(effect->rollout, ++world.n_moves % 4 != 3);
    else if (effect->kind == EFFECT_store_decision && effect->decision->side != SIDE_NONE) {
        assert(effect->body.len > 0 && buf_ok(&effect->body));
        world.signals[world.n_signals++ % SIGNALS] = *effect->decision;
    }
}

static void drain(void)
{
    struct effect effect;
    while (effects_take(&world.effects, &effect)) {
        see(&effect);
        effect_deinit(&effect);
    }
}

static void tick(void)
{
    pipeline_tick(world.pipeline, world.now_ns, &world.effects);
    drain();
}

/* ---- messages ---- */

static const char *asset_name(uint8_t byte)
{
    return byte % 4 == 3 ? "ETHUSDT" : "BTCUSDT";
}

static void on_market(enum market_kind kind, const char *text)
{
    static struct market_event event;
    struct order_event_refusal refusal;
    if (market_event_parse(world.reader, kind, slice_of(text), world.now_ns, &event, &refusal))
        act_on_market(world.pipeline, &event, world.now_ns, &world.effects);
    drain();
}

static void on_quote(const char *asset, double bid, double ask, double lapse_s)
{
    char text[512];
    long long ts_ms = (long long)((world.now_ns + (int64_t)(lapse_s * 1e9)) / NS_PER_MS);
    snprintf(text, sizeof text,
             "{\"topic\":\"tickers.%s\",\"timestamp\":%lld,\"payload\":{\"lastPrice\":\"%.10g\","
             "\"bid1Price\":\"%.10g\",\"ask1Price\":\"%.10g\",\"volume24h\":\"1000\"}}",
             asset, ts_ms, bid, bid, ask);
    on_market(MARKET_TICKER, text);
    snprintf(text, sizeof text,
             "{\"topic\":\"orderbook.1.%s\",\"ts\":%lld,\"type\":\"snapshot\",\"data\":{\"b\":[["
             "\"%.10g\",\"2\"]],\"a\":[[\"%.10g\",\"1\"]]}}",
             asset, ts_ms, bid, ask);
    on_market(MARKET_BOOK, text);
}

static void on_trade(const char *asset, double price, double quantity, double lapse_s)
{
    char text[512];
    long long ts_ms = (long long)((world.now_ns + (int64_t)(lapse_s * 1e9)) / NS_PER_MS);
    snprintf(text, sizeof text,
             "{\"topic\":\"publicTrade.%s\",\"data\":[{\"T\":%lld,\"p\":\"%.10g\",\"v\":\"%.10g\","
             "\"S\":\"Buy\"}]}",
             asset, ts_ms, price, quantity);
    on_market(MARKET_TRADES, text);
}

/* Seconds of an ordinary market with a drift. */
static void walk(struct source *script)
{
    int n_seconds = any_byte(script) % 64 + 1;
    double drift = (any_byte(script) - 128) / 1e5;
    for (int i = 0; i < n_seconds && world.n_seconds++ < WALK_S_MAX; i++) {
        world.now_ns += NS_PER_S;
        world.price *= 1 + drift + 2e-4 * sin(i);
        on_quote("BTCUSDT", world.price * (1 - 1e-4), world.price * (1 + 1e-4), 0);
        on_trade("BTCUSDT", world.price, 0.5, 0);
        tick();
    }
}

static void odd_market(struct source *script)
{
    const char *asset = asset_name(any_byte(script));
    double price = world.price * PICK(factors, script), lapse_s = PICK(lapses_s, script);
    uint8_t what = any_byte(script);
    if (what % 2 == 0)
        on_trade(asset, price, PICK(shares, script), lapse_s);
    else
        on_quote(asset, price, price * PICK(factors, script), lapse_s);
    if (what % 8 == 7)
        world.price = fmin(fmax(price, 1e-6), 1e9);
}

static struct order_state *order_of(const struct order_id *id)
{
    for (size_t i = 0; i < ORDERS && i < world.n_orders; i++) {
        if (strcmp(world.orders[i].order_id.text, id->text) == 0)
            return &world.orders[i];
    }
    struct order_state *order = &world.orders[world.n_orders++ % ORDERS];
    *order = (struct order_state){.exists = false};
    return order;
}

static void on_order(const char *text)
{
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc;
    struct execution execution;
    bool conflict;
    if (!order_event_parse(world.reader, slice_of(text), SLICE(""), world.now_ns, &event, &doc,
                           &refusal))
        return;
    struct order_state *state = order_of(&event.order_id);
    bool added = order_state_apply(state, &event, &execution, &conflict);
    struct order_fact fact = {&event, state, added ? &execution : NULL};
    learn_on_order(world.pipeline, &fact, world.now_ns, &world.effects);
    drain();
    json_put(doc);
}

static void order(struct source *script)
{
    static const char *const types[] = {"created", "filled",    "partially_filled", "filled",
                                        "filled",  "cancelled", "rejected",         "failed"};
    const char *type = PICK(types, script);
    if (world.n_signals == 0)
        return;
    size_t kept = world.n_signals < SIGNALS ? world.n_signals : SIGNALS;
    const struct decision *signal = &world.signals[any_byte(script) % kept];
    double price = signal->snapshot.mid * PICK(factors, script);
    double quantity =
        decimal_to_double(signal->amount) / signal->snapshot.mid * PICK(shares, script);
    double fees = quantity * price * (PICK(shares, script) - 0.001) * 0.01;
    char text[1024], signal_id[UUID_TEXT_MAX], done_at[TIMESTAMP_TEXT_MAX];
    uuid_format(signal->decision_id, signal_id);
    timestamp_format(world.now_ns + (int64_t)(PICK(lapses_s, script) * 1e9), done_at);
    snprintf(text, sizeof text,
             "{\"event_id\":\"00000000-0000-4000-8000-%012zx\",\"event_type\":\"%s\","
             "\"timestamp\":\"%s\",\"order\":{\"order_id\":\"%s-%d\",\"signal_id\":\"%s\","
             "\"asset\":\"%s\",\"side\":\"%s\",\"filled_quantity\":\"%.10f\",\"average_price\":"
             "\"%.10f\",\"fees\":\"%.8f\",\"executed_at\":\"%s\"}}",
             ++world.n_events, type, done_at, signal_id, any_byte(script) % 2, signal_id,
             signal->asset.text, side_name(signal->side), quantity, quantity > 0 ? price : 0, fees,
             done_at);
    on_order(text);
}

static void position(struct source *script)
{
    struct position_update update;
    struct order_event_refusal refusal;
    char text[512], at[TIMESTAMP_TEXT_MAX];
    const char *asset = asset_name(any_byte(script));
    double size = PICK(shares, script) * (any_byte(script) % 2 == 0 ? 1 : -1);
    double entry = world.price * PICK(factors, script);
    timestamp_format(world.now_ns + (int64_t)(PICK(lapses_s, script) * 1e9), at);
    snprintf(text, sizeof text,
             "{\"asset\":\"%s\",\"size\":\"%.8f\",\"average_entry_price\":\"%.10f\","
             "\"current_price\":\"%.10f\",\"timestamp\":\"%s\"}",
             asset, size, entry, world.price, at);
    if (position_update_parse(world.reader, slice_of(text), SLICE(""), world.now_ns, &update,
                              &refusal))
        protect_on_position(world.pipeline, &update, world.now_ns, &world.effects);
    drain();
}

static void neighbours(struct source *script)
{
    struct known_balance balance = {{"USDT"}, 100 * PICK(shares, script)};
    struct known_position known = {{"BTCUSDT"}, PICK(shares, script)};
    struct neighbours neighbours = {
        .balances = &balance,
        .positions = &known,
        .n_balances = any_byte(script) % 2,
        .n_positions = any_byte(script) % 2,
        .positions_known = any_byte(script) % 2,
    };
    pipeline_on_neighbours(world.pipeline, &neighbours);
}

static void training(struct source *script)
{
    const struct strategy_id *id = &world.strategy->strategy_id;
    learn_on_training_start(world.pipeline, id, world.now_ns);
    learn_on_training_end(world.pipeline, id, any_byte(script) % 2, any_byte(script), world.now_ns);
}

static void step(struct source *script)
{
    uint8_t what = any_byte(script) % 17;
    if (what < 5)
        walk(script);
    else if (what < 7)
        odd_market(script);
    else if (what < 11)
        order(script);
    else if (what == 11)
        position(script);
    else if (what == 12)
        act_pause(world.pipeline, any_byte(script) % 2);
    else if (what == 13)
        neighbours(script);
    else if (what == 14)
        training(script);
    else if (what == 15)
        model(script);
    else
        world.now_ns += (int64_t)(PICK(lapses_s, script) * 1e9);
    tick();
}

/* ---- the world ---- */

static const char *env_get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "fuzz";
    return strcmp(name, "TRADING_ASSETS") == 0 ? "BTCUSDT,ETHUSDT" : NULL;
}

/* Once: settings and strategy, which the core only reads. */
static void prepare(void)
{
    struct strategy_id id;
    struct settings_source source = {.get = env_get};
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    world.reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    world.settings = calloc(1, sizeof *world.settings);
    world.strategy = calloc(1, sizeof *world.strategy);
    bool ready = strategy_id_parse(SLICE("fuzz"), &id) &&
                 settings_read(&source, 0, world.settings, &problems) == AL_OK &&
                 strategy_config_parse(world.reader, &id, slice_of(strategy_json), world.settings,
                                       world.strategy, &problems) == AL_OK;
    if (!ready)
        fprintf(stderr, "%s\n", buf_str(&problems));
    assert(ready);
    model_folder_init_wide(&world.folder, "xgboost", world.strategy->n_features);
    buf_deinit(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct source script = {bytes, n_bytes};
    if (world.reader == NULL)
        prepare();
    struct pipeline_options options = {world.settings, world.strategy, 1, 1};
    if (pipeline_create(&options, &world.pipeline) != AL_OK)
        return 1;
    effects_init(&world.effects);
    world.now_ns = START_NS;
    world.price = 100;
    world.n_signals = world.n_orders = world.n_events = 0;
    world.n_seconds = 0;
    world.n_versions = world.n_moves = 0;
    for (int i = 0; i < STEPS_MAX && script.n_left > 0; i++)
        step(&script);
    pipeline_destroy(world.pipeline);
    effects_deinit(&world.effects);
    return 0;
}
