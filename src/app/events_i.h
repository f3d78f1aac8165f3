/* Word to other systems: JSON on the topic exchange EVENTS_EXCHANGE, best effort. What matters is in the database; an event
 * that cannot be sent is counted and forgotten. */
#ifndef ALPHALOOP_APP_EVENTS_I_H
#define ALPHALOOP_APP_EVENTS_I_H

#include "alphaloop/base/json.h"

struct worker;
struct events;

MUST_CHECK enum al_err events_create(struct worker *worker, struct events **out);
void events_destroy(struct events *events);

/* "model.activated" ...: begin an object with event_id, event_type, timestamp and strategy_id; add members; events_send(). */
struct json_writer *events_begin(struct events *events, const char *type, const char *strategy_id);
void events_send(struct events *events);

#endif
