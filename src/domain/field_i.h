/* What the readers of outside messages share: the document itself, and saying which field is wrong. */
#ifndef ALPHALOOP_DOMAIN_FIELD_I_H
#define ALPHALOOP_DOMAIN_FIELD_I_H

#include "alphaloop/domain/order_event.h"

#define FUTURE_MAX_NS (300 * NS_PER_S) /* contract 3.1: later than this after receipt is no time */

/* One JSON document within the bounds of contract 3.1; *out is given, NULL after a refusal. `null` is refused. */
bool document_read(struct json_reader *reader,
                   struct slice body,
                   struct json_node **out,
                   struct order_event_refusal *refusal);

/* Fill *refusal: "<path>: expected <expected>, found <excerpt of node>". The reason is field_missing when node is NULL and
 * `reason` is field_invalid. Always false, so that `return refuse_field(...)` reads well. */
bool refuse_field(struct order_event_refusal *refusal,
                  enum reason reason,
                  const char *path,
                  const char *expected,
                  struct json_node *node);

/* A finite number, as a number or as text of one. False for anything else (NULL, booleans, blanks, NaN). */
bool field_number(struct json_node *node, double *out);

/* The first member that is there and not null; its name in *found (may be NULL). The list ends with NULL. */
struct json_node *field_first(struct json_node *object,
                              const char *const *names,
                              const char **found);

/* A trace id: the body's if it is one, else the header's, else "". Returns how many bad ones were dropped. */
uint32_t field_trace(struct json_node *node, struct slice header_trace, struct trace_id *out);

#endif
