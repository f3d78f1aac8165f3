/* A resample is one sign a block and a pass over the blocks' sums: its cost is the number of blocks, not of rows. */
#include "alphaloop/train/honest.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/train/evaluate.h"

#define FLIPS              999
#define FLIP_AT            949 /* of them in order: (FLIPS + 1) (1 - HONEST_LEVEL), from 0 */
#define Z_BOTH_SIDES       1.959963984540054 /* 1 - HONEST_LEVEL of a normal number are nearer to 0 */
#define VARIANCE_INFLATION 1.2               /* by overlap across the borders of blocks */

/* Sums of n_bins errors for each block. */
struct sums {
    double *s; /* [n_blocks][n_bins] */
    size_t n_blocks, n_bins;
    double total; /* weight */
};

static double weight_at(const struct honest_rows *rows, size_t i)
{
    return rows->w == NULL ? 1 : (double)rows->w[i];
}

static double gain_at(const struct honest_rows *rows, size_t i)
{
    return rows->r[i] > 0;
}

static double absolute_sum(const double *bins, size_t n_bins)
{
    double sum = 0;
    for (size_t k = 0; k < n_bins; k++)
        sum += fabs(bins[k]);
    return sum;
}

static double measured(const struct sums *sums)
{
    double bins[EVALUATION_ECE_BINS] = {0};
    for (size_t b = 0; b < sums->n_blocks; b++) {
        for (size_t k = 0; k < sums->n_bins; k++)
            bins[k] += sums->s[b * sums->n_bins + k];
    }
    return absolute_sum(bins, sums->n_bins) / sums->total;
}

static double flipped(const struct sums *sums, struct rng *rng)
{
    double bins[EVALUATION_ECE_BINS] = {0};
    uint64_t bits = 0;
    for (size_t b = 0; b < sums->n_blocks; b++, bits >>= 1) {
        if (b % 64 == 0)
            bits = rng_u64(rng);
        double sign = bits & 1 ? 1 : -1;
        for (size_t k = 0; k < sums->n_bins; k++)
            bins[k] += sign * sums->s[b * sums->n_bins + k];
    }
    return absolute_sum(bins, sums->n_bins) / sums->total;
}

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Q of the header. */
static double by_chance(const struct sums *sums, struct rng *rng)
{
    double flips[FLIPS];
    for (size_t i = 0; i < FLIPS; i++)
        flips[i] = flipped(sums, rng);
    qsort(flips, FLIPS, sizeof *flips, double_cmp);
    return flips[FLIP_AT] * sqrt(VARIANCE_INFLATION);
}

static void clear(struct sums *sums, size_t n_bins)
{
    sums->n_bins = n_bins;
    sums->total = 0;
    for (size_t i = 0; i < sums->n_blocks * n_bins; i++)
        sums->s[i] = 0;
}

static void judge_calibration(const struct honest_rows *rows,
                              const uint8_t *bins,
                              struct sums *sums,
                              struct rng *rng,
                              struct honesty *out)
{
    clear(sums, EVALUATION_ECE_BINS);
    for (size_t i = 0; i < rows->n; i++) {
        double weight = weight_at(rows, i);
        sums->s[rows->block[i] * sums->n_bins + bins[i]] +=
            weight * (gain_at(rows, i) - (double)rows->q[i]);
        sums->total += weight;
    }
    out->ece = measured(sums);
    out->ece_low = fmax(0, out->ece - by_chance(sums, rng));
}

static void judge_intervals(const struct honest_rows *rows,
                            struct sums *sums,
                            struct rng *rng,
                            struct honesty *out)
{
    double held = 0;
    clear(sums, 1);
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->held[i] < 0)
            continue;
        sums->s[rows->block[i]] += rows->held[i] - rows->nominal;
        sums->total++;
        held += rows->held[i];
    }
    out->n_intervals = (size_t)sums->total;
    if (out->n_intervals == 0)
        return;
    out->coverage = held / sums->total;
    out->nominal = rows->nominal;
    double here = by_chance(sums, rng),
           promised = Z_BOTH_SIDES *
                      sqrt(rows->nominal * (1 - rows->nominal) / fmax(rows->n_calibration, 1));
    out->coverage_off_low = fmax(0, measured(sums) - hypot(here, promised));
}

static void judge_skill(const struct honest_rows *rows,
                        struct sums *sums,
                        struct rng *rng,
                        struct honesty *out)
{
    double gains = 0, total = 0, worse = 0, of_base = 0;
    for (size_t i = 0; i < rows->n; i++) {
        gains += weight_at(rows, i) * gain_at(rows, i);
        total += weight_at(rows, i);
    }
    double base = gains / total;
    clear(sums, 1);
    sums->total = total;
    for (size_t i = 0; i < rows->n; i++) {
        double y = gain_at(rows, i), q = (double)rows->q[i], w = weight_at(rows, i);
        double more = w * ((q - y) * (q - y) - (base - y) * (base - y));
        sums->s[rows->block[i]] += more;
        worse += more;
        of_base += w * (base - y) * (base - y);
    }
    out->brier_skill = of_base > 0 ? -worse / of_base : NAN;
    if (worse > 0)
        out->brier_loss_low = fmax(0, measured(sums) - by_chance(sums, rng));
}

enum al_err honesty_of(const struct honest_rows *rows, struct rng *rng, struct honesty *out)
{
    *out = (struct honesty){.n = rows->n,
                            .n_blocks = rows->n_blocks,
                            .ece = NAN,
                            .coverage = NAN,
                            .nominal = NAN,
                            .brier_skill = NAN};
    if (rows->n == 0)
        return AL_OK;
    struct sums sums = {.n_blocks = rows->n_blocks};
    uint8_t *bins = malloc(rows->n * sizeof *bins);
    sums.s = malloc(rows->n_blocks * EVALUATION_ECE_BINS * sizeof *sums.s);
    enum al_err err = bins == NULL || sums.s == NULL ? err_set(AL_ENOMEM, "honesty") : AL_OK;
    if (err == AL_OK)
        err = evaluate_bins(rows->q, rows->w, rows->n, bins);
    if (err == AL_OK) {
        judge_calibration(rows, bins, &sums, rng, out);
        judge_intervals(rows, &sums, rng, out);
        judge_skill(rows, &sums, rng, out);
    }
    free(bins);
    free(sums.s);
    return err;
}

const char *honesty_against(const struct honesty *h)
{
    if (h->ece_low > HONEST_ECE_MAX)
        return "its probabilities are surely off by more than 0.05";
    if (h->coverage < h->nominal && h->coverage_off_low > HONEST_COVERAGE_MAX)
        return "its intervals surely hold more than two points too rarely";
    if (h->brier_loss_low > 0)
        return "its probabilities surely say less than the base rate";
    return NULL;
}
