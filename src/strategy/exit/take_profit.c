#include "alphaloop/strategy/exit.h"

/* The whole position at the target; before that, once, a part at the first target. */
static double check(const struct position_track *track,
                    const struct exit_rules *rules,
                    int64_t now_ns,
                    enum reason *reason)
{
    (void)now_ns;
    if (track->last.unrealized_pnl_pct >= rules->take_profit_pct) {
        *reason = REASON_take_profit;
        return 1;
    }
    if (track->partial_done || !(track->last.unrealized_pnl_pct >= rules->take_profit_partial_pct))
        return 0;
    *reason = REASON_take_profit_partial;
    return rules->partial_fraction;
}

const struct exit_rule exit_take_profit = {"take_profit", check};
