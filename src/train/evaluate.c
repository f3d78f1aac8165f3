/* Every measure is one pass, or one pass over an order of the rows. Sums are in double whatever the rows are in. */
#include "alphaloop/train/evaluate.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/train/forecast_score.h"

#define DIGIT_BITS         8
#define N_DIGITS           (1U << DIGIT_BITS)
#define TRACK_RECORD_LEVEL 0.95
#define PROBABILITY_MIN    1e-7 /* log loss of a certainty that was wrong stays finite */

static const struct {
    struct evaluation_row row;
    size_t offset;
} rows[] = {
#define EVALUATION(type, name, help)                                                               \
    {{#name, EVALUATION_##type, help}, offsetof(struct evaluation, name)},
#include "alphaloop/tbl/evaluation.def"
#undef EVALUATION
};

size_t evaluation_count(void)
{
    return COUNT_OF(rows);
}

const struct evaluation_row *evaluation_at(size_t index)
{
    assert(index < COUNT_OF(rows));
    return &rows[index].row;
}

double evaluation_value(const struct evaluation *evaluation, size_t index)
{
    assert(index < COUNT_OF(rows));
    return *(const double *)(const void *)((const char *)evaluation + rows[index].offset);
}

void evaluation_clear(struct evaluation *evaluation)
{
#define EVALUATION(type, name, help) evaluation->name = NAN;
#include "alphaloop/tbl/evaluation.def"
#undef EVALUATION
}

static double weight_at(const float *w, size_t i)
{
    return w == NULL ? 1 : (double)w[i];
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

/* ---- order ---- */

struct scored {
    float score;
    uint32_t row;
};

/* The bits of a float are in its order once those of a negative one are turned round; -0 comes just before 0. */
static uint32_t order_bits(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

static size_t digit_of(const struct scored *row, unsigned shift)
{
    return order_bits(row->score) >> shift & (N_DIGITS - 1);
}

/* By one digit; rows that share it keep their order. */
static void sort_by_digit(const struct scored *from, size_t n, unsigned shift, struct scored *to)
{
    size_t at[N_DIGITS + 1] = {0};
    for (size_t i = 0; i < n; i++)
        at[digit_of(&from[i], shift) + 1]++;
    for (size_t digit = 0; digit < N_DIGITS; digit++)
        at[digit + 1] += at[digit];
    for (size_t i = 0; i < n; i++)
        to[at[digit_of(&from[i], shift)]++] = from[i];
}

/* Equal scores in the order of their rows. A million rows are put in order several times a run, so this is a radix sort. */
static struct scored *in_order(const float *score, size_t n)
{
    assert(n > 0);
    struct scored *order = calloc(2 * n, sizeof *order); /* the second half is room to sort in */
    if (order == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        assert(isfinite(score[i]));
        order[i] = (struct scored){score[i], (uint32_t)i};
    }
    for (unsigned shift = 0; shift < 32; shift += 2 * DIGIT_BITS) {
        sort_by_digit(order, n, shift, order + n);
        sort_by_digit(order + n, n, shift + DIGIT_BITS, order);
    }
    return order;
}

/* The end of the run of equal scores that begins at `begin`. */
static size_t run_end(const struct scored *order, size_t n, size_t begin)
{
    size_t end = begin + 1;
    while (end < n && order[end].score == order[begin].score)
        end++;
    return end;
}

/* ---- classification ---- */

/* Each gain counts the losses ranked below it, and half of those ranked with it. */
static double auc_of(const struct scored *order, const float *r, const float *w, size_t n)
{
    double losses_below = 0, gains = 0, pairs = 0;
    for (size_t begin = 0; begin < n;) {
        size_t end = run_end(order, n, begin);
        double run_gains = 0, run_losses = 0;
        for (size_t i = begin; i < end; i++)
            *(r[order[i].row] > 0 ? &run_gains : &run_losses) += weight_at(w, order[i].row);
        pairs += run_gains * (losses_below + run_losses / 2);
        losses_below += run_losses;
        gains += run_gains;
        begin = end;
    }
    return ratio(pairs, gains * losses_below);
}

/* Bins of equal weight along q; rows of one q may fall into two bins, which is what equal mass means. */
static void fill_bins(
    const struct scored *order, const float *w, size_t n, double total, uint8_t *bins)
{
    double mass = 0;
    int bin = 1;
    for (size_t i = 0; i < n; i++) {
        bins[order[i].row] = (uint8_t)(bin - 1);
        mass += weight_at(w, order[i].row);
        while (bin < EVALUATION_ECE_BINS && mass >= total * bin / EVALUATION_ECE_BINS)
            bin++;
    }
}

enum al_err evaluate_bins(const float *q, const float *w, size_t n, uint8_t *bins)
{
    double total = 0;
    struct scored *order = in_order(q, n);
    if (order == NULL)
        return err_set(AL_ENOMEM, "bins of %zu rows", n);
    for (size_t i = 0; i < n; i++)
        total += weight_at(w, i);
    fill_bins(order, w, n, total, bins);
    free(order);
    return AL_OK;
}

static enum al_err measure_ece(
    const struct scored *order, const float *r, const float *w, size_t n, double total, double *ece)
{
    double gaps[EVALUATION_ECE_BINS] = {0}, error = 0;
    uint8_t *bins = malloc(n + 1);
    if (bins == NULL)
        return err_set(AL_ENOMEM, "evaluation of %zu rows", n);
    fill_bins(order, w, n, total, bins);
    for (size_t i = 0; i < n; i++) {
        size_t row = order[i].row;
        gaps[bins[row]] += weight_at(w, row) * ((double)order[i].score - (r[row] > 0));
    }
    for (size_t k = 0; k < EVALUATION_ECE_BINS; k++)
        error += fabs(gaps[k]);
    *ece = ratio(error, total);
    free(bins);
    return AL_OK;
}

struct confusion {
    double total, gains, said_gain, true_gain, right;
    double squares, log_loss;
};

static void count(struct confusion *c, double q, bool gain, double weight)
{
    double p = fmin(fmax(gain ? q : 1 - q, PROBABILITY_MIN), 1);
    bool said_gain = q >= 0.5;
    c->total += weight;
    c->gains += gain ? weight : 0;
    c->said_gain += said_gain ? weight : 0;
    c->true_gain += said_gain && gain ? weight : 0;
    c->right += said_gain == gain ? weight : 0;
    c->squares += weight * (q - gain) * (q - gain);
    c->log_loss -= weight * log(p);
}

static void fill_classification(const struct confusion *c, struct evaluation *out)
{
    double base = ratio(c->gains, c->total);
    out->accuracy = ratio(c->right, c->total);
    out->precision = ratio(c->true_gain, c->said_gain);
    out->recall = ratio(c->true_gain, c->gains);
    out->f1_score = ratio(2 * c->true_gain, c->said_gain + c->gains);
    out->base_rate = base;
    out->brier_score = ratio(c->squares, c->total);
    out->brier_skill = base > 0 && base < 1 ? 1 - out->brier_score / (base * (1 - base)) : NAN;
    out->log_loss = ratio(c->log_loss, c->total);
}

enum al_err evaluate_classification(
    const float *q, const float *r, const float *w, size_t n, struct evaluation *out)
{
    struct confusion c = {0};
    struct scored *order = in_order(q, n);
    if (order == NULL)
        return err_set(AL_ENOMEM, "evaluation of %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        assert(q[i] >= 0 && q[i] <= 1);
        count(&c, (double)q[i], r[i] > 0, weight_at(w, i));
    }
    fill_classification(&c, out);
    out->roc_auc = auc_of(order, r, w, n);
    enum al_err err = measure_ece(order, r, w, n, c.total, &out->ece);
    free(order);
    return err;
}

enum al_err evaluate_auc(const float *score, const float *r, const float *w, size_t n, double *auc)
{
    struct scored *order = in_order(score, n);
    if (order == NULL)
        return err_set(AL_ENOMEM, "evaluation of %zu rows", n);
    *auc = auc_of(order, r, w, n);
    free(order);
    return AL_OK;
}

/* ---- regression ---- */

enum al_err evaluate_ranks(const float *values, size_t n, double *ranks)
{
    struct scored *order = in_order(values, n);
    if (order == NULL)
        return err_set(AL_ENOMEM, "ranks of %zu rows", n);
    for (size_t begin = 0; begin < n;) {
        size_t end = run_end(order, n, begin);
        for (size_t i = begin; i < end; i++)
            ranks[order[i].row] = (double)(begin + 1 + end) / 2;
        begin = end;
    }
    free(order);
    return AL_OK;
}

static double correlation(const double *a, const double *b, size_t n)
{
    double mean = (double)(n + 1) / 2, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

static enum al_err rank_ic_of(const float *v, const float *r, size_t n, double *out)
{
    double *ranks = malloc(2 * n * sizeof *ranks);
    if (ranks == NULL)
        return err_set(AL_ENOMEM, "evaluation of %zu rows", n);
    enum al_err err = evaluate_ranks(v, n, ranks);
    if (err == AL_OK)
        err = evaluate_ranks(r, n, ranks + n);
    if (err == AL_OK)
        *out = correlation(ranks, ranks + n, n);
    free(ranks);
    return err;
}

enum al_err evaluate_regression(
    const float *v, const float *r, const float *w, size_t n, struct evaluation *out)
{
    assert(n > 0);
    struct forecast_errors errors = forecast_errors_of(r, v, NULL, w, n);
    double total = 0, sum = 0, spread = 0;
    for (size_t i = 0; i < n; i++) {
        total += weight_at(w, i);
        sum += weight_at(w, i) * (double)r[i];
    }
    for (size_t i = 0; i < n; i++)
        spread += weight_at(w, i) * ((double)r[i] - sum / total) * ((double)r[i] - sum / total);
    out->mae = errors.mae;
    out->rmse = errors.rmse;
    out->rmse_ratio = forecast_rmse_ratio(&errors);
    out->r2 = spread > 0 ? 1 - errors.rmse * errors.rmse * total / spread : NAN;
    return rank_ic_of(v, r, n, &out->rank_ic);
}

/* ---- trading ---- */

struct ledger {
    double total, downside, gains, losses, peak, drawdown;
    size_t n_trades, n_won;
};

static void book(struct ledger *l, double u, bool traded)
{
    l->total += u;
    l->downside += u < 0 ? u * u : 0;
    l->gains += u > 0 ? u : 0;
    l->losses -= u < 0 ? u : 0;
    l->peak = fmax(l->peak, l->total);
    l->drawdown = fmax(l->drawdown, l->peak - l->total);
    l->n_trades += traded;
    l->n_won += traded && u > 0;
}

void evaluate_trading(
    const double *u, const bool *traded, size_t n, double base_rate, struct evaluation *out)
{
    struct ledger l = {0};
    for (size_t i = 0; i < n; i++)
        book(&l, u[i], traded[i]);
    double mean = l.total / (double)n, variance = 0;
    for (size_t i = 0; i < n; i++)
        variance += (u[i] - mean) * (u[i] - mean);
    double deviation = n > 1 ? sqrt(variance / (double)(n - 1)) : 0;
    out->net_utility = mean;
    out->total_return = l.total;
    out->expectancy = ratio(l.total, (double)l.n_trades);
    out->win_rate = ratio((double)l.n_won, (double)l.n_trades);
    out->win_base_rate = base_rate;
    out->sharpe_ratio = deviation > 0 ? mean / deviation : NAN;
    out->sortino_ratio = l.downside > 0 ? mean / sqrt(l.downside / (double)n) : NAN;
    out->max_drawdown = l.drawdown;
    out->calmar_ratio = l.drawdown > 0 ? l.total / l.drawdown : NAN;
    out->profit_factor = l.losses > 0 ? l.gains / l.losses : NAN;
    out->turnover = (double)l.n_trades / (double)n;
}

enum al_err evaluate_sharpe(const double *u,
                            size_t n,
                            size_t block,
                            const struct sharpe_trials *trials,
                            struct evaluation *out)
{
    double *periods = malloc((n / block + 1) * sizeof *periods);
    if (periods == NULL)
        return err_set(AL_ENOMEM, "evaluation of %zu decisions", n);
    struct sharpe sharpe = sharpe_of(periods, sharpe_periods(u, n, block, periods));
    free(periods);
    out->psr = sharpe_probability(&sharpe, 0);
    out->dsr = sharpe_deflated(&sharpe, trials);
    out->track_record_min = sharpe_track_record_min(&sharpe, 0, TRACK_RECORD_LEVEL);
    return AL_OK;
}
