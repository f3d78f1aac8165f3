/* Before a challenger steps up it is asked whether it kept its word so far (learning section 6.4): of the trades it would have
 * made on live decisions, what it said and what came of it. All of that is in the database, so a restart forgets nothing. */
#ifndef ALPHALOOP_APP_ROLLOUT_HONEST_I_H
#define ALPHALOOP_APP_ROLLOUT_HONEST_I_H

#include "alphaloop/model/conformal.h"
#include "alphaloop/pipeline/rollout.h"
#include "alphaloop/store/shadow_scores.h"
#include "alphaloop/train/honest.h"

#define ROLLOUT_CLAIMS_MAX 2048 /* the newest trades: 30 ms of a thread at most */

struct worker;

/* Is told once, in a later turn of the loop. Of a version that surely lied, or of which nothing could be asked, the step's words
 * say why it waits; of one that did not they end with what was found. */
typedef void (*rollout_honest_fn)(struct worker *worker, struct rollout_step *step, bool may_step);
void rollout_ask_honesty(struct worker *worker, struct rollout_step *step, rollout_honest_fn done);

/* What the claims of a version are worth.
 *
 *   claims         [n] n <= ROLLOUT_CLAIMS_MAX; put in order of blocks
 *   conformal      its intervals, made to hold `nominal` of outcomes
 *   n_calibration  independent outcomes they were made of
 *   returns        AL_OK; AL_ENOMEM */
MUST_CHECK enum al_err rollout_honesty(struct shadow_claim_row *claims,
                                       size_t n,
                                       const struct conformal *conformal,
                                       double nominal,
                                       double n_calibration,
                                       struct rng *rng,
                                       struct honesty *out);

#endif
