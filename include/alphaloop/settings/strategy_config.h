/* A strategy: config/strategies/<strategy_id>.json, rows of tbl/strategy_fields.def.
 *
 * Absent fields fall back to the settings or to the defaults of the table. Unknown fields are problems: a misspelt name
 * must not silently mean its default. Names of features and parameters of model kinds are checked by the rooms that know
 * them; everything else here.
 */
#ifndef ALPHALOOP_SETTINGS_STRATEGY_CONFIG_H
#define ALPHALOOP_SETTINGS_STRATEGY_CONFIG_H

#include "alphaloop/base/json.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/settings/cron.h"
#include "alphaloop/settings/settings.h"

#define STRATEGY_ASSETS_MAX       64
#define STRATEGY_FEATURES_MAX     256
#define STRATEGY_FEATURE_TEXT_MAX 64
#define STRATEGY_PARAMETERS_MAX   1024 /* bytes of model.parameters */
#define STRATEGY_FILE_BYTES_MAX   (256 * 1024)

enum {
    STRATEGY_HEURISTICS = 0
#define HEURISTIC(name) +1
#include "alphaloop/tbl/heuristics.def"
#undef HEURISTIC
};

enum decision_trigger { DECISION_TRIGGER_INTERVAL, DECISION_TRIGGER_CANDLE, DECISION_TRIGGER_TICK };
enum rollout_policy { ROLLOUT_POLICY_DIRECT, ROLLOUT_POLICY_STAGED };
enum abstain_by { ABSTAIN_BY_VALUE, ABSTAIN_BY_OUTCOME };
enum strategy_model_kind { STRATEGY_XGBOOST, STRATEGY_RANDOM_FOREST, STRATEGY_LINEAR };

/* About 20 kB: keep it on the heap. */
struct strategy_config {
    struct strategy_id strategy_id;
    size_t n_assets; /* at least 1, unique */
    struct asset assets[STRATEGY_ASSETS_MAX];
    int64_t horizon_ns, timeframe_ns, settlement_lag_ns;
    double epsilon;
    double heuristic_weights[STRATEGY_HEURISTICS]; /* in the order of heuristics.def; >= 0 */
    size_t n_features;                             /* at least 1, unique */
    char features[STRATEGY_FEATURES_MAX][STRATEGY_FEATURE_TEXT_MAX];
    struct {
        uint32_t trigger; /* enum decision_trigger */
        int64_t interval_ns;
    } decision;
    struct {
        double barrier_up, barrier_down; /* multiples of sigma_h, > 0 */
    } label;
    struct {
        uint32_t kind;                            /* enum strategy_model_kind */
        char parameters[STRATEGY_PARAMETERS_MAX]; /* a JSON object, "{}" when absent */
    } model;
    struct {
        double min_amount, max_amount; /* quote currency, min <= max */
        double edge_scale;             /* fraction, > 0 */
    } sizing;
    struct {
        uint32_t rate, burst; /* signals per 60 s and at once */
        int64_t cooldown_ns;
        double max_position_quote; /* NaN: no bound */
        bool skip_on_open_order;
    } limits;
    struct { /* per cent of the entry value, a loss is negative; NaN switches a rule off */
        double stop_loss_pct, take_profit_pct, take_profit_partial_pct, partial_fraction;
        double trailing_activation_pct, trailing_distance_pct, time_exit_hours;
    } exits;
    struct {
        int64_t ticker_ns, book_ns, trades_ns, candle_ns;
    } freshness;
    struct {
        double coverage, adaptation; /* of intervals: c and gamma */
        uint32_t abstain_by;         /* enum abstain_by */
        bool abstain_when_novel;
    } uncertainty;
    struct {
        char schedule[SETTING_TEXT_MAX]; /* "" for none */
        bool has_schedule;
        struct cron cron;
        uint32_t new_samples;
        double window_days, half_life_days;
        uint32_t max_rows;
        bool return_attribution, try_windows, try_weights;
        bool use_market_evidence;
        uint32_t cpcv_max_rows;
        bool canaries;
    } training;
    struct {
        uint32_t trials, seconds, method; /* method: strategy_search_name() */
    } search;
    struct {
        double dsr_min, pbo_max; /* asked for real capital */
    } gate;
    struct {
        uint32_t policy; /* enum rollout_policy */
        bool guard;
        double false_alarm_days, cooldown_hours, expiry_days; /* expiry 0: never */
        uint32_t blocks_max;
        double symbol_share_max, margin_bps;
    } rollout;
};

const char *strategy_search_name(uint32_t method);   /* "tpe", "random" */
const char *strategy_model_kind_name(uint32_t kind); /* "xgboost", "random_forest", "linear" */
const char *decision_trigger_name(uint32_t trigger); /* "interval", "candle", "tick" */

/* Read one strategy.
 *
 *   bytes     the file; empty: everything falls back                     borrows
 *   s         borrows
 *   out       complete on AL_OK
 *   problems  one line each: "limits.rate: 0 is not in 1..1000000"       out, may be NULL
 *   returns   AL_OK; AL_EPARSE not JSON; AL_EINVAL with the number of problems in err_text()
 */
MUST_CHECK enum al_err strategy_config_parse(struct json_reader *reader,
                                             const struct strategy_id *strategy_id,
                                             struct slice bytes,
                                             const struct settings *s,
                                             struct strategy_config *out,
                                             struct buf *problems);

/* Take over what may change while the strategy runs: epsilon, heuristics, sizing, limits, exits, freshness, uncertainty,
 * training, gate, rollout.
 *   returns  whether nothing else differs; the rest waits for the next start
 */
bool strategy_config_reload(struct strategy_config *running, const struct strategy_config *fresh);

/* The JSON Schema (2020-12) of the table: config/strategies/strategy.schema.json. */
void strategy_config_schema(struct buf *out);

/* A configuration as the JSON that would give it: what `GET /api/v1/strategies` and manifests show. */
void strategy_config_write(const struct strategy_config *config, struct json_writer *w);

#endif
