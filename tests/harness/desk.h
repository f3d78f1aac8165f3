/* The whole loop without I/O: a synthetic market, the simulated exchange and the pipeline, in market time. Effects are
 * performed at once, as a database and a broker that never fail would. What the pipeline wanted stored is counted, checked
 * and (samples) kept. */
#ifndef ALPHALOOP_TESTS_HARNESS_DESK_H
#define ALPHALOOP_TESTS_HARNESS_DESK_H

#include "alphaloop/base/map.h"
#include "alphaloop/market/exchange.h"
#include "alphaloop/market/synthetic.h"
#include "alphaloop/pipeline/pipeline.h"

struct desk_options {
    uint64_t    seed;
    double      edge;
    const char *settings[16][2]; /* NAME, value */
    const char *strategy_json;   /* NULL: nothing but the settings */
};

struct desk_signal {
    struct decision decision;
    char           *body;
};

struct desk_run {
    struct settings        *settings;
    struct strategy_config *strategy;
    struct pipeline        *pipeline;
    struct effects          effects;
    struct synthetic       *market;
    struct exchange        *exchange;
    struct json_reader     *reader;
    struct map              orders; /* order_id -> struct order_state * */
    int64_t                 now_ns;
    struct sample          *samples;
    size_t                  n_samples, cap_samples;
    struct desk_signal     *signals;
    size_t                  n_signals, cap_signals;
    size_t n_abstentions[REASON_COUNT], n_drops[REASON_COUNT];
    size_t n_candles, n_positions, n_trainings, n_executions, n_exits;
    bool   hold_fills; /* order events are not handed on */
};

void desk_start(struct desk_run *desk, const struct desk_options *options);
/* Play this much market time. */
void desk_play(struct desk_run *desk, int64_t duration_ns);
void desk_stop(struct desk_run *desk);

#endif
