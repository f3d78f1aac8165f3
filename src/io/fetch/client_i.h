/* Inside io/fetch: sockets.c owns connections and their poll handles, call.c one try, client.c when tries begin and end. */
#ifndef ALPHALOOP_IO_FETCH_CLIENT_I_H
#define ALPHALOOP_IO_FETCH_CLIENT_I_H

#include <curl/curl.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/io/fetch.h"

enum call_state { CALL_WAITING, CALL_RUNNING, CALL_ENDED };

struct fetch_call {
    struct fetch *fetch;
    struct fetch_call *next;
    enum call_state state;
    size_t upstream;
    char *url;
    struct curl_slist *headers;
    struct buf post;
    bool is_post;
    char content_type[64];
    enum al_err (*check)(void *ctx, struct slice body);
    void (*on_done)(void *ctx, const struct fetch_answer *answer);
    void *ctx;

    int64_t started_ns, due_ns, try_started_ns;
    uint32_t n_tries, wait_ms; /* wait_ms: before the next try */
    struct breaker_ticket ticket;

    CURL *easy;      /* while RUNNING */
    struct buf body; /* of this try */
    bool overflowed;
    char why[256];
    struct fetch_answer answer; /* of the last try that ended */
    bool is_whole;              /* its body came to its end */
};

struct fetch_socket {
    struct fetch *fetch;
    curl_socket_t fd;
    bool is_connection; /* opened for libcurl; else one of its own, to talk to its threads */
    bool busy;          /* libcurl waits for it */
    uv_poll_t poll;
};

struct fetch {
    uv_loop_t *loop;
    struct fetch_options options;
    CURLM *multi;
    uv_timer_t wake, curl_timer;
    int64_t wake_due_ns; /* INT64_MAX: the timer sleeps */
    size_t n_handles;    /* open; the client is freed after the last */
    bool closing, gone;  /* asked to; libcurl is no more */
    void (*on_closed)(void *ctx);
    void *closed_ctx;

    struct fetch_socket **sockets; /* those of libcurl's own threads too */
    size_t n_sockets, sockets_cap;
    size_t n_connections;
    uint64_t n_opened;

    struct fetch_call *first, *last; /* in the order of their start */
    size_t n_calls, n_running;
    struct fetch_upstream upstreams[FETCH_UPSTREAMS_MAX];
    size_t n_upstreams;
    struct rng rng;
};

/* ---- sockets.c ---- */

/* What libcurl asks for: CURLMOPT_SOCKETFUNCTION and the two of every handle. */
int fetch_on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused);
curl_socket_t fetch_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
int fetch_close_socket(void *ctx, curl_socket_t fd);
void fetch_sockets_show(struct fetch *fetch); /* metrics */

/* ---- call.c ---- */

MUST_CHECK enum al_err call_create(struct fetch *fetch,
                                   const struct fetch_request *request,
                                   struct fetch_call **out);
void call_destroy(struct fetch_call *call);
/* Begin a try: AL_EIO when libcurl has no memory for it. */
MUST_CHECK enum al_err call_begin(struct fetch_call *call);
/* What came of it. */
enum fetch_outcome call_outcome(struct fetch_call *call, CURLcode code);
void call_end_try(struct fetch_call *call); /* take it out of libcurl, if it is in */

/* ---- client.c ---- */

void fetch_after_action(struct fetch *fetch); /* libcurl was told something: what ended? */
void fetch_handle_gone(struct fetch *fetch);  /* one fewer: the last one ends the client */

#endif
