/* One timer, `wake`, is the only place where calls begin, are forgotten and where the client closes: whoever asks for any of
 * that only notes it and lets the timer fire. So no list changes under a walk, and nothing is freed that is on the stack. */
#include "client_i.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#define NS_PER_MS       1000000LL
#define HOLD_MAX_NS     (3600 * 1000 * NS_PER_MS) /* Retry-After counts for an hour at most */
#define BREAKER_OPEN_UP 10                        /* open_max over open_min */

static const struct {
    const char *name, *text;
    bool again;
    enum breaker_verdict verdict;
} outcomes[FETCH_OUTCOMES] = {
#define FETCH_OUTCOME(name, again, verdict, text) {#name, text, again, verdict},
#include "alphaloop/tbl/fetch_outcomes.def"
#undef FETCH_OUTCOME
};

const char *fetch_outcome_name(enum fetch_outcome outcome)
{
    assert(outcome < FETCH_OUTCOMES);
    return outcomes[outcome].name;
}

const char *fetch_outcome_text(enum fetch_outcome outcome)
{
    assert(outcome < FETCH_OUTCOMES);
    return outcomes[outcome].text;
}

static int64_t clock_ns(void)
{
    return (int64_t)uv_hrtime();
}

/* ---- the life of a call ---- */

static void call_set_state(struct fetch_call *call, enum call_state state)
{
    static const unsigned moves[] = {[CALL_WAITING] = 1U << CALL_RUNNING | 1U << CALL_ENDED,
                                     [CALL_RUNNING] = 1U << CALL_WAITING | 1U << CALL_ENDED,
                                     [CALL_ENDED] = 0};
    struct fetch *fetch = call->fetch;
    struct fetch_upstream *upstream = &fetch->upstreams[call->upstream];
    assert((moves[call->state] & 1U << state) != 0);
    fetch->n_running += (state == CALL_RUNNING) - (size_t)(call->state == CALL_RUNNING);
    upstream->n_running += (state == CALL_RUNNING) - (size_t)(call->state == CALL_RUNNING);
    fetch->n_calls -= state == CALL_ENDED;
    call->state = state;
}

static void finish(struct fetch_call *call, enum fetch_outcome outcome)
{
    call_set_state(call, CALL_ENDED);
    call->answer.outcome = outcome;
    call->answer.body = call->is_whole ? buf_slice(&call->body) : SLICE("");
    call->answer.n_tries = call->n_tries;
    call->answer.elapsed_ns = clock_ns() - call->started_ns;
    call->answer.why = call->why;
    call->on_done(call->ctx, &call->answer);
}

/* ---- the end of a try ---- */

static void note(struct fetch_upstream *upstream, enum fetch_outcome outcome, int64_t now_ns)
{
    bool was_ok = upstream->last_outcome == FETCH_ok, is_ok = outcome == FETCH_ok;
    upstream->n_ok += is_ok;
    *(is_ok ? &upstream->last_ok_ns : &upstream->last_failed_ns) = now_ns;
    upstream->last_outcome = outcome;
    metric_add(METRIC_upstream_calls_total, 1, upstream->name, outcomes[outcome].name);
    if (was_ok != is_ok)
        log_at(is_ok ? LOG_INFO : LOG_WARN, "fetch", "call", NULL,
               EV(is_ok ? "upstream_answers" : "upstream_fails"), F_STR("upstream", upstream->name),
               F_STR("outcome", outcomes[outcome].name));
}

static int64_t retry_after_ns(const struct fetch_call *call)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0)
        return 0;
    return seconds > HOLD_MAX_NS / (1000 * NS_PER_MS) ? HOLD_MAX_NS : seconds * 1000 * NS_PER_MS;
}

static bool wait_for_another(struct fetch_call *call, enum fetch_outcome outcome, int64_t now_ns)
{
    const struct fetch_options *o = &call->fetch->options;
    int64_t end_ns = call->started_ns + o->call_ms * NS_PER_MS;
    if (!outcomes[outcome].again || call->n_tries >= o->tries_max)
        return false;
    call->due_ns =
        now_ns + backoff_jittered(&call->fetch->rng, &call->wait_ms, o->retry_max_ms) * NS_PER_MS;
    int64_t hold_ns = call->fetch->upstreams[call->upstream].hold_until_ns;
    return call->due_ns < end_ns && hold_ns < end_ns;
}

static void on_try_ended(struct fetch_call *call, CURLcode code)
{
    struct fetch_upstream *upstream = &call->fetch->upstreams[call->upstream];
    int64_t now_ns = clock_ns();
    enum fetch_outcome outcome = call_outcome(call, code);
    int64_t hold_ns = retry_after_ns(call);
    call_end_try(call);
    call->answer.outcome = outcome;
    metric_observe(METRIC_upstream_call_seconds, (double)(now_ns - call->try_started_ns) / 1e9,
                   upstream->name, NULL);
    note(upstream, outcome, now_ns);
    breaker_tell(&upstream->breaker, call->ticket, outcomes[outcome].verdict, now_ns);
    if (hold_ns > 0 && outcomes[outcome].again)
        upstream->hold_until_ns = now_ns + hold_ns;
    if (wait_for_another(call, outcome, now_ns))
        call_set_state(call, CALL_WAITING);
    else
        finish(call, outcome);
}

/* ---- the beginning of a try ---- */

static void begin(struct fetch_call *call, int64_t now_ns)
{
    struct fetch_upstream *upstream = &call->fetch->upstreams[call->upstream];
    if (!breaker_ask(&upstream->breaker, now_ns, &call->ticket)) {
        metric_add(METRIC_upstream_calls_total, 1, upstream->name, "left_alone");
        finish(call, call->n_tries == 0 ? FETCH_left_alone : call->answer.outcome);
        return;
    }
    call->n_tries++;
    upstream->n_calls++;
    if (call->n_tries > 1)
        metric_add(METRIC_upstream_retries_total, 1, upstream->name, NULL);
    call_set_state(call, CALL_RUNNING);
    if (call_begin(call) == AL_OK)
        return;
    call_end_try(call);
    breaker_tell(&upstream->breaker, call->ticket, BREAKER_UNKNOWN, now_ns);
    finish(call, FETCH_broken);
}

/* When to look at a waiting call again; INT64_MAX: when something else has happened. */
static int64_t consider(struct fetch_call *call, int64_t now_ns)
{
    struct fetch *fetch = call->fetch;
    const struct fetch_upstream *upstream = &fetch->upstreams[call->upstream];
    int64_t hold_ns = upstream->hold_until_ns;
    int64_t end_ns = call->started_ns + fetch->options.call_ms * NS_PER_MS;
    int64_t due_ns = call->due_ns > hold_ns ? call->due_ns : hold_ns;
    if (now_ns >= end_ns || due_ns >= end_ns) {
        finish(call, call->n_tries > 0   ? call->answer.outcome
                     : hold_ns >= end_ns ? FETCH_throttled
                                         : FETCH_timeout);
        return INT64_MAX;
    }
    if (due_ns > now_ns)
        return due_ns;
    if (fetch->n_running >= fetch->options.connections_max ||
        upstream->n_running >= fetch->options.per_upstream_max)
        return end_ns;
    begin(call, now_ns);
    return INT64_MAX;
}

/* ---- the client's one turn ---- */

static void on_wake(uv_timer_t *timer);

static void wake_at(struct fetch *fetch, int64_t at_ns)
{
    int64_t wait_ns = at_ns - clock_ns();
    if (fetch->gone || at_ns >= fetch->wake_due_ns)
        return;
    fetch->wake_due_ns = at_ns;
    uv_timer_start(&fetch->wake, on_wake,
                   wait_ns <= 0 ? 0 : (uint64_t)((wait_ns + NS_PER_MS - 1) / NS_PER_MS), 0);
}

static void forget_ended(struct fetch *fetch)
{
    struct fetch_call **link = &fetch->first, *call;
    fetch->last = NULL;
    while ((call = *link) != NULL) {
        if (call->state == CALL_ENDED) {
            *link = call->next;
            call_destroy(call);
        } else {
            fetch->last = call;
            link = &call->next;
        }
    }
}

static void end_all(struct fetch *fetch)
{
    for (struct fetch_call *call = fetch->first; call != NULL; call = call->next) {
        if (call->state == CALL_ENDED)
            continue;
        call_end_try(call);
        finish(call, FETCH_cancelled);
    }
    forget_ended(fetch);
}

static void on_timer_closed(uv_handle_t *handle)
{
    fetch_handle_gone(handle->data);
}

static void close_now(struct fetch *fetch)
{
    end_all(fetch);
    fetch->gone = true;
    curl_multi_cleanup(fetch->multi);
    uv_close((uv_handle_t *)&fetch->wake, on_timer_closed);
    uv_close((uv_handle_t *)&fetch->curl_timer, on_timer_closed);
}

static void on_wake(uv_timer_t *timer)
{
    struct fetch *fetch = timer->data;
    int64_t now_ns = clock_ns(), next_ns = INT64_MAX;
    fetch->wake_due_ns = INT64_MAX;
    if (fetch->closing) {
        close_now(fetch);
        return;
    }
    for (struct fetch_call *call = fetch->first; call != NULL; call = call->next) {
        int64_t at_ns = call->state == CALL_WAITING ? consider(call, now_ns) : INT64_MAX;
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    forget_ended(fetch);
    fetch_sockets_show(fetch);
    wake_at(fetch, next_ns);
}

void fetch_handle_gone(struct fetch *fetch)
{
    if (--fetch->n_handles > 0 || !fetch->gone)
        return;
    if (fetch->on_closed != NULL)
        fetch->on_closed(fetch->closed_ctx);
    free(fetch->sockets);
    free(fetch);
    curl_global_cleanup();
}

/* ---- libcurl's side ---- */

void fetch_after_action(struct fetch *fetch)
{
    int n_left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(fetch->multi, &n_left)) != NULL) {
        struct fetch_call *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        on_try_ended(call, code);
    }
    wake_at(fetch, 0);
}

static void on_curl_timer(uv_timer_t *timer)
{
    struct fetch *fetch = timer->data;
    int running;
    curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    fetch_after_action(fetch);
}

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    struct fetch *fetch = ctx;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&fetch->curl_timer);
    else if (!fetch->gone)
        uv_timer_start(&fetch->curl_timer, on_curl_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

/* ---- the door ---- */

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value == 0 ? fallback : value;
}

static struct fetch_options complete(const struct fetch_options *given)
{
    struct fetch_options o = *given;
    o.connections_max = or_default(o.connections_max, 100);
    o.keep_alive_max = or_default(o.keep_alive_max, 20);
    o.per_upstream_max = or_default(o.per_upstream_max, 8);
    o.calls_max = or_default(o.calls_max, 256);
    o.connect_ms = or_default(o.connect_ms, 5000);
    o.try_ms = or_default(o.try_ms, 15000);
    o.stall_ms = or_default(o.stall_ms, 10000);
    o.body_bytes_max = or_default(o.body_bytes_max, 8U << 20);
    o.tries_max = or_default(o.tries_max, 4);
    o.retry_min_ms = or_default(o.retry_min_ms, 250);
    o.retry_max_ms = or_default(o.retry_max_ms, 8000);
    o.call_ms = or_default(o.call_ms, 60000);
    o.breaker_failures = or_default(o.breaker_failures, 5);
    o.breaker_open_ms = or_default(o.breaker_open_ms, 30000);
    return o;
}

static enum al_err create_multi(struct fetch *fetch)
{
    const struct fetch_options *o = &fetch->options;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(AL_EIO, "libcurl does not start");
    fetch->multi = curl_multi_init();
    if (fetch->multi == NULL) {
        curl_global_cleanup();
        return err_set(AL_ENOMEM, "libcurl");
    }
    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, fetch_on_socket);
    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
    curl_multi_setopt(fetch->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)o->connections_max);
    curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, (long)o->keep_alive_max);
    return AL_OK;
}

enum al_err fetch_create(uv_loop_t *loop, const struct fetch_options *options, struct fetch **out)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (fetch == NULL)
        return err_set(AL_ENOMEM, "fetch");
    fetch->loop = loop;
    fetch->options = complete(options);
    rng_seed(&fetch->rng, options->seed);
    enum al_err err = create_multi(fetch);
    if (err != AL_OK) {
        free(fetch);
        return err;
    }
    signal(SIGPIPE, SIG_IGN); /* a TLS library writes without MSG_NOSIGNAL */
    uv_timer_init(loop, &fetch->wake);
    uv_timer_init(loop, &fetch->curl_timer);
    fetch->wake.data = fetch->curl_timer.data = fetch;
    fetch->n_handles = 2;
    fetch->wake_due_ns = INT64_MAX;
    fetch_sockets_show(fetch);
    *out = fetch;
    return AL_OK;
}

void fetch_close(struct fetch *fetch, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!fetch->closing);
    fetch->closing = true;
    fetch->on_closed = on_closed;
    fetch->closed_ctx = ctx;
    wake_at(fetch, 0);
}

size_t fetch_upstream_add(struct fetch *fetch, const char *name)
{
    assert(fetch->n_upstreams < FETCH_UPSTREAMS_MAX);
    struct fetch_upstream *upstream = &fetch->upstreams[fetch->n_upstreams];
    int64_t open_ns = fetch->options.breaker_open_ms * NS_PER_MS;
    *upstream = (struct fetch_upstream){.name = name, .last_outcome = FETCH_ok};
    breaker_init(&upstream->breaker, name, fetch->options.breaker_failures, open_ns,
                 BREAKER_OPEN_UP * open_ns);
    for (size_t i = 0; i < FETCH_OUTCOMES; i++)
        metric_touch(METRIC_upstream_calls_total, name, outcomes[i].name);
    metric_touch(METRIC_upstream_retries_total, name, NULL);
    return fetch->n_upstreams++;
}

enum al_err fetch_start(struct fetch *fetch,
                        const struct fetch_request *request,
                        struct fetch_call **out)
{
    struct fetch_call *call;
    if (fetch->closing)
        return err_set(AL_ESTATE, "closing");
    if (fetch->n_calls >= fetch->options.calls_max)
        return err_set(AL_EFULL, "%zu calls are under way", fetch->n_calls);
    enum al_err err = call_create(fetch, request, &call);
    if (err != AL_OK)
        return err;
    call->started_ns = call->due_ns = clock_ns();
    *(fetch->last == NULL ? &fetch->first : &fetch->last->next) = call;
    fetch->last = call;
    fetch->n_calls++;
    wake_at(fetch, 0);
    if (out != NULL)
        *out = call;
    return AL_OK;
}

void fetch_cancel(struct fetch_call *call)
{
    struct fetch_upstream *upstream = &call->fetch->upstreams[call->upstream];
    if (call->state == CALL_ENDED)
        return;
    if (call->state == CALL_RUNNING)
        breaker_tell(&upstream->breaker, call->ticket, BREAKER_UNKNOWN, clock_ns());
    call_end_try(call);
    call_set_state(call, CALL_ENDED);
    wake_at(call->fetch, 0);
}

size_t fetch_n_upstreams(const struct fetch *fetch)
{
    return fetch->n_upstreams;
}

const struct fetch_upstream *fetch_upstream_at(const struct fetch *fetch, size_t upstream)
{
    assert(upstream < fetch->n_upstreams);
    return &fetch->upstreams[upstream];
}
