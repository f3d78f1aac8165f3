#include "alphaloop/train/sharpe.h"

#include <assert.h>
#include <math.h>

#include "alphaloop/base/stats.h"

#define EULER_GAMMA 0.57721566490153286061
#define E           2.71828182845904523536
#define PERIODS_MIN 3 /* of two, skewness and kurtosis are what they always are */

struct sharpe sharpe_of(const double *returns, size_t n)
{
    struct sharpe sharpe = {.n = n, .ratio = NAN, .skewness = NAN, .kurtosis = NAN};
    double mean = 0, m2 = 0, m3 = 0, m4 = 0;
    for (size_t i = 0; i < n; i++)
        mean += returns[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = returns[i] - mean;
        m2 += d * d / (double)n;
        m3 += d * d * d / (double)n;
        m4 += d * d * d * d / (double)n;
    }
    if (n < PERIODS_MIN || !(m2 > 0))
        return sharpe;
    sharpe.ratio = mean / sqrt(m2 * (double)n / (double)(n - 1));
    sharpe.skewness = m3 / pow(m2, 1.5);
    sharpe.kurtosis = m4 / (m2 * m2);
    return sharpe;
}

size_t sharpe_periods(const double *u, size_t n, size_t length, double *periods)
{
    assert(length >= 1);
    size_t first = n % length, n_periods = n / length;
    for (size_t i = 0; i < n_periods; i++) {
        double sum = 0;
        for (size_t k = 0; k < length; k++)
            sum += u[first + i * length + k];
        periods[i] = sum;
    }
    return n_periods;
}

/* n - 1 times the variance of the estimate; NaN where the expansion gives none. */
static double estimate_variance(const struct sharpe *s)
{
    double variance = 1 - s->skewness * s->ratio + (s->kurtosis - 1) / 4 * s->ratio * s->ratio;
    return variance > 0 ? variance : NAN;
}

double sharpe_probability(const struct sharpe *sharpe, double benchmark)
{
    double deviation = sqrt(estimate_variance(sharpe) / (double)(sharpe->n - 1));
    return stats_normal_cdf((sharpe->ratio - benchmark) / deviation);
}

double sharpe_track_record_min(const struct sharpe *sharpe, double benchmark, double level)
{
    assert(level > 0.5 && level < 1);
    double z = stats_normal_upper(1 - level), edge = sharpe->ratio - benchmark;
    if (edge <= 0)
        return INFINITY;
    return 1 + estimate_variance(sharpe) * (z / edge) * (z / edge);
}

double sharpe_best_of(size_t n_trials, double variance)
{
    assert(n_trials >= 1 && variance >= 0);
    if (n_trials == 1)
        return 0;
    double n = (double)n_trials;
    return sqrt(variance) * ((1 - EULER_GAMMA) * stats_normal_upper(1 / n) +
                             EULER_GAMMA * stats_normal_upper(1 / (n * E)));
}

double sharpe_deflated(const struct sharpe *sharpe, const struct sharpe_trials *trials)
{
    if (isnan(sharpe->ratio))
        return NAN;
    double variance = isnan(trials->variance) ? 1 / (double)(sharpe->n - 1) : trials->variance;
    return sharpe_probability(sharpe, sharpe_best_of(trials->n, variance));
}
