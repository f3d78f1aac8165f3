/* A circuit breaker: who keeps failing is left alone for a while, then asked once whether it is well again.
 *
 *      CLOSED --failures_max failures in a row--> OPEN --open_ns later, the next who asks--> HALF_OPEN
 *         ^                                        ^                                            |
 *         +----------- its answer is good ---------+--------- its answer is bad, wait twice ----+
 *
 * No clock: times are arguments, of one clock that does not go back. A call that was let through before the last change
 * of state says nothing about the new state: its ticket is of another epoch and its outcome is ignored.
 * Pattern: M. Nygard, Release It! (2018), ch. 5, Circuit Breaker.
 */
#ifndef ALPHALOOP_IO_FETCH_BREAKER_H
#define ALPHALOOP_IO_FETCH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN, BREAKER_STATES };
const char *breaker_state_name(enum breaker_state state); /* "closed", "half_open", "open" */

struct breaker {
    const char *name; /* keeps: what it guards, label of logs and metrics */
    uint32_t failures_max;
    int64_t open_min_ns, open_max_ns; /* waits double from the first to the second */

    enum breaker_state state;
    uint32_t n_failures; /* in a row */
    int64_t open_ns;     /* how long it was last opened for; 0 since it was closed */
    int64_t until_ns;    /* of OPEN */
    uint64_t epoch;      /* grows with every change of state */
    bool probing;        /* the one call of HALF_OPEN is under way */
};

struct breaker_ticket {
    uint64_t epoch;
};

enum breaker_verdict {
    BREAKER_GOOD, /* it answered, even if with a refusal */
    BREAKER_BAD,
    BREAKER_UNKNOWN, /* cancelled: nothing was learnt */
};

/* failures_max > 0, 0 < open_min_ns <= open_max_ns. */
void breaker_init(struct breaker *breaker,
                  const char *name,
                  uint32_t failures_max,
                  int64_t open_min_ns,
                  int64_t open_max_ns);
/* Whether a call may be made now; if so, exactly one breaker_tell() with this ticket must follow. */
bool breaker_ask(struct breaker *breaker, int64_t now_ns, struct breaker_ticket *ticket);
void breaker_tell(struct breaker *breaker,
                  struct breaker_ticket ticket,
                  enum breaker_verdict verdict,
                  int64_t now_ns);

#endif
