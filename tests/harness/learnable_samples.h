/* Samples of a market with a known edge: what a training run can earn in it is known beforehand. */
#ifndef ALPHALOOP_TESTS_HARNESS_LEARNABLE_SAMPLES_H
#define ALPHALOOP_TESTS_HARNESS_LEARNABLE_SAMPLES_H

#include "alphaloop/dataset/sample.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/train/fit.h"

/* Decisions every 20 s for two assets in turn, labels 30 s long. The price goes up by 0.5 % with probability
 * 1 / (1 + exp(-edge x0)), else down; x0 is the column return_1, standard normal, one in ten missing (then 1/2). Cost is
 * 0.1 %. A coin chose the side that was taken; the other side has market evidence. */
struct learnable_samples {
    struct strategy_id strategy_id;
    double edge;
    size_t n_decisions;
    uint64_t seed;
    struct feature_set set;
    double best_utility; /* per decision, of someone who knows the edge; filled in by the walk */
};

#define LEARNABLE_START_NS (1767225600LL * 1000000000LL)

void learnable_samples_init(struct learnable_samples *market,
                            size_t n_decisions,
                            double edge,
                            uint64_t seed);
/* Two samples for each decision, oldest first. */
void learnable_samples_walk(struct learnable_samples *market,
                            void (*on_sample)(void *ctx, const struct sample *),
                            void *ctx);
/* A job for them: everything up to now, quick to train, one choice of teachers. */
void learnable_samples_job(const struct learnable_samples *market, struct train_job *job);
/* Those that on_sample would get, as rows. */
void learnable_samples_rows(struct learnable_samples *market, struct train_rows *rows);

#endif
