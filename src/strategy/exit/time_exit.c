#include "alphaloop/base/timestamp.h"
#include "alphaloop/strategy/exit.h"

/* Held for the longest allowed time. */
static double check(const struct position_track *track,
                    const struct exit_rules *rules,
                    int64_t now_ns,
                    enum reason *reason)
{
    double held_hours = (double)(now_ns - track->opened_ns) / (double)NS_PER_H;
    if (!(held_hours >= rules->time_exit_hours))
        return 0;
    *reason = REASON_time_exit;
    return 1;
}

const struct exit_rule exit_time_exit = {"time_exit", check};
