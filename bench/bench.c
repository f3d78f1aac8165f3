#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <amqp_tcp_socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bench_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t bench_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

const char *bench_env(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        bench_die("%s is not set: run under tools/bench", name);
    return value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t n_values, double p)
{
    if (n_values == 0)
        return NAN;
    qsort(values, n_values, sizeof *values, by_value);
    size_t at = (size_t)(p * (double)(n_values - 1) + 0.5);
    return values[at];
}

void bench_check(amqp_connection_state_t conn, const char *doing)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(conn);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        bench_die("%s: the broker refused (%d, %s)", doing, (int)reply.reply_type,
                  amqp_error_string2(reply.library_error));
}

amqp_connection_state_t bench_broker(void)
{
    amqp_connection_state_t conn = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(conn);
    if (socket == NULL ||
        amqp_socket_open(socket, bench_env("RABBITMQ_HOST"), atoi(bench_env("RABBITMQ_PORT"))) != 0)
        bench_die("no broker at %s:%s", bench_env("RABBITMQ_HOST"), bench_env("RABBITMQ_PORT"));
    amqp_rpc_reply_t reply =
        amqp_login(conn, bench_env("RABBITMQ_VHOST"), 2047, 131072, 0, AMQP_SASL_METHOD_PLAIN,
                   bench_env("RABBITMQ_USER"), bench_env("RABBITMQ_PASSWORD"));
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        bench_die("the broker refused the login");
    amqp_channel_open(conn, 1);
    bench_check(conn, "channel.open");
    return conn;
}

PGconn *bench_database(void)
{
    const char *const keys[] = {"host", "port", "dbname", "user", "password", NULL};
    const char *const values[] = {bench_env("POSTGRES_HOST"),     bench_env("POSTGRES_PORT"),
                                  bench_env("POSTGRES_DB"),       bench_env("POSTGRES_USER"),
                                  bench_env("POSTGRES_PASSWORD"), NULL};
    PGconn *db = PQconnectdbParams(keys, values, 0);
    if (PQstatus(db) != CONNECTION_OK)
        bench_die("database: %s", PQerrorMessage(db));
    return db;
}

void bench_sql(PGconn *db, const char *sql)
{
    PGresult *result = PQexec(db, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        bench_die("%s: %s", sql, PQerrorMessage(db));
    PQclear(result);
}

void bench_signal_id(char out[37], uint64_t i)
{
    snprintf(out, 37, "00000000-0000-7000-8000-%012" PRIx64, i & UINT64_C(0xffffffffffff));
}

size_t bench_order_event(char *out, size_t size, uint64_t i, uint64_t n_signals)
{
    char signal_id[37];
    bench_signal_id(signal_id, i % n_signals);
    int len = snprintf(
        out, size,
        "{\"event_id\":\"11111111-0000-7000-8000-%012" PRIx64 "\",\"event_type\":\"filled\","
        "\"timestamp\":\"2026-01-01T00:00:01.500000Z\",\"trace_id\":\"trace-%" PRIu64
        "\",\"order\":{"
        "\"id\":\"22222222-0000-7000-8000-%012" PRIx64 "\",\"order_id\":\"order-%" PRIu64
        "\",\"signal_id\":\"%s\","
        "\"asset\":\"BTCUSDT\",\"side\":\"Buy\",\"order_type\":\"Market\",\"quantity\":\"0."
        "01500000\",\"price\":null,"
        "\"status\":\"filled\",\"filled_quantity\":\"0.01500000\",\"average_price\":\"60123.%"
        "02u000000\","
        "\"fees\":\"0.09018450\",\"created_at\":\"2026-01-01T00:00:01\",\"updated_at\":\"2026-01-"
        "01T00:00:01.4\","
        "\"executed_at\":\"2026-01-01T00:00:01.4\",\"is_dry_run\":false},\"execution_details\":{"
        "\"execution_latency_seconds\":0.4,\"fill_percentage\":100.0,\"remaining_quantity\":\"0E-"
        "8\"},"
        "\"market_conditions\":{\"spread\":\"1.50000000\",\"volume_24h\":\"12345.67800000\","
        "\"volatility\":\"0.00120000\"},"
        "\"signal\":{\"signal_id\":\"%s\",\"signal_type\":\"buy\",\"asset\":\"BTCUSDT\",\"amount\":"
        "\"901.85000000\","
        "\"confidence\":0.61,\"strategy_id\":\"momentum_v1\",\"model_version\":null,\"is_warmup\":"
        "true,"
        "\"price\":\"60120.00000000\",\"timestamp\":\"2026-01-01T00:00:00\"}}",
        i, i, i, i, signal_id, (unsigned)(i % 100), signal_id);
    if (len < 0 || (size_t)len >= size)
        bench_die("event too long");
    return (size_t)len;
}
