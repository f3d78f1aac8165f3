/* A clock that moves only when told to. Starts at 2026-01-01T00:00:00Z. */
#ifndef ALPHALOOP_TESTS_HARNESS_FAKE_CLOCK_H
#define ALPHALOOP_TESTS_HARNESS_FAKE_CLOCK_H

#include "alphaloop/base/timestamp.h"

#define FAKE_CLOCK_START_NS (1767225600LL * NS_PER_S)

struct fake_clock {
    int64_t now_ns;
};

#define FAKE_CLOCK_INIT ((struct fake_clock){FAKE_CLOCK_START_NS})

static inline int64_t fake_clock_advance(struct fake_clock *clock, int64_t by_ns)
{
    return clock->now_ns += by_ns;
}

#endif
