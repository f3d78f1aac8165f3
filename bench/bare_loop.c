/* bare_loop QUEUE N: the least that consume -> commit -> ack can be in C with librabbitmq and libpq. Blocking calls; each
 * column is found in the body by searching for its key; the row of order_events alone is inserted, 512 a transaction, then
 * acknowledged. No check, no state, no execution, nothing after the commit. Broker, database, prefetch, batch size, row and
 * commit (synchronous) are the worker's: it is the limit that the worker's rate is held against.
 *
 * Prints "events/s cpu_us_per_event"; the rate is taken from the begin of the first transaction to that of the last. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { BATCH = 512, PREFETCH = 2000, BODY_MAX = 4096, COLUMNS = 7 };
enum { EVENT_ID, EVENT_TYPE, ORDER_ID, SIGNAL_ID, RECEIVED_AT_NS, TRACE_ID, RAW };
enum { UUID = 2950, UUIDS = 2951, TEXT = 25, TEXTS = 1009, INT8 = 20, INT8S = 1016 };

static const char table_sql[] =
    "SET client_min_messages = error; DROP TABLE IF EXISTS bare_events; CREATE TABLE bare_events "
    "(event_id uuid PRIMARY KEY, event_type text NOT NULL, order_id text NOT NULL, signal_id uuid "
    "NOT NULL, received_at_ns bigint NOT NULL, received_at timestamptz GENERATED ALWAYS AS "
    "(to_timestamp(received_at_ns / 1000000000.0::double precision)) STORED, trace_id text, "
    "raw text NOT NULL)";
static const char insert_sql[] =
    "INSERT INTO bare_events (event_id, event_type, order_id, signal_id, received_at_ns, trace_id, "
    "raw) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

/* A binary array for unnest(): header, then length and bytes of each element. */
struct array {
    uint32_t oid;
    size_t len;
    char bytes[20 + BATCH * (4 + BODY_MAX)];
};

static struct array columns[COLUMNS] = {
    [EVENT_ID] = {.oid = UUID},  [EVENT_TYPE] = {.oid = TEXT},     [ORDER_ID] = {.oid = TEXT},
    [SIGNAL_ID] = {.oid = UUID}, [RECEIVED_AT_NS] = {.oid = INT8}, [TRACE_ID] = {.oid = TEXT},
    [RAW] = {.oid = TEXT},
};

static void put_u32(struct array *array, uint32_t value)
{
    uint32_t net = htonl(value);
    memcpy(array->bytes + array->len, &net, 4);
    array->len += 4;
}

static void array_begin(struct array *array, uint32_t n)
{
    array->len = 0;
    put_u32(array, 1);
    put_u32(array, 0);
    put_u32(array, array->oid);
    put_u32(array, n);
    put_u32(array, 1);
}

static void array_add(struct array *array, const void *bytes, size_t n_bytes)
{
    put_u32(array, (uint32_t)n_bytes);
    memcpy(array->bytes + array->len, bytes, n_bytes);
    array->len += n_bytes;
}

/* The text after `key`, up to the next quote. */
static const char *find(const char *body, size_t n_body, const char *key, size_t *n_text)
{
    const char *at = memmem(body, n_body, key, strlen(key));
    if (at == NULL)
        bench_die("no %s", key);
    at += strlen(key);
    const char *end = memchr(at, '"', n_body - (size_t)(at - body));
    if (end == NULL)
        bench_die("%s has no end", key);
    *n_text = (size_t)(end - at);
    return at;
}

static void add_text(struct array *array, const char *body, size_t n_body, const char *key)
{
    size_t n_text;
    const char *text = find(body, n_body, key, &n_text);
    array_add(array, text, n_text);
}

static int hex(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

static void add_uuid(struct array *array, const char *body, size_t n_body, const char *key)
{
    size_t n_text;
    const char *at = find(body, n_body, key, &n_text);
    unsigned char id[16];
    if (n_text != 36)
        bench_die("%s is no id", key);
    for (int i = 0; i < 16; i++, at += 2) {
        at += *at == '-';
        id[i] = (unsigned char)(hex(at[0]) << 4 | hex(at[1]));
    }
    array_add(array, id, sizeof id);
}

static void add_event(const char *body, size_t n_body)
{
    int64_t now_ns = bench_now_ns();
    uint32_t received[2] = {htonl((uint32_t)(now_ns >> 32)), htonl((uint32_t)now_ns)};
    if (n_body > BODY_MAX)
        bench_die("an event of %zu bytes", n_body);
    add_uuid(&columns[EVENT_ID], body, n_body, "\"event_id\":\"");
    add_text(&columns[EVENT_TYPE], body, n_body, "\"event_type\":\"");
    add_text(&columns[ORDER_ID], body, n_body, "\"order_id\":\"");
    add_uuid(&columns[SIGNAL_ID], body, n_body, "\"signal_id\":\"");
    array_add(&columns[RECEIVED_AT_NS], received, sizeof received);
    add_text(&columns[TRACE_ID], body, n_body, "\"trace_id\":\"");
    array_add(&columns[RAW], body, n_body);
}

/* The next message into the arrays; its delivery tag. */
static uint64_t take(amqp_connection_state_t conn)
{
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(conn);
    amqp_rpc_reply_t reply = amqp_consume_message(conn, &envelope, NULL, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        bench_die("consume failed: %s", amqp_error_string2(reply.library_error));
    uint64_t tag = envelope.delivery_tag;
    add_event(envelope.message.body.bytes, envelope.message.body.len);
    amqp_destroy_envelope(&envelope);
    return tag;
}

static void prepare(PGconn *db)
{
    const Oid types[COLUMNS] = {UUIDS, TEXTS, TEXTS, UUIDS, INT8S, TEXTS, TEXTS};
    PGresult *result = PQprepare(db, "insert", insert_sql, COLUMNS, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("prepare: %s", PQerrorMessage(db));
    PQclear(result);
}

static void commit(PGconn *db)
{
    const char *values[COLUMNS];
    int lengths[COLUMNS], formats[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        values[i] = columns[i].bytes;
        lengths[i] = (int)columns[i].len;
        formats[i] = 1;
    }
    PGresult *result = PQexecPrepared(db, "insert", COLUMNS, values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("insert: %s", PQerrorMessage(db));
    PQclear(result);
}

int main(int argc, char **argv)
{
    uint64_t n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (n <= BATCH)
        bench_die("usage: bare_loop QUEUE N (N more than %d)", BATCH);
    PGconn *db = bench_database();
    bench_sql(db, table_sql);
    prepare(db);
    amqp_connection_state_t conn = bench_broker();
    amqp_basic_qos(conn, 1, 0, PREFETCH, 0);
    amqp_basic_consume(conn, 1, amqp_cstring_bytes(argv[1]), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    bench_check(conn, "basic.consume");
    int64_t first_ns = 0, last_ns = 0, cpu_ns = bench_cpu_ns();
    uint64_t before_last = 0;
    for (uint64_t done = 0; done < n;) {
        uint32_t n_batch = n - done < BATCH ? (uint32_t)(n - done) : BATCH;
        uint64_t tag = 0;
        for (int i = 0; i < COLUMNS; i++)
            array_begin(&columns[i], n_batch);
        for (uint32_t i = 0; i < n_batch; i++)
            tag = take(conn);
        last_ns = bench_now_ns();
        first_ns = done == 0 ? last_ns : first_ns;
        before_last = done;
        commit(db);
        amqp_basic_ack(conn, 1, tag, 1);
        done += n_batch;
    }
    printf("%.0f %.2f\n", (double)before_last * 1e9 / (double)(last_ns - first_ns),
           (double)(bench_cpu_ns() - cpu_ns) / 1e3 / (double)n);
    return 0;
}
