/* Price history of the worker: finished klines of any asset and interval into the table, and what is missing there as metrics. */
#ifndef ALPHALOOP_APP_HISTORY_I_H
#define ALPHALOOP_APP_HISTORY_I_H

#include "alphaloop/base/err.h"
#include "alphaloop/domain/market.h"

struct worker;
struct history;

MUST_CHECK enum al_err history_create(struct worker *worker, struct history **out);
void history_destroy(struct history *history);
void history_on_market(struct history *history, const struct market_event *event);
void history_run(struct history *history,
                 int64_t wall_ns); /* write what waits, count when it is time */
bool history_is_idle(const struct history *history);

#endif
