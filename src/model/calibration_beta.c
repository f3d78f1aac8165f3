/* Beta calibration: log-odds of q = a log s + b (-log(1 - s)) + c, s = 1 / (1 + exp(-f)).
 *
 * A logistic regression on two features of the margin, by Newton's method with backtracking, on Platt's smoothed targets. A
 * feature whose coefficient comes out negative is left out and the rest fitted again (Kull, Silva Filho & Flach 2017), so
 * that q never falls with the margin; without either feature q is the base rate. */
#include <stdbool.h>

#include "calibration_i.h"

#define STEPS_MAX 100
#define RIDGE                                                                                      \
    1e-9 /* of the weight: log s and -log(1 - s) are nearly one line where margins are small */
#define STEP_MIN       1e-10
#define GRADIENT_SMALL 1e-7 /* per unit of weight */

enum { A, B, C, N_COEFFICIENTS };

struct fit {
    const struct calibration_rows *rows;
    struct class_targets targets;
    bool uses[N_COEFFICIENTS];
};

struct slopes {
    double g[N_COEFFICIENTS], h[N_COEFFICIENTS][N_COEFFICIENTS];
};

/* log s, -log(1 - s) and 1, without overflow. */
static void features_of(double margin, double x[N_COEFFICIENTS])
{
    double tail = log1p(exp(-fabs(margin)));
    x[A] = margin >= 0 ? -tail : margin - tail;
    x[B] = margin >= 0 ? margin + tail : tail;
    x[C] = 1;
}

static double log_odds(const double k[N_COEFFICIENTS], double margin)
{
    double x[N_COEFFICIENTS];
    features_of(margin, x);
    return k[A] * x[A] + k[B] * x[B] + k[C];
}

static double loss_of(const struct fit *fit, const double k[N_COEFFICIENTS])
{
    double loss = 0;
    for (size_t i = 0; i < fit->rows->n; i++)
        loss += calibration_weight(fit->rows, i) *
                logistic_loss(fit->targets.target[fit->rows->labels[i] > 0],
                              log_odds(k, (double)fit->rows->margins[i]));
    return loss;
}

static struct slopes slopes_of(const struct fit *fit, const double k[N_COEFFICIENTS])
{
    struct slopes s = {0};
    double x[N_COEFFICIENTS];
    for (size_t i = 0; i < fit->rows->n; i++) {
        features_of((double)fit->rows->margins[i], x);
        double w = calibration_weight(fit->rows, i), q = sigmoid(k[A] * x[A] + k[B] * x[B] + k[C]);
        double slope = w * (q - fit->targets.target[fit->rows->labels[i] > 0]);
        for (int r = 0; r < N_COEFFICIENTS; r++) {
            s.g[r] += slope * x[r];
            for (int c = 0; c <= r; c++)
                s.h[r][c] += w * q * (1 - q) * x[r] * x[c];
        }
    }
    return s;
}

/* Solve h step = -g for the coefficients in use, by Cholesky's factors of h with a small ridge. */
static void newton_step(const struct fit *fit, const struct slopes *s, double step[N_COEFFICIENTS])
{
    double l[N_COEFFICIENTS][N_COEFFICIENTS] = {0}, y[N_COEFFICIENTS] = {0};
    for (int r = 0; r < N_COEFFICIENTS; r++) {
        bool used = fit->uses[r];
        for (int c = 0; c <= r; c++) {
            double sum = used && fit->uses[c] ? s->h[r][c] : 0;
            sum += r == c ? RIDGE * fit->targets.weight + !used : 0;
            for (int m = 0; m < c; m++)
                sum -= l[r][m] * l[c][m];
            l[r][c] = r == c ? sqrt(fmax(sum, 1e-300)) : sum / l[c][c];
        }
        y[r] = used ? -s->g[r] : 0;
        for (int m = 0; m < r; m++)
            y[r] -= l[r][m] * y[m];
        y[r] /= l[r][r];
    }
    for (int r = N_COEFFICIENTS - 1; r >= 0; r--) {
        step[r] = y[r];
        for (int m = r + 1; m < N_COEFFICIENTS; m++)
            step[r] -= l[m][r] * step[m];
        step[r] /= l[r][r];
    }
}

/* Halve the step until the loss falls enough (Armijo). False when no step does: it can fall no further. */
static bool descend(const struct fit *fit,
                    const struct slopes *s,
                    const double step[N_COEFFICIENTS],
                    double k[N_COEFFICIENTS],
                    double *loss)
{
    double downhill = 0;
    for (int r = 0; r < N_COEFFICIENTS; r++)
        downhill += s->g[r] * step[r];
    for (double share = 1; share >= STEP_MIN; share /= 2) {
        double next[N_COEFFICIENTS];
        for (int r = 0; r < N_COEFFICIENTS; r++)
            next[r] = k[r] + share * step[r];
        double next_loss = loss_of(fit, next);
        if (next_loss < *loss + 1e-4 * share * downhill) {
            for (int r = 0; r < N_COEFFICIENTS; r++)
                k[r] = next[r];
            *loss = next_loss;
            return true;
        }
    }
    return false;
}

static bool is_flat(const struct fit *fit, const struct slopes *s)
{
    double steepest = 0;
    for (int r = 0; r < N_COEFFICIENTS; r++)
        steepest = fmax(steepest, fit->uses[r] ? fabs(s->g[r]) : 0);
    return steepest < GRADIENT_SMALL * fit->targets.weight;
}

static enum al_err minimise(const struct fit *fit, double k[N_COEFFICIENTS])
{
    double step[N_COEFFICIENTS], loss;
    k[A] = k[B] = 0;
    k[C] = fit->targets.base_log_odds;
    loss = loss_of(fit, k);
    for (int i = 0; i < STEPS_MAX; i++) {
        struct slopes s = slopes_of(fit, k);
        newton_step(fit, &s, step);
        if (is_flat(fit, &s) || !descend(fit, &s, step, k, &loss))
            return isfinite(k[A]) && isfinite(k[B]) && isfinite(k[C])
                       ? AL_OK
                       : err_set(AL_EMODEL, "beta calibration is not finite");
    }
    return err_set(AL_EMODEL, "beta calibration does not converge");
}

enum al_err beta_fit(const struct calibration_rows *rows, struct beta_map *out)
{
    struct fit fit = {.rows = rows, .uses = {true, true, true}};
    double k[N_COEFFICIENTS];
    enum al_err err = class_targets_of(rows, &fit.targets);
    if (err == AL_OK)
        err = minimise(&fit, k);
    while (err == AL_OK && (k[A] < 0 || k[B] < 0)) {
        fit.uses[k[A] < k[B] ? A : B] =
            false; /* the worse one; both in the end, when neither helps */
        err = minimise(&fit, k);
    }
    if (err == AL_OK)
        *out = (struct beta_map){k[A], k[B], k[C]};
    return err;
}

double beta_apply(const struct beta_map *beta, double margin)
{
    const double k[N_COEFFICIENTS] = {beta->a, beta->b, beta->c};
    return sigmoid(log_odds(k, margin));
}
