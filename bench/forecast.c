/* forecast: every kind of forecast, fitted at its default parameters on a year of hours (8760 rows of 20 columns, a fifth of them
 * for validation) and asked for one row with its spread. Prints "name seconds cpu_seconds predict_ms" a line.
 *
 * forecast short: the recurrent kind on a column of 200 daily returns, all 50 epochs, as a caller's prices teach it. Prints
 * "seconds cpu_seconds predict_ms". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/forecast/kind.h"
#include "bench.h"

enum { ROWS = 8760, COLS = 20, SHORT_ROWS = 200, SEED = 1, ASKED = 20 };

static float x[ROWS * COLS], y[ROWS];
static int64_t ts_ns[ROWS];
static size_t all_rows[ROWS];

/* The first column says a tenth of the return's variance. */
static void make_rows(size_t n_cols)
{
    struct rng rng;
    rng_seed(&rng, SEED);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < n_cols; k++)
            x[i * n_cols + k] = (float)rng_normal(&rng);
        y[i] = (float)(0.01 * (0.33 * (double)x[i * n_cols] + 0.94 * rng_normal(&rng)));
        ts_ns[i] = (int64_t)i;
        all_rows[i] = i;
    }
}

static void check(enum al_err err, const char *doing)
{
    if (err != AL_OK)
        bench_die("%s: %s", doing, err_text());
}

/* Milliseconds for one row, the best of ASKED. */
static double time_predict(const struct forecast_kind *kind,
                           const struct forecast_model *model,
                           const struct forecast_series *series)
{
    double best = INFINITY;
    for (size_t i = 0; i < ASKED; i++) {
        float mean, spread;
        size_t row = series->n_rows - 1 - i;
        int64_t started_ns = bench_now_ns();
        check(kind->predict(model, series, &row, 1, &mean, &spread), "predict");
        best = fmin(best, (double)(bench_now_ns() - started_ns) / 1e6);
    }
    return best;
}

static void measure(const struct forecast_kind *kind,
                    size_t n_rows,
                    size_t n_cols,
                    size_t n_validation)
{
    struct model_params params;
    struct forecast_model *model = NULL;
    forecast_params_default(kind, &params);
    struct forecast_fit fit = {.series = {n_rows, n_cols, x, ts_ns, y},
                               .teach = all_rows,
                               .n_teach = n_rows - n_validation,
                               .validation = all_rows + n_rows - n_validation,
                               .n_validation = n_validation,
                               .params = &params,
                               .seed = SEED};
    int64_t started_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
    check(kind->fit(&fit, &model), kind->name);
    printf("%.3f %.3f ", (double)(bench_now_ns() - started_ns) / 1e9,
           (double)(bench_cpu_ns() - cpu_ns) / 1e9);
    printf("%.6f\n", time_predict(kind, model, &fit.series));
    kind->destroy(model);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "short") == 0) {
        make_rows(1);
        measure(forecast_kind_find(SLICE("lstm")), SHORT_ROWS, 1, 0);
        return 0;
    }
    make_rows(COLS);
    for (size_t k = 0; k < forecast_kind_count(); k++) {
        printf("%s ", forecast_kind_at(k)->name);
        fflush(stdout);
        measure(forecast_kind_at(k), ROWS, COLS, ROWS / 5);
    }
    return 0;
}
