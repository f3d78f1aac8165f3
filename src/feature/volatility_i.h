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

/* A first estimate for a market whose minutes are still too few: what one minute's deviation is by the moves from second to
 * second, else by how far the candles reached (Parkinson 1980). Coarser than the EWMA of minutes, which takes over. */
struct young_volatility {
    double log_mid; /* of the newest second that counted */
    int64_t mid_ns;
    double squares, seconds; /* sums of squared log returns and of the time they took */
    size_t n_moves;
    double ranges; /* sum of squared log(high / low) of minute candles */
    size_t n_ranges;
};

void young_volatility_on_mid(struct young_volatility *young, int64_t ts_ns, double log_mid);
void young_volatility_on_minute(struct young_volatility *young, const struct candle *candle);
double young_volatility_sigma(
    const struct young_volatility *young); /* NaN while nothing is known */

#endif
