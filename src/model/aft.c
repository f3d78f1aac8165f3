/* The library knows a time by its two bounds: equal when it happened, the upper one infinite when it is censored. It starts
 * from exp(mu0), so that the first tree already learns differences. */
#include "alphaloop/model/aft.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/stats.h"

#include "booster_i.h"

#define EM_STEPS_MAX 500
#define EM_TOLERANCE 1e-10
#define SIGMA_MIN    1e-3
#define PATIENCE     10
#define SEED_MASK    UINT64_C(0x7fffffff)
#define ARRAY_MAX    200

static const double log_root_two_pi = 0.91893853320467274178;

/* ---- formulas ---- */

/* log (1 - Phi(z)), good far out: below 1e-300 the first term of its series. */
static double log_upper(double z)
{
    double upper = stats_normal_cdf(-z);
    return upper > 1e-300 ? log(upper) : -z * z / 2 - log(z) - log_root_two_pi;
}

double aft_log_likelihood(double mu, double sigma, double seconds, bool happened)
{
    double z = (log(seconds) - mu) / sigma;
    return happened ? -z * z / 2 - log_root_two_pi - log(sigma) - log(seconds) : log_upper(z);
}

double aft_chance(double mu, double sigma, double seconds)
{
    return stats_normal_cdf((log(seconds) - mu) / sigma);
}

double aft_waiting(double mu, double sigma, double seconds)
{
    double a = (log(seconds) - mu) / sigma;
    double reached =
        a - sigma < -37 ? 0 : exp(mu + sigma * sigma / 2) * stats_normal_cdf(a - sigma);
    return reached + seconds * stats_normal_cdf(-a);
}

/* ---- one log-normal ---- */

/* Expected log T and its square for what is censored at log time c: those of a normal cut off below c. */
static void expect(double c, double mu, double sigma, double *first, double *second)
{
    double a = (c - mu) / sigma;
    double hazard = exp(-a * a / 2 - log_root_two_pi - log_upper(a));
    *first = mu + sigma * hazard;
    *second = mu * mu + sigma * sigma + sigma * (c + mu) * hazard;
}

enum al_err aft_fit_one(
    const double *seconds, const bool *happened, size_t n, double *mu, double *sigma)
{
    size_t n_happened = 0;
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        assert(seconds[i] > 0);
        n_happened += happened[i];
        mean += log(seconds[i]) / (double)n;
        square += log(seconds[i]) * log(seconds[i]) / (double)n;
    }
    *mu = mean;
    *sigma = sqrt(fmax(square - mean * mean, 0));
    if (n_happened < 2 || !(*sigma > SIGMA_MIN))
        return err_set(AL_EINVAL, "%zu of %zu happened: too little to fit a time", n_happened, n);
    for (int step = 0; step < EM_STEPS_MAX; step++) {
        double sum = 0, squares = 0, first, second;
        for (size_t i = 0; i < n; i++) {
            first = log(seconds[i]);
            second = first * first;
            if (!happened[i])
                expect(first, *mu, *sigma, &first, &second);
            sum += first;
            squares += second;
        }
        double next = sum / (double)n, last = *mu;
        *sigma = fmax(sqrt(fmax(squares / (double)n - next * next, 0)), SIGMA_MIN);
        *mu = next;
        if (fabs(next - last) < EM_TOLERANCE * *sigma)
            break;
    }
    return AL_OK;
}

/* ---- trees ---- */

struct fitting {
    const struct xgb *xgb;
    const struct aft_fit *fit;
    void *train, *validation; /* DMatrix */
    void *booster;
};

static enum al_err set_bound(
    const struct xgb *xgb, void *matrix, const char *field, const float *values, size_t n)
{
    char array[ARRAY_MAX];
    snprintf(array, sizeof array,
             "{\"data\":[%zu,true],\"shape\":[%zu],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)values, n);
    return xgb->XGDMatrixSetInfoFromInterface(matrix, field, array) == 0
               ? AL_OK
               : booster_error(xgb, field);
}

static enum al_err timed_matrix(const struct xgb *xgb, const struct aft_rows *rows, void **out)
{
    float *bounds = malloc(2 * (rows->n_rows + 1) * sizeof *bounds);
    if (bounds == NULL)
        return err_set(AL_ENOMEM, "%zu times", rows->n_rows);
    float *lower = bounds, *upper = bounds + rows->n_rows;
    for (size_t i = 0; i < rows->n_rows; i++) {
        lower[i] = (float)rows->seconds[i];
        upper[i] = rows->happened[i] ? lower[i] : INFINITY;
    }
    enum al_err err = booster_matrix(xgb, rows->x, rows->n_rows, rows->n_cols, out);
    if (err == AL_OK)
        err = set_bound(xgb, *out, "label_lower_bound", lower, rows->n_rows);
    if (err == AL_OK)
        err = set_bound(xgb, *out, "label_upper_bound", upper, rows->n_rows);
    free(bounds);
    return err;
}

/* Shallow and slow: what makes an order fill is mostly chance. */
static enum al_err set_params(const struct fitting *f, double mu0, double sigma)
{
    char scale[40], base[40], seed[40];
    snprintf(scale, sizeof scale, "%.9g", sigma);
    snprintf(base, sizeof base, "%.9g", exp(mu0));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)(f->fit->seed & SEED_MASK));
    const struct booster_setting settings[] = {
        {"booster", "gbtree"},
        {"objective", "survival:aft"},
        {"tree_method", "hist"},
        {"aft_loss_distribution", "normal"},
        {"aft_loss_distribution_scale", scale},
        {"base_score", base},
        {"seed", seed},
        {"nthread", "1"},
        {"verbosity", "0"},
        {"eta", "0.1"},
        {"max_depth", "3"},
        {"min_child_weight", "10"},
        {"lambda", "5"},
    };
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        if (f->xgb->XGBoosterSetParam(f->booster, settings[i].name, settings[i].value) != 0)
            return booster_error(f->xgb, settings[i].name);
    }
    return AL_OK;
}

static enum al_err begin(struct fitting *f,
                         const struct aft_rows *train,
                         const struct aft_rows *validation,
                         const struct aft *start)
{
    enum al_err err = timed_matrix(f->xgb, train, &f->train);
    if (err == AL_OK && validation != NULL)
        err = timed_matrix(f->xgb, validation, &f->validation);
    void *matrices[] = {f->train, f->validation};
    if (err == AL_OK &&
        f->xgb->XGBoosterCreate(matrices, f->validation == NULL ? 1 : 2, &f->booster) != 0)
        err = booster_error(f->xgb, "model");
    return err == AL_OK ? set_params(f, start->mu0, start->sigma) : err;
}

static void end(struct fitting *f)
{
    if (f->booster != NULL)
        f->xgb->XGBoosterFree(f->booster);
    if (f->train != NULL)
        f->xgb->XGDMatrixFree(f->train);
    if (f->validation != NULL)
        f->xgb->XGDMatrixFree(f->validation);
    f->booster = f->train = f->validation = NULL;
}

/* Mean log-likelihood of rows whose mu are known. */
static double mean_likelihood(const struct aft_rows *rows, const float *mu, double sigma)
{
    double sum = 0;
    for (size_t i = 0; i < rows->n_rows; i++)
        sum += aft_log_likelihood((double)mu[i], sigma, rows->seconds[i], rows->happened[i]);
    return sum / (double)rows->n_rows;
}

/* The sigma under which the rows are likeliest, given their mu: golden section on its logarithm. */
static double best_sigma(const struct aft_rows *rows, const float *mu, double around)
{
    const double ratio = (sqrt(5) - 1) / 2;
    double low = log(fmax(around, SIGMA_MIN)) - 3, high = low + 6;
    double a = high - ratio * (high - low), b = low + ratio * (high - low);
    double at_a = mean_likelihood(rows, mu, exp(a)), at_b = mean_likelihood(rows, mu, exp(b));
    while (high - low > 1e-6) {
        if (at_a < at_b) {
            low = a;
            a = b;
            at_a = at_b;
            b = low + ratio * (high - low);
            at_b = mean_likelihood(rows, mu, exp(b));
        } else {
            high = b;
            b = a;
            at_b = at_a;
            a = high - ratio * (high - low);
            at_a = mean_likelihood(rows, mu, exp(a));
        }
    }
    return exp((low + high) / 2);
}

static bool is_cancelled(const struct fitting *f)
{
    return f->fit->is_cancelled != NULL && f->fit->is_cancelled(f->fit->ctx);
}

static enum al_err run_round(struct fitting *f, size_t round)
{
    if (is_cancelled(f))
        return err_set(AL_ECANCELED, "cancelled after round %zu", round);
    return f->xgb->XGBoosterUpdateOneIter(f->booster, (int)round, f->train) == 0
               ? AL_OK
               : booster_error(f->xgb, "round");
}

/* How many rounds are best on the validation rows (0: none helps), and the sigma they then have. */
static enum al_err choose_rounds(struct fitting *f, struct aft *out)
{
    const struct aft_rows *judge = &f->fit->validation;
    float *mu = malloc((judge->n_rows + 1) * sizeof *mu);
    if (mu == NULL)
        return err_set(AL_ENOMEM, "times");
    for (size_t i = 0; i < judge->n_rows; i++)
        mu[i] = (float)out->mu0;
    double sigma = best_sigma(judge, mu, out->sigma), chosen = sigma;
    double best = mean_likelihood(judge, mu, sigma);
    enum al_err err = AL_OK;
    for (size_t round = 0; round < f->fit->n_rounds_max && round < out->n_rounds + PATIENCE;
         round++) {
        const float *margins;
        err = run_round(f, round);
        if (err == AL_OK)
            err = booster_margins(f->xgb, f->booster, f->validation, judge->n_rows, &margins);
        if (err != AL_OK)
            break;
        sigma = best_sigma(judge, margins, out->sigma);
        double likelihood = mean_likelihood(judge, margins, sigma);
        if (likelihood > best) {
            best = likelihood;
            chosen = sigma;
            out->n_rounds = round + 1;
        }
    }
    out->sigma = chosen;
    free(mu);
    return err;
}

/* All rows, the two parts one after the other. */
static enum al_err join(const struct aft_fit *fit, struct aft_rows *out, void **memory)
{
    size_t n_first = fit->train.n_rows, n = n_first + fit->validation.n_rows;
    size_t n_cols = fit->train.n_cols;
    double *seconds = malloc((n + 1) * (sizeof(double) + sizeof(bool) + n_cols * sizeof(float)));
    if (seconds == NULL)
        return err_set(AL_ENOMEM, "%zu times", n);
    float *x = (float *)(void *)(seconds + n);
    bool *happened = (bool *)(void *)(x + n * n_cols);
    const struct aft_rows *parts[] = {&fit->train, &fit->validation};
    for (size_t p = 0, at = 0; p < 2; at += parts[p++]->n_rows) {
        memcpy(seconds + at, parts[p]->seconds, parts[p]->n_rows * sizeof *seconds);
        memcpy(x + at * n_cols, parts[p]->x, parts[p]->n_rows * n_cols * sizeof *x);
        memcpy(happened + at, parts[p]->happened, parts[p]->n_rows * sizeof *happened);
    }
    *out = (struct aft_rows){n, n_cols, x, seconds, happened};
    *memory = seconds;
    return AL_OK;
}

/* The same number of rounds with all rows. */
static enum al_err fit_all(struct fitting *f,
                           const struct aft_rows *all,
                           const struct aft *start,
                           struct aft *out)
{
    enum al_err err = begin(f, all, NULL, start);
    for (size_t round = 0; round < out->n_rounds && err == AL_OK; round++)
        err = run_round(f, round);
    if (err != AL_OK)
        return err;
    void *booster = f->booster;
    f->booster = NULL;
    return booster_adopt(f->xgb, booster, &out->trees);
}

enum al_err aft_fit(const struct aft_fit *fit, struct aft *out)
{
    struct fitting f = {.fit = fit};
    struct aft_rows all;
    void *memory = NULL;
    *out = (struct aft){0};
    assert(fit->train.n_rows > 0 && fit->validation.n_rows > 0);
    enum al_err err = xgb_load(&f.xgb);
    if (err == AL_OK)
        err = aft_fit_one(fit->train.seconds, fit->train.happened, fit->train.n_rows, &out->mu0,
                          &out->sigma);
    const struct aft start = *out; /* the library's own sigma stays what it was chosen with */
    if (err == AL_OK)
        err = begin(&f, &fit->train, &fit->validation, &start);
    if (err == AL_OK)
        err = choose_rounds(&f, out);
    end(&f);
    if (err == AL_OK && out->n_rounds > 0) {
        err = join(fit, &all, &memory);
        if (err == AL_OK)
            err = fit_all(&f, &all, &start, out);
        end(&f);
        free(memory);
    }
    return err;
}

void aft_deinit(struct aft *aft)
{
    booster_destroy(aft->trees);
    *aft = (struct aft){0};
}

enum al_err aft_predict(
    const struct aft *aft, const float *x, size_t n_rows, size_t n_cols, float *mu)
{
    if (aft->trees != NULL)
        return booster_predict(aft->trees, x, n_rows, n_cols, mu);
    for (size_t i = 0; i < n_rows; i++)
        mu[i] = (float)aft->mu0;
    return AL_OK;
}

enum al_err aft_save(const struct aft *aft, struct buf *out)
{
    return aft->trees == NULL ? AL_OK : booster_save(aft->trees, out);
}
