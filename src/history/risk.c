/* Prices between CLOSE_MIN and CLOSE_MAX keep every sum, square and ratio here finite, and every mean above 0. */
#include "alphaloop/history/risk.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SWING_CLOSES 7

/* ---- the score ---- */

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double squares_of(const double *x, size_t n, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static double swing_of(const double *closes, size_t n)
{
    double low = closes[0], high = closes[0];
    for (size_t i = 1; i < n; i++) {
        low = fmin(low, closes[i]);
        high = fmax(high, closes[i]);
    }
    return (high - low) / mean_of(closes, n);
}

static double slope_of(const double *y, size_t n)
{
    double middle = (double)(n - 1) / 2, mean = mean_of(y, n), xy = 0, xx = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)i - middle;
        xy += x * (y[i] - mean);
        xx += x * x;
    }
    return xy / xx;
}

static const char *level_of(int score)
{
    return score < 30 ? "conservative" : score < 70 ? "moderate" : "degen";
}

static void score(const double *closes, size_t n, struct risk *out)
{
    const double *recent = closes + n - RISK_CLOSES_MIN;
    double mean = mean_of(recent, RISK_CLOSES_MIN);
    out->volatility = sqrt(squares_of(recent, RISK_CLOSES_MIN, mean) / RISK_CLOSES_MIN) / mean;
    out->swing = swing_of(closes + n - SWING_CLOSES, SWING_CLOSES);
    out->trend = slope_of(recent, RISK_CLOSES_MIN) / mean;
    out->score = (int)(fmin(100, out->volatility * 200) * 0.5 + fmin(100, out->swing * 150) * 0.3 +
                       fmin(100, fabs(out->trend) * 500) * 0.2);
    out->level = level_of(out->score);
}

/* ---- the measures of returns ---- */

static double return_volatility(const double *closes, size_t n, double *returns)
{
    for (size_t i = 1; i < n; i++)
        returns[i - 1] = log(closes[i] / closes[i - 1]);
    return sqrt(squares_of(returns, n - 1, mean_of(returns, n - 1)) / (double)(n - 2));
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double level)
{
    double position = level * (double)(n - 1);
    size_t below = (size_t)position;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

static double value_at_risk(const double *closes, size_t n, double *returns)
{
    for (size_t i = 1; i < n; i++)
        returns[i - 1] = closes[i] / closes[i - 1] - 1;
    qsort(returns, n - 1, sizeof *returns, compare);
    return fmax(0, -quantile(returns, n - 1, 0.05));
}

static double max_drawdown(const double *closes, size_t n)
{
    double peak = closes[0], deepest = 0;
    for (size_t i = 1; i < n; i++) {
        peak = fmax(peak, closes[i]);
        deepest = fmax(deepest, 1 - closes[i] / peak);
    }
    return deepest;
}

struct risk risk_of_closes(const double *closes, size_t n, double *work)
{
    struct risk out = {0};
    assert(n >= RISK_CLOSES_MIN);
    score(closes, n, &out);
    out.return_volatility = return_volatility(closes, n, work);
    out.value_at_risk_95 = value_at_risk(closes, n, work);
    out.max_drawdown = max_drawdown(closes, n);
    return out;
}
