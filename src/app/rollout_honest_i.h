/* Before a challenger steps up it is asked whether it kept its word so far (learning section 6.4): of the trades it would have
 * made on live decisions, what it said and what came of it. All of that is in the database, so a restart forgets nothing. */
#ifndef ALPHALOOP_APP_ROLLOUT_HONEST_I_H
#define ALPHALOOP_APP_ROLLOUT_HONEST_I_H

#include "alphaloop/pipeline/rollout_move.h"

struct worker;

/* Is told once, in a later turn of the loop. Of a version that surely lied, or of which nothing could be asked, the step's words
 * say why it waits; of one that did not they end with what was found. */
typedef void (*rollout_honest_fn)(struct worker *worker, struct rollout_step *step, bool may_step);
void rollout_ask_honesty(struct worker *worker, struct rollout_step *step, rollout_honest_fn done);

#endif
