/* Building the state of the three lines from settings and strategy files, and looking things up in it. */
#include "alphaloop/pipeline/pipeline.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"

#include "pipeline_i.h"

#define OPEN_ORDERS_MAX     20000
#define EXPIRY_LEAD         0.1 /* of a model's life: before its end a younger one is wanted */
#define PATH_BARS_MIN       4096
#define PATH_BARS_A_HORIZON 60
#define PATH_BAR_MIN_NS     (100 * NS_PER_MS)

void step_count(const char *line, const char *step, const char *outcome)
{
    char name[32];
    size_t n = 0;
    for (const char *c = line; *c != '\0'; c++)
        name[n++] = *c;
    name[n++] = '.';
    for (const char *c = step; *c != '\0' && n < sizeof(name) - 1; c++)
        name[n++] = *c;
    name[n] = '\0';
    metric_add(METRIC_steps_total, 1, name, outcome);
}

struct desk *pipeline_desk(struct pipeline *pipeline, const struct strategy_id *strategy_id)
{
    for (size_t i = 0; i < pipeline->n_desks; i++) {
        if (strategy_id_eq(&pipeline->desks[i].config->strategy_id, strategy_id))
            return &pipeline->desks[i];
    }
    return NULL;
}

struct market_desk *pipeline_market(struct pipeline *pipeline, const struct asset *asset)
{
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        if (asset_eq(&pipeline->markets[i].asset, asset))
            return &pipeline->markets[i];
    }
    return NULL;
}

double risk_score(const struct snapshot *snapshot, double sigma_h)
{
    double move = fmin(1, sigma_h / 0.02);
    double spread = fmin(1, snapshot->spread / snapshot->mid / 0.005);
    return 0.7 * move + 0.3 * spread;
}

/* ---- building ---- */

static struct exit_rules exits_of(const struct strategy_config *config)
{
    return (struct exit_rules){
        .stop_loss_pct = config->exits.stop_loss_pct,
        .take_profit_pct = config->exits.take_profit_pct,
        .take_profit_partial_pct = config->exits.take_profit_partial_pct,
        .partial_fraction = config->exits.partial_fraction,
        .trailing_activation_pct = config->exits.trailing_activation_pct,
        .trailing_distance_pct = config->exits.trailing_distance_pct,
        .time_exit_hours = config->exits.time_exit_hours,
    };
}

static uint64_t jitter_seed_of(const struct strategy_id *strategy_id)
{
    struct sha256 hash;
    uint64_t seed;
    sha256_of(strategy_id->text, strlen(strategy_id->text), &hash);
    memcpy(&seed, hash.bytes, sizeof(seed));
    return seed;
}

static struct trigger_rule trigger_rule_of(const struct strategy_config *config,
                                           const struct settings *settings)
{
    return (struct trigger_rule){
        .has_schedule = config->training.has_schedule,
        .schedule = config->training.cron,
        .on_degradation = settings->retrain_on_degradation,
        .window = settings->retrain_degradation_window,
        .skill_min = settings->retrain_degradation_skill,
        .min_interval_ns = (int64_t)settings->retrain_min_interval_seconds * NS_PER_S,
        .max_per_day = settings->retrain_max_per_day,
        .jitter_ns = (int64_t)settings->retrain_jitter_seconds * NS_PER_S,
        .jitter_seed = jitter_seed_of(&config->strategy_id),
        .expiry_lead_ns = (int64_t)(config->rollout.expiry_days * (double)NS_PER_DAY * EXPIRY_LEAD),
    };
}

static void read_needs(struct desk *desk, const struct settings *settings)
{
    desk->n_needed_next = desk->config->training.new_samples;
    desk->n_needed_first = desk->n_needed_next == 0 ? 0 : settings->model_training_min_dataset_size;
}

static enum al_err init_trigger(struct desk *desk, const struct settings *settings)
{
    struct trigger_rule rule = trigger_rule_of(desk->config, settings);
    enum al_err err = trigger_init(&desk->trigger, &rule);
    read_needs(desk, settings);
    desk->trigger.n_needed = desk->n_needed_first;
    return err;
}

static enum al_err resolve_features(struct desk *desk)
{
    const struct strategy_config *config = desk->config;
    struct slice names[STRATEGY_FEATURES_MAX];
    desk->features = calloc(1, sizeof(*desk->features));
    if (desk->features == NULL)
        return err_set(AL_ENOMEM, "feature set");
    for (size_t i = 0; i < config->n_features; i++)
        names[i] = slice_of(config->features[i]);
    enum al_err err =
        feature_set_resolve(names, config->n_features, config->timeframe_ns, desk->features);
    if (err != AL_OK)
        return err_add(err, "features of strategy %s", config->strategy_id.text);
    for (size_t i = 0; i < desk->features->n_columns; i++)
        desk->feature_names[i] = desk->features->columns[i].name;
    return AL_OK;
}

static int64_t burst_of(const struct strategy_config *config)
{
    return config->limits.burst > 0 ? config->limits.burst : 1;
}

/* What is looked at anew with every decision. */
static void read_choices(struct desk *desk, const struct settings *settings)
{
    const struct strategy_config *config = desk->config;
    desk->sizing = (struct sizing){config->sizing.min_amount, config->sizing.max_amount,
                                   config->sizing.edge_scale};
    desk->warmup_sizing =
        (struct sizing){settings->warmup_min_amount, settings->warmup_max_amount, 1};
    desk->exits = exits_of(config);
    desk->gate_level = settings->model_gate_level;
    memcpy(desk->heuristic_weights, config->heuristic_weights, sizeof(config->heuristic_weights));
}

static enum al_err desk_init(struct desk *desk,
                             const struct strategy_config *config,
                             const struct settings *settings)
{
    *desk = (struct desk){.config = config};
    shadows_init(&desk->shadows);
    read_choices(desk, settings);
    /* Without a bound ten of the largest amounts count as a full position. */
    double bound = config->limits.max_position_quote;
    desk->position_scale = isnan(bound) ? 10 * config->sizing.max_amount : bound;
    limit_budget_init(&desk->budget, config->limits.rate, burst_of(config), 0);
    enum al_err err = init_trigger(desk, settings);
    return err == AL_OK ? resolve_features(desk) : err;
}

static bool trades(const struct strategy_config *config, const struct asset *asset)
{
    for (size_t i = 0; i < config->n_assets; i++) {
        if (asset_eq(&config->assets[i], asset))
            return true;
    }
    return false;
}

static enum al_err add_market(struct pipeline *pipeline, const struct asset *asset)
{
    if (pipeline_market(pipeline, asset) != NULL)
        return AL_OK;
    if (pipeline->n_markets == ASSETS_MAX)
        return err_set(AL_EFULL, "more than %d assets", ASSETS_MAX);
    struct market_desk *market = &pipeline->markets[pipeline->n_markets];
    *market = (struct market_desk){
        .asset = *asset,
        .exit = {.told_ns = TIMESTAMP_NONE, .refused_ns = TIMESTAMP_NONE},
        .base_balance = NAN,
        .quote_balance = NAN,
        .told_position = NAN,
    };
    (void)asset_split(asset, market->base, market->quote);
    cost_model_init(&market->costs);
    position_track_init(&market->position);
    enum al_err err = market_state_create(asset, &market->market);
    if (err == AL_OK) {
        pipeline->n_markets++;
        err = market_orders_init(&market->orders);
    }
    return err;
}

/* Fine enough for the shortest horizon, long enough for the longest one and a late fill. */
static enum al_err init_path(struct pipeline *pipeline, struct market_desk *market)
{
    int64_t shortest_ns = INT64_MAX, longest_ns = 0, gap_ns = 0;
    for (size_t i = 0; i < pipeline->n_desks; i++) {
        const struct strategy_config *config = pipeline->desks[i].config;
        if (!trades(config, &market->asset))
            continue;
        shortest_ns = config->horizon_ns < shortest_ns ? config->horizon_ns : shortest_ns;
        longest_ns = config->horizon_ns > longest_ns ? config->horizon_ns : longest_ns;
        gap_ns = config->freshness.ticker_ns > gap_ns ? config->freshness.ticker_ns : gap_ns;
    }
    int64_t bar_ns = shortest_ns / PATH_BARS_A_HORIZON;
    bar_ns = bar_ns > PATH_BAR_MIN_NS ? bar_ns : PATH_BAR_MIN_NS;
    size_t n_bars = (size_t)(4 * longest_ns / bar_ns);
    market->gap_max_ns = gap_ns + bar_ns;
    return price_path_init(&market->path, bar_ns, n_bars > PATH_BARS_MIN ? n_bars : PATH_BARS_MIN);
}

static struct market_limits freshness_of(const struct strategy_config *config)
{
    return (struct market_limits){config->freshness.ticker_ns, config->freshness.book_ns,
                                  config->freshness.trades_ns, config->freshness.candle_ns};
}

static enum al_err add_pair(struct market_desk *market, struct desk *desk)
{
    struct pair *pair = &market->pairs[market->n_pairs];
    *pair = (struct pair){
        .desk = desk,
        .market = market,
        .freshness = freshness_of(desk->config),
        .last_signal_ns = TIMESTAMP_NONE,
        .last_outcome_ns = TIMESTAMP_NONE,
        .next_decision_ns = TIMESTAMP_NONE,
    };
    for (size_t i = 0; i < desk->features->n_timeframes; i++) {
        enum al_err err =
            market_state_add_timeframe(market->market, desk->features->timeframes_ns[i]);
        if (err != AL_OK)
            return err;
    }
    enum al_err err = feature_engine_create(desk->features, &pair->engine);
    if (err == AL_OK)
        market->n_pairs++;
    return err;
}

static enum al_err init_market(struct pipeline *pipeline, struct market_desk *market)
{
    market->pairs = calloc(pipeline->n_desks, sizeof(struct pair));
    if (market->pairs == NULL)
        return err_set(AL_ENOMEM, "strategies of an asset");
    enum al_err err = init_path(pipeline, market);
    for (size_t i = 0; err == AL_OK && i < pipeline->n_desks; i++) {
        if (trades(pipeline->desks[i].config, &market->asset))
            err = add_pair(market, &pipeline->desks[i]);
    }
    return err == AL_OK ? AL_OK : err_add(err, "asset %s", market->asset.text);
}

static enum al_err build(struct pipeline *pipeline, const struct pipeline_options *options)
{
    size_t n_open_max = options->settings->open_decisions_max;
    enum al_err err = open_decisions_init(&pipeline->open, n_open_max);
    if (err == AL_OK)
        err = open_decisions_init(&pipeline->settled, n_open_max);
    for (size_t i = 0; err == AL_OK && i < options->n_strategies; i++) {
        err = desk_init(&pipeline->desks[i], &options->strategies[i], options->settings);
        pipeline->n_desks++;
        for (size_t a = 0; err == AL_OK && a < options->strategies[i].n_assets; a++)
            err = add_market(pipeline, &options->strategies[i].assets[a]);
    }
    for (size_t i = 0; err == AL_OK && i < pipeline->n_markets; i++)
        err = init_market(pipeline, &pipeline->markets[i]);
    return err;
}

enum al_err pipeline_create(const struct pipeline_options *options, struct pipeline **out)
{
    assert(options->n_strategies >= 1 && options->n_strategies <= STRATEGIES_MAX);
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (pipeline == NULL)
        return err_set(AL_ENOMEM, "pipeline");
    pipeline->settings = options->settings;
    pipeline->told_orders = calloc(NEIGHBOUR_ROWS_MAX, sizeof(struct known_order));
    if (pipeline->told_orders == NULL) {
        free(pipeline);
        return err_set(AL_ENOMEM, "pipeline");
    }
    rng_seed(&pipeline->rng, options->seed);
    pipeline->has_time = options->settings->clock == SETTING_CLOCK_WALL;
    map_init(&pipeline->open_orders, sizeof(struct order_id), OPEN_ORDERS_MAX);
    map_init(&pipeline->watched_orders, sizeof(struct uuid), WATCHED_ORDERS_MAX);
    enum al_err err = build(pipeline, options);
    if (err != AL_OK) {
        pipeline_destroy(pipeline);
        return err;
    }
    *out = pipeline;
    return AL_OK;
}

/* ---- changing while it runs ---- */

/* How many samples the next training needs changes with what asked for them; a number that a training left behind stays
 * otherwise. The scale of the position's features stays too: samples and model know it. */
static void desk_reload(struct desk *desk, const struct settings *settings, int64_t now_ns)
{
    struct trigger_rule rule = trigger_rule_of(desk->config, settings);
    uint64_t first = desk->n_needed_first, next = desk->n_needed_next;
    read_choices(desk, settings);
    limit_budget_change(&desk->budget, desk->config->limits.rate, burst_of(desk->config), now_ns);
    trigger_change(&desk->trigger, &rule, now_ns);
    read_needs(desk, settings);
    bool has_trained = desk->trigger.last_training_ns != TIMESTAMP_NONE;
    if (has_trained && desk->n_needed_next != next)
        desk->trigger.n_needed = desk->n_needed_next;
    else if (!has_trained && desk->n_needed_first != first)
        desk->trigger.n_needed = desk->n_needed_first;
}

void pipeline_reload(struct pipeline *pipeline, int64_t now_ns)
{
    for (size_t i = 0; i < pipeline->n_desks; i++)
        desk_reload(&pipeline->desks[i], pipeline->settings, now_ns);
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        struct market_desk *market = &pipeline->markets[i];
        for (size_t k = 0; k < market->n_pairs; k++)
            market->pairs[k].freshness = freshness_of(market->pairs[k].desk->config);
    }
}

/* ---- when time begins ---- */

static void not_after(int64_t *ts_ns, int64_t now_ns)
{
    if (*ts_ns > now_ns)
        *ts_ns = now_ns;
}

static void desk_time_begins(struct desk *desk, int64_t now_ns)
{
    not_after(&desk->active_since_ns, now_ns);
    not_after(&desk->shadows.asked_ns, now_ns);
    for (size_t i = 0; i < SHADOWS_MAX; i++)
        not_after(&desk->shadows.items[i].stage_since_ns, now_ns);
    limit_budget_time_begins(&desk->budget, now_ns);
    trigger_time_begins(&desk->trigger, now_ns);
}

void pipeline_time_begins(struct pipeline *pipeline, int64_t now_ns)
{
    size_t cursor = 0;
    struct open_order *order;
    pipeline->has_time = true;
    for (size_t i = 0; i < pipeline->n_desks; i++)
        desk_time_begins(&pipeline->desks[i], now_ns);
    for (size_t i = 0; i < pipeline->n_markets; i++)
        not_after(&pipeline->markets[i].exit.told_ns, now_ns);
    while ((order = map_next(&pipeline->open_orders, &cursor, NULL)) != NULL)
        not_after(&order->since_ns, now_ns);
}

static void market_deinit(struct market_desk *market)
{
    for (size_t i = 0; i < market->n_pairs; i++)
        feature_engine_destroy(market->pairs[i].engine);
    free(market->pairs);
    price_path_deinit(&market->path);
    price_path_deinit(&market->orders.prices);
    market_state_destroy(market->market);
}

void pipeline_destroy(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    for (size_t i = 0; i < pipeline->n_markets; i++)
        market_deinit(&pipeline->markets[i]);
    for (size_t i = 0; i < pipeline->n_desks; i++) {
        trigger_deinit(&pipeline->desks[i].trigger);
        free(pipeline->desks[i].features);
        if (pipeline->desks[i].scorer != NULL)
            scorer_destroy(pipeline->desks[i].scorer);
        shadows_deinit(&pipeline->desks[i].shadows);
    }
    size_t cursor = 0;
    void *order;
    while ((order = map_next(&pipeline->open_orders, &cursor, NULL)) != NULL)
        free(order);
    map_deinit(&pipeline->open_orders);
    order_watch_deinit(pipeline);
    open_decisions_deinit(&pipeline->open);
    open_decisions_deinit(&pipeline->settled);
    free(pipeline->told_orders);
    free(pipeline);
}

/* ---- what there is to see ---- */

const struct feature_set *pipeline_feature_set(struct pipeline *pipeline,
                                               const struct strategy_id *strategy_id)
{
    const struct desk *desk = pipeline_desk(pipeline, strategy_id);
    return desk == NULL ? NULL : desk->features;
}

const struct sha256 *pipeline_schema_hash(struct pipeline *pipeline,
                                          const struct strategy_id *strategy_id)
{
    const struct feature_set *set = pipeline_feature_set(pipeline, strategy_id);
    return set == NULL ? NULL : &set->schema_hash;
}

const struct model_version_id *pipeline_active_version(struct pipeline *pipeline,
                                                       const struct strategy_id *strategy_id)
{
    const struct desk *desk = pipeline_desk(pipeline, strategy_id);
    return desk == NULL || desk->scorer == NULL ? NULL : &scorer_manifest(desk->scorer)->version;
}

size_t pipeline_n_strategies(const struct pipeline *pipeline)
{
    return pipeline->n_desks;
}

static uint64_t count_open(const struct pipeline *pipeline, const struct desk *desk)
{
    uint64_t n = 0;
    size_t cursor = 0;
    const struct open_decision *item;
    while ((item = map_next(&pipeline->open.by_id, &cursor, NULL)) != NULL)
        n += strategy_id_eq(&item->decision.strategy_id, &desk->config->strategy_id);
    return n;
}

/* This minute's signals and the last one's, weighted by how much of the last 60 s lies in each. */
static double signals_per_minute(const struct desk *desk, int64_t now_ns)
{
    double into = (double)(now_ns - desk->minute_ns) / (double)NS_PER_MIN;
    if (into >= 2)
        return 0;
    if (into >= 1)
        return (double)desk->n_this_minute * (2 - into);
    return (double)desk->n_this_minute + (double)desk->n_last_minute * (1 - into);
}

void desk_count_signal(struct desk *desk, int64_t now_ns)
{
    int64_t minute_ns = now_ns / NS_PER_MIN * NS_PER_MIN;
    if (minute_ns != desk->minute_ns) {
        desk->n_last_minute = minute_ns - desk->minute_ns == NS_PER_MIN ? desk->n_this_minute : 0;
        desk->n_this_minute = 0;
        desk->minute_ns = minute_ns;
    }
    desk->n_this_minute++;
    desk->n_signals++;
}

void pipeline_strategy_view(const struct pipeline *pipeline,
                            size_t index,
                            int64_t now_ns,
                            struct strategy_view *out)
{
    const struct desk *desk = &pipeline->desks[index];
    *out = (struct strategy_view){
        .strategy_id = desk->config->strategy_id,
        .is_warmup = desk->scorer == NULL,
        .n_samples = desk->n_samples,
        .n_samples_since_training = desk->trigger.n_since,
        .n_samples_needed = desk->trigger.n_needed,
        .n_decisions = desk->n_decisions,
        .n_signals = desk->n_signals,
        .n_abstained = desk->n_abstained,
        .n_settled = desk->n_settled,
        .n_won = desk->n_won,
        .settled_pnl = desk->settled_pnl,
    };
    out->model_kind = "";
    out->active_since_ns = TIMESTAMP_NONE;
    out->n_open = count_open(pipeline, desk);
    out->signals_per_minute = signals_per_minute(desk, now_ns);
    if (desk->scorer != NULL) {
        const struct manifest *manifest = scorer_manifest(desk->scorer);
        out->model_version = manifest->version;
        out->model_kind = manifest->kind;
        out->active_since_ns = desk->active_since_ns;
    }
    out->last_training_ns = desk->trigger.last_training_ns;
    out->next_training_ns = desk->trigger.next_scheduled_ns;
    memcpy(out->markouts, desk->markouts, sizeof(out->markouts));
    out->interval_nominal = desk->config->uncertainty.coverage;
    out->interval_coverage = interval_coverage_of(pipeline, desk);
    out->live_brier = trigger_brier(&desk->trigger);
    out->live_brier_skill = trigger_brier_skill(&desk->trigger);
}

size_t pipeline_n_open(const struct pipeline *pipeline)
{
    return open_decisions_count(&pipeline->open);
}

int64_t pipeline_newest_market_ns(const struct pipeline *pipeline)
{
    int64_t newest_ns = TIMESTAMP_NONE;
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        int64_t ts_ns = price_path_newest_ns(&pipeline->markets[i].path);
        newest_ns = ts_ns > newest_ns ? ts_ns : newest_ns;
    }
    return newest_ns;
}
