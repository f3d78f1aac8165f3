/* Making a version the one that decides: read its folder, verify it, commit the change, swap it in between two decisions. */
#ifndef ALPHALOOP_APP_ACTIVATION_I_H
#define ALPHALOOP_APP_ACTIVATION_I_H

#include "alphaloop/admin/admin.h"

struct worker;

typedef void (*activation_fn)(void *ctx, const struct admin_result *result);

/* Activate `version` for the strategy; NULL: back to warm-up, nothing is active then. A version the gate refused may be
 * activated by hand only. `why` is static text for the event: "gate", "manual", "rollback". */
void activation_start(struct worker *worker,
                      const struct strategy_id *strategy_id,
                      const struct model_version_id *version,
                      const char *why,
                      activation_fn done,
                      void *ctx);
/* As activation_start(), but it becomes a shadow of the active one. */
void activation_shadow(struct worker *worker,
                       const struct strategy_id *strategy_id,
                       const struct model_version_id *version,
                       uint32_t attempt,
                       activation_fn done,
                       void *ctx);
/* What the core asked for: the step's version becomes active, or the active one makes room for the step's target. Takes the
 * step. */
struct rollout_step;
void activation_step(struct worker *worker, struct rollout_step *step);
/* Activate the version that was active before; ADMIN_CONFLICT when there is none. */
void activation_rollback(struct worker *worker,
                         const struct strategy_id *strategy_id,
                         activation_fn done,
                         void *ctx);

#endif
