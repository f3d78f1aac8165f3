/* The server: libmicrohttpd's epoll descriptor in a uv_poll, its pending work in a uv_timer, and a watch
 * over what it does not watch.
 *
 * libmicrohttpd's own time-out is idle time: one byte every few seconds would hold a connection for
 * ever. So every connection has a deadline of ours, moved only by progress that counts (headers
 * complete, body complete, answer sent), and a timer at the nearest one. A connection that missed its
 * deadline is shut down at the socket, which libmicrohttpd sees as the client's end.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "server_i.h"

#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

#define BACKLOG         511
#define CONN_MEMORY     (48U * 1024) /* of libmicrohttpd, per connection; headers must fit */
#define FORCED_GRACE_MS 500          /* for the 503s to leave */

static void close_if_done(struct http_server *server);

/* ---- deadlines ---- */

static void on_watch(uv_timer_t *timer);

static void watch(struct http_server *server, uint64_t due_ms)
{
    if (due_ms >= server->watch_due_ms || server->state == SERVER_CLOSING)
        return;
    uint64_t now_ms = uv_now(server->loop);
    server->watch_due_ms = due_ms;
    uv_timer_start(&server->watch_timer, on_watch, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

void server_set_deadline(struct http_conn *conn, unsigned within_ms)
{
    conn->deadline_ms = uv_now(conn->server->loop) + within_ms;
    watch(conn->server, conn->deadline_ms);
}

static void hang_up(struct http_conn *conn, const char *why)
{
    metric_add(METRIC_http_hangups_total, 1, why, NULL);
    shutdown(conn->fd, SHUT_RDWR);
    conn->deadline_ms = UINT64_MAX; /* once is enough */
}

static void on_deadline(struct http_conn *conn)
{
    struct exchange *exchange = conn->exchange;
    conn->deadline_ms = UINT64_MAX;
    if (exchange == NULL)
        hang_up(conn, "idle");
    else if (exchange->phase == EXCHANGE_HEAD)
        hang_up(conn, "slow_headers");
    else if (exchange->phase == EXCHANGE_BODY)
        hang_up(conn, "slow_body");
    else if (exchange->phase == EXCHANGE_SENDING)
        hang_up(conn, "slow_reader");
    else if (exchange->phase == EXCHANGE_WAITING)
        exchange_give_up(exchange, "no answer in time, try again later");
}

static void force(struct http_server *server)
{
    server->state = SERVER_FORCED;
    server->stop_by_ms = uv_now(server->loop) + FORCED_GRACE_MS;
    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        if (conn->exchange != NULL && conn->exchange->phase == EXCHANGE_WAITING)
            exchange_give_up(conn->exchange, "the service is stopping");
    }
    watch(server, server->stop_by_ms);
}

static void on_watch(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    uint64_t now_ms = uv_now(server->loop), next_ms = UINT64_MAX;
    server->watch_due_ms = UINT64_MAX;
    if (server->state == SERVER_DRAINING && now_ms >= server->stop_by_ms)
        force(server);
    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        if (conn->deadline_ms <= now_ms)
            on_deadline(conn);
        if (conn->deadline_ms < next_ms)
            next_ms = conn->deadline_ms;
    }
    if (server->state != SERVER_OPEN && server->stop_by_ms < next_ms)
        next_ms = server->stop_by_ms;
    if (next_ms != UINT64_MAX)
        watch(server, next_ms > now_ms ? next_ms : now_ms + 1);
    close_if_done(server);
}

/* ---- connections ---- */

struct http_conn *server_conn(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static struct http_conn *conn_create(struct http_server *server, struct MHD_Connection *mhd)
{
    struct http_conn *conn = calloc(1, sizeof *conn);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (conn == NULL || info == NULL) {
        free(conn);
        return NULL;
    }
    conn->server = server;
    conn->mhd = mhd;
    conn->fd = info->connect_fd;
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->conns = conn;
    metric_set(METRIC_http_connections, (double)++server->n_conns, NULL, NULL);
    server_set_deadline(conn, server->config.header_timeout_ms);
    return conn;
}

static void conn_destroy(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    if (conn->exchange != NULL)
        http_exchange_destroy(conn->exchange);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    metric_set(METRIC_http_connections, (double)--server->n_conns, NULL, NULL);
    free(conn);
}

/* Without memory for its record a connection has no exchange, and its first request is refused. */
static void on_connection(void *ctx,
                          struct MHD_Connection *mhd,
                          void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = conn_create(server, mhd);
    } else if (*context != NULL) {
        conn_destroy(*context);
        *context = NULL;
    }
}

/* ---- the loop ---- */

static void on_run_timer(uv_timer_t *timer);

/* Let libmicrohttpd work, and come back when it asks to. */
static void run(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        uv_timer_start(&server->run_timer, on_run_timer, wait_ms, 0);
    else
        uv_timer_stop(&server->run_timer);
    close_if_done(server);
}

static void on_run_timer(uv_timer_t *timer)
{
    run(timer->data);
}

/* Without a thread of its own libmicrohttpd makes no descriptor to wake itself with, so we do. */
void server_resume(struct http_conn *conn)
{
    MHD_resume_connection(conn->mhd);
    uv_timer_start(&conn->server->run_timer, on_run_timer, 0, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    run(poll->data);
}

/* ---- starting ---- */

static unsigned or_default(unsigned value, unsigned fallback)
{
    return value != 0 ? value : fallback;
}

static void take_config(struct http_server *server, const struct http_config *config)
{
    struct http_config *own = &server->config;
    *own = *config;
    own->host = own->api_key = NULL; /* borrowed for the start only */
    own->header_timeout_ms = or_default(config->header_timeout_ms, 10000);
    own->request_timeout_ms = or_default(config->request_timeout_ms, 30000);
    own->idle_timeout_ms = or_default(config->idle_timeout_ms, 60000);
    own->answer_timeout_ms = or_default(config->answer_timeout_ms, 15000);
    own->connections_max = or_default(config->connections_max, 256);
    own->connections_per_address_max = or_default(config->connections_per_address_max, 64);
    own->body_bytes_max = config->body_bytes_max != 0 ? config->body_bytes_max : 8U << 20;
    own->bodies_bytes_max = config->bodies_bytes_max != 0 ? config->bodies_bytes_max : 64U << 20;
}

static enum al_err bind_address(struct http_server *server, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(AL_EIO, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {.v6 = {0}};
    socklen_t n_bound = sizeof bound;
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &bound.any, &n_bound) != 0) {
        enum al_err err = err_set(AL_EIO, "%s", strerror(errno));
        close(fd);
        return err;
    }
    server->listen_fd = fd;
    server->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return AL_OK;
}

/* Numeric addresses only: a name would be looked up, and a look-up can block. */
static enum al_err open_socket(struct http_server *server, const struct http_config *config)
{
    const char *host = strcmp(config->host, "localhost") == 0 ? "127.0.0.1" : config->host;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[8];
    snprintf(port, sizeof port, "%u", config->port);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return err_set(AL_EINVAL, "listen: '%s' is not a numeric address", host);
    enum al_err err = bind_address(server, found);
    freeaddrinfo(found);
    return err == AL_OK ? AL_OK : err_add(err, "listen on %s port %s", host, port);
}

static enum al_err start_daemon(struct http_server *server)
{
    const struct http_config *config = &server->config;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_on_access, server, MHD_OPTION_LISTEN_SOCKET,
        (MHD_socket)server->listen_fd, MHD_OPTION_CONNECTION_LIMIT, config->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, config->connections_per_address_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK, exchange_on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_END);
    return server->daemon != NULL ? AL_OK : err_set(AL_EIO, "libmicrohttpd did not start");
}

static enum al_err attach_to_loop(struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(server->loop, &server->poll, info->epoll_fd) != 0)
        return err_set(AL_EIO, "libmicrohttpd has no epoll descriptor");
    uv_timer_init(server->loop, &server->run_timer);
    uv_timer_init(server->loop, &server->watch_timer);
    server->poll.data = server->run_timer.data = server->watch_timer.data = server;
    server->n_handles = 3;
    uv_poll_start(&server->poll, UV_READABLE, on_poll);
    return AL_OK;
}

/* Promises to answer may outlive their server; they find out here. */
static struct http_server *living;

bool server_lives(const struct http_server *server)
{
    const struct http_server *one = living;
    while (one != NULL && one != server)
        one = one->next;
    return one != NULL;
}

static void server_bury(struct http_server *server)
{
    struct http_server **place = &living;
    while (*place != NULL && *place != server)
        place = &(*place)->next;
    if (*place != NULL)
        *place = server->next;
}

static void server_free(struct http_server *server)
{
    server_bury(server);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    http_router_destroy(server->router);
    if (server->policy.reader != NULL)
        json_reader_destroy(server->policy.reader);
    sodium_memzero(&server->policy.key_hash, sizeof server->policy.key_hash);
    free(server);
}

static enum al_err prepare(struct http_server *server, const struct http_config *config)
{
    uint64_t seed;
    take_config(server, config);
    if (sodium_init() < 0)
        return err_set(AL_EIO, "libsodium did not start");
    randombytes_buf(&seed, sizeof seed);
    rng_seed(&server->rng, seed);
    enum al_err err = http_router_create(config->routes, config->n_routes, &server->router);
    if (err != AL_OK)
        return err;
    http_router_touch_metrics(server->router);
    server->policy = (struct http_policy){
        .router = server->router,
        .guard_metrics = config->guard_metrics,
        .body_bytes_max = server->config.body_bytes_max,
        .ctx = config->ctx,
        .reader = json_reader_create(server->config.body_bytes_max, JSON_DEPTH_MAX),
    };
    if (server->policy.reader == NULL)
        return err_set(AL_ENOMEM, "JSON reader");
    http_server_set_key(server, config->api_key);
    return open_socket(server, config);
}

enum al_err http_server_start(uv_loop_t *loop,
                              const struct http_config *config,
                              struct http_server **out)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return err_set(AL_ENOMEM, "http server");
    server->loop = loop;
    server->listen_fd = -1;
    server->watch_due_ms = UINT64_MAX;
    enum al_err err = prepare(server, config);
    if (err == AL_OK)
        err = start_daemon(server);
    if (err == AL_OK && (err = attach_to_loop(server)) != AL_OK)
        MHD_stop_daemon(server->daemon), server->listen_fd = -1;
    if (err != AL_OK) {
        server_free(server);
        return err_add(err, "http");
    }
    server->next = living;
    living = server;
    log_info("http", "start", NULL, EV("listening"), F_I64("port", server->port));
    *out = server;
    return AL_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_n_connections(const struct http_server *server)
{
    return server->n_conns;
}

void http_server_set_key(struct http_server *server, const char *api_key)
{
    sha256_of(api_key, strlen(api_key), &server->policy.key_hash);
}

void http_server_guard_metrics(struct http_server *server, bool guard)
{
    server->policy.guard_metrics = guard;
}

/* ---- stopping ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;
    if (--server->n_handles > 0)
        return;
    void (*on_closed)(void *) = server->on_closed;
    void *ctx = server->on_closed_ctx;
    server_free(server);
    if (on_closed != NULL)
        on_closed(ctx);
}

/* Nothing runs any more, or its time is over. An answer being compressed is waited for: the pool holds
 * its memory. Never called from inside libmicrohttpd. */
static void close_if_done(struct http_server *server)
{
    bool over = server->state == SERVER_FORCED && uv_now(server->loop) >= server->stop_by_ms;
    if (server->state == SERVER_OPEN || server->state == SERVER_CLOSING || server->n_packing > 0 ||
        (server->n_exchanges > 0 && !over))
        return;
    server->state = SERVER_CLOSING;
    uv_close((uv_handle_t *)&server->poll, on_handle_closed); /* before its descriptor goes */
    MHD_stop_daemon(server->daemon);
    assert(server->n_conns == 0);
    uv_close((uv_handle_t *)&server->run_timer, on_handle_closed);
    uv_close((uv_handle_t *)&server->watch_timer, on_handle_closed);
    log_info("http", "stop", NULL, EV("closed"));
}

void http_server_close(struct http_server *server,
                       unsigned deadline_ms,
                       void (*on_closed)(void *ctx),
                       void *ctx)
{
    assert(server->state == SERVER_OPEN);
    server->state = SERVER_DRAINING;
    server->on_closed = on_closed;
    server->on_closed_ctx = ctx;
    MHD_quiesce_daemon(server->daemon);
    close(server->listen_fd);
    server->listen_fd = -1;
    server->stop_by_ms = uv_now(server->loop) + deadline_ms;
    server->watch_due_ms = UINT64_MAX;
    watch(server, uv_now(server->loop)); /* closes from the loop, never from inside a handler */
}
