/* loop_lag: a bare libuv loop with one repeating timer and nothing else, measuring how late it fires exactly as the worker
 * does (same period, same clock, same order): the limit of the worker's loop lag on this machine, now. Ends when standard input
 * does. Prints "p50_ms p99_ms max_ms n_ticks per_cent_within_2_ms". */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "bench.h"

enum { TICK_MS = 10, TICKS_MAX = 1000000 };

static double lags[TICKS_MAX];
static size_t n_lags;
static uint64_t due_ns;

static void on_tick(uv_timer_t *timer)
{
    uint64_t now_ns = uv_hrtime();
    if (due_ns != 0 && n_lags < TICKS_MAX)
        lags[n_lags++] = now_ns > due_ns ? (double)(now_ns - due_ns) / 1e6 : 0;
    due_ns = now_ns + TICK_MS * UINT64_C(1000000);
    (void)timer;
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    char byte;
    (void)status;
    (void)events;
    if (read(STDIN_FILENO, &byte, 1) <= 0)
        uv_stop(poll->loop);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t timer;
    uv_poll_t input;
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_tick, TICK_MS, TICK_MS);
    if (uv_poll_init(loop, &input, STDIN_FILENO) != 0)
        bench_die("standard input must be a pipe");
    uv_poll_start(&input, UV_READABLE, on_input);
    uv_run(loop, UV_RUN_DEFAULT);
    double p99 = bench_percentile(lags, n_lags, 0.99); /* sorts */
    size_t n_within = 0;
    while (n_within < n_lags && lags[n_within] <= 2)
        n_within++;
    printf("%.3f %.3f %.3f %zu %.2f\n", bench_percentile(lags, n_lags, 0.5), p99,
           n_lags > 0 ? lags[n_lags - 1] : 0, n_lags,
           100 * (double)n_within / (double)(n_lags > 0 ? n_lags : 1));
    return 0;
}
