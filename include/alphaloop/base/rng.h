/* Seeded pseudo-random numbers: xoshiro256** (Blackman & Vigna 2018), state filled by splitmix64. Same seed, same
 * numbers, on every machine. Not for secrets. */
#ifndef ALPHALOOP_BASE_RNG_H
#define ALPHALOOP_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_u64(struct rng *rng);
double rng_uniform(struct rng *rng);             /* [0, 1), 53 bits */
uint64_t rng_below(struct rng *rng, uint64_t n); /* [0, n), unbiased; n > 0 */
double rng_normal(struct rng *rng); /* mean 0, variance 1; Marsaglia polar, no cached half */
double rng_exponential(struct rng *rng, double mean);

#endif
