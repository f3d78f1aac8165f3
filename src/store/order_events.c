/* Table order_events. */
#include "alphaloop/store/order_events.h"
#include "row_i.h"

#define COLUMNS                                                                                    \
    "event_id, event_type, order_id, signal_id, received_at_ns, received_at, trace_id, raw"

/* ON CONFLICT DO NOTHING would say the same and cost twice as much: it writes each row first as a guess. */
static const struct pg_statement insert_statement = {
    "order_events_insert",
    "INSERT INTO order_events (" COLUMNS ") SELECT " COLUMNS
    " FROM (SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), "
    "unnest($7), unnest($8)) AS u (" COLUMNS ")"
    " WHERE NOT EXISTS (SELECT FROM order_events o WHERE o.event_id = u.event_id)"
    " RETURNING event_id",
};

static const struct pg_statement count_statement = {"order_events_count",
                                                    "SELECT count(*) FROM order_events"};

void order_events_insert(struct pg_batch *batch, const struct order_event_row *rows, size_t n)
{
    pg_batch_statement(batch, &insert_statement);
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].event->event_id));
    PUT_COLUMN(batch, PG_TEXT, n, pg_put_str(batch, order_event_type_name(rows[i].event->type)));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, slice_of(rows[i].event->order_id.text)));
    PUT_COLUMN(batch, PG_UUID, n, pg_put_uuid(batch, rows[i].event->signal_id));
    PUT_COLUMN(batch, PG_I64, n, pg_put_i64(batch, rows[i].event->ts_recv_ns));
    PUT_COLUMN(batch, PG_TIME, n, pg_put_time(batch, rows[i].event->ts_recv_ns));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_chars(batch, rows[i].event->trace_id.text));
    PUT_COLUMN(batch, PG_TEXT, n, store_put_text(batch, rows[i].raw));
}

struct uuid order_events_new_id(const struct pg_result *result, size_t row)
{
    return pg_result_uuid(result, row, 0);
}

void order_events_count(struct pg_batch *batch)
{
    pg_batch_statement(batch, &count_statement);
}
