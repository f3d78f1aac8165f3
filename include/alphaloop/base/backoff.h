/* Waiting ever longer between attempts. */
#ifndef ALPHALOOP_BASE_BACKOFF_H
#define ALPHALOOP_BASE_BACKOFF_H

#include <stdint.h>

#include "alphaloop/base/rng.h"

/* How long to wait next, in the unit of the others: `least` after no wait (0), then twice the `last` one, `most` at most. */
static inline int64_t backoff_next(int64_t last, int64_t least, int64_t most)
{
    int64_t next = last == 0 ? least : 2 * last;
    return next < most ? next : most;
}

/* A wait from half of *wait to all of it, so that many who lost the same thing do not all come back at once. Then doubles
 * *wait, to `most` at most. */
static inline uint32_t backoff_jittered(struct rng *rng, uint32_t *wait, uint32_t most)
{
    uint32_t half = *wait / 2;
    *wait = (uint32_t)backoff_next(*wait, *wait, most);
    return half + (uint32_t)rng_below(rng, half + 1);
}

#endif
