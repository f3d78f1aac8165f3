/* A trial on some blocks is three numbers: how many periods, their sum and the sum of their squares. Those of a block are
 * worked out once; half of the blocks is a sum of sums. Returns are taken less the trial's mean over all periods, which
 * keeps the squares from drowning the variance, and the mean is put back where the ratio is formed. */
#include "alphaloop/train/overfit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct tally {
    double sum, squares; /* of deviations from the trial's mean */
};

struct table {
    size_t n_trials, n_blocks;
    double *means;                      /* [n_trials] */
    struct tally *tallies;              /* [n_blocks][n_trials] */
    size_t periods[OVERFIT_BLOCKS_MAX]; /* of each block */
    double *inside, *outside; /* [n_trials] ratios on the half chosen by, on the other half */
    double *logits;           /* [ways] */
};

static void table_deinit(struct table *t)
{
    free(t->means);
    free(t->tallies);
    free(t->inside);
    free(t->outside);
    free(t->logits);
}

static size_t count_ways(size_t n_blocks)
{
    size_t ways = 1;
    for (size_t i = 1; i <= n_blocks / 2; i++)
        ways = ways * (n_blocks - n_blocks / 2 + i) / i;
    return ways;
}

static enum al_err table_init(struct table *t, size_t n_trials, size_t n_blocks)
{
    *t = (struct table){.n_trials = n_trials,
                        .n_blocks = n_blocks,
                        .means = calloc(n_trials, sizeof *t->means),
                        .tallies = calloc(n_blocks * n_trials, sizeof *t->tallies),
                        .inside = calloc(n_trials, sizeof *t->inside),
                        .outside = calloc(n_trials, sizeof *t->outside),
                        .logits = calloc(count_ways(n_blocks), sizeof *t->logits)};
    if (t->means != NULL && t->tallies != NULL && t->inside != NULL && t->outside != NULL &&
        t->logits != NULL)
        return AL_OK;
    table_deinit(t);
    return err_set(AL_ENOMEM, "overfitting of %zu trials", n_trials);
}

static void fill(struct table *t, const double *returns, size_t n_periods)
{
    for (size_t i = 0; i < n_periods; i++) {
        for (size_t k = 0; k < t->n_trials; k++)
            t->means[k] += returns[i * t->n_trials + k] / (double)n_periods;
    }
    for (size_t block = 0; block < t->n_blocks; block++) {
        size_t begin = n_periods * block / t->n_blocks, end = n_periods * (block + 1) / t->n_blocks;
        t->periods[block] = end - begin;
        for (size_t i = begin; i < end; i++) {
            for (size_t k = 0; k < t->n_trials; k++) {
                double d = returns[i * t->n_trials + k] - t->means[k];
                t->tallies[block * t->n_trials + k].sum += d;
                t->tallies[block * t->n_trials + k].squares += d * d;
            }
        }
    }
}

static double ratio_of(double mean, struct tally tally, size_t n)
{
    double off = tally.sum / (double)n;
    double variance = fmax(tally.squares - tally.sum * off, 0) / (double)(n - 1);
    mean += off;
    return variance > 0 ? mean / sqrt(variance) : mean == 0 ? 0 : copysign(INFINITY, mean);
}

/* The ratio of every trial on the blocks whose bit is set. */
static void fill_ratios(const struct table *t, unsigned blocks, double *ratios)
{
    size_t n = 0;
    for (size_t block = 0; block < t->n_blocks; block++)
        n += blocks >> block & 1 ? t->periods[block] : 0;
    for (size_t k = 0; k < t->n_trials; k++) {
        struct tally total = {0, 0};
        for (size_t block = 0; block < t->n_blocks; block++) {
            if (blocks >> block & 1) {
                total.sum += t->tallies[block * t->n_trials + k].sum;
                total.squares += t->tallies[block * t->n_trials + k].squares;
            }
        }
        ratios[k] = ratio_of(t->means[k], total, n);
    }
}

static size_t best_of(const double *ratios, size_t n)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++) {
        if (ratios[k] > ratios[best])
            best = k;
    }
    return best;
}

/* From 1, the worst; equals share the mean of their ranks. */
static double rank_of(const double *ratios, size_t n, size_t which)
{
    double rank = 0.5;
    for (size_t k = 0; k < n; k++)
        rank += ratios[k] < ratios[which] ? 1 : ratios[k] == ratios[which] ? 0.5 : 0;
    return rank;
}

static unsigned count_bits(unsigned bits)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void try_way(struct table *t, unsigned blocks, struct overfit *out)
{
    unsigned all = (1U << t->n_blocks) - 1;
    fill_ratios(t, blocks, t->inside);
    fill_ratios(t, all & ~blocks, t->outside);
    size_t chosen = best_of(t->inside, t->n_trials);
    double rank = rank_of(t->outside, t->n_trials, chosen);
    double logit = log(rank / ((double)t->n_trials + 1 - rank));
    t->logits[out->n_ways++] = logit;
    out->pbo += logit <= 0;
    out->loss += t->outside[chosen] < 0;
}

enum al_err overfit_probability(
    const double *returns, size_t n_periods, size_t n_trials, size_t n_blocks, struct overfit *out)
{
    struct table t;
    assert(n_blocks >= 2 && n_blocks % 2 == 0 && n_blocks <= OVERFIT_BLOCKS_MAX);
    *out = (struct overfit){0};
    if (n_trials < 2 || n_periods < 2 * n_blocks)
        return err_set(AL_ESHORT, "%zu trials of %zu periods, needed are 2 of %zu", n_trials,
                       n_periods, 2 * n_blocks);
    enum al_err err = table_init(&t, n_trials, n_blocks);
    if (err != AL_OK)
        return err;
    fill(&t, returns, n_periods);
    for (unsigned blocks = 0; blocks < 1U << n_blocks; blocks++) {
        if (count_bits(blocks) == n_blocks / 2)
            try_way(&t, blocks, out);
    }
    assert(out->n_ways == count_ways(n_blocks));
    qsort(t.logits, out->n_ways, sizeof *t.logits, double_cmp);
    out->median_logit = (t.logits[out->n_ways / 2] + t.logits[(out->n_ways - 1) / 2]) / 2;
    out->pbo /= (double)out->n_ways;
    out->loss /= (double)out->n_ways;
    table_deinit(&t);
    return AL_OK;
}
