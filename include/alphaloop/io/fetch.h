/* An HTTP client on a libuv loop: libcurl's multi interface inside, calls and answers outside.
 *
 *     struct fetch_request request = {.upstream = bybit, .url = url, .content_type = "application/json",
 *                                     .on_done = on_answer, .ctx = job};
 *     err = fetch_start(fetch, &request, &job->call);
 *
 * A call is one or several tries: what may pass (table fetch_outcomes.def) is tried again after a jittered wait that
 * doubles, or after what Retry-After asks, within a number of tries and a time. Every upstream has a circuit breaker; while
 * it is open calls end at once as `left_alone`. Connections are kept for reuse up to a number; one that its peer closes is
 * closed on our side at once. Answers are bounded, certificates verified, redirects refused, only http and https spoken.
 * URLs and headers may hold keys: they never reach a log line.
 */
#ifndef ALPHALOOP_IO_FETCH_H
#define ALPHALOOP_IO_FETCH_H

#include <uv.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/io/fetch_breaker.h"

#define FETCH_UPSTREAMS_MAX 16
#define FETCH_URL_MAX       4096 /* bytes with NUL */
#define FETCH_HEADERS_MAX   8
#define FETCH_HEADER_MAX    512 /* bytes with NUL */

enum fetch_outcome {
#define FETCH_OUTCOME(name, again, verdict, text) FETCH_##name,
#include "alphaloop/tbl/fetch_outcomes.def"
#undef FETCH_OUTCOME
    FETCH_OUTCOMES
};
const char *fetch_outcome_name(enum fetch_outcome outcome);
const char *fetch_outcome_text(enum fetch_outcome outcome);

/* Zero means the default in brackets. */
struct fetch_options {
    uint32_t connections_max;  /* at one time [100] */
    uint32_t keep_alive_max;   /* kept for reuse, connections_max at most [20] */
    uint32_t per_upstream_max; /* calls running at one upstream [8] */
    uint32_t calls_max;        /* running and waiting [256] */
    uint32_t connect_ms;       /* for name, connection and TLS [5000] */
    uint32_t try_ms;           /* for one try [15000] */
    uint32_t stall_ms;         /* slower than 100 bytes/s for so long ends a try [10000] */
    uint32_t body_bytes_max;   /* of an unpacked answer [8 MiB] */
    uint32_t tries_max;        /* [4] */
    uint32_t retry_min_ms, retry_max_ms; /* wait between two tries [250], [8000] */
    uint32_t call_ms;                    /* all tries together [60000] */
    uint32_t breaker_failures;           /* in a row [5] */
    uint32_t breaker_open_ms;            /* at first; up to 10 times that [30000] */
    const char *ca_file;                 /* kept; NULL or "": the system's certificates */
    const char *user_agent;              /* kept; NULL: none */
    uint64_t seed;                       /* of the jitter */
};

struct fetch;
struct fetch_call;

MUST_CHECK enum al_err fetch_create(uv_loop_t *loop,
                                    const struct fetch_options *options,
                                    struct fetch **out);
/* Ends all calls as `cancelled`, closes connections and handles, calls on_closed (may be NULL) from the loop, frees. */
void fetch_close(struct fetch *fetch, void (*on_closed)(void *ctx), void *ctx);

/* Another upstream: its place, which names it from now on. `name` is kept: label of logs and metrics.
 * At most FETCH_UPSTREAMS_MAX, which is asserted. */
size_t fetch_upstream_add(struct fetch *fetch, const char *name);

struct fetch_answer { /* borrows for the callback */
    enum fetch_outcome outcome;
    int status;         /* HTTP; 0 when there was none */
    struct slice body;  /* unpacked, whole, of the last try; empty unless it came whole */
    uint32_t n_tries;   /* 0: left alone or cancelled before the first */
    int64_t elapsed_ns; /* since fetch_start */
    const char *why;    /* what the check, or libcurl, said; "" */
};

struct fetch_request {
    size_t upstream;
    const char *url;                        /* borrows, as all of the following */
    const char *headers[FETCH_HEADERS_MAX]; /* "Name: value"; NULL ends the list */
    struct slice post;                      /* body; ptr NULL: GET */
    const char *content_type;               /* the answer's must begin so, in any case; NULL: any */
    /* Look at the body of a 2xx answer before it counts: an error makes it `garbage`, err_text() says why. May be NULL. */
    enum al_err (*check)(void *ctx, struct slice body);
    /* Exactly once, from the loop and never from inside fetch_start, unless fetch_cancel was called. */
    void (*on_done)(void *ctx, const struct fetch_answer *answer);
    void *ctx;
};

/* AL_EFULL when calls_max calls are under way, AL_EINVAL for a URL or header that is too long or holds control characters, or a
 * URL of another scheme than http and https,
 * AL_ESTATE while closing. `out` may be NULL. */
MUST_CHECK enum al_err fetch_start(struct fetch *fetch,
                                   const struct fetch_request *request,
                                   struct fetch_call **out);
/* Forget a call that has not ended: on_done will not be called. */
void fetch_cancel(struct fetch_call *call);

/* What health shows. */
struct fetch_pool {
    size_t n_busy, n_idle, n_running, n_waiting; /* connections; calls */
    uint64_t n_opened;
};
void fetch_pool(const struct fetch *fetch, struct fetch_pool *out);

struct fetch_upstream {
    const char *name;
    struct breaker breaker;
    size_t n_running;
    int64_t hold_until_ns; /* uv_hrtime(): nobody calls before, by its own Retry-After; 0: none */
    uint64_t n_calls, n_ok;
    enum fetch_outcome last_outcome;    /* of the last try */
    int64_t last_ok_ns, last_failed_ns; /* uv_hrtime(); 0: never */
};
size_t fetch_n_upstreams(const struct fetch *fetch);
const struct fetch_upstream *fetch_upstream_at(const struct fetch *fetch, size_t upstream);

#endif
