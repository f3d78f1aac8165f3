/* How a version moves, whoever moves it: serve, which keeps every move in its tables, and backtest, which tells it in its
 * report. The core asks (effect rollout_step); whoever performs it
 *
 *   1  asks first whether the version has kept its word, where it is to take more decisions: rollout_must_ask(), rollout_inquiry
 *   2  notes what becomes of whom: rollout_tell_change() where another one decides from then on, rollout_tell_move() elsewhere
 *   3  does it, rollout_take_over(), and says so, learn_rollout_done()
 *
 * No I/O: loading scorers and keeping records is the caller's. */
#ifndef ALPHALOOP_PIPELINE_ROLLOUT_MOVE_H
#define ALPHALOOP_PIPELINE_ROLLOUT_MOVE_H

#include "alphaloop/model/conformal.h"
#include "alphaloop/pipeline/rollout.h"

/* ---- what a step asks for ---- */

bool rollout_must_ask(const struct rollout_step *step);
/* Another version decides when it is done, or none. */
bool rollout_is_change(const struct rollout_step *step);
/* Of such a step: who decides afterwards; "" warm-up. */
const struct model_version_id *rollout_decider(const struct rollout_step *step);
const char *rollout_why(const struct rollout_step *step); /* "evidence", "guard", "expired" */

/* ---- before a step up ---- */

#define ROLLOUT_CLAIMS_MAX 2048 /* the newest trades: 30 ms at most */

/* Has the version kept its word (learning section 6.4): of the trades it would have made on live decisions, what it said and
 * what came of it? 80 kB: keep it on the heap. */
struct rollout_inquiry {
    struct conformal conformal; /* its intervals, */
    double nominal;             /* made to hold this share of outcomes, */
    double n_calibration;       /* of so many independent ones */
    size_t n;                   /* <= ROLLOUT_CLAIMS_MAX; the caller adds them, in any order */
    struct shadow_claim claims[ROLLOUT_CLAIMS_MAX];
};
/* manifest: of the version that steps, NULL when it has left meanwhile; borrows. */
void rollout_inquiry_begin(struct rollout_inquiry *inquiry,
                           const struct manifest *manifest,
                           double nominal);
/* Puts the claims in order of blocks and fills the step's honesty; may run on another thread. AL_ENOMEM. */
MUST_CHECK enum al_err rollout_inquiry_judge(struct rollout_inquiry *inquiry,
                                             struct rollout_step *step);
/* Whether it may step. `fault`: why nothing could be asked, NULL when it was. The step's words say why it waits, or end with
 * what was found. */
bool rollout_inquiry_answer(struct rollout_step *step, const char *fault);

/* ---- what becomes of whom ---- */

/* A row of rollout_verdicts: what a version is from now on. */
struct rollout_record {
    struct model_version_id version;
    struct model_version_id against; /* what it was held against; "" nothing */
    enum rollout_stage stage;
    const char *why; /* who or what moved it, one word */
    char verdict[ROLLOUT_TEXT_MAX];
    const struct rollout_step *step; /* whose numbers these are; NULL: there are none */
};

struct rollout_change {
    const struct model_version_id *version; /* "" warm-up */
    const char *why;  /* "gate", "evidence", "guard", "expired", "manual", ...; static */
    bool keeps_guard; /* the one before it goes on scoring */
    bool as_shadow;   /* it scores beside the one that decides */
    const struct rollout_step *step; /* NULL: nothing the core asked for */
};
/* It won its place by evidence: the one before it is its guard, where the strategy wants one. */
bool rollout_is_won(const char *why);
/* Who goes and who comes. active: NULL in warm-up. Returns how many records. */
size_t rollout_tell_change(const struct rollout_change *change,
                           const struct model_version_id *active,
                           struct rollout_record out[2]);
void rollout_tell_move(const struct rollout_step *step, struct rollout_record *out);

/* ---- doing it ---- */

/* The scorer decides from the next decision on; NULL: the warm-up policy. Takes it. step: NULL when the core did not ask. */
void rollout_take_over(struct pipeline *pipeline,
                       const struct strategy_id *strategy_id,
                       struct scorer *scorer,
                       const char *why,
                       const struct rollout_step *step,
                       int64_t now_ns);

/* Whether a challenger that passed the offline gate is to begin as a shadow: the strategy says so, or a rollback is cooling
 * down, and there is a model to be held against. */
bool rollout_is_staged(struct pipeline *pipeline,
                       const struct strategy_id *strategy_id,
                       int64_t now_ns);
/* learn_shadow(); true: there was no room for all, and *leaves is the step of who has to go. */
bool rollout_begin_shadow(struct pipeline *pipeline,
                          const struct strategy_id *strategy_id,
                          struct scorer *scorer,
                          const struct rollout_start *start,
                          struct rollout_step *leaves);

#endif
