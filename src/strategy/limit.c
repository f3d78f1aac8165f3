#include "alphaloop/strategy/limit.h"

#include <assert.h>

#include "alphaloop/base/timestamp.h"

#define LIMIT(name) extern const struct limit limit_##name;
#include "alphaloop/tbl/limits.def"
#undef LIMIT

static const struct limit *const table[] = {
#define LIMIT(name) &limit_##name,
#include "alphaloop/tbl/limits.def"
#undef LIMIT
};

size_t limit_count(void)
{
    return COUNT_OF(table);
}

const struct limit *limit_at(size_t index)
{
    assert(index < COUNT_OF(table));
    return table[index];
}

enum reason limits_check(struct limit_input *input)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        enum reason reason = table[i]->check(input);
        if (reason != REASON_NONE)
            return reason;
    }
    return REASON_NONE;
}

#define SIGNAL_COST (60 * NS_PER_S)

void limit_budget_init(struct limit_budget *budget, int64_t rate, int64_t burst, int64_t now_ns)
{
    assert(rate > 0 && rate <= 1000000 && burst >= 1 && burst <= 1000000);
    *budget = (struct limit_budget){
        .rate = rate, .burst = burst, .credit = burst * SIGNAL_COST, .at_ns = now_ns};
}

/* Long silences fill the bucket; the comparison with the time that takes avoids the product overflowing. */
static void refill(struct limit_budget *budget, int64_t now_ns)
{
    int64_t full = budget->burst * SIGNAL_COST;
    int64_t elapsed_ns = now_ns - budget->at_ns;
    if (elapsed_ns <= 0)
        return;
    int64_t missing = full - budget->credit;
    budget->credit = elapsed_ns >= missing / budget->rate + 1
                         ? full
                         : budget->credit + elapsed_ns * budget->rate;
    budget->at_ns = now_ns;
}

void limit_budget_change(struct limit_budget *budget, int64_t rate, int64_t burst, int64_t now_ns)
{
    assert(rate > 0 && rate <= 1000000 && burst >= 1 && burst <= 1000000);
    refill(budget, now_ns);
    budget->rate = rate;
    budget->burst = burst;
    if (budget->credit > burst * SIGNAL_COST)
        budget->credit = burst * SIGNAL_COST;
}

void limit_budget_time_begins(struct limit_budget *budget, int64_t now_ns)
{
    if (budget->at_ns > now_ns)
        budget->at_ns = now_ns;
}

bool limit_budget_has(struct limit_budget *budget, int64_t now_ns)
{
    refill(budget, now_ns);
    return budget->credit >= SIGNAL_COST;
}

bool limit_budget_take(struct limit_budget *budget, int64_t now_ns)
{
    if (!limit_budget_has(budget, now_ns))
        return false;
    budget->credit -= SIGNAL_COST;
    return true;
}
