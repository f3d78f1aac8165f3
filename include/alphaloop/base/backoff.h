/* Waiting ever longer between attempts. */
#ifndef ALPHALOOP_BASE_BACKOFF_H
#define ALPHALOOP_BASE_BACKOFF_H

#include <stdint.h>

/* How long to wait next, in the unit of the others: `least` after no wait (0), then twice the `last` one, `most` at most. */
static inline int64_t backoff_next(int64_t last, int64_t least, int64_t most)
{
    int64_t next = last == 0 ? least : 2 * last;
    return next < most ? next : most;
}

#endif
