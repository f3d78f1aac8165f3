/* Connections are opened and closed here, so that they are counted, and so that libuv watches each for its whole life.
 * While libcurl waits for one, it is told what happens; while one is kept for reuse, nobody would notice that its peer has
 * gone, and it would stay in CLOSE_WAIT until the next call: so we close our side then, and libcurl finds it dead. */
#include "client_i.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alphaloop/observe/metric.h"

static struct fetch_socket *socket_of(const struct fetch *fetch, curl_socket_t fd)
{
    for (size_t i = 0; i < fetch->n_sockets; i++) {
        if (fetch->sockets[i]->fd == fd)
            return fetch->sockets[i];
    }
    return NULL;
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct fetch_socket *s = handle->data;
    struct fetch *fetch = s->fetch;
    free(s);
    fetch_handle_gone(fetch);
}

static void socket_forget(struct fetch_socket *s)
{
    struct fetch *fetch = s->fetch;
    for (size_t i = 0; i < fetch->n_sockets; i++) {
        if (fetch->sockets[i] == s) {
            fetch->sockets[i] = fetch->sockets[--fetch->n_sockets];
            break;
        }
    }
    fetch->n_connections -= s->is_connection;
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static struct fetch_socket *socket_add(struct fetch *fetch, curl_socket_t fd, bool is_connection)
{
    if (fetch->n_sockets == fetch->sockets_cap) {
        size_t cap = fetch->sockets_cap == 0 ? 16 : 2 * fetch->sockets_cap;
        struct fetch_socket **grown = realloc(fetch->sockets, cap * sizeof(struct fetch_socket *));
        if (grown == NULL)
            return NULL;
        fetch->sockets = grown;
        fetch->sockets_cap = cap;
    }
    struct fetch_socket *s = calloc(1, sizeof(*s));
    if (s == NULL || uv_poll_init_socket(fetch->loop, &s->poll, fd) != 0) {
        free(s);
        return NULL;
    }
    s->fetch = fetch;
    s->fd = fd;
    s->is_connection = is_connection;
    s->poll.data = s;
    fetch->n_handles++;
    fetch->n_connections += is_connection;
    fetch->n_opened += is_connection;
    fetch->sockets[fetch->n_sockets++] = s;
    return s;
}

static void on_busy(uv_poll_t *poll, int status, int events)
{
    struct fetch_socket *s = poll->data;
    struct fetch *fetch = s->fetch;
    int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(fetch->multi, s->fd, flags, &running); /* s may be gone after this */
    fetch_after_action(fetch);
}

static void on_peer_gone(uv_poll_t *poll, int status, int events)
{
    struct fetch_socket *s = poll->data;
    (void)status;
    (void)events;
    uv_poll_stop(poll);
    shutdown(s->fd, SHUT_RDWR);
}

int fetch_on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
    struct fetch *fetch = ctx;
    struct fetch_socket *s = socket_of(fetch, fd);
    (void)easy;
    (void)unused;
    if (s == NULL && what != CURL_POLL_REMOVE)
        s = socket_add(fetch, fd, false);
    if (s == NULL)
        return what == CURL_POLL_REMOVE ? 0 : -1;
    s->busy = what != CURL_POLL_REMOVE;
    if (s->busy)
        uv_poll_start(&s->poll,
                      (what & CURL_POLL_IN ? UV_READABLE : 0) |
                          (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                      on_busy);
    else if (s->is_connection)
        uv_poll_start(&s->poll, UV_DISCONNECT, on_peer_gone);
    else
        socket_forget(s);
    return 0;
}

curl_socket_t fetch_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = ctx;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (socket_add(fetch, fd, true) == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    metric_add(METRIC_fetch_connections_opened_total, 1, NULL, NULL);
    return fd;
}

int fetch_close_socket(void *ctx, curl_socket_t fd)
{
    struct fetch_socket *s = socket_of(ctx, fd);
    if (s != NULL)
        socket_forget(s); /* libuv looks away at once */
    return close(fd);
}

void fetch_pool(const struct fetch *fetch, struct fetch_pool *out)
{
    *out = (struct fetch_pool){.n_running = fetch->n_running,
                               .n_waiting = fetch->n_calls - fetch->n_running,
                               .n_opened = fetch->n_opened};
    for (size_t i = 0; i < fetch->n_sockets; i++)
        out->n_busy += fetch->sockets[i]->is_connection && fetch->sockets[i]->busy;
    out->n_idle = fetch->n_connections - out->n_busy;
}

void fetch_sockets_show(struct fetch *fetch)
{
    struct fetch_pool pool;
    fetch_pool(fetch, &pool);
    metric_set(METRIC_fetch_connections, (double)pool.n_busy, "busy", NULL);
    metric_set(METRIC_fetch_connections, (double)pool.n_idle, "idle", NULL);
    metric_set(METRIC_fetch_calls, (double)pool.n_running, "running", NULL);
    metric_set(METRIC_fetch_calls, (double)pool.n_waiting, "waiting", NULL);
}
