#include "harness/bars.h"

#include <math.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"

void bars_make(struct candle *out, size_t n, double rho, double deviation, uint64_t seed)
{
    struct rng rng;
    double log_price = log(20000), step = 0;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        double open = exp(log_price);
        step = rho * step + sqrt(1 - rho * rho) * deviation * rng_normal(&rng);
        log_price += step;
        double close = exp(log_price), reach = 1 + deviation * rng_uniform(&rng);
        out[i] = (struct candle){.ts_open_ns = BARS_FROM_NS + (int64_t)i * NS_PER_H,
                                 .interval_ns = NS_PER_H,
                                 .open = open,
                                 .high = fmax(open, close) * reach,
                                 .low = fmin(open, close) / reach,
                                 .close = close,
                                 .volume = 1 + rng_uniform(&rng)};
    }
}
