/* Start-up is recovery: whatever the last run left in the database is loaded again, by the same path after a crash as after
 * a clean stop. Migration and loading block, so they run in the thread pool; what was loaded is applied on the loop. */
#ifndef ALPHALOOP_APP_RECOVERY_I_H
#define ALPHALOOP_APP_RECOVERY_I_H

#include <stdbool.h>

#include "alphaloop/base/err.h"

struct worker;
struct recovery;

/* Begin. Tries again with backoff while the database is away; ends in worker_on_recovered(), or in worker_fail() when no
 * retry can help (a schema of another version, a refused password stays a retry: it may be mended). */
MUST_CHECK enum al_err recovery_start(struct worker *worker, struct recovery **out);
/* Stop trying. Freed by the loop. */
void recovery_close(struct recovery *recovery);
/* Why it is not over yet; "" when it is or nothing went wrong so far. */
const char *recovery_error(const struct recovery *recovery);

#endif
