/* What the benchmark programs share: clocks, the environment's broker and database, percentiles. A failure ends the
 * program with a message: a benchmark has nothing to clean up. */
#ifndef ALPHALOOP_BENCH_BENCH_H
#define ALPHALOOP_BENCH_BENCH_H

#include <libpq-fe.h>
#include <amqp.h>
#include <stddef.h>
#include <stdint.h>

void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
int64_t bench_now_ns(void);                                         /* monotonic */
int64_t bench_cpu_ns(void);                                         /* of this process */
const char *bench_env(const char *name);                            /* dies when unset */
double bench_percentile(double *values, size_t n_values, double p); /* sorts; p in 0..1 */

amqp_connection_state_t bench_broker(void);                        /* logged in, channel 1 open */
void bench_check(amqp_connection_state_t conn, const char *doing); /* dies on a failed RPC */
PGconn *bench_database(void);
void bench_sql(PGconn *db, const char *sql); /* dies when refused */

/* One filled order event of about 1300 bytes, number `i`: its ids are made of i, so that a repeat is a duplicate. Its
 * signal is number i % n_signals (see bench_signal_id). */
size_t bench_order_event(char *out, size_t size, uint64_t i, uint64_t n_signals);
void bench_signal_id(char out[37], uint64_t i);

#endif
