/* Gives Python tests our measures: one line in, a name and numbers; one line out, the results. Where a measure takes several
 * arrays they come one after the other, each as long as the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/train/forecast_score.h"
#include "alphaloop/train/honest.h"
#include "alphaloop/train/overfit.h"
#include "alphaloop/train/sharpe.h"

#define NUMBERS_MAX 4096

static double x[NUMBERS_MAX];
static float f[NUMBERS_MAX];

/* S, benchmark, n, skewness, kurtosis */
static struct sharpe given(void)
{
    return (struct sharpe){.ratio = x[0], .n = (size_t)x[2], .skewness = x[3], .kurtosis = x[4]};
}

static void tell(const double *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%.17g%c", numbers[i], i + 1 == n ? '\n' : ' ');
}

static void tell_overfit(size_t n)
{
    struct overfit o;
    size_t n_trials = (size_t)x[1];
    enum al_err err = overfit_probability(x + 2, (n - 2) / n_trials, n_trials, (size_t)x[0], &o);
    if (err != AL_OK)
        puts(al_err_name(err));
    else
        tell((double[]){o.pbo, o.loss, o.median_logit, (double)o.n_ways}, 4);
}

static void tell_errors(size_t n)
{
    size_t k = (n - 1) / 4;
    struct forecast_errors e =
        forecast_errors_of(f + 1, f + 1 + k, f + 1 + 2 * k, f + 1 + 3 * k, k);
    tell((double[]){e.mae, e.rmse, e.naive_mae, e.naive_rmse, forecast_mase(e.mae, x[0]),
                    forecast_rmse_ratio(&e), forecast_r2_out_of_sample(&e)},
         7);
}

static void tell_interval(size_t n)
{
    size_t k = (n - 1) / 4;
    struct interval_score s =
        forecast_interval_score(f + 1, f + 1 + k, f + 1 + 2 * k, x[0], f + 1 + 3 * k, k);
    tell((double[]){s.coverage, s.width, s.score}, 3);
}

static void tell_sharpe(size_t n)
{
    struct sharpe s = sharpe_of(x, n);
    tell((double[]){s.ratio, s.skewness, s.kurtosis}, 3);
}

/* nominal, calibration rows, blocks; then q, r, w, block, held */
static void tell_honesty(size_t n)
{
    static size_t block[NUMBERS_MAX];
    static int8_t held[NUMBERS_MAX];
    size_t k = (n - 3) / 5;
    struct honesty h;
    struct rng rng;
    for (size_t i = 0; i < k; i++) {
        block[i] = (size_t)x[3 + 3 * k + i];
        held[i] = (int8_t)x[3 + 4 * k + i];
    }
    const struct honest_rows rows = {f + 3, f + 3 + k,    f + 3 + 2 * k, block, held,
                                     k,     (size_t)x[2], x[0],          x[1]};
    rng_seed(&rng, 1);
    enum al_err err = honesty_of(&rows, &rng, &h);
    if (err != AL_OK)
        puts(al_err_name(err));
    else
        tell((double[]){h.ece, h.ece_low, h.coverage, h.coverage_off_low, h.brier_skill,
                        h.brier_loss_low},
             6);
}

static void answer(const char *name, size_t n)
{
    struct sharpe s = given();
    if (strcmp(name, "psr") == 0)
        tell((double[]){sharpe_probability(&s, x[1])}, 1);
    else if (strcmp(name, "track_record") == 0)
        tell((double[]){sharpe_track_record_min(&s, x[1], x[5])}, 1);
    else if (strcmp(name, "dsr") == 0)
        tell((double[]){sharpe_deflated(&s, &(struct sharpe_trials){(size_t)x[1], x[5]})}, 1);
    else if (strcmp(name, "best_of") == 0)
        tell((double[]){sharpe_best_of((size_t)x[0], x[1])}, 1);
    else if (strcmp(name, "sharpe") == 0)
        tell_sharpe(n);
    else if (strcmp(name, "periods") == 0)
        tell(x + 1, sharpe_periods(x + 1, n - 1, (size_t)x[0], x + 1));
    else if (strcmp(name, "honesty") == 0)
        tell_honesty(n);
    else if (strcmp(name, "pbo") == 0)
        tell_overfit(n);
    else if (strcmp(name, "naive") == 0)
        tell((double[]){forecast_naive_error(x + 1, n - 1, (size_t)x[0])}, 1);
    else if (strcmp(name, "errors") == 0)
        tell_errors(n);
    else if (strcmp(name, "pinball") == 0)
        tell((double[]){forecast_pinball_loss(f + 1, f + 1 + (n - 1) / 3, x[0],
                                              f + 1 + 2 * ((n - 1) / 3), (n - 1) / 3)},
             1);
    else if (strcmp(name, "interval") == 0)
        tell_interval(n);
    else
        puts("unknown");
}

int main(void)
{
    static char line[NUMBERS_MAX * 28];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t n = 0;
        line[strcspn(line, "\n")] = '\0';
        const char *name = strtok(line, " ");
        for (char *word; n < NUMBERS_MAX && (word = strtok(NULL, " ")) != NULL; n++) {
            x[n] = strtod(word, NULL);
            f[n] = (float)x[n];
        }
        answer(name, n);
        fflush(stdout);
    }
    return 0;
}
