#include "alphaloop/train/forecast_score.h"

#include <assert.h>
#include <math.h>

static double weight_at(const float *w, size_t i)
{
    return w == NULL ? 1 : (double)w[i];
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

double forecast_naive_error(const double *y, size_t n, size_t step)
{
    double sum = 0;
    if (step < 1 || n <= step)
        return NAN;
    for (size_t i = step; i < n; i++)
        sum += fabs(y[i] - y[i - step]);
    return sum / (double)(n - step);
}

struct forecast_errors forecast_errors_of(
    const float *y, const float *f, const float *naive, const float *w, size_t n)
{
    double total = 0, absolute = 0, squares = 0, naive_absolute = 0, naive_squares = 0;
    for (size_t i = 0; i < n; i++) {
        double weight = weight_at(w, i), error = (double)y[i] - (double)f[i];
        double naive_error = (double)y[i] - (naive == NULL ? 0 : (double)naive[i]);
        total += weight;
        absolute += weight * fabs(error);
        squares += weight * error * error;
        naive_absolute += weight * fabs(naive_error);
        naive_squares += weight * naive_error * naive_error;
    }
    return (struct forecast_errors){ratio(absolute, total), sqrt(ratio(squares, total)),
                                    ratio(naive_absolute, total),
                                    sqrt(ratio(naive_squares, total))};
}

double forecast_mase(double mae, double scale)
{
    return ratio(mae, scale);
}

double forecast_rmse_ratio(const struct forecast_errors *errors)
{
    return ratio(errors->rmse, errors->naive_rmse);
}

double forecast_r2_out_of_sample(const struct forecast_errors *errors)
{
    double u = forecast_rmse_ratio(errors);
    return 1 - u * u;
}

double forecast_pinball_loss(const float *y, const float *q, double level, const float *w, size_t n)
{
    double total = 0, loss = 0;
    assert(level > 0 && level < 1);
    for (size_t i = 0; i < n; i++) {
        double above = (double)y[i] - (double)q[i];
        total += weight_at(w, i);
        loss += weight_at(w, i) * (above >= 0 ? level * above : (level - 1) * above);
    }
    return ratio(loss, total);
}

struct interval_score forecast_interval_score(
    const float *y, const float *low, const float *high, double miss, const float *w, size_t n)
{
    double total = 0, covered = 0, width = 0, outside = 0;
    assert(miss > 0 && miss < 1);
    for (size_t i = 0; i < n; i++) {
        double weight = weight_at(w, i);
        assert(low[i] <= high[i]);
        total += weight;
        covered += low[i] <= y[i] && y[i] <= high[i] ? weight : 0;
        width += weight * ((double)high[i] - (double)low[i]);
        outside += weight * (fmax((double)low[i] - (double)y[i], 0) +
                             fmax((double)y[i] - (double)high[i], 0));
    }
    return (struct interval_score){ratio(covered, total), ratio(width, total),
                                   ratio(width + 2 / miss * outside, total)};
}
