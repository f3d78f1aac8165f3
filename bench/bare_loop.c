/* bare_loop QUEUE N: the least that consume -> commit -> ack can be in C: take the event id out of each body by searching
 * for it, insert id and body in batches of 512, commit, acknowledge. No validation, no state, blocking calls. It is the
 * limit that the worker's rate is held against. Prints "events/s cpu_us_per_event". */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { BATCH = 512, PREFETCH = 2000, BODY_MAX = 4096, UUID_OID = 2950, TEXT_OID = 25 };

/* A binary array for unnest(): header, then length and bytes of each element. */
struct array {
    size_t len;
    char bytes[20 + BATCH * (4 + BODY_MAX)];
};

static void put_u32(struct array *array, uint32_t value)
{
    uint32_t net = htonl(value);
    memcpy(array->bytes + array->len, &net, 4);
    array->len += 4;
}

static void array_begin(struct array *array, uint32_t oid, uint32_t n)
{
    array->len = 0;
    put_u32(array, 1);
    put_u32(array, 0);
    put_u32(array, oid);
    put_u32(array, n);
    put_u32(array, 1);
}

static void array_add(struct array *array, const void *bytes, size_t n_bytes)
{
    put_u32(array, (uint32_t)n_bytes);
    memcpy(array->bytes + array->len, bytes, n_bytes);
    array->len += n_bytes;
}

static int hex(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

static void find_event_id(const char *body, size_t n_body, unsigned char id[16])
{
    static const char key[] = "\"event_id\":\"";
    const char *at = memmem(body, n_body, key, sizeof key - 1);
    if (at == NULL)
        bench_die("no event_id");
    at += sizeof key - 1;
    for (int i = 0; i < 16; i++, at += 2) {
        at += *at == '-';
        id[i] = (unsigned char)(hex(at[0]) << 4 | hex(at[1]));
    }
}

static void commit(PGconn *db, const struct array *ids, const struct array *bodies)
{
    const Oid types[] = {2951, 1009}; /* uuid[], text[] */
    const char *values[] = {ids->bytes, bodies->bytes};
    const int lengths[] = {(int)ids->len, (int)bodies->len}, formats[] = {1, 1};
    PGresult *result = PQexecParams(
        db, "INSERT INTO bare_events SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING", 2, types,
        values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("insert: %s", PQerrorMessage(db));
    PQclear(result);
}

static void take(amqp_connection_state_t conn, amqp_envelope_t *envelope)
{
    amqp_maybe_release_buffers(conn);
    amqp_rpc_reply_t reply = amqp_consume_message(conn, envelope, NULL, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        bench_die("consume failed: %s", amqp_error_string2(reply.library_error));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_die("usage: bare_loop QUEUE N");
    static struct array ids, bodies;
    static char batch[BATCH][BODY_MAX];
    static size_t lengths[BATCH];
    uint64_t n = strtoull(argv[2], NULL, 10);
    PGconn *db = bench_database();
    bench_sql(db, "SET client_min_messages = error; DROP TABLE IF EXISTS bare_events; CREATE TABLE "
                  "bare_events (event_id uuid PRIMARY KEY, raw text)");
    amqp_connection_state_t conn = bench_broker();
    amqp_basic_qos(conn, 1, 0, PREFETCH, 0);
    amqp_basic_consume(conn, 1, amqp_cstring_bytes(argv[1]), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    bench_check(conn, "basic.consume");
    int64_t started_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
    for (uint64_t done = 0; done < n;) {
        uint32_t n_batch = n - done < BATCH ? (uint32_t)(n - done) : BATCH;
        uint64_t tag = 0;
        for (uint32_t i = 0; i < n_batch; i++) {
            amqp_envelope_t envelope;
            take(conn, &envelope);
            lengths[i] =
                envelope.message.body.len < BODY_MAX ? envelope.message.body.len : BODY_MAX;
            memcpy(batch[i], envelope.message.body.bytes, lengths[i]);
            tag = envelope.delivery_tag;
            amqp_destroy_envelope(&envelope);
        }
        array_begin(&ids, UUID_OID, n_batch);
        array_begin(&bodies, TEXT_OID, n_batch);
        for (uint32_t i = 0; i < n_batch; i++) {
            unsigned char id[16];
            find_event_id(batch[i], lengths[i], id);
            array_add(&ids, id, sizeof id);
            array_add(&bodies, batch[i], lengths[i]);
        }
        commit(db, &ids, &bodies);
        amqp_basic_ack(conn, 1, tag, 1);
        done += n_batch;
    }
    printf("%.0f %.2f\n", (double)n * 1e9 / (double)(bench_now_ns() - started_ns),
           (double)(bench_cpu_ns() - cpu_ns) / 1e3 / (double)n);
    return 0;
}
