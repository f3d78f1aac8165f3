/* The clock of decisions (CLOCK=wall or market).
 *
 * Wall: time is what the caller says it is, so data that stops coming goes stale. Market: time is the newest event time
 * seen, advanced between messages by elapsed wall time times the replay speed; a market replayed at 1000x meets the same
 * staleness limits, cooldowns, horizons and schedules as at 1x. Time never runs backwards, and no event may pull it more
 * than 300 s past the wall.
 *
 * The replay may run slower than it should (it waits for readers, the machine is busy). A clock that then went on at full
 * speed would be far ahead of every event, and all of them stale; so it advances at the pace the events have lately had, and
 * never faster than the replay speed.
 *
 * It is asked many times a second. Wall time in which nobody asked did not pass in the market: the machine was suspended or
 * the process stopped, and a replay on the same machine slept as well.
 */
#ifndef ALPHALOOP_PIPELINE_MARKET_CLOCK_H
#define ALPHALOOP_PIPELINE_MARKET_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define FUTURE_TOLERANCE_NS (300 * INT64_C(1000000000))

struct market_clock {
    bool follows_market;
    double speed;            /* market seconds per wall second */
    double pace;             /* what it has lately been, at most `speed` */
    int64_t newest_event_ns; /* TIMESTAMP_NONE before the first event */
    int64_t seen_at_wall_ns;
    int64_t pace_event_ns, pace_wall_ns; /* where the pace is measured from */
    int64_t asked_at_wall_ns;            /* TIMESTAMP_NONE before the first time */
    int64_t last_ns;                     /* the last answer */
};

void market_clock_init(struct market_clock *clock, bool follows_market, double speed);
/* An event of this time was seen. False when it lies too far ahead of the wall; the clock then ignores it. */
bool market_clock_see(struct market_clock *clock, int64_t ts_event_ns, int64_t wall_ns);
int64_t market_clock_now(struct market_clock *clock, int64_t wall_ns);
/* False while it follows a market that it has not heard of. */
bool market_clock_is_known(const struct market_clock *clock);

#endif
