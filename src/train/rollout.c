/* The paired blocks are the only memory; every number is computed from them anew when it is asked for, so that what a
 * restart reads back from the tables gives the same verdicts. */
#include "alphaloop/train/rollout.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/train/gate.h"

#define VARIANCE_INFLATION  1.2 /* by overlap across the borders of blocks */
#define EFFECT_DEVIATION    0.3 /* c */
#define CUSUM_SCORE_MAX     4.0
#define CUSUM_OVERSHOOT     1.166
#define DRAWDOWN_RESAMPLES  200
#define COMPARED_TRADES_MIN GATE_TRADES_MIN

bool rollout_takes(struct uuid signal_id, double share)
{
    struct sha256 hash;
    uint64_t number = 0;
    sha256_of(signal_id.bytes, sizeof(signal_id.bytes), &hash);
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | hash.bytes[i];
    return (double)number * 0x1p-64 < share;
}

/* ---- paired blocks ---- */

void paired_deinit(struct paired *paired)
{
    free(paired->blocks);
    *paired = (struct paired){0};
}

static void forget_older_half(struct paired *paired)
{
    size_t n = ROLLOUT_BLOCKS_MAX / 2;
    memmove(paired->blocks, paired->blocks + n, (paired->n - n) * sizeof(*paired->blocks));
    paired->n -= n;
    paired->n_closed -= n;
}

static enum al_err reserve(struct paired *paired)
{
    if (paired->n_closed >= ROLLOUT_BLOCKS_MAX)
        forget_older_half(paired);
    if (paired->n < paired->cap)
        return AL_OK;
    size_t cap = paired->cap == 0 ? 64 : 2 * paired->cap;
    struct paired_block *grown = realloc(paired->blocks, cap * sizeof(*grown));
    if (grown == NULL)
        return err_set(AL_ENOMEM, "%zu paired blocks", cap);
    paired->blocks = grown;
    paired->cap = cap;
    return AL_OK;
}

static void add_profit(struct paired *paired, const struct asset *asset, double profit)
{
    size_t i = 0;
    while (i < paired->n_symbols && !asset_eq(&paired->symbols[i].asset, asset))
        i++;
    if (i == PAIRED_SYMBOLS_MAX)
        return;
    if (i == paired->n_symbols) {
        paired->symbols[i].asset = *asset;
        paired->symbols[i].profit = 0;
        paired->n_symbols++;
    }
    paired->symbols[i].profit += profit;
}

static void sum_up(struct paired_block *into, const struct paired_block *block)
{
    into->n += block->n;
    into->d += block->d;
    into->u_b += block->u_b;
    into->u_a += block->u_a;
    into->trades_b += block->trades_b;
    into->trades_a += block->trades_a;
}

static void close_blocks(struct paired *paired)
{
    while (paired->n_closed < paired->n &&
           paired->blocks[paired->n_closed].index <= paired->blocks[paired->n - 1].index - 2) {
        paired->n_closed++;
        paired->n_closed_ever++;
    }
}

enum al_err paired_add(struct paired *paired,
                       const struct paired_block *block,
                       const struct asset *asset)
{
    size_t at = paired->n;
    while (at > paired->n_closed && paired->blocks[at - 1].index > block->index)
        at--;
    if (at > paired->n_closed && paired->blocks[at - 1].index == block->index) {
        sum_up(&paired->blocks[at - 1], block);
    } else if (paired->n > 0 && block->index <= paired->blocks[paired->n - 1].index - 2) {
        paired->n_late += block->n;
        return AL_OK;
    } else {
        size_t from_end = paired->n - at;
        enum al_err err = reserve(paired);
        if (err != AL_OK)
            return err;
        at = paired->n - from_end;
        memmove(paired->blocks + at + 1, paired->blocks + at, from_end * sizeof(*paired->blocks));
        paired->blocks[at] = *block;
        paired->n++;
        close_blocks(paired);
    }
    add_profit(paired, asset, block->u_b);
    return AL_OK;
}

/* ---- statistics ---- */

double rollout_e_value(size_t n, double mean, double deviation)
{
    if (n < 2 || !(deviation > 0))
        return 1;
    double v = (double)n - 1, spread = 1 + (double)n * EFFECT_DEVIATION * EFFECT_DEVIATION;
    double t2 = mean / deviation * (mean / deviation) * (double)n / VARIANCE_INFLATION;
    double log_e = -0.5 * log(spread) - (v + 1) / 2 * (log1p(t2 / (spread * v)) - log1p(t2 / v));
    return exp(fmin(log_e, 700));
}

double rollout_cusum_threshold(double mean_blocks_between_alarms)
{
    const double k = ROLLOUT_CUSUM_REFERENCE;
    double low = 0, high = 200;
    for (int i = 0; i < 100; i++) {
        double b = (low + high) / 2;
        double arl = (exp(2 * k * b) - 2 * k * b - 1) / (2 * k * k);
        if (arl < mean_blocks_between_alarms)
            low = b;
        else
            high = b;
    }
    return fmax(low - CUSUM_OVERSHOOT, 1);
}

struct rollout_cusum rollout_cusum(const double *x, size_t n, double mean_blocks_between_alarms)
{
    struct rollout_cusum out = {.threshold = rollout_cusum_threshold(mean_blocks_between_alarms),
                                .n = n};
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        squares += x[i] * x[i];
        double scale = sqrt(squares / (double)(i + 1) * VARIANCE_INFLATION);
        if (i + 1 < ROLLOUT_BLOCKS_MIN || !(scale > 0))
            continue;
        double score = fmin(x[i] / scale, CUSUM_SCORE_MAX);
        out.level = fmax(0, out.level + score - ROLLOUT_CUSUM_REFERENCE);
        out.alarm |= out.level >= out.threshold;
    }
    return out;
}

static double largest_fall(const double *x, size_t n, double block, struct rng *rng)
{
    double sum = 0, peak = 0, fall = 0;
    size_t at = (size_t)rng_below(rng, n);
    for (size_t i = 0; i < n; i++) {
        sum += x[at];
        peak = fmax(peak, sum);
        fall = fmax(fall, peak - sum);
        at = rng_uniform(rng) < 1 / block ? (size_t)rng_below(rng, n) : (at + 1) % n;
    }
    return fall;
}

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

enum al_err rollout_drawdown(const double *x, size_t n, struct rng *rng, double *median)
{
    double *falls = malloc(DRAWDOWN_RESAMPLES * sizeof *falls);
    if (falls == NULL)
        return err_set(AL_ENOMEM, "the drawdown");
    for (size_t i = 0; i < DRAWDOWN_RESAMPLES; i++)
        falls[i] = n == 0 ? 0 : largest_fall(x, n, fmax(1, cbrt((double)n)), rng);
    qsort(falls, DRAWDOWN_RESAMPLES, sizeof *falls, double_cmp);
    *median = (falls[DRAWDOWN_RESAMPLES / 2 - 1] + falls[DRAWDOWN_RESAMPLES / 2]) / 2;
    free(falls);
    return AL_OK;
}

/* ---- the verdict ---- */

enum paired_series { SERIES_D, SERIES_D_AND_MARGIN, SERIES_B, SERIES_A };

static double value_at(const struct paired_block *block, enum paired_series series, double margin)
{
    switch (series) {
    case SERIES_D:
        return block->d;
    case SERIES_D_AND_MARGIN:
        return block->d + margin * (double)block->n;
    case SERIES_B:
        return block->u_b;
    case SERIES_A:
        return block->u_a;
    }
    abort();
}

struct evidence {
    double e, mean;
};

static struct evidence evidence_of(const struct paired *paired,
                                   enum paired_series series,
                                   double margin)
{
    double n = (double)paired->n_closed, sum = 0, squares = 0;
    for (size_t i = 0; i < paired->n_closed; i++)
        sum += value_at(&paired->blocks[i], series, margin);
    for (size_t i = 0; i < paired->n_closed; i++) {
        double from_mean = value_at(&paired->blocks[i], series, margin) - sum / n;
        squares += from_mean * from_mean;
    }
    double mean = n > 0 ? sum / n : 0;
    return (struct evidence){
        rollout_e_value(paired->n_closed, mean, n > 1 ? sqrt(squares / (n - 1)) : 0), mean};
}

static double better(struct evidence evidence)
{
    return evidence.mean > 0 ? evidence.e : 0;
}

static void count(const struct paired *paired, struct rollout_verdict *v)
{
    double d = 0, u_b = 0, u_a = 0;
    for (size_t i = 0; i < paired->n_closed; i++) {
        const struct paired_block *block = &paired->blocks[i];
        v->n_decisions += block->n;
        v->n_trades += block->trades_b;
        v->n_trades_incumbent += block->trades_a;
        d += block->d;
        u_b += block->u_b;
        u_a += block->u_a;
    }
    double n = v->n_decisions > 0 ? (double)v->n_decisions : 1;
    v->n_blocks = paired->n_closed;
    v->mean_d = d / n;
    v->mean_u = u_b / n;
    v->mean_incumbent = u_a / n;
}

/* Of the profit of the symbols that made one. */
static double largest_share(const struct paired *paired)
{
    double total = 0, largest = 0;
    for (size_t i = 0; i < paired->n_symbols; i++) {
        total += fmax(0, paired->symbols[i].profit);
        largest = fmax(largest, paired->symbols[i].profit);
    }
    return paired->n_symbols < 2 || total <= 0 ? NAN : largest / total;
}

static enum al_err drawdown_of(const struct paired *paired,
                               enum paired_series series,
                               struct rng *rng,
                               double *out)
{
    double *x = malloc((paired->n_closed + 1) * sizeof *x);
    if (x == NULL)
        return err_set(AL_ENOMEM, "the drawdown");
    for (size_t i = 0; i < paired->n_closed; i++)
        x[i] = value_at(&paired->blocks[i], series, 0);
    enum al_err err = rollout_drawdown(x, paired->n_closed, rng, out);
    free(x);
    return err;
}

/* What speaks against a step although the evidence is there; NULL when nothing does. Where the incumbent hardly trades there
 * is nothing to hold drawdown and turnover against. */
static const char *unsafe(const struct rollout_rule *rule, const struct rollout_verdict *v)
{
    bool compared = v->n_trades_incumbent >= COMPARED_TRADES_MIN;
    if (compared && v->drawdown > ROLLOUT_DRAWDOWN_MAX * v->drawdown_incumbent)
        return "its drawdown is more than 1.25 times the incumbent's";
    if (compared && (double)v->n_trades > ROLLOUT_TURNOVER_MAX * (double)v->n_trades_incumbent)
        return "it trades more than 1.5 times as often as the incumbent";
    if (v->symbol_share > rule->symbol_max)
        return "too much of its profit comes from one symbol";
    return NULL;
}

static enum rollout_stage next_of(enum rollout_stage stage)
{
    return stage == ROLLOUT_shadow     ? ROLLOUT_canary_5
           : stage == ROLLOUT_canary_5 ? ROLLOUT_canary_25
                                       : ROLLOUT_active;
}

static void describe(const struct rollout_rule *rule, const char *why, struct rollout_verdict *v)
{
    char safety[160] = "";
    if (!isnan(v->drawdown))
        snprintf(safety, sizeof safety, "; drawdown %.3g against %.3g, one symbol's share %.2f",
                 v->drawdown, v->drawdown_incumbent, v->symbol_share);
    snprintf(v->text, sizeof v->text,
             "%s: net return per decision %+.3g, the incumbent %+.3g, difference %+.3g over %zu "
             "decisions in %zu blocks; evidence for %s e = %.3g of %.4g (level %.4g for attempt "
             "%u), for worse e = %.3g of %.0f; %llu trades against %llu%s",
             why, v->mean_u, v->mean_incumbent, v->mean_d, v->n_decisions, v->n_blocks,
             v->is_weak ? "not worse" : "better", v->e_better, 1 / v->level, v->level,
             rule->attempt, v->e_worse, 1 / ROLLOUT_WORSE_LEVEL, (unsigned long long)v->n_trades,
             (unsigned long long)v->n_trades_incumbent, safety);
}

static void weigh(const struct rollout_rule *rule,
                  const struct paired *paired,
                  struct rollout_verdict *v)
{
    struct evidence d = evidence_of(paired, SERIES_D, 0);
    v->e_better = better(d);
    v->e_worse = d.mean < 0 ? d.e : 0;
    if (!v->is_weak)
        return;
    struct evidence margin = evidence_of(paired, SERIES_D_AND_MARGIN, rule->margin);
    v->e_better = fmin(better(margin), better(evidence_of(paired, SERIES_B, 0)));
    v->e_worse = margin.mean < 0 ? margin.e : 0;
}

enum al_err rollout_judge(const struct rollout_rule *rule,
                          enum rollout_stage stage,
                          uint64_t n_at_stage,
                          bool is_weak,
                          const struct paired *paired,
                          struct rng *rng,
                          struct rollout_verdict *out)
{
    assert(stage == ROLLOUT_shadow || rollout_share(stage) > 0);
    *out = (struct rollout_verdict){.next = stage,
                                    .is_weak = is_weak,
                                    .level = gate_level(rule->level, rule->attempt),
                                    .drawdown = NAN,
                                    .drawdown_incumbent = NAN,
                                    .symbol_share = largest_share(paired)};
    count(paired, out);
    weigh(rule, paired, out);
    uint64_t n_in_stage = paired->n_closed_ever - n_at_stage;
    bool enough = paired->n_closed >= ROLLOUT_BLOCKS_MIN && out->n_trades >= GATE_TRADES_MIN &&
                  n_in_stage >= ROLLOUT_STAGE_BLOCKS;
    bool wins = enough && out->e_better >= 1 / out->level;
    if (wins) {
        enum al_err err = drawdown_of(paired, SERIES_B, rng, &out->drawdown);
        if (err == AL_OK)
            err = drawdown_of(paired, SERIES_A, rng, &out->drawdown_incumbent);
        if (err != AL_OK)
            return err;
    }
    const char *why = wins ? unsafe(rule, out) : NULL;
    if (out->e_worse >= 1 / ROLLOUT_WORSE_LEVEL) {
        out->next = ROLLOUT_rejected;
        why = "surely worse than the incumbent";
    } else if (wins && why == NULL) {
        out->next = next_of(stage);
        why =
            is_weak
                ? "not worse than an incumbent that is too old or drifting, and better than nothing"
                : "better than the incumbent";
    } else if (paired->n_closed_ever >= rule->n_blocks_max) {
        out->next = ROLLOUT_expired;
        why = why != NULL ? why : "no verdict in time";
    } else if (why == NULL) {
        why = !enough ? "too early to say" : "not surely better than the incumbent";
    }
    describe(rule, why, out);
    return AL_OK;
}
