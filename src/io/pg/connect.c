/* Bringing a connection up, and noticing when it goes.
 *
 *   IDLE -> RESOLVING -> CONNECTING -> READY -> WAITING -> RESOLVING ...      (any but IDLE -> CLOSING -> CLOSED)
 *
 * libpq may change its socket while it connects (next address, TLS given up), so the watch is stopped before each step and
 * made anew when the descriptor differs. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/backoff.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"
#include "client_i.h"

void pg_set_state(struct pg_client *client, enum pg_state state)
{
    static const unsigned allowed[] = {
        [PG_STATE_IDLE] =
            1U << PG_STATE_RESOLVING | 1U << PG_STATE_CONNECTING | 1U << PG_STATE_CLOSING,
        [PG_STATE_RESOLVING] =
            1U << PG_STATE_CONNECTING | 1U << PG_STATE_WAITING | 1U << PG_STATE_CLOSING,
        [PG_STATE_CONNECTING] =
            1U << PG_STATE_READY | 1U << PG_STATE_WAITING | 1U << PG_STATE_CLOSING,
        [PG_STATE_READY] = 1U << PG_STATE_WAITING | 1U << PG_STATE_CLOSING,
        [PG_STATE_WAITING] =
            1U << PG_STATE_RESOLVING | 1U << PG_STATE_CONNECTING | 1U << PG_STATE_CLOSING,
        [PG_STATE_CLOSING] = 1U << PG_STATE_CLOSED,
        [PG_STATE_CLOSED] = 0,
    };
    assert(allowed[client->state] & 1U << state);
    client->state = state;
    metric_set(METRIC_pg_connected, state == PG_STATE_READY ? 1 : 0, client->options.name, NULL);
    if (client->on_state != NULL)
        client->on_state(client->ctx, client, state);
}

/* ---- watching the socket ---- */

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void unwatch(struct pg_client *client)
{
    if (client->watch == NULL)
        return;
    client->watch->client = NULL;
    uv_poll_stop(&client->watch->poll);
    uv_close((uv_handle_t *)&client->watch->poll, on_watch_closed);
    client->watch = NULL;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static bool watch(struct pg_client *client, int events)
{
    int fd = PQsocket(client->conn);
    if (fd < 0)
        return false;
    if (client->watch != NULL && client->watch->fd != fd)
        unwatch(client);
    if (client->watch == NULL) {
        struct pg_watch *new_watch = calloc(1, sizeof(*new_watch));
        if (new_watch == NULL)
            return false;
        if (uv_poll_init(client->loop, &new_watch->poll, fd) != 0) {
            free(new_watch);
            return false;
        }
        new_watch->poll.data = new_watch;
        new_watch->client = client;
        new_watch->fd = fd;
        client->watch = new_watch;
    }
    return uv_poll_start(&client->watch->poll, events, on_socket) == 0;
}

/* ---- losing it ---- */

void pg_connection_drop(struct pg_client *client)
{
    unwatch(client); /* before libpq closes the descriptor */
    uv_timer_stop(&client->timer);
    if (client->conn != NULL)
        PQfinish(client->conn);
    client->conn = NULL;
    client->n_prepared = 0;
    client->broken = false;
}

static uint32_t next_backoff(struct pg_client *client)
{
    return backoff_jittered(&client->rng, &client->backoff_ms, client->options.backoff_max_ms);
}

static void report_loss(struct pg_client *client, uint32_t wait_ms)
{
    enum log_level level = client->failed_before ? LOG_DEBUG : LOG_WARN;
    client->failed_before = true;
    log_at(level, "pg", "connect", NULL, EV("unavailable"), F_STR("client", client->options.name),
           F_STR("host", client->options.host), F_I64("port", client->options.port),
           F_STR("error", client->error), F_I64("retry_ms", wait_ms));
}

void pg_connection_lost(struct pg_client *client, enum al_err err, const char *why)
{
    char line[sizeof(client->error)];
    pg_error_line(why, line, sizeof(line)); /* `why` may live inside the connection */
    pg_connection_drop(client);
    memcpy(client->error, line, sizeof(line));
    client->error_code = err;
    if (client->state == PG_STATE_CLOSING) {
        pg_jobs_fail(client, line);
        pg_client_end_soon(client);
        return;
    }
    uint32_t wait_ms = next_backoff(client);
    report_loss(client, wait_ms);
    pg_timer_set(client, wait_ms);
    pg_set_state(client, PG_STATE_WAITING);
    pg_jobs_fail(client, line);
}

static void on_timer(uv_timer_t *timer)
{
    struct pg_client *client = timer->data;
    char why[64];
    switch (client->state) {
    case PG_STATE_WAITING:
        pg_connect_begin(client);
        return;
    case PG_STATE_RESOLVING:
    case PG_STATE_CONNECTING:
        snprintf(why, sizeof(why), "no connection within %u ms",
                 client->options.connect_timeout_ms);
        break;
    default:
        if (client->broken)
            snprintf(why, sizeof(why), "sending failed");
        else
            snprintf(why, sizeof(why), "no answer within %u ms", client->options.job_timeout_ms);
        break;
    }
    pg_connection_lost(client, AL_ETIMEOUT, why);
}

void pg_timer_set(struct pg_client *client, uint32_t timeout_ms)
{
    uv_timer_start(&client->timer, on_timer, timeout_ms, 0);
}

void pg_flush(struct pg_client *client)
{
    int left = PQflush(client->conn);
    if (left >= 0 && watch(client, left == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE))
        return;
    client->broken = true;
    pg_timer_set(client, 0);
}

/* ---- bringing it up ---- */

static void on_up(struct pg_client *client)
{
    if (PQsetnonblocking(client->conn, 1) != 0 || PQenterPipelineMode(client->conn) != 1) {
        pg_connection_lost(client, AL_ECONN, PQerrorMessage(client->conn));
        return;
    }
    uv_timer_stop(&client->timer);
    client->backoff_ms = client->options.backoff_min_ms;
    client->error[0] = '\0';
    client->error_code = AL_OK;
    client->failed_before = false;
    client->n_connects++;
    metric_add(METRIC_pg_connects_total, 1, client->options.name, NULL);
    log_info("pg", "connect", NULL, EV("connected"), F_STR("client", client->options.name),
             F_STR("host", client->options.host), F_I64("port", client->options.port));
    pg_flush(client);
    pg_set_state(client, PG_STATE_READY);
}

static void refused(struct pg_client *client)
{
    char line[sizeof(client->error)];
    enum al_err err = pg_connect_failure(client->conn, line, sizeof(line));
    pg_connection_lost(client, err, line);
}

static void connect_step(struct pg_client *client)
{
    if (client->watch != NULL)
        uv_poll_stop(&client->watch->poll);
    bool watched;
    switch (PQconnectPoll(client->conn)) {
    case PGRES_POLLING_READING:
        watched = watch(client, UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        watched = watch(client, UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        on_up(client);
        return;
    default:
        refused(client);
        return;
    }
    if (!watched)
        pg_connection_lost(client, AL_ECONN, "the socket cannot be watched");
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct pg_client *client = ((struct pg_watch *)poll->data)->client;
    if (client == NULL)
        return;
    if (client->state == PG_STATE_CONNECTING) {
        connect_step(client);
        return;
    }
    if (status < 0)
        events |= UV_READABLE; /* reading finds out what is wrong */
    if (events & UV_WRITABLE)
        pg_flush(client);
    if (events & UV_READABLE && !client->broken)
        pg_jobs_receive(client);
}

static void connect_to(struct pg_client *client, const char *const *addresses, size_t n_addresses)
{
    struct pg_conninfo info;
    pg_conninfo_init(&info, &client->options);
    if (n_addresses > 0)
        pg_conninfo_set_addresses(&info, &client->options, addresses, n_addresses);
    pg_set_state(client, PG_STATE_CONNECTING);
    if (client->state != PG_STATE_CONNECTING)
        return; /* the callback closed us */
    client->conn = PQconnectStartParams(info.keywords, info.values, 0);
    if (client->conn == NULL || PQstatus(client->conn) == CONNECTION_BAD) {
        pg_connection_lost(client, AL_ECONN,
                           client->conn == NULL ? "out of memory" : PQerrorMessage(client->conn));
        return;
    }
    PQsetNoticeReceiver(client->conn, pg_ignore_notice, NULL);
    if (!watch(client, UV_WRITABLE)) /* as if PQconnectPoll had said so, says the manual */
        pg_connection_lost(client, AL_ECONN, "the socket cannot be watched");
}

static size_t format_addresses(const struct addrinfo *list,
                               char (*text)[INET6_ADDRSTRLEN],
                               const char **addresses)
{
    size_t n = 0;
    for (; list != NULL && n < PG_ADDRESSES_MAX; list = list->ai_next) {
        int failed = list->ai_family == AF_INET6
                         ? uv_ip6_name((const struct sockaddr_in6 *)(const void *)list->ai_addr,
                                       text[n], sizeof(text[n]))
                         : uv_ip4_name((const struct sockaddr_in *)(const void *)list->ai_addr,
                                       text[n], sizeof(text[n]));
        if (!failed) {
            addresses[n] = text[n];
            n++;
        }
    }
    return n;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct pg_client *client = request->data;
    char text[PG_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    const char *addresses[PG_ADDRESSES_MAX];
    size_t n = format_addresses(list, text, addresses);
    uv_freeaddrinfo(list);
    client->resolving = false;
    if (client->state == PG_STATE_CLOSED)
        pg_client_end_soon(client);
    else if (client->state == PG_STATE_WAITING)
        pg_connect_begin(client); /* this answer came after the timeout: ask again */
    else if (client->state != PG_STATE_RESOLVING)
        return;
    else if (status != 0 || n == 0)
        pg_connection_lost(client, AL_ECONN,
                           status != 0 ? uv_strerror(status) : "the host has no address");
    else
        connect_to(client, addresses, n);
}

void pg_connect_begin(struct pg_client *client)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (client->resolving) {
        pg_timer_set(client, next_backoff(client)); /* one look-up at a time, however slow */
        return;
    }
    pg_timer_set(client, client->options.connect_timeout_ms);
    if (pg_host_is_directory(client->options.host)) {
        connect_to(client, NULL, 0);
        return;
    }
    pg_set_state(client, PG_STATE_RESOLVING);
    if (client->state != PG_STATE_RESOLVING)
        return;
    client->resolve.data = client;
    int failed = uv_getaddrinfo(client->loop, &client->resolve, on_resolved, client->options.host,
                                NULL, &hints);
    if (failed)
        pg_connection_lost(client, AL_ECONN, uv_strerror(failed));
    else
        client->resolving = true;
}
