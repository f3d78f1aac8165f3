/* Runs every script of this folder: see README. */
#include <ctype.h>
#include <glob.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/pipeline/pipeline.h"
#include "alphaloop/feature/feature_set.h"
#include "harness/check.h"
#include "harness/model_folder.h"

#define START_NS   (1769853600LL * NS_PER_S) /* 2026-01-31T10:00:00Z */
#define TICK_NS    (100 * NS_PER_MS)         /* while nothing arrives */
#define KEPT_MAX   200000
#define ORDERS_MAX 4096
#define WALKS_MAX  8
#define STRATEGIES 4
#define MODELS_MAX 8

enum seen_kind {
    SEEN_SIGNAL,
    SEEN_ABSTAIN,
    SEEN_SAMPLE,
    SEEN_DROP,
    SEEN_TRAINING,
    SEEN_ROLLOUT,
    SEEN_COUNT
};
static const char *const seen_names[SEEN_COUNT] = {"signal", "abstain",  "sample",
                                                   "drop",   "training", "rollout"};

struct seen {
    enum seen_kind kind;
    char *text; /* signal and sample: JSON; rollout: VERSION FROM TO; else the reason or trigger */
};

struct walk {
    struct asset asset;
    double price;
    int64_t n_seconds;
};

static struct world {
    char where[256]; /* file and line, for failures */
    int64_t now_ns;
    struct json_reader *reader;
    struct settings *settings;
    struct strategy_config *strategies;
    size_t n_strategies;
    char env[64][2][128];
    size_t n_env;
    uint64_t seed;
    struct pipeline *pipeline;
    struct effects effects;
    struct seen *seen;
    size_t n_seen, next[SEEN_COUNT];
    struct order_state orders[ORDERS_MAX];
    size_t n_orders, n_events;
    struct walk walks[WALKS_MAX];
    struct neighbours neighbours;
    struct known_balance balances[8];
    struct known_order known_orders[8];
    struct known_position positions[8];
    char *last_signal;           /* its JSON */
    bool fills_all, is_answered; /* every signal's order fills at once; the last one's has */
    struct model_folder folder;
    struct {
        char version[16];
        double value; /* that it sees in any action */
    } models[MODELS_MAX];
    size_t n_models;
} world;

#define fail_here(...)                                                                             \
    do {                                                                                           \
        print_error("%s: ", world.where);                                                          \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        fail();                                                                                    \
    } while (0)

/* ---- building and taking down ---- */

static const char *env_get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "scenario";
    for (size_t i = 0; i < world.n_env; i++) {
        if (strcmp(world.env[i][0], name) == 0)
            return world.env[i][1];
    }
    return NULL;
}

static void read_settings(void)
{
    struct settings_source source = {.get = env_get};
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (settings_read(&source, 0, world.settings, &problems) != AL_OK)
        fail_here("settings: %s", buf_str(&problems));
    buf_deinit(&problems);
}

static void add_strategy(const char *id, const char *json)
{
    struct strategy_id strategy_id;
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    assert_true(strategy_id_parse(slice_of(id), &strategy_id));
    if (world.n_strategies == STRATEGIES)
        fail_here("more than %d strategies", STRATEGIES);
    read_settings();
    if (strategy_config_parse(world.reader, &strategy_id, slice_of(json), world.settings,
                              &world.strategies[world.n_strategies++], &problems) != AL_OK)
        fail_here("strategy: %s", buf_str(&problems));
    buf_deinit(&problems);
}

static struct pipeline *pipeline(void)
{
    if (world.pipeline != NULL)
        return world.pipeline;
    read_settings();
    if (world.n_strategies == 0)
        add_strategy("momentum_v1", "{}");
    struct pipeline_options options = {world.settings, world.strategies, world.n_strategies,
                                       world.seed};
    if (pipeline_create(&options, &world.pipeline) != AL_OK)
        fail_here("pipeline: %s", err_text());
    return world.pipeline;
}

static void world_begin(void)
{
    memset(&world, 0, sizeof world);
    world.now_ns = START_NS;
    world.seed = 1;
    world.reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    world.settings = calloc(1, sizeof *world.settings);
    world.strategies = calloc(STRATEGIES, sizeof *world.strategies);
    world.seen = calloc(KEPT_MAX, sizeof *world.seen);
    effects_init(&world.effects);
}

static void world_end(void)
{
    if (world.pipeline != NULL)
        pipeline_destroy(world.pipeline);
    effects_deinit(&world.effects);
    for (size_t i = 0; i < world.n_seen; i++)
        free(world.seen[i].text);
    free(world.seen);
    free(world.strategies);
    free(world.settings);
    free(world.last_signal);
    json_reader_destroy(world.reader);
    if (world.n_models > 0)
        model_folder_deinit(&world.folder);
}

/* ---- models ---- */

/* To one that sees value in both actions buying wins the tie. */
static struct scorer *model(const char *version)
{
    struct manifest *manifest = world.folder.manifest;
    const struct sha256 *hash = pipeline_schema_hash(pipeline(), &world.strategies[0].strategy_id);
    struct scorer *scorer = NULL;
    size_t i = 0;
    while (i < world.n_models && strcmp(world.models[i].version, version) != 0)
        i++;
    if (i == world.n_models)
        fail_here("no model is called %s", version);
    (void)chars_set(manifest->version.text, sizeof(manifest->version.text), version);
    manifest->schema_hash = *hash;
    manifest->data.cut_ns = world.now_ns;
    manifest->calibration.value =
        (struct value_line){.alpha = world.models[i].value, .z = 1, .q_max = 1};
    model_folder_write_manifest(&world.folder);
    const struct model_files files = model_folder_files(&world.folder);
    if (scorer_create(&files, hash, &scorer) != AL_OK)
        fail_here("model %s: %s", version, err_text());
    return scorer;
}

/* What the app does, but for its rows: the step is done at once. */
static void do_step(const struct rollout_step *step)
{
    const struct strategy_id *id = &step->strategy_id;
    const char *target = step->target.text;
    if (step->to == ROLLOUT_active) {
        learn_promote(pipeline(), id, model(step->version.text), world.now_ns);
    } else if (step->from == ROLLOUT_active) {
        learn_activate(pipeline(), id, target[0] == '\0' ? NULL : model(target), world.now_ns);
        learn_watch(pipeline(), id);
    }
    learn_rollout_done(pipeline(), step, true, world.now_ns);
}

/* ---- effects ---- */

static void see(enum seen_kind kind, const char *text)
{
    if (world.n_seen == KEPT_MAX)
        fail_here("more than %d effects", KEPT_MAX);
    world.seen[world.n_seen++] = (struct seen){kind, strdup(text)};
}

static void see_decision(const struct effect *effect)
{
    if (effect->decision->side == SIDE_NONE) {
        see(SEEN_ABSTAIN, reason_name(effect->decision->reason));
        return;
    }
    assert_true(buf_ok(&effect->body));
    see(SEEN_SIGNAL, buf_str(&effect->body));
    free(world.last_signal);
    world.last_signal = strdup(buf_str(&effect->body));
    world.is_answered = false;
}

static void see_sample(const struct sample *sample)
{
    static const char *const barriers[] = {"", "upper", "lower", "vertical"};
    char text[512];
    snprintf(
        text, sizeof text,
        "{\"action\":\"%s\",\"evidence\":\"%s\",\"barrier\":\"%s\",\"fraction\":%.9g,\"net\":%.9g,"
        "\"gross\":%.9g,"
        "\"cost\":%.9g,\"propensity\":%.9g,\"took\":%s,\"span_s\":%.9g,\"known_s\":%.9g}",
        side_name(sample->action), sample->evidence == EVIDENCE_OWN_FILL ? "own_fill" : "market",
        barriers[sample->barrier], sample->fill_fraction, sample->net_return, sample->gross_return,
        sample->cost_return, sample->propensity, sample->policy_took ? "true" : "false",
        (double)(sample->t1_ns - sample->t0_ns) / 1e9,
        (double)(sample->available_at_ns - sample->t0_ns) / 1e9);
    see(SEEN_SAMPLE, text);
}

static void see_step(const struct rollout_step *step)
{
    char text[128];
    snprintf(text, sizeof text, "%s %s %s", step->version.text, rollout_stage_name(step->from),
             rollout_stage_name(step->to));
    see(SEEN_ROLLOUT, text);
    do_step(step);
}

static void drain(void)
{
    struct effect effect;
    while (effects_take(&world.effects, &effect)) {
        if (effect.kind == EFFECT_store_decision)
            see_decision(&effect);
        else if (effect.kind == EFFECT_store_sample)
            see_sample(effect.sample);
        else if (effect.kind == EFFECT_drop_decision)
            see(SEEN_DROP, reason_name(effect.drop.reason));
        else if (effect.kind == EFFECT_start_training)
            see(SEEN_TRAINING, effect.training.trigger);
        else if (effect.kind == EFFECT_rollout_step)
            see_step(effect.rollout);
        effect_deinit(&effect);
    }
}

/* ---- messages ---- */

/* Copies `text` with each NOW replaced by the clock and each LAST by the newest signal's id. */
static void substitute(const char *text, bool now_in_ms, struct buf *out)
{
    char now[TIMESTAMP_TEXT_MAX], last[UUID_TEXT_MAX] = "";
    if (now_in_ms)
        snprintf(now, sizeof now, "%lld", (long long)(world.now_ns / NS_PER_MS));
    else
        timestamp_format(world.now_ns, now);
    if (world.last_signal != NULL)
        sscanf(world.last_signal, "{\"signal_id\":\"%36s", last);
    while (*text != '\0') {
        if (strncmp(text, "NOW", 3) == 0) {
            buf_puts(out, now);
            text += 3;
        } else if (strncmp(text, "LAST", 4) == 0) {
            buf_puts(out, last);
            text += 4;
        } else {
            buf_putc(out, *text++);
        }
    }
}

static void send_market(enum market_kind kind, const char *text)
{
    static struct market_event event;
    struct order_event_refusal refusal;
    struct buf body = BUF_INIT(JSON_BYTES_MAX);
    substitute(text, true, &body);
    if (!market_event_parse(world.reader, kind, buf_slice(&body), world.now_ns, &event, &refusal))
        fail_here("market message refused: %s: %s", refusal.field, refusal.detail);
    act_on_market(pipeline(), &event, world.now_ns, &world.effects);
    drain();
    buf_deinit(&body);
}

static void send_position(const char *text)
{
    struct position_update update;
    struct order_event_refusal refusal;
    struct buf body = BUF_INIT(JSON_BYTES_MAX);
    substitute(text, false, &body);
    if (!position_update_parse(world.reader, buf_slice(&body), SLICE(""), world.now_ns, &update,
                               &refusal))
        fail_here("position refused: %s: %s", refusal.field, refusal.detail);
    protect_on_position(pipeline(), &update, world.now_ns, &world.effects);
    drain();
    buf_deinit(&body);
}

static struct order_state *state_of(const struct order_id *id)
{
    for (size_t i = 0; i < world.n_orders; i++) {
        if (strcmp(world.orders[i].order_id.text, id->text) == 0)
            return &world.orders[i];
    }
    if (world.n_orders == ORDERS_MAX)
        fail_here("more than %d orders", ORDERS_MAX);
    return &world.orders[world.n_orders++];
}

static void send_order(const char *text)
{
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc;
    struct execution execution;
    bool conflict;
    struct buf body = BUF_INIT(JSON_BYTES_MAX);
    substitute(text, false, &body);
    if (!order_event_parse(world.reader, buf_slice(&body), SLICE(""), world.now_ns, &event, &doc,
                           &refusal))
        fail_here("order event refused: %s: %s", refusal.field, refusal.detail);
    struct order_state *state = state_of(&event.order_id);
    bool added = order_state_apply(state, &event, &execution, &conflict);
    struct order_fact fact = {&event, state, added ? &execution : NULL};
    learn_on_order(pipeline(), &fact, world.now_ns, &world.effects);
    drain();
    json_put(doc);
    buf_deinit(&body);
}

/* ---- time ---- */

static void tick(void)
{
    pipeline_tick(pipeline(), world.now_ns, &world.effects);
    drain();
}

static void pass(double seconds)
{
    int64_t end_ns = world.now_ns + (int64_t)(seconds * 1e9);
    while (world.now_ns < end_ns) {
        world.now_ns = end_ns - world.now_ns > TICK_NS ? world.now_ns + TICK_NS : end_ns;
        tick();
    }
}

/* ---- statements ---- */

/* The value of "key=" among blank-separated words; `fallback` when it is not there. */
static double option(const char *words, const char *key, double fallback)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, " %s=", key);
    const char *found = strstr(words, wanted);
    return found == NULL ? fallback : strtod(found + strlen(wanted), NULL);
}

static struct walk *walk_of(const struct asset *asset, double from)
{
    for (size_t i = 0; i < WALKS_MAX; i++) {
        struct walk *walk = &world.walks[i];
        if (walk->asset.text[0] == '\0') {
            *walk = (struct walk){*asset, 100, 0};
        }
        if (!asset_eq(&walk->asset, asset))
            continue;
        if (!isnan(from))
            walk->price = from;
        return walk;
    }
    fail_here("more than %d assets walk", WALKS_MAX);
    return NULL;
}

static void walk_second(struct walk *walk, double mid, const char *words)
{
    char body[1024];
    double half = mid * option(words, "spread_bps", 1) / 2e4;
    if (option(words, "book", 1) != 0) {
        snprintf(body, sizeof body,
                 "{\"topic\":\"orderbook.1.%s\",\"ts\":NOW,\"type\":\"snapshot\",\"data\":{\"b\":[["
                 "\"%.10g\",\"3\"]],\"a\":[[\"%.10g\","
                 "\"2\"]]}}",
                 walk->asset.text, mid - half, mid + half);
        send_market(MARKET_BOOK, body);
    }
    snprintf(body, sizeof body,
             "{\"topic\":\"publicTrade.%s\",\"data\":[{\"T\":NOW,\"p\":\"%.10g\",\"v\":\"0.5\","
             "\"S\":\"%s\"}]}",
             walk->asset.text, mid, walk->n_seconds % 3 == 0 ? "Sell" : "Buy");
    send_market(MARKET_TRADES, body);
    snprintf(body, sizeof body,
             "{\"topic\":\"tickers.%s\",\"timestamp\":NOW,\"payload\":{\"lastPrice\":\"%.10g\","
             "\"volume24h\":\"%.10g\",\"bid1Price\":"
             "\"%.10g\",\"ask1Price\":\"%.10g\"}}",
             walk->asset.text, mid, option(words, "volume_24h", 5000), mid - half, mid + half);
    send_market(MARKET_TICKER, body);
}

static void do_order(const char *type, const char *words, double fraction);

static void do_walk(const char *words)
{
    char text[32];
    struct asset asset;
    double seconds;
    if (sscanf(words, "%31s %lf", text, &seconds) != 2 || !asset_parse(slice_of(text), &asset))
        fail_here("walk ASSET SECONDS");
    struct walk *walk = walk_of(&asset, option(words, "from", NAN));
    for (int i = 0; i < (int)seconds; i++) {
        world.now_ns += NS_PER_S;
        walk->n_seconds++;
        walk->price *= 1 + option(words, "bps", 0) / 1e4 / 60;
        double angle = (double)walk->n_seconds;
        double wobble = 0.6 * sin(angle / 3.1) + 0.4 * sin(angle / 47.0);
        walk_second(walk, walk->price * (1 + wobble * option(words, "wobble_bps", 5) / 1e4), words);
        tick();
        if (world.fills_all && !world.is_answered)
            do_order("filled", "", 1);
    }
}

static const char *last_text(struct json_object *signal, const char *key)
{
    struct json_object *node = NULL;
    json_object_object_get_ex(signal, key, &node);
    return json_object_get_string(node);
}

static double last_price(struct json_object *signal)
{
    struct json_object *snapshot = NULL, *price = NULL;
    json_object_object_get_ex(signal, "market_data_snapshot", &snapshot);
    json_object_object_get_ex(snapshot, "price", &price);
    return json_object_get_double(price);
}

/* One event of the order behind the newest signal, done `ago_s` seconds ago. */
static void send_order_event(
    const char *type, double quantity, double price, double fee, double ago_s)
{
    char body[2048], done_at[TIMESTAMP_TEXT_MAX];
    timestamp_format(world.now_ns - (int64_t)(ago_s * 1e9), done_at);
    struct json_object *signal = json_tokener_parse(world.last_signal);
    snprintf(body, sizeof body,
             "{\"event_id\":\"00000000-0000-4000-8000-%012zx\",\"event_type\":\"%s\",\"timestamp\":"
             "\"NOW\",\"order\":{\"order_id\":"
             "\"ord-LAST\",\"signal_id\":\"LAST\",\"asset\":\"%s\",\"side\":\"%s\",\"filled_"
             "quantity\":\"%.8f\",\"average_price\":\"%.8f\","
             "\"fees\":\"%.8f\",\"executed_at\":\"%s\"}}",
             ++world.n_events, type, last_text(signal, "asset"), last_text(signal, "signal_type"),
             quantity, price, fee, done_at);
    json_object_put(signal);
    send_order(body);
}

static void do_order(const char *type, const char *words, double fraction)
{
    if (world.last_signal == NULL)
        fail_here("no signal yet");
    struct json_object *signal = json_tokener_parse(world.last_signal);
    double mid = last_price(signal);
    double amount = strtod(last_text(signal, "amount"), NULL);
    double price = option(words, "price", mid);
    json_object_put(signal);
    send_order_event("created", 0, 0, 0, 0);
    send_order_event(type, fraction * amount / price, fraction > 0 ? price : 0,
                     option(words, "fee", 0), option(words, "ago", 0));
    world.is_answered = true;
}

/* ---- expectations ---- */

/* The member a dotted path names; NULL when there is none. */
static struct json_object *member_at(struct json_object *node, const char *path)
{
    char copy[128], *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strsep(&rest, "."); part != NULL && node != NULL; part = strsep(&rest, ".")) {
        struct json_object *inner = NULL;
        json_object_object_get_ex(node, part, &inner);
        node = inner;
    }
    return node;
}

static bool holds(struct json_object *node, const char *word)
{
    size_t length = strcspn(word, "=<>");
    char path[128];
    const char *value = word + length + 1;
    if (word[length] == '\0' || length >= sizeof path)
        fail_here("expected key=value, key<value or key>value: %s", word);
    memcpy(path, word, length);
    path[length] = '\0';
    struct json_object *member = member_at(node, path);
    const char *actual = member == NULL ? "null" : json_object_get_string(member);
    if (word[length] == '=')
        return strcmp(actual, value) == 0;
    double number = strtod(actual, NULL), bound = strtod(value, NULL);
    return word[length] == '<' ? number < bound : number > bound;
}

/* One of the things seen against the words of an expectation. */
static void check_seen(const struct seen *seen, const char *words)
{
    char copy[1024], *rest = copy;
    snprintf(copy, sizeof copy, "%s", words);
    struct json_object *node = json_tokener_parse(seen->text);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (word[0] != '\0' && !holds(node, word))
            fail_here("expected %s in %s", word, seen->text);
    }
    json_object_put(node);
}

static struct seen *next_seen(enum seen_kind kind)
{
    for (size_t i = world.next[kind]; i < world.n_seen; i++) {
        world.next[kind] = i + 1;
        if (world.seen[i].kind == kind)
            return &world.seen[i];
    }
    return NULL;
}

static enum seen_kind seen_kind_of(const char *name)
{
    for (int i = 0; i < SEEN_COUNT; i++) {
        if (strcmp(name, seen_names[i]) == 0)
            return (enum seen_kind)i;
    }
    fail_here("nothing is called %s", name);
    return SEEN_COUNT;
}

static void expect_none(const char *name)
{
    const struct seen *seen = next_seen(seen_kind_of(name));
    if (seen != NULL)
        fail_here("expected no %s, saw %s", name, seen->text);
}

/* "signal LOW HIGH": so many since the last one that was expected. */
static void expect_count(char *words)
{
    enum seen_kind kind = seen_kind_of(strsep(&words, " "));
    long low = 0, high = 0, n = 0;
    if (words == NULL || sscanf(words, "%ld %ld", &low, &high) != 2)
        fail_here("expected two counts");
    while (next_seen(kind) != NULL)
        n++;
    if (n < low || n > high)
        fail_here("expected %ld to %ld, saw %ld", low, high, n);
}

static void do_expect(char *words)
{
    char nothing[] = "", *rest = words;
    const char *name = strsep(&rest, " ");
    struct seen *seen;
    if (strcmp(name, "no") == 0) {
        expect_none(rest);
        return;
    }
    if (strcmp(name, "count") == 0) {
        expect_count(rest);
        return;
    }
    enum seen_kind kind = seen_kind_of(name);
    if (rest == NULL)
        rest = nothing;
    do {
        seen = next_seen(kind);
        if (seen == NULL)
            fail_here("expected %s %s, saw none", name, rest);
    } while ((kind == SEEN_ABSTAIN || kind == SEEN_DROP) && strcmp(seen->text, rest) != 0);
    if (kind == SEEN_SIGNAL || kind == SEEN_SAMPLE)
        check_seen(seen, rest);
    else if (strcmp(seen->text, rest) != 0)
        fail_here("expected %s %s, saw %s", name, rest, seen->text);
}

/* ---- the script ---- */

static void do_setting(char *words)
{
    char *equals = strchr(words, '=');
    if (equals == NULL || world.n_env == COUNT_OF(world.env))
        fail_here("setting NAME=value");
    snprintf(world.env[world.n_env][0], sizeof world.env[0][0], "%.*s", (int)(equals - words),
             words);
    snprintf(world.env[world.n_env++][1], sizeof world.env[0][1], "%s", equals + 1);
}

static void do_strategy(char *words)
{
    char *rest = words, *id = strsep(&rest, " ");
    add_strategy(id, rest == NULL ? "{}" : rest);
}

static void do_seed(char *words)
{
    world.seed = strtoull(words, NULL, 10);
}

static void do_walk_words(char *words)
{
    do_walk(words);
}

static void do_market(char *words)
{
    char *rest = words, *name = strsep(&rest, " ");
    for (unsigned kind = 0; kind < MARKET_KIND_COUNT; kind++) {
        if (strcmp(name, market_kind_name((enum market_kind)kind)) == 0) {
            send_market((enum market_kind)kind, rest);
            return;
        }
    }
    fail_here("no kind of market message is called %s", name);
}

static void do_position(char *words)
{
    send_position(words);
}

static void do_order_words(char *words)
{
    send_order(words);
}

/* Words of options begin with a blank, as option() wants them. */
static void do_fill(char *words)
{
    char options[256];
    if (strcmp(words, "all") == 0 || strcmp(words, "asked") == 0) {
        world.fills_all = strcmp(words, "all") == 0;
        world.is_answered = true;
        return;
    }
    snprintf(options, sizeof options, " %s", words);
    double fraction = option(options, "fraction", 1);
    do_order(fraction < 1 ? "partially_filled" : "filled", options, fraction);
}

static void do_reject(char *words)
{
    (void)words;
    do_order("rejected", "", 0);
}

static void do_cancel(char *words)
{
    char options[256];
    snprintf(options, sizeof options, " %s", words);
    do_order("cancelled", options, option(options, "fraction", 0));
}

static void do_wait(char *words)
{
    pass(strtod(words, NULL));
}

/* At once, forth or back: what a worker sees whose time was the wall's until its market, which lies in the past, began. */
static void do_clock(char *words)
{
    world.now_ns += (int64_t)(strtod(words, NULL) * 1e9);
}

static void do_pause(char *words)
{
    (void)words;
    act_pause(pipeline(), true);
}

static void do_resume(char *words)
{
    (void)words;
    act_pause(pipeline(), false);
}

static void tell_neighbours(void)
{
    world.neighbours.balances = world.balances;
    world.neighbours.orders = world.known_orders;
    world.neighbours.positions = world.positions;
    pipeline_on_neighbours(pipeline(), &world.neighbours);
}

static void do_balance(char *words)
{
    const char *coin = strsep(&words, " ");
    struct known_balance *balance = world.balances;
    while (balance < world.balances + world.neighbours.n_balances &&
           strcmp(balance->coin.text, coin) != 0)
        balance++;
    if (balance == world.balances + world.neighbours.n_balances)
        assert_true(world.neighbours.n_balances++ < COUNT_OF(world.balances));
    assert_true(asset_parse(slice_of(coin), &balance->coin));
    balance->available = strtod(words, NULL);
    tell_neighbours();
}

/* `table order ID ASSET`, `table position ASSET SIZE`, `table empty`: rows of the neighbours' own tables. */
static void do_table(char *words)
{
    const char *what = strsep(&words, " "), *first = strsep(&words, " ");
    struct neighbours *told = &world.neighbours;
    told->positions_known = true;
    if (strcmp(what, "order") == 0) {
        struct known_order *order = &world.known_orders[told->n_orders++];
        assert_true(order_id_parse(slice_of(first), &order->order_id));
        assert_true(asset_parse(slice_of(words), &order->asset));
    } else if (strcmp(what, "position") == 0) {
        struct known_position *position = &world.positions[told->n_positions++];
        assert_true(asset_parse(slice_of(first), &position->asset));
        position->size = strtod(words, NULL);
    } else if (strcmp(what, "empty") == 0) {
        told->n_orders = told->n_positions = told->n_balances = 0;
    } else {
        fail_here("no table of %s", what);
    }
    tell_neighbours();
}

/* "VERSION buys|abstains" becomes one of the models. */
static const char *add_model(char *words)
{
    const char *version = strsep(&words, " ");
    bool buys = words != NULL && strcmp(words, "buys") == 0;
    if (!buys && (words == NULL || strcmp(words, "abstains") != 0))
        fail_here("VERSION buys or VERSION abstains");
    if (world.n_models == MODELS_MAX)
        fail_here("more than %d models", MODELS_MAX);
    if (world.n_models == 0)
        model_folder_init(&world.folder, "xgboost");
    (void)chars_set(world.models[world.n_models].version, sizeof(world.models[0].version), version);
    world.models[world.n_models++].value = buys ? 0.001 : -0.001;
    return version;
}

static void do_serve(char *words)
{
    const struct strategy_id *id = &world.strategies[0].strategy_id;
    learn_activate(pipeline(), id, model(add_model(words)), world.now_ns);
    learn_watch(pipeline(), id);
}

static void do_shadow(char *words)
{
    const struct rollout_start start = {
        .stage = ROLLOUT_shadow, .attempt = 1, .stage_since_ns = world.now_ns};
    struct model_version_id ousted;
    if (!learn_shadow(pipeline(), &world.strategies[0].strategy_id, model(add_model(words)), &start,
                      &ousted))
        fail_here("no room for a shadow");
}

/* "ASSET N": what the market tells of actions not taken is believed once fills were seen to cost what was expected. */
static void do_costs(char *words)
{
    struct execution fill = {.price = decimal_from_int(1), .quantity = decimal_from_int(1)};
    const char *asset = strsep(&words, " ");
    if (words == NULL || !asset_parse(slice_of(asset), &fill.asset))
        fail_here("costs ASSET N");
    for (long i = 0, n = strtol(words, NULL, 10); i < n; i++) {
        fill.side = i % 2 == 0 ? SIDE_BUY : SIDE_SELL;
        fill.executed_at_ns = world.now_ns;
        pipeline_restore_cost(pipeline(), &fill, 1, world.now_ns);
    }
}

static void do_forget(char *words)
{
    (void)words;
    for (int i = 0; i < SEEN_COUNT; i++)
        world.next[i] = world.n_seen;
}

static void do_fills(char *words)
{
    char text[32];
    struct restored_fills fills;
    unsigned long long n;
    if (sscanf(words, "%31s %llu %lf", text, &n, &fills.mean_fraction) != 3 ||
        !asset_parse(slice_of(text), &fills.asset))
        fail_here("fills ASSET N FRACTION");
    fills.n_orders = n;
    pipeline_restore_fills(pipeline(), &fills);
}

static const struct {
    const char *verb;
    void (*run)(char *words);
} verbs[] = {
    {"setting", do_setting},   {"strategy", do_strategy}, {"seed", do_seed},
    {"walk", do_walk_words},   {"market", do_market},     {"position", do_position},
    {"order", do_order_words}, {"fill", do_fill},         {"reject", do_reject},
    {"cancel", do_cancel},     {"wait", do_wait},         {"pause", do_pause},
    {"resume", do_resume},     {"balance", do_balance},   {"expect", do_expect},
    {"table", do_table},       {"forget", do_forget},     {"serve", do_serve},
    {"shadow", do_shadow},     {"costs", do_costs},       {"clock", do_clock},
    {"fills", do_fills},
};

static void run_line(char *line)
{
    char *words = line, *verb = strsep(&words, " ");
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (strcmp(verbs[i].verb, verb) == 0) {
            verbs[i].run(words == NULL ? (char[]){""} : words);
            return;
        }
    }
    fail_here("no statement begins with %s", verb);
}

static void run_file(void **state)
{
    const char *path = *state;
    char line[8192];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    world_begin();
    for (int n = 1; fgets(line, sizeof line, file) != NULL; n++) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(world.where, sizeof world.where, "%.200s:%d", path, n);
        if (line[0] != '\0' && line[0] != '#')
            run_line(line);
    }
    fclose(file);
    world_end();
}

int main(void)
{
    glob_t found;
    struct CMUnitTest tests[256] = {0};
    if (glob("tests/scenario/*.scn", 0, NULL, &found) != 0 || found.gl_pathc > COUNT_OF(tests))
        return 1;
    for (size_t i = 0; i < found.gl_pathc; i++)
        tests[i] = (struct CMUnitTest){found.gl_pathv[i], run_file, NULL, NULL, found.gl_pathv[i]};
    int failed = _cmocka_run_group_tests("scenarios", tests, found.gl_pathc, NULL, NULL);
    globfree(&found);
    return failed;
}
