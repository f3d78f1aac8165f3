/* How good a model is on decisions made after it was taught, beside what someone achieves who sees the market's alpha, on
 * the same decisions, with the same labels and costs. */
#ifndef ALPHALOOP_TESTS_HARNESS_DESK_SCORE_H
#define ALPHALOOP_TESTS_HARNESS_DESK_SCORE_H

#include "harness/desk.h"

struct desk_policy {
    size_t n_trades;
    double bps,
        bps_se; /* mean net utility per decision, basis points, and its bootstrapped standard error */
    double trade_bps; /* the same per trade */
};

struct desk_score {
    size_t n_decisions;
    double
        cost_bps; /* mean net loss of trading at random: what a round trip costs from mid to mid */
    double auc,
        best_auc; /* of q, and of the truth, for a net gain; both actions of every decision */
    double brier_skill, ece;
    struct desk_policy model, best, logged;
};

/* All decisions from from_ns on both of whose actions are known. The model chooses by the entry rule without exploring;
 * the best policy takes the side of the expected return where that is more than the cost. Sorts desk->truths. */
void desk_score(struct desk_run *desk,
                int64_t from_ns,
                const struct scorer *scorer,
                struct desk_score *out);
void desk_score_print(const char *title, const struct desk_score *score);

#endif
