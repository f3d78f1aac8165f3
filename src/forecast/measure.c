#include "alphaloop/forecast/measure.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/train/forecast_score.h"

#define WILSON_Z    1.959963984540054 /* 97.5 % point of the normal distribution */
#define NS_PER_YEAR (365 * NS_PER_DAY)

void forecast_wilson(double share, double n, double *low, double *high)
{
    double z2 = WILSON_Z * WILSON_Z, centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    double half = WILSON_Z * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
    *low = n > 0 ? centre - half : NAN;
    *high = n > 0 ? centre + half : NAN;
}

/* ---- prices ---- */

struct price_errors {
    double mape, mae, rmse;
};

/* of: 1 for the forecast, 0 for the random walk. */
static struct price_errors price_errors_of(const struct forecast_outcome *o, size_t n, double of)
{
    double relative = 0, absolute = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double came = o[i].price * exp((double)o[i].y);
        double error = came - o[i].price * exp(of * (double)o[i].mean);
        relative += fabs(error) / came;
        absolute += fabs(error);
        squares += error * error;
    }
    double count = (double)n;
    return (struct price_errors){100 * relative / count, absolute / count, sqrt(squares / count)};
}

static void measure_prices(const struct forecast_outcome *o,
                           size_t n,
                           struct forecast_measures *out)
{
    struct price_errors forecast = price_errors_of(o, n, 1), naive = price_errors_of(o, n, 0);
    out->mape = forecast.mape;
    out->mae = forecast.mae;
    out->rmse = forecast.rmse;
    out->naive_mape = naive.mape;
    out->naive_mae = naive.mae;
    out->naive_rmse = naive.rmse;
}

/* ---- returns ---- */

/* Columns of the outcomes, as train/forecast_score.h takes them. */
struct columns {
    float *y, *mean, *low, *high, *zero;
};

static double explained(const float *y, const float *f, size_t n)
{
    double sum = 0, errors = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)y[i];
    for (size_t i = 0; i < n; i++) {
        double around = (double)y[i] - sum / (double)n, error = (double)y[i] - (double)f[i];
        squares += around * around;
        errors += error * error;
    }
    return squares > 0 ? 1 - errors / squares : NAN;
}

static void measure_returns(const struct forecast_outcome *o,
                            size_t n,
                            const struct columns *c,
                            struct forecast_measures *out)
{
    struct forecast_errors errors = forecast_errors_of(c->y, c->mean, NULL, NULL, n);
    double scale = 0;
    for (size_t i = 0; i < n; i++)
        scale += (double)o[i].scale / (double)n;
    out->mase_scale = scale;
    out->mase = forecast_mase(errors.mae, scale);
    out->naive_mase = forecast_mase(errors.naive_mae, scale);
    out->skill = errors.naive_mae > 0 ? 1 - errors.mae / errors.naive_mae : NAN;
    out->rmse_ratio = forecast_rmse_ratio(&errors);
    out->r2_out_of_sample = forecast_r2_out_of_sample(&errors);
    out->r2 = explained(c->y, c->mean, n);
    out->naive_r2 = explained(c->y, c->zero, n);
}

static void measure_signs(const struct forecast_outcome *o, size_t n, struct forecast_measures *out)
{
    double right = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        double product = (double)o[i].y * (double)o[i].mean;
        all += product != 0;
        right += product > 0;
    }
    out->directional_accuracy = all > 0 ? right / all : NAN;
    forecast_wilson(out->directional_accuracy, all * out->n_independent / (double)n,
                    &out->directional_low, &out->directional_high);
}

/* ---- intervals ---- */

/* Those that have one: how many. `naive`: of the random walk. */
static size_t gather(const struct forecast_outcome *o, size_t n, bool naive, struct columns *c)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        float low = naive ? -o[i].naive_radius : o[i].low;
        float high = naive ? o[i].naive_radius : o[i].high;
        if (!isfinite(low) || !isfinite(high))
            continue;
        c->y[k] = o[i].y;
        c->low[k] = low;
        c->high[k++] = high;
    }
    return k;
}

static void measure_interval(const struct columns *c,
                             size_t n,
                             double coverage,
                             double *share,
                             double *width,
                             double *pinball)
{
    double tail = (1 - coverage) / 2;
    *share = *width = *pinball = NAN;
    if (n == 0)
        return;
    struct interval_score score =
        forecast_interval_score(c->y, c->low, c->high, 1 - coverage, NULL, n);
    *share = score.coverage;
    *width = score.width;
    *pinball = (forecast_pinball_loss(c->y, c->low, tail, NULL, n) +
                forecast_pinball_loss(c->y, c->high, 1 - tail, NULL, n)) /
               2;
}

/* ---- going with the sign ---- */

struct run {
    double n, sum, squares, wealth, high, drawdown;
};

static void run_add(struct run *run, double r)
{
    run->n++;
    run->sum += r;
    run->squares += r * r;
    run->wealth *= 1 + r;
    run->high = fmax(run->high, run->wealth);
    run->drawdown = fmax(run->drawdown, 1 - run->wealth / run->high);
}

static double run_sharpe(const struct run *run, int64_t horizon_ns)
{
    double mean = run->sum / run->n;
    double variance = (run->squares - run->n * mean * mean) / (run->n - 1);
    double yearly = sqrt((double)NS_PER_YEAR / (double)horizon_ns);
    return run->n > 1 && variance > 0 ? mean / sqrt(variance) * yearly : NAN;
}

static void measure_runs(const struct forecast_outcome *o,
                         size_t n,
                         int64_t horizon_ns,
                         struct forecast_measures *out)
{
    struct run sign = {.wealth = 1, .high = 1}, hold = sign;
    int64_t free_ns = o[0].ts_ns;
    for (size_t i = 0; i < n; i++) {
        if (o[i].ts_ns < free_ns)
            continue;
        double r = expm1((double)o[i].y), f = (double)o[i].mean;
        run_add(&sign, f > 0 ? r : f < 0 ? -r : 0);
        run_add(&hold, r);
        free_ns = o[i].ts_ns + horizon_ns;
    }
    out->n_independent = sign.n;
    out->sharpe = run_sharpe(&sign, horizon_ns);
    out->max_drawdown = sign.drawdown;
    out->hold_sharpe = run_sharpe(&hold, horizon_ns);
    out->hold_max_drawdown = hold.drawdown;
}

/* ---- all of it ---- */

enum al_err forecast_measure_outcomes(const struct forecast_outcome *outcomes,
                                      size_t n,
                                      int64_t horizon_ns,
                                      double coverage,
                                      struct forecast_measures *out)
{
    float *memory = calloc(5 * n, sizeof *memory);
    if (memory == NULL)
        return err_set(AL_ENOMEM, "%zu outcomes", n);
    struct columns c = {memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n};
    for (size_t i = 0; i < n; i++) {
        c.y[i] = outcomes[i].y;
        c.mean[i] = outcomes[i].mean;
    }
    out->n = (double)n;
    measure_runs(outcomes, n, horizon_ns, out);
    measure_prices(outcomes, n, out);
    measure_returns(outcomes, n, &c, out);
    measure_signs(outcomes, n, out);
    measure_interval(&c, gather(outcomes, n, false, &c), coverage, &out->coverage, &out->width,
                     &out->pinball);
    measure_interval(&c, gather(outcomes, n, true, &c), coverage, &out->naive_coverage,
                     &out->naive_width, &out->naive_pinball);
    free(memory);
    return AL_OK;
}

/* ---- as JSON ---- */

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
#define FORECAST_MEASURE(name, help) {#name, offsetof(struct forecast_measures, name)},
#include "alphaloop/tbl/forecast_measures.def"
#undef FORECAST_MEASURE
};

void forecast_measures_write(const struct forecast_measures *measures, struct json_writer *w)
{
    json_w_object(w);
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        json_m_number(w, fields[i].name,
                      *(const double *)(const void *)((const char *)measures + fields[i].offset));
    json_w_end_object(w);
}

enum al_err forecast_measures_read(struct json_node *object, struct forecast_measures *out)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        double *value = (double *)(void *)((char *)out + fields[i].offset);
        struct json_node *node = json_get(object, fields[i].name);
        *value = NAN;
        if (node != NULL && json_double(node, value) != AL_OK)
            return err_set(AL_EPARSE, "measure %s is no number", fields[i].name);
    }
    return AL_OK;
}
