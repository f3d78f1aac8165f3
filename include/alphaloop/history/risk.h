/* How risky a price series is: a score of 0 to 100, and the measures one would rather look at.
 *
 * The score and its three parts are those of the price service's document, of the last closes of the series:
 *
 *   volatility  sd / mean of the last 30; sd of the population, divided by n (numpy.std)
 *   swing       (max - min) / mean of the last 7
 *   trend       slope / mean of the last 30, the slope of a least-squares line over 0, 1, ... 29 (numpy.polyfit)
 *   score       min(100, 200 volatility) 0.5 + min(100, 150 swing) 0.3 + min(100, 500 |trend|) 0.2, cut to an integer
 *
 * Prices above 0 have a trend of at most 14.5 * 30 / 2247.5 = 0.194, all of them in the last one, so no score is above 99.
 * The parts are of prices, not of returns: a steady rise is volatile by them. What follows is of returns, over the whole series:
 *
 *   return_volatility  sd of log returns, of a sample, divided by n - 1: per interval, not per year (Hull, Options, Futures and
 *                      Other Derivatives, ch. 15.4)
 *   value_at_risk_95   historical simulation: the loss of simple returns that 5 % of the intervals exceeded, a fraction; the 5 %
 *                      quantile by definition 7 of Hyndman & Fan (1996), numpy.quantile; 0 where it is a gain (Jorion, Value at
 *                      Risk, ch. 10)
 *   max_drawdown       largest fall from the highest close before, a fraction: max of 1 - p_t / max_{s <= t} p_s (Magdon-Ismail
 *                      & Atiya 2004)
 */
#ifndef ALPHALOOP_HISTORY_RISK_H
#define ALPHALOOP_HISTORY_RISK_H

#include <stddef.h>

#define RISK_CLOSES_MIN 30

struct risk {
    int score;         /* 0 to 99 */
    const char *level; /* conservative to 29, moderate to 69, degen; static */
    double volatility, swing, trend;
    double return_volatility, value_at_risk_95, max_drawdown;
};

/* The risk of `n` >= RISK_CLOSES_MIN closes, oldest first, as posted_closes_read() lets them through.
 *
 *   work  [n], overwritten
 */
struct risk risk_of_closes(const double *closes, size_t n, double *work);

#endif
