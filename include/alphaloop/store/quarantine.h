/* Table quarantine: messages that could not be read, whole, with why. */
#ifndef ALPHALOOP_STORE_QUARANTINE_H
#define ALPHALOOP_STORE_QUARANTINE_H

#include "alphaloop/domain/order_event.h"
#include "alphaloop/io/pg.h"

enum quarantine_status { QUARANTINE_WAITING, QUARANTINE_RETRIED };

struct quarantine_row {
    int64_t id;             /* given by the database; not written */
    int64_t received_at_ns; /* kept in microseconds */
    struct slice queue;
    enum reason reason;
    struct slice field, detail;    /* valid UTF-8 or cleaned: other bytes become '?' */
    struct slice body;             /* the exact bytes */
    struct slice headers;          /* one JSON object; empty means {} */
    enum quarantine_status status; /* not written: new rows wait */
    int64_t retried_at_ns;         /* TIMESTAMP_NONE; not written */
};

void quarantine_insert(struct pg_batch *batch, const struct quarantine_row *rows, size_t n_rows);

/* Newest first; without bodies (empty) so that a list stays small. */
void quarantine_list(struct pg_batch *batch, size_t limit, size_t offset);
/* Those that wait, oldest first, ids above `after_id`, with bodies. */
void quarantine_load_waiting(struct pg_batch *batch, int64_t after_id, size_t limit);
void quarantine_get(struct pg_batch *batch, int64_t id); /* no row when unknown */
/* Slices borrow from the result. */
MUST_CHECK enum al_err quarantine_read(const struct pg_result *result,
                                       size_t row,
                                       struct quarantine_row *out);

void quarantine_mark_retried(struct pg_batch *batch, int64_t id, int64_t now_ns);
void quarantine_count_waiting(struct pg_batch *batch); /* one i64 */

#endif
