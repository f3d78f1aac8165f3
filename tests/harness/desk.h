/* The whole loop without I/O: a synthetic market, the simulated exchange and the pipeline, in market time. Effects are
 * performed at once, as a database and a broker that never fail would. What the pipeline wanted stored is counted, checked
 * and (samples) kept. */
#ifndef ALPHALOOP_TESTS_HARNESS_DESK_H
#define ALPHALOOP_TESTS_HARNESS_DESK_H

#include "alphaloop/base/map.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/market/exchange.h"
#include "alphaloop/market/synthetic.h"
#include "alphaloop/pipeline/pipeline.h"

struct desk_run;
/* How long the order of a signal takes to reach the exchange, ns; DESK_NEVER: it never does, and nobody says so. */
typedef int64_t (*desk_wait_fn)(struct desk_run *desk, const struct decision *decision);
#define DESK_NEVER INT64_MAX

struct desk_options {
    uint64_t seed;
    double edge;
    bool is_free; /* trading costs nothing: no fees, no slippage, hardly a spread */
    const struct exchange_options *exchange; /* NULL: the default; the seed is the desk's */
    desk_wait_fn wait;                       /* of entries; NULL: not at all */
    const char *settings[16][2];             /* NAME, value */
    const char *strategy_json;               /* NULL: nothing but the settings */
};

struct desk_signal {
    struct decision decision;
    char *body;
};

/* What someone who sees the market's alpha knew at a decision. */
struct desk_truth {
    struct uuid decision_id;
    struct synthetic_truth truth;
};

/* An order event on its way. */
struct desk_letter {
    char *body;
    size_t body_len;
    char trace_id[64];
    int64_t ts_ns;
};

/* An order that waits for the exchange. */
struct desk_order {
    char *body;
    int64_t due_ns;
};

/* The pipeline asks for a training; called while effects are performed. */
typedef void (*desk_training_fn)(struct desk_run *desk, const char *trigger);
/* The pipeline asks for a version to move; likewise. */
typedef void (*desk_rollout_fn)(struct desk_run *desk, const struct rollout_step *step);

struct desk_run {
    struct settings *settings;
    struct strategy_config *strategy;
    struct pipeline *pipeline;
    const struct scorer *scorer; /* that decides: the pipeline's; NULL in warm-up */
    struct effects effects;
    struct synthetic *market;
    struct synthetic_options market_options;
    struct exchange *exchange;
    struct json_reader *reader;
    struct map orders; /* order_id -> struct order_state * */
    int64_t now_ns;
    struct sample *samples;
    size_t n_samples, cap_samples;
    struct order_outcome *outcomes; /* every one that was stored, in order */
    size_t n_outcomes, cap_outcomes;
    struct execution *fills; /* of every order, as they came */
    size_t n_fills, cap_fills;
    struct desk_truth
        *truths; /* of every entry decision with features, also of those that abstained */
    size_t n_truths, cap_truths;
    struct desk_signal *signals;
    size_t n_signals, cap_signals;
    desk_wait_fn wait;
    struct desk_order *waiting;
    size_t n_waiting, cap_waiting;
    bool forgets_signals; /* they are sent, but not kept */
    size_t n_abstentions[REASON_COUNT], n_drops[REASON_COUNT];
    size_t n_candles, n_positions, n_trainings, n_executions, n_exits;
    bool plays_half;       /* the orders of signals with an odd id were only played */
    bool hold_fills;       /* order events are not handed on */
    int64_t post_every_ns; /* > 0: they come in the post, so often; */
    bool post_is_mixed;    /* in any order, and some of them twice */
    struct desk_letter *letters;
    size_t n_letters, cap_letters;
    int64_t next_post_ns;
    struct rng post_rng;
    desk_training_fn on_training; /* NULL: trainings are only counted */
    desk_rollout_fn on_rollout;   /* NULL: nothing moves */
    bool keeps_scores;            /* what each version would have done: */
    struct shadow_scores *scores;
    size_t n_scores, cap_scores;
};

void desk_start(struct desk_run *desk, const struct desk_options *options);
/* Play this much market time. */
void desk_play(struct desk_run *desk, int64_t duration_ns);
void desk_stop(struct desk_run *desk);

#endif
