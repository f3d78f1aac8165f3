#include "alphaloop/strategy/exit.h"

/* The loss reached the stop. Comparisons with NaN are false: an unknown profit or a rule that is off never exits. */
static double check(const struct position_track *track,
                    const struct exit_rules *rules,
                    int64_t now_ns,
                    enum reason *reason)
{
    (void)now_ns;
    if (!(track->last.unrealized_pnl_pct <= rules->stop_loss_pct))
        return 0;
    *reason = REASON_stop_loss;
    return 1;
}

const struct exit_rule exit_stop_loss = {"stop_loss", check};
