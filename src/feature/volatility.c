#include "volatility_i.h"

#include <math.h>

#include "alphaloop/feature/market_state.h"

struct volatility volatility_of(double lambda)
{
    return (struct volatility){.lambda = lambda};
}

/* A return over k spans has k times the variance of one: its square counts for one span as its k-th part. */
void volatility_push(struct volatility *volatility, const struct candle *candle)
{
    int64_t end_ns = candle->ts_open_ns + candle->interval_ns;
    if (volatility->close > 0) {
        double n_spans =
            fmax(1, (double)(end_ns - volatility->end_ns) / (double)candle->interval_ns);
        double step = log(candle->close / volatility->close);
        double fresh = 1 - volatility->lambda;
        volatility->squares =
            volatility->lambda * volatility->squares + fresh * step * step / n_spans;
        volatility->weight = volatility->lambda * volatility->weight + fresh;
        volatility->n_returns++;
    }
    volatility->close = candle->close;
    volatility->end_ns = end_ns;
}

double volatility_sigma(const struct volatility *volatility)
{
    if (volatility->n_returns < MARKET_SIGMA_RETURNS_MIN)
        return NAN;
    return sqrt(volatility->squares / volatility->weight);
}
