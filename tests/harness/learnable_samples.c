#include "harness/learnable_samples.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"

#define STEP_NS (20 * NS_PER_S)
#define SPAN_NS (30 * NS_PER_S)
#define MOVE    0.005
#define COST    0.001
#define SIGMA_H 0.005

static const char *const columns[] = {"return_1", "return_5", "return_10", "rsi_14", "spread_bps"};

void learnable_samples_init(struct learnable_samples *market,
                            size_t n_decisions,
                            double edge,
                            uint64_t seed)
{
    struct slice names[COUNT_OF(columns)];
    *market = (struct learnable_samples){.edge = edge, .n_decisions = n_decisions, .seed = seed};
    snprintf(market->strategy_id.text, sizeof market->strategy_id.text, "learnable");
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        names[i] = slice_of(columns[i]);
    enum al_err err = feature_set_resolve(names, COUNT_OF(columns), NS_PER_MIN, &market->set);
    if (err != AL_OK)
        fprintf(stderr, "%s\n", err_text());
    assert(err == AL_OK);
}

static void draw_features(const struct feature_set *set, struct rng *rng, struct sample *sample)
{
    sample->n_features = set->n_columns;
    sample->schema_hash = set->schema_hash;
    for (size_t k = 0; k < set->n_columns; k++) {
        double value = rng_normal(rng) + (double)set->columns[k].neutral;
        sample->features[k] = rng_below(rng, 10) == 0 ? NAN : (float)value;
    }
}

static void draw_decision(struct learnable_samples *market,
                          size_t index,
                          struct rng *rng,
                          struct sample *sample)
{
    memset(sample, 0, sizeof *sample);
    sample->strategy_id = market->strategy_id;
    sample->t0_ns = LEARNABLE_START_NS + (int64_t)index * STEP_NS;
    sample->t1_ns = sample->t0_ns + SPAN_NS;
    sample->available_at_ns = sample->t1_ns + NS_PER_S;
    sample->decision_id = uuid_v7(sample->t0_ns, rng);
    sample->propensity = 0.5;
    sample->sigma_h = SIGMA_H;
    sample->fill_fraction = 1;
    sample->is_warmup = true;
    sample->confidence = NAN;
    snprintf(sample->asset.text, sizeof sample->asset.text, index % 2 == 0 ? "BTCUSDT" : "ETHUSDT");
    draw_features(&market->set, rng, sample);
}

static void tell_side(const struct learnable_samples *market,
                      struct sample *sample,
                      enum side side,
                      double move,
                      enum side taken,
                      void (*on_sample)(void *ctx, const struct sample *),
                      void *ctx)
{
    (void)market;
    sample->action = side;
    sample->evidence = side == taken ? EVIDENCE_OWN_FILL : EVIDENCE_MARKET;
    sample->policy_took = side == taken;
    sample->gross_return = side_sign(side) * move;
    sample->cost_return = COST;
    sample->net_return = sample->gross_return - COST;
    sample->barrier = sample->gross_return > 0 ? BARRIER_UPPER : BARRIER_LOWER;
    for (size_t k = 0; k < SPAN_PIECES; k++)
        sample->span_returns[k] = (float)(log1p(move) / SPAN_PIECES);
    on_sample(ctx, sample);
}

void learnable_samples_walk(struct learnable_samples *market,
                            void (*on_sample)(void *ctx, const struct sample *),
                            void *ctx)
{
    static struct sample sample;
    struct rng rng;
    double best = 0;
    rng_seed(&rng, market->seed);
    for (size_t i = 0; i < market->n_decisions; i++) {
        draw_decision(market, i, &rng, &sample);
        double x0 = isnan(sample.features[0]) ? 0 : (double)sample.features[0];
        double p = 1 / (1 + exp(-market->edge * x0));
        double move = rng_uniform(&rng) < p ? MOVE : -MOVE;
        enum side taken = rng_below(&rng, 2) == 0 ? SIDE_BUY : SIDE_SELL;
        best += fmax(0, MOVE * fabs(2 * p - 1) - COST);
        tell_side(market, &sample, SIDE_BUY, move, taken, on_sample, ctx);
        tell_side(market, &sample, SIDE_SELL, move, taken, on_sample, ctx);
    }
    market->best_utility = best / (double)market->n_decisions;
}

void learnable_samples_job(const struct learnable_samples *market, struct train_job *job)
{
    train_job_default(job);
    job->strategy_id = market->strategy_id;
    snprintf(job->version.text, sizeof job->version.text, "v1");
    job->seed = 5;
    job->cut_ns = LEARNABLE_START_NS + (int64_t)market->n_decisions * STEP_NS + NS_PER_H;
    job->schema_hash = market->set.schema_hash;
    job->n_features = market->set.n_columns;
    for (size_t i = 0; i < job->n_features; i++)
        memcpy(job->features[i], market->set.columns[i].name, sizeof job->features[i]);
    job->label = (struct manifest_label){30, 1, 1, 1};
    job->n_folds = 3;
    job->try_windows = job->try_weights = false;
    job->cpcv_rows_max = 0;
    job->params.values[0] = 60;   /* rounds */
    job->params.values[1] = 10;   /* patience */
    job->params.values[2] = 0.15; /* eta */
    job->gate.n_bootstrap = 1000;
    snprintf(job->output, sizeof job->output, "v1");
}

static void add_row(void *ctx, const struct sample *sample)
{
    enum al_err err = train_rows_add(ctx, sample);
    assert(err == AL_OK);
}

void learnable_samples_rows(struct learnable_samples *market, struct train_rows *rows)
{
    enum al_err err = train_rows_init(rows, market->set.n_columns, 1U << 20);
    assert(err == AL_OK);
    learnable_samples_walk(market, add_row, rows);
}
