/* Market data and positions in: each message is read, shown to the core, and acknowledged on receipt (contract 3.2). */
#ifndef ALPHALOOP_APP_FEED_I_H
#define ALPHALOOP_APP_FEED_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/base/err.h"

struct worker;
struct feed;

MUST_CHECK enum al_err feed_create(struct worker *worker, struct feed **out);
void feed_destroy(struct feed *feed);
MUST_CHECK enum al_err feed_start(struct feed *feed); /* subscribe */
void feed_stop(struct feed *feed);                    /* take no more */
/* Fill one row a queue from out[0] on; returns how many. */
size_t feed_view(const struct feed *feed, struct admin_consumer *out);

#endif
