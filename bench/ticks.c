/* ticks: from a tick to the signal it caused, as seen from outside.
 *
 *   ticks hop N RATE              limit: N messages through one queue of the broker; prints "p50_ms p99_ms"
 *   ticks commit N                limit: N one-row transactions; prints "p50_ms p99_ms"
 *   ticks signals N RATE N_ASSETS N tickers at RATE a second over N_ASSETS assets BENCH0USDT ...; every signal that comes
 *                                 out names by its price the tick it was decided on; prints "p50_ms p99_ms n_signals"
 *
 * The worker must be set up to decide on every tick (tools/bench does). A tick's price is its number, so no clock but this
 * process's own is involved.
 */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "alphaloop/market/gateway.h"
#include "bench.h"

enum { TICKS_MAX = 1000000, CANDLES = 40, QUIET_S = 8 };
static const double PRICE_FIRST = 50000.0, PRICE_STEP = 0.01;

static int64_t sent_ns[TICKS_MAX];
static double delays_ms[TICKS_MAX];
static size_t n_delays;

static void publish(amqp_connection_state_t conn,
                    const char *queue,
                    const void *bytes,
                    size_t n_bytes)
{
    amqp_bytes_t body = {n_bytes, (void *)(uintptr_t)bytes};
    if (amqp_basic_publish(conn, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, NULL,
                           body) != 0)
        bench_die("publish failed");
}

static void publish_event(amqp_connection_state_t conn,
                          const struct market_event *event,
                          uint64_t sequence)
{
    struct buf text = BUF_INIT(1 << 20);
    gateway_write(event, sequence, &text);
    publish(conn, gateway_queue(event->kind), text.ptr, text.len);
    buf_deinit(&text);
}

/* Messages that wait in the socket's buffer of the broker count as sent: that is what a neighbour's clock would say. */
static void pace(int64_t started_ns, size_t i, double rate)
{
    int64_t due_ns = started_ns + (int64_t)((double)i * 1e9 / rate), now_ns = bench_now_ns();
    if (due_ns > now_ns) {
        struct timespec rest = {(due_ns - now_ns) / 1000000000, (due_ns - now_ns) % 1000000000};
        nanosleep(&rest, NULL);
    }
}

static void start_consuming(amqp_connection_state_t conn, const char *queue)
{
    amqp_basic_consume(conn, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 1, 0,
                       amqp_empty_table);
    bench_check(conn, "basic.consume");
}

/* False when nothing came for QUIET_S. */
static bool take(amqp_connection_state_t conn, amqp_envelope_t *envelope)
{
    struct timeval quiet = {QUIET_S, 0};
    amqp_maybe_release_buffers(conn);
    amqp_rpc_reply_t reply = amqp_consume_message(conn, envelope, &quiet, 0);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_TIMEOUT)
        return false;
    bench_die("consume failed: %s", amqp_error_string2(reply.library_error));
}

static void note(size_t tick)
{
    if (tick < TICKS_MAX && n_delays < TICKS_MAX && sent_ns[tick] != 0)
        delays_ms[n_delays++] = (double)(bench_now_ns() - sent_ns[tick]) / 1e6;
}

static void print_delays(void)
{
    double p50 = bench_percentile(delays_ms, n_delays, 0.5),
           p99 = bench_percentile(delays_ms, n_delays, 0.99);
    printf("%.3f %.3f %zu\n", p50, p99, n_delays);
}

/* ---- one hop ---- */

struct sender {
    size_t n, n_assets;
    double rate;
};

static void *send_numbers(void *arg)
{
    const struct sender *sender = arg;
    amqp_connection_state_t conn = bench_broker();
    int64_t started_ns = bench_now_ns();
    for (size_t i = 0; i < sender->n; i++) {
        char text[600] = {0}; /* about the size of a signal */
        snprintf(text, sizeof text, "%zu", i);
        pace(started_ns, i, sender->rate);
        sent_ns[i] = bench_now_ns();
        publish(conn, "bench.hop", text, sizeof text);
    }
    return NULL;
}

static void measure_hop(struct sender *sender)
{
    amqp_connection_state_t conn = bench_broker();
    amqp_queue_declare(conn, 1, amqp_cstring_bytes("bench.hop"), 0, 0, 0, 1, amqp_empty_table);
    bench_check(conn, "queue.declare");
    start_consuming(conn, "bench.hop");
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_numbers, sender) != 0)
        bench_die("no thread");
    amqp_envelope_t envelope;
    while (n_delays < sender->n && take(conn, &envelope)) {
        note(strtoul(envelope.message.body.bytes, NULL, 10));
        amqp_destroy_envelope(&envelope);
    }
    pthread_join(thread, NULL);
    print_delays();
}

/* ---- one commit ---- */

static void measure_commit(size_t n)
{
    PGconn *db = bench_database();
    bench_sql(db, "SET client_min_messages = error; DROP TABLE IF EXISTS bench_commits; CREATE "
                  "TABLE bench_commits (i int, v text)");
    for (size_t i = 0; i < n && i < TICKS_MAX; i++) {
        sent_ns[i] = bench_now_ns();
        bench_sql(db, "INSERT INTO bench_commits VALUES (1, repeat('x', 1500))");
        note(i);
    }
    print_delays();
}

/* ---- tick to signal ---- */

static void name_asset(struct market_event *event, size_t i)
{
    snprintf(event->asset.text, sizeof event->asset.text, "BENCH%uUSDT", (unsigned)i % 100);
}

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* A volatility needs minutes of history: candles of the last CANDLES minutes. */
static void send_history(amqp_connection_state_t conn, struct market_event *event, size_t n_assets)
{
    int64_t minute_ns = wall_ns() / NS_PER_MIN * NS_PER_MIN;
    for (size_t a = 0; a < n_assets; a++) {
        for (int i = CANDLES; i > 0; i--) {
            double price = PRICE_FIRST + (i % 2 ? 5 : -5);
            event->kind = MARKET_KLINE;
            name_asset(event, a);
            event->ts_event_ns = event->ts_recv_ns = minute_ns - (i - 1) * NS_PER_MIN;
            event->kline.confirmed = true;
            event->kline.candle = (struct candle){
                minute_ns - i * NS_PER_MIN, NS_PER_MIN, price, price + 5, price - 5, price, 10};
            publish_event(conn, event, (uint64_t)i);
        }
    }
}

static void *send_ticks(void *arg)
{
    const struct sender *sender = arg;
    static struct market_event event;
    amqp_connection_state_t conn = bench_broker();
    send_history(conn, &event, sender->n_assets);
    int64_t started_ns =
        bench_now_ns() + NS_PER_S; /* the candles are read first: queues have no order among them */
    for (size_t i = 0; i < sender->n; i++) {
        double price = PRICE_FIRST + (double)i * PRICE_STEP;
        event.kind = MARKET_TICKER;
        name_asset(&event, i % sender->n_assets);
        event.ticker = (struct ticker_update){price, 1000, price - 0.5, price + 0.5, 1, 1};
        pace(started_ns, i, sender->rate);
        event.ts_event_ns = event.ts_recv_ns = wall_ns();
        sent_ns[i] = bench_now_ns();
        publish_event(conn, &event, i);
    }
    return NULL;
}

static void note_signal(const amqp_bytes_t *body)
{
    static const char snapshot[] = "\"market_data_snapshot\":", price_key[] = "\"price\":";
    const char *at = memmem(body->bytes, body->len, snapshot, sizeof snapshot - 1);
    if (at == NULL)
        bench_die("a signal without a snapshot");
    at = memmem(at, body->len - (size_t)(at - (const char *)body->bytes), price_key,
                sizeof price_key - 1);
    if (at == NULL)
        bench_die("a signal without a price");
    note((size_t)llround((strtod(at + sizeof price_key - 1, NULL) - PRICE_FIRST) / PRICE_STEP));
}

static void measure_signals(struct sender *sender)
{
    amqp_connection_state_t conn = bench_broker();
    start_consuming(conn, "model-service.trading_signals");
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_ticks, sender) != 0)
        bench_die("no thread");
    amqp_envelope_t envelope;
    while (take(conn, &envelope)) {
        note_signal(&envelope.message.body);
        amqp_destroy_envelope(&envelope);
    }
    pthread_join(thread, NULL);
    print_delays();
}

int main(int argc, char **argv)
{
    struct sender sender = {.n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0,
                            .rate = argc > 3 ? strtod(argv[3], NULL) : 0,
                            .n_assets = argc > 4 ? strtoul(argv[4], NULL, 10) : 1};
    if (sender.n == 0 || sender.n > TICKS_MAX)
        bench_die("usage: ticks hop N RATE | commit N | signals N RATE N_ASSETS (N at most %d)",
                  TICKS_MAX);
    if (strcmp(argv[1], "hop") == 0)
        measure_hop(&sender);
    else if (strcmp(argv[1], "commit") == 0)
        measure_commit(sender.n);
    else if (strcmp(argv[1], "signals") == 0)
        measure_signals(&sender);
    else
        bench_die("no measurement '%s'", argv[1]);
    return 0;
}
