/* Order events that were lost: order-manager drops an event it cannot publish (U3). Its table public.orders, read now and then
 * when it is there, tells what became of orders that answer open signals of ours. */
#ifndef ALPHALOOP_APP_RECONCILE_I_H
#define ALPHALOOP_APP_RECONCILE_I_H

#include "alphaloop/base/err.h"

struct worker;
struct reconcile;

MUST_CHECK enum al_err reconcile_create(struct worker *worker, struct reconcile **out);
void reconcile_destroy(struct reconcile *reconcile);
void reconcile_run(struct reconcile *reconcile); /* ask again when it is time */

#endif
