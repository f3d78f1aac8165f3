/* EWMA volatility of the candles of one timeframe (RiskMetrics 1996), without bias while young: the weights are summed
 * beside the squares. */
#ifndef ALPHALOOP_FEATURE_VOLATILITY_I_H
#define ALPHALOOP_FEATURE_VOLATILITY_I_H

#include "alphaloop/domain/market.h"

struct volatility {
    double lambda;
    double squares, weight;
    double close;
    int64_t end_ns;
    size_t n_returns;
};

struct volatility volatility_of(double lambda);
void volatility_push(struct volatility *volatility, const struct candle *candle);
double volatility_sigma(
    const struct volatility *volatility); /* NaN while fewer than the minimum of returns */

#endif
