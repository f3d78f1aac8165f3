/* Limits: what an otherwise good signal is held against. One row of limits.def, one file each. */
#ifndef ALPHALOOP_STRATEGY_LIMIT_H
#define ALPHALOOP_STRATEGY_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/domain/names.h"
#include "alphaloop/domain/reason.h"

/* Token bucket of one strategy: at most `rate` signals in any 60 s on average, `burst` more at once. Exact: credit is
 * counted in nanosecond-tokens, 60e9 of which make one signal. */
struct limit_budget {
    int64_t rate, burst; /* signals per 60 s; signals */
    int64_t credit;      /* nanosecond-tokens */
    int64_t at_ns;       /* when `credit` was right */
};
void limit_budget_init(struct limit_budget *budget,
                       int64_t rate,
                       int64_t burst,
                       int64_t now_ns); /* starts full */
/* Another rate and burst from now on; what is left stays, as far as the new burst holds it. */
void limit_budget_change(struct limit_budget *budget, int64_t rate, int64_t burst, int64_t now_ns);
/* Times told until now may have been of a later clock: credit is counted from now_ns at the latest. */
void limit_budget_time_begins(struct limit_budget *budget, int64_t now_ns);
bool limit_budget_has(struct limit_budget *budget, int64_t now_ns);
bool limit_budget_take(struct limit_budget *budget, int64_t now_ns); /* false: used up */

struct limit_input {
    int64_t now_ns;
    enum side side;
    double amount; /* quote currency */
    struct limit_budget *budget;
    int64_t last_signal_ns; /* of this strategy and asset; TIMESTAMP_NONE when none */
    int64_t cooldown_ns;
    size_t n_open_orders; /* of this asset */
    bool skip_on_open_order;
    double balance;      /* what the side can spend, in quote currency; NaN: unknown */
    double position;     /* signed notional in quote currency; NaN: unknown */
    double max_position; /* absolute bound; NaN: none */
};

struct limit {
    const char *name;
    enum reason (*check)(struct limit_input *input); /* REASON_NONE: passes */
};

/* Every limit in table order; the first refusal, or REASON_NONE and one signal is taken off the budget. */
enum reason limits_check(struct limit_input *input);

size_t limit_count(void);
const struct limit *limit_at(size_t index);

#endif
