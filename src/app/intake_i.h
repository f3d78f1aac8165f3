/* Order events in: from the queue to the database, acknowledged only after the commit (contract 3.1, design section 4).
 *
 * Messages are understood as they arrive and wait in a bounded queue (the broker's prefetch bounds it too). A batch of up to
 * ORDER_EVENTS_BATCH, begun when so many wait or ORDER_EVENTS_BATCH_MS after the first, becomes one transaction of two steps:
 * new events in and states out, then what follows from them. After the commit the batch is acknowledged and the core is told.
 */
#ifndef ALPHALOOP_APP_INTAKE_I_H
#define ALPHALOOP_APP_INTAKE_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

struct admin_consumer;
struct worker;
struct intake;

MUST_CHECK enum al_err intake_create(struct worker *worker,
                                     struct intake **out); /* consumes once started */
void intake_close(struct intake *intake); /* freed by the loop; not while a transaction runs */
MUST_CHECK enum al_err intake_start(struct intake *intake); /* subscribe */
void intake_stop(struct intake *intake); /* take no more; what was taken is finished */
/* An order event that did not come from the broker. False: it is none, or there is no room for it now. */
bool intake_put(struct intake *intake, struct slice body);
void intake_run(struct intake *intake); /* begin a batch when one is due */
bool intake_is_idle(const struct intake *intake);
size_t intake_count(const struct intake *intake); /* taken, not committed yet */
uint64_t intake_n_quarantined(const struct intake *intake);
void intake_view(const struct intake *intake, struct admin_consumer *out);

#endif
