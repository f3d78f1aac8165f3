/* Why a model gave an action its score: what each feature added to the log-odds, and the few that added most. */
#ifndef ALPHALOOP_MODEL_EXPLAIN_H
#define ALPHALOOP_MODEL_EXPLAIN_H

#include "alphaloop/domain/signal.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/model/scorer.h"

/* Explain one action of one decision.
 *
 *   set       the feature set the model was trained on                                  borrows; out keeps its names
 *   features  as frozen, not oriented; set->n_columns of them
 *   out       the EXPLANATION_TOP features with the largest contributions, largest first; of equal ones the earlier column;
 *             none that adds nothing
 *   returns   false when nothing exact can be said (scorer_contributions())
 */
bool explain_action(const struct scorer *scorer,
                    const struct feature_set *set,
                    const float *features,
                    enum side side,
                    struct explanation *out);

#endif
