#include "alphaloop/pipeline/market_clock.h"

#include <math.h>

#include "alphaloop/base/timestamp.h"

/* Long enough to hold many events of a fast replay, short enough to follow it. */
#define PACE_WINDOW_NS (200 * NS_PER_MS)
/* Longer than a loop that is awake goes without asking. */
#define ASLEEP_NS NS_PER_S

void market_clock_init(struct market_clock *clock, bool follows_market, double speed)
{
    *clock = (struct market_clock){
        .follows_market = follows_market,
        .speed = speed,
        .pace = speed,
        .newest_event_ns = TIMESTAMP_NONE,
        .asked_at_wall_ns = TIMESTAMP_NONE,
        .last_ns = TIMESTAMP_NONE,
    };
}

static void leave_out_sleep(struct market_clock *clock, int64_t wall_ns)
{
    if (clock->asked_at_wall_ns != TIMESTAMP_NONE) {
        int64_t slept_ns = wall_ns - clock->asked_at_wall_ns - ASLEEP_NS;
        if (slept_ns > 0) {
            clock->seen_at_wall_ns += slept_ns;
            clock->pace_wall_ns += slept_ns;
        }
    }
    clock->asked_at_wall_ns = wall_ns;
}

/* Not below real time: after a halt the clock must not crawl. */
static void measure_pace(struct market_clock *clock, int64_t ts_event_ns, int64_t wall_ns)
{
    int64_t passed_ns = wall_ns - clock->pace_wall_ns;
    if (passed_ns >= 0 && passed_ns < PACE_WINDOW_NS)
        return;
    if (passed_ns > 0) {
        double pace = (double)(ts_event_ns - clock->pace_event_ns) / (double)passed_ns;
        clock->pace = fmin(clock->speed, fmax(pace, 1));
    }
    clock->pace_event_ns = ts_event_ns;
    clock->pace_wall_ns = wall_ns;
}

bool market_clock_see(struct market_clock *clock, int64_t ts_event_ns, int64_t wall_ns)
{
    if (ts_event_ns > wall_ns + FUTURE_TOLERANCE_NS)
        return false;
    leave_out_sleep(clock, wall_ns);
    if (clock->newest_event_ns != TIMESTAMP_NONE && ts_event_ns <= clock->newest_event_ns)
        return true;
    if (clock->newest_event_ns == TIMESTAMP_NONE) {
        clock->pace_event_ns = ts_event_ns;
        clock->pace_wall_ns = wall_ns;
    }
    measure_pace(clock, ts_event_ns, wall_ns);
    clock->newest_event_ns = ts_event_ns;
    clock->seen_at_wall_ns = wall_ns;
    return true;
}

bool market_clock_is_known(const struct market_clock *clock)
{
    return !clock->follows_market || clock->newest_event_ns != TIMESTAMP_NONE;
}

/* Before the first event a market clock has nothing to follow and shows the wall, without committing to it: the market
 * may well be a recorded one that lies in the past. */
int64_t market_clock_now(struct market_clock *clock, int64_t wall_ns)
{
    int64_t now_ns = wall_ns;
    if (clock->follows_market) {
        if (clock->newest_event_ns == TIMESTAMP_NONE)
            return wall_ns;
        leave_out_sleep(clock, wall_ns);
        int64_t elapsed_ns =
            wall_ns > clock->seen_at_wall_ns ? wall_ns - clock->seen_at_wall_ns : 0;
        now_ns = clock->newest_event_ns + (int64_t)((double)elapsed_ns * clock->pace);
    }
    if (clock->last_ns == TIMESTAMP_NONE || now_ns > clock->last_ns)
        clock->last_ns = now_ns;
    return clock->last_ns;
}
