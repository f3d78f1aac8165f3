/* The outbox: signals that are in the ledger and on their way to the broker.
 *
 * A signal enters after its row was committed `pending`. It is published persistent and mandatory; the confirm marks it
 * `published` in the ledger. Nacked, returned (no queue) or lost, it is tried again under the same id with the same bytes
 * until its time to live is over; then it is marked `expired`. With --no-publish nothing leaves and all expire.
 */
#ifndef ALPHALOOP_APP_OUTBOX_H
#define ALPHALOOP_APP_OUTBOX_H

#include "alphaloop/domain/decision.h"

#define OUTBOX_SIGNALS_MAX 8192

struct worker;
struct outbox;

/* What is needed to publish a signal, all of it kept in its ledger row. */
struct outgoing {
    struct uuid signal_id;
    int64_t decided_at_ns, expires_at_ns; /* decision clock */
    struct trace_id trace_id;
    char traceparent[TRACEPARENT_TEXT_MAX];
    struct buf body;             /* the exact bytes */
    char id_text[UUID_TEXT_MAX]; /* filled by outbox_put */
};

MUST_CHECK enum al_err outbox_create(struct worker *worker, struct outbox **out);
void outbox_destroy(struct outbox *outbox);

/* Send one signal. Takes the body. False when OUTBOX_SIGNALS_MAX are on their way: it stays pending in the ledger and is
 * taken up at the next start or expires; the body is freed. */
bool outbox_put(struct outbox *outbox, const struct outgoing *signal);
/* Try again what waits, expire what is too old. Cheap when nothing waits. */
void outbox_run(struct outbox *outbox);
size_t outbox_count(const struct outbox *outbox); /* not confirmed yet */
bool outbox_is_full(const struct outbox *outbox); /* deciding should pause */

#endif
