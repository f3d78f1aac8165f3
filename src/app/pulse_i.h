/* Does the database still answer? A server that hangs keeps its sockets open: only a question finds that out. When a
 * connection has nothing to do it is asked an empty one now and then; pg_client_silent_ms() then tells. */
#ifndef ALPHALOOP_SRC_APP_PULSE_I_H
#define ALPHALOOP_SRC_APP_PULSE_I_H

#include <stdint.h>

#include "alphaloop/base/err.h"

#define PULSE_SILENT_MS 5000 /* a connection that has waited so long for an answer is not well */

struct pulse;
struct worker;

MUST_CHECK enum al_err pulse_create(struct worker *worker, struct pulse **out);
void pulse_destroy(struct pulse *pulse);
/* Ask whom it is time to ask. */
void pulse_run(struct pulse *pulse, int64_t wall_ns);

#endif
