/* The state behind the three lines. One writer a part: act.c decides, protect.c tracks positions, learn.c settles. */
#ifndef ALPHALOOP_PIPELINE_PIPELINE_I_H
#define ALPHALOOP_PIPELINE_PIPELINE_I_H

#include "alphaloop/base/rng.h"
#include "alphaloop/dataset/label.h"
#include "alphaloop/dataset/price_path.h"
#include "alphaloop/feature/feature_engine.h"
#include "alphaloop/feature/market_state.h"
#include "alphaloop/pipeline/pipeline.h"
#include "alphaloop/strategy/entry.h"
#include "alphaloop/strategy/exit.h"
#include "alphaloop/strategy/heuristic.h"
#include "alphaloop/strategy/limit.h"
#include "alphaloop/strategy/sizing.h"
#include "alphaloop/train/trigger.h"

#include "open_decisions_i.h"
#include "order_watch_i.h"
#include "shadow_i.h"

struct pair;

/* One strategy: its configuration, who decides for it, and what it has learned from. */
struct desk {
    const struct strategy_config *config;
    struct feature_set *features;
    struct scorer *scorer; /* NULL: warm-up */
    struct shadows shadows;
    double gate_level; /* MODEL_GATE_LEVEL */
    const char *feature_names[FEATURES_MAX];
    struct limit_budget budget; /* signals it may still send */
    struct sizing sizing, warmup_sizing;
    double position_scale; /* quote currency: what counts as a full position in features */
    double heuristic_weights[HEURISTICS_MAX]; /* in table order */
    struct exit_rules exits;
    struct trigger_state trigger;
    struct markout_mean markouts[MARKOUT_COUNT];
    bool markout_warned[MARKOUT_COUNT];
    uint64_t n_needed_first,
        n_needed_next;         /* samples for the first training, and for each later one */
    uint64_t n_samples;        /* own fills, ever */
    uint64_t n_since_at_start; /* of the running training: what it has seen is not new afterwards */
    uint64_t n_decisions, n_signals, n_abstained, n_settled, n_won;
    double settled_pnl;
    int64_t active_since_ns; /* of the scorer */
    int64_t
        minute_ns; /* signals by minute of the decision clock: this one's begin, its count, the last one's */
    uint64_t n_this_minute, n_last_minute;
};

/* What is on its way to close a position, and what is wanted but had no market to be priced by. */
struct exit_watch {
    int64_t
        told_ns; /* decision clock at the newest update of the position; TIMESTAMP_NONE: none since the start */
    bool is_wanted; /* a rule wants out since then; asked again at every market message and tick */
    int64_t refused_ns; /* when a refusal was last recorded */
    bool is_out;        /* an exit was sent and not answered */
    bool has_order;     /* an order works on it */
    struct uuid signal_id;
    int64_t expires_ns;
    struct decimal size; /* of the position when it was sent */
};

/* One asset: its market, its recent prices, its position. Shared by all strategies that trade it. */
struct market_desk {
    struct asset asset;
    struct market_state *market;
    struct price_path path;
    int64_t gap_max_ns; /* a longer silence refuses a label across it */
    struct cost_model costs;
    struct market_orders orders;
    struct position_track position;
    struct exit_watch exit;
    size_t n_open_orders;
    char base[ASSET_TEXT_MAX], quote[ASSET_TEXT_MAX]; /* "" when the name does not tell */
    double base_balance, quote_balance;               /* available; NaN: not known */
    double told_position; /* base currency, by the neighbours' table; NaN: not known */
    size_t n_told_orders; /* by the neighbours' table, besides those heard of */
    struct pair *pairs;   /* one a strategy that trades it */
    size_t n_pairs;
};

/* How intervals of the serving version have held on one asset. */
struct live_intervals {
    struct model_version_id version;
    struct adaptive adaptive;
    int64_t last_ns; /* newest decision held against its interval; TIMESTAMP_NONE: none */
};

/* One strategy on one asset: the unit that decides. */
struct pair {
    struct desk *desk;
    struct market_desk *market;
    struct feature_engine *engine;
    struct market_limits freshness;
    int64_t last_signal_ns; /* TIMESTAMP_NONE when none */
    int64_t next_decision_ns;
    int64_t last_outcome_ns; /* newest decision whose outcome was held against the model */
    struct live_intervals intervals;
    enum reason last_reason; /* of an abstention without features; repeats are only counted */
    int64_t last_reason_ns;
};

/* An order that may still fill. */
struct open_order {
    struct market_desk *market;
    int64_t since_ns;
};

struct pipeline {
    const struct settings *settings;
    struct desk desks[STRATEGIES_MAX];
    size_t n_desks;
    struct market_desk markets[ASSETS_MAX];
    size_t n_markets;
    struct open_decisions open;
    struct open_decisions
        settled; /* signals whose outcome is known, while a late fill may still change it */
    struct map watched_orders;       /* signal_id -> struct watched_order * (owned) */
    struct map open_orders;          /* order_id -> struct open_order * */
    struct known_order *told_orders; /* NEIGHBOUR_ROWS_MAX: those counted by n_told_orders */
    size_t n_told_orders;
    struct rng rng;
    bool paused;
    bool
        has_time; /* false: with CLOCK=market before its first message; what is told as now is the wall's time */
};

struct desk *pipeline_desk(struct pipeline *pipeline,
                           const struct strategy_id *strategy_id); /* or NULL */
struct market_desk *pipeline_market(struct pipeline *pipeline,
                                    const struct asset *asset); /* or NULL */

struct pair *pair_of(struct market_desk *market,
                     const struct desk *desk); /* NULL: the strategy does not trade the asset */
/* How much news an outcome is: the time since the decision before it, *last_ns, as a share of the horizon
 * (train/trigger.h). */
double news_in(int64_t *last_ns, int64_t decided_at_ns, int64_t horizon_ns);

bool is_serving(const struct desk *desk, const struct model_version_id *version);

/* intervals.c: what each action is worth to a model, and where its outcome is expected; false when it cannot be asked. */
bool value_actions(const struct pair *pair,
                   const struct scorer *scorer,
                   const struct decision *decision,
                   struct action_value values[3],
                   struct interval intervals[3]);
/* Whether the strategy has this version abstain because it has seen nothing like it. */
bool must_abstain(const struct pair *pair,
                  const struct scorer *scorer,
                  const struct decision *decision);
/* What came of a decision whose label is available. */
void interval_settle(struct pair *pair, const struct decision *decision, double outcome);
double interval_coverage_of(const struct pipeline *pipeline,
                            const struct desk *desk); /* live; NaN: none yet */

/* Metadata risk_score, 0..1: how far the price may move within the horizon (2 % and more is 1) and how wide the spread is
 * (0.5 % of the price and more is 1), weighted 0.7 and 0.3. */
double risk_score(const struct snapshot *snapshot, double sigma_h);

/* One step of a line went this way. */
void step_count(const char *line, const char *step, const char *outcome);

/* The market's first message: what was stamped with a later time than its own until now happened now. */
void pipeline_time_begins(struct pipeline *pipeline, int64_t now_ns);

/* Decisions that no message brought about. Returns when the next one is due; INT64_MAX: none is. */
int64_t act_on_time(struct pipeline *pipeline, int64_t now_ns, struct effects *effects);

/* Ask again for exits that were refused for want of a market, or that time alone makes due. */
void protect_again(struct pipeline *pipeline,
                   struct market_desk *market,
                   int64_t now_ns,
                   struct effects *effects);
/* An order of one of our signals was heard of. */
void protect_on_order(struct market_desk *market, const struct order_state *state);

/* The order has ended, whatever the neighbours' table still says. */
void neighbours_order_ended(struct pipeline *pipeline, const struct order_id *order_id);

/* Another version serves; the one before it stays as its guard, or goes. NULL: warm-up. */
/* When the serving model is too old; TIMESTAMP_NONE: never. */
int64_t desk_expires_ns(const struct desk *desk);
void desk_activate(struct desk *desk, struct scorer *scorer, bool keeps_guard, int64_t now_ns);

/* One more signal of the strategy. */
void desk_count_signal(struct desk *desk, int64_t now_ns);

/* Start waiting for a decision's outcome. False when too many wait already. */
bool learn_open(struct pipeline *pipeline, const struct decision *decision);

#endif
