/* Bars with known gaps, and with a return that the newest one partly tells: the next return is rho times this one plus noise. */
#ifndef ALPHALOOP_TESTS_HARNESS_BARS_H
#define ALPHALOOP_TESTS_HARNESS_BARS_H

#include <stddef.h>
#include <stdint.h>

#include "alphaloop/domain/market.h"

#define BARS_FROM_NS (1700006400LL * 1000000000LL) /* 2023-11-15T00:00:00Z */

/* Hourly, n of them; `deviation` of a log return. */
void bars_make(struct candle *out, size_t n, double rho, double deviation, uint64_t seed);

#endif
