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

/* One return a second at most, so that many quotes within a moment count once. A silence is not a return. */
void young_volatility_on_mid(struct young_volatility *young, int64_t ts_ns, double log_mid)
{
    int64_t passed_ns = ts_ns - young->mid_ns;
    bool is_first = young->seconds == 0 && young->mid_ns == 0;
    if (!is_first && passed_ns < NS_PER_S)
        return;
    if (!is_first && passed_ns <= NS_PER_MIN) {
        double step = log_mid - young->log_mid;
        young->squares += step * step;
        young->seconds += (double)passed_ns / (double)NS_PER_S;
        young->n_moves++;
    }
    young->log_mid = log_mid;
    young->mid_ns = ts_ns;
}

void young_volatility_on_minute(struct young_volatility *young, const struct candle *candle)
{
    double range = log(candle->high / candle->low);
    young->ranges += range * range;
    young->n_ranges++;
}

/* Variance by ranges: sum of squared log(high / low) over 4 ln 2 times their number. */
double young_volatility_sigma(const struct young_volatility *young)
{
    if (young->n_moves >= MARKET_SIGMA_RETURNS_MIN)
        return sqrt(young->squares / young->seconds * 60);
    if (young->n_ranges > 0)
        return sqrt(young->ranges / (double)young->n_ranges / (4 * log(2)));
    return NAN;
}
