/* The whole trading brain, without I/O: three lines over one state (docs/architecture.md).
 *
 *   LEARN    order event -> validate -> match -> fill -> label -> sample -> train -> gate     learn.c
 *   ACT      market data -> snapshot -> features -> predict -> decide -> limit -> publish     act.c
 *   PROTECT  position update -> track -> exit -> publish                                      protect.c
 *
 * The core takes bytes and messages, the time and a seed, and returns effects; the app performs them. Same inputs, same
 * effects. Functions that append effects need room for EFFECTS_PER_CALL: the app performs what there is before it calls.
 */
#ifndef ALPHALOOP_PIPELINE_PIPELINE_H
#define ALPHALOOP_PIPELINE_PIPELINE_H

#include "alphaloop/dataset/order_outcome.h"
#include "alphaloop/domain/market.h"
#include "alphaloop/domain/order_state.h"
#include "alphaloop/domain/position.h"
#include "alphaloop/model/scorer.h"
#include "alphaloop/pipeline/effect.h"
#include "alphaloop/pipeline/rollout.h"
#include "alphaloop/settings/settings.h"
#include "alphaloop/settings/strategy_config.h"
#include "alphaloop/train/trigger.h"

#define EFFECTS_PER_CALL 512
#define STRATEGIES_MAX   32
#define ASSETS_MAX       64

struct feature_set;
struct pipeline;

struct pipeline_options {
    const struct settings *settings;          /* keeps */
    const struct strategy_config *strategies; /* keeps; 1..STRATEGIES_MAX, ids unique */
    size_t n_strategies;
    uint64_t seed; /* of every choice left to chance */
};

MUST_CHECK enum al_err pipeline_create(const struct pipeline_options *options,
                                       struct pipeline **out);
void pipeline_destroy(struct pipeline *pipeline);

/* ---- ACT ---- */

/* One market message. Assets nobody trades are ignored. */
void act_on_market(struct pipeline *pipeline,
                   const struct market_event *event,
                   int64_t now_ns,
                   struct effects *effects);

/* The outbox cannot take more (or can again): while paused nothing is decided but abstentions. */
void act_pause(struct pipeline *pipeline, bool paused);

/* ---- PROTECT ---- */

void protect_on_position(struct pipeline *pipeline,
                         const struct position_update *update,
                         int64_t now_ns,
                         struct effects *effects);

/* ---- LEARN ---- */

/* What one durably stored order event meant. Call it after the commit, once per event that was new. */
struct order_fact {
    const struct order_event *event;   /* borrows */
    const struct order_state *state;   /* after the event; borrows */
    const struct execution *execution; /* what it added; NULL when nothing; borrows */
};
void learn_on_order(struct pipeline *pipeline,
                    const struct order_fact *fact,
                    int64_t now_ns,
                    struct effects *effects);

/* A challenger passed the gate and its folder verified: it decides from now on. Takes the scorer. NULL: back to warm-up. */
void learn_activate(struct pipeline *pipeline,
                    const struct strategy_id *strategy_id,
                    struct scorer *scorer,
                    int64_t now_ns);

/* A training was started (by a trigger or by hand), or ended, whatever its outcome. `n_samples_needed` is how many new own
 * samples start the next one; 0: none does. Without a result (`had_result` false: it failed or was cancelled) what was new
 * stays new. */
void learn_on_training_start(struct pipeline *pipeline,
                             const struct strategy_id *strategy_id,
                             int64_t now_ns);
void learn_on_training_end(struct pipeline *pipeline,
                           const struct strategy_id *strategy_id,
                           bool had_result,
                           uint64_t n_samples_needed,
                           int64_t now_ns);

/* Everything that is due by now: labels, triggers. Returns when to call again at the latest. */
int64_t pipeline_tick(struct pipeline *pipeline, int64_t now_ns, struct effects *effects);

/* ---- recovery: the same state again from what the database kept ---- */

void pipeline_restore_candle(struct pipeline *pipeline,
                             const struct asset *asset,
                             const struct candle *candle);
/* The first of an asset counts: newest first. */
void pipeline_restore_position(struct pipeline *pipeline, const struct position_track *track);
void pipeline_restore_open(struct pipeline *pipeline, const struct decision *decision);
void pipeline_restore_execution(struct pipeline *pipeline,
                                const struct execution *execution,
                                bool order_ended);
/* What is not known to the end yet, oldest first; after the executions, whose totals count. */
void pipeline_restore_order_outcome(struct pipeline *pipeline, const struct order_outcome *outcome);
/* An order of an open decision: while it has not ended it counts as open. */
void pipeline_restore_order(struct pipeline *pipeline,
                            const struct order_state *state,
                            int64_t now_ns);
/* What the strategy has learned from so far. n_samples_needed 0: the setting's own threshold. */
struct restored_training {
    int64_t last_training_ns, next_training_ns; /* TIMESTAMP_NONE when none */
    uint64_t n_samples, n_samples_since_training, n_samples_needed;
    uint64_t n_starts;
    int64_t starts_ns[TRIGGER_STARTS_MAX]; /* of the newest trainings, oldest first */
};
void pipeline_restore_training(struct pipeline *pipeline,
                               const struct strategy_id *strategy_id,
                               const struct restored_training *training,
                               int64_t now_ns);
/* What the newest orders of an asset got, those that did not fill included. */
struct restored_fills {
    struct asset asset;
    uint64_t n_orders;
    double mean_fraction; /* 0..1 */
};
void pipeline_restore_fills(struct pipeline *pipeline, const struct restored_fills *fills);
/* What became of a decision of the version that decides now, oldest first; those of another version are ignored. */
struct restored_outcome {
    struct strategy_id strategy_id;
    struct asset asset;
    struct model_version_id model_version;
    int64_t decided_at_ns;
    double confidence;
    bool won;
};
void pipeline_restore_outcome(struct pipeline *pipeline, const struct restored_outcome *outcome);
/* What became of the interval of such a decision, oldest first; both kinds of evidence. */
struct restored_interval {
    struct strategy_id strategy_id;
    struct asset asset;
    struct model_version_id model_version;
    int64_t decided_at_ns;
    struct interval interval;
    double net_return;
};
void pipeline_restore_interval(struct pipeline *pipeline, const struct restored_interval *restored);
/* The cost model from the newest executions, oldest first. */
void pipeline_restore_cost(struct pipeline *pipeline,
                           const struct execution *execution,
                           double signal_price,
                           int64_t decided_at_ns);

/* What the neighbours' own tables say. Each call replaces what the one before said; what is not known refuses nothing. */
struct known_balance {
    struct asset coin; /* "USDT" */
    double available;
};
struct known_order { /* may still fill */
    struct order_id order_id;
    struct asset asset;
};
struct known_position {
    struct asset asset;
    double size; /* signed, base currency */
};
struct neighbours {
    const struct known_balance *balances; /* a coin without a row is not known */
    const struct known_order *orders;
    const struct known_position *positions;
    size_t n_balances, n_orders, n_positions;
    bool positions_known; /* the table was read: an asset without a row is flat */
};
#define NEIGHBOUR_ROWS_MAX 1000 /* of each */
void pipeline_on_neighbours(struct pipeline *pipeline, const struct neighbours *neighbours);

/* Settings and strategies (those it was made with) say something else now: go on with that. */
void pipeline_reload(struct pipeline *pipeline, int64_t now_ns);

/* ---- what there is to see ---- */

struct strategy_view {
    struct strategy_id strategy_id;
    bool is_warmup;                        /* no model decides */
    struct model_version_id model_version; /* "" in warm-up */
    const char *model_kind;                /* "" in warm-up; static text */
    int64_t active_since_ns;               /* decision clock; TIMESTAMP_NONE in warm-up */
    uint64_t n_open;                       /* decisions that wait for their outcome */
    double signals_per_minute;             /* over the last minute of the decision clock */
    uint64_t n_samples;                    /* own fills, ever */
    uint64_t n_samples_since_training;
    uint64_t n_samples_needed; /* for the next training by count */
    uint64_t n_decisions, n_signals, n_abstained, n_settled, n_won;
    double settled_pnl; /* quote currency: net outcome times filled notional, own fills */
    int64_t last_training_ns, next_training_ns;  /* TIMESTAMP_NONE when none */
    double live_brier, live_brier_skill;         /* of the serving model; NaN when unknown */
    struct markout_mean markouts[MARKOUT_COUNT]; /* of its fills since the start */
    double interval_nominal;  /* share of outcomes that intervals are made to hold */
    double interval_coverage; /* share they held lately; NaN when not known */
};
/* Hash of the strategy's feature set, which a model must have been trained on; NULL when there is no such strategy. */
const struct sha256 *pipeline_schema_hash(struct pipeline *pipeline,
                                          const struct strategy_id *strategy_id);
/* The version that decides; NULL in warm-up. */
const struct model_version_id *pipeline_active_version(struct pipeline *pipeline,
                                                       const struct strategy_id *strategy_id);
const struct feature_set *pipeline_feature_set(struct pipeline *pipeline,
                                               const struct strategy_id *strategy_id);
size_t pipeline_n_strategies(const struct pipeline *pipeline);
void pipeline_strategy_view(const struct pipeline *pipeline,
                            size_t index,
                            int64_t now_ns,
                            struct strategy_view *out);
size_t pipeline_n_open(const struct pipeline *pipeline);
/* Event time of the newest market data of any asset; TIMESTAMP_NONE when none. */
int64_t pipeline_newest_market_ns(const struct pipeline *pipeline);

#endif
