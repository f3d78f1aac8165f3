/* Limits: what may refuse an entry, or make it smaller. One file each in src/strategy/limit/, one row in tbl/limits.def.
 *
 *     struct decimal amount = sizing_by_model(...);
 *     enum reason reason = limits_check(&input, &amount);     may lower the amount
 *     if (reason == REASON_NONE) { decide; limits_commit(&input); }
 *
 * Checking changes nothing; committing takes the token and starts the cooldown. At start the commits of the last minute's
 * signals are repeated in order of time, and the limits are as if the program had never stopped.
 */
#ifndef ALPHALOOP_STRATEGY_LIMIT_H
#define ALPHALOOP_STRATEGY_LIMIT_H

#include "alphaloop/base/decimal.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"

#define LIMIT_RATE_SPAN_NS (60 * NS_PER_S) /* a rate is signals per this span */

/* A token bucket in whole numbers: a signal costs LIMIT_RATE_SPAN_NS units, each nanosecond earns `rate` of them. So in any
 * span t at most rate * t / 60 s + burst signals pass, exactly. One a strategy. */
struct limit_budget {
    int64_t level;      /* units */
    int64_t updated_ns; /* TIMESTAMP_NONE: full, never used */
};

/* One a strategy and asset. */
struct limit_pair {
    int64_t last_signal_ns; /* TIMESTAMP_NONE: none yet */
};

void limit_budget_init(struct limit_budget *budget);
void limit_pair_init(struct limit_pair *pair);

struct limit_rule {
    uint32_t       rate, burst;        /* signals per 60 s and at once; 1..1000000 and 0..1000000 (0 counts as 1) */
    int64_t        cooldown_ns;        /* between two signals of one strategy and asset; 0: none */
    bool           skip_on_open_order;
    double         max_position_quote; /* largest value of the position, either side; 0: no bound */
    struct decimal amount_min;         /* smaller is not worth sending */
};

struct limit_input {
    const struct limit_rule *rule;
    struct limit_budget     *budget;
    struct limit_pair       *pair;
    enum side                side;
    size_t                   n_open_orders;  /* of this asset */
    double                   position_quote; /* signed value of the position; NaN: not known */
    double                   available;      /* quote currency this side may spend; NaN: not known */
    int64_t                  now_ns;
};

struct limit {
    const char *name;
    const char *summary;
    /* REASON_NONE, or why not. May lower *amount, never raises it. */
    enum reason (*check)(const struct limit_input *input, struct decimal *amount);
    void (*commit)(const struct limit_input *input); /* NULL: nothing to remember */
};

size_t              limit_count(void);
const struct limit *limit_at(size_t index); /* in the order asked */

/* The first refusal, or REASON_NONE with *amount possibly lowered (still with 2 decimals). */
enum reason limits_check(const struct limit_input *input, struct decimal *amount);
void        limits_commit(const struct limit_input *input);
/* Whole signals the budget would let through at now_ns. */
uint32_t    limit_budget_left(const struct limit_budget *budget, const struct limit_rule *rule, int64_t now_ns);

#endif
