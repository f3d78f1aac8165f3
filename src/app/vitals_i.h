/* How the process and its machine are: asked once a minute, and kept for a week. */
#ifndef ALPHALOOP_SRC_APP_VITALS_I_H
#define ALPHALOOP_SRC_APP_VITALS_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/base/err.h"

struct vitals;

MUST_CHECK enum al_err vitals_create(struct vitals **out);
void vitals_destroy(struct vitals *vitals);

/* A minute is over, or not yet. outbox_pending: signals decided and not confirmed yet. */
void vitals_run(struct vitals *vitals, int64_t wall_ns, size_t outbox_pending);
/* The model store's disk, as it was last seen. */
void vitals_set_disk(struct vitals *vitals, double free_bytes, double total_bytes);

struct admin_vitals vitals_now(const struct vitals *vitals);
bool vitals_trend(const struct vitals *vitals, size_t index, struct admin_trend_point *out);

#endif
