#include "alphaloop/strategy/exit.h"

/* Once the peak profit reached the activation, a fall of the distance below that peak closes the position. */
static double check(const struct position_track *track,
                    const struct exit_rules *rules,
                    int64_t now_ns,
                    enum reason *reason)
{
    (void)now_ns;
    bool armed = track->peak_pnl_pct >= rules->trailing_activation_pct;
    if (!armed ||
        !(track->last.unrealized_pnl_pct <= track->peak_pnl_pct - rules->trailing_distance_pct))
        return 0;
    *reason = REASON_trailing_stop;
    return 1;
}

const struct exit_rule exit_trailing_stop = {"trailing_stop", check};
