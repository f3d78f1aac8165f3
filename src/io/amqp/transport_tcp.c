/* Plain TCP under a connection: look the name up, try its addresses one after another, read and write.
 *
 * Invariant: from open() until on_closed one uv_tcp_t is initialised or being closed; `next` walks the
 * addresses and is freed with `list` when a connection stands or the transport closes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/io/amqp_transport.h"

enum { READ_MAX = 65536 };

struct tcp {
    struct amqp_transport base; /* first */
    uv_loop_t *loop;
    uv_tcp_t handle;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uv_write_t write;
    struct addrinfo *list, *next;
    bool is_looking_up, has_handle, is_closing;
    bool has_read; /* this turn of the loop */
    char input[READ_MAX];
};

static void try_next(struct tcp *tcp);

static void fail(struct tcp *tcp, const char *what, int code)
{
    char why[160];
    snprintf(why, sizeof(why), "%s: %s", what, uv_strerror(code));
    if (!tcp->is_closing)
        tcp->base.events->on_fail(tcp->base.ctx, AL_ECONN, why);
}

static void forget_addresses(struct tcp *tcp)
{
    if (tcp->list != NULL)
        uv_freeaddrinfo(tcp->list);
    tcp->list = tcp->next = NULL;
}

/* ---- closing ---- */

static void finish_if_closed(struct tcp *tcp)
{
    if (!tcp->is_closing || tcp->has_handle || tcp->is_looking_up)
        return;
    forget_addresses(tcp);
    tcp->is_closing = false;
    tcp->base.events->on_closed(tcp->base.ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct tcp *tcp = handle->data;
    tcp->has_handle = false;
    if (tcp->is_closing)
        finish_if_closed(tcp);
    else
        try_next(tcp);
}

static void close_handle(struct tcp *tcp)
{
    if (!uv_is_closing((uv_handle_t *)&tcp->handle))
        uv_close((uv_handle_t *)&tcp->handle, on_handle_closed);
}

static void tcp_close(struct amqp_transport *transport)
{
    struct tcp *tcp = (struct tcp *)transport;
    tcp->is_closing = true;
    if (tcp->is_looking_up)
        uv_cancel((uv_req_t *)&tcp->lookup);
    close_handle(tcp);
}

/* ---- traffic ---- */

/* libuv reads up to 32 buffers of one socket before it looks at another: a burst of deliveries would keep the answers of the
 * database waiting for milliseconds. No buffer the second time in a row ends this socket's turn; the bytes stay where they are. */
static void on_alloc(uv_handle_t *handle, size_t n_wanted, uv_buf_t *out)
{
    struct tcp *tcp = handle->data;
    (void)n_wanted;
    *out = uv_buf_init(tcp->input, tcp->has_read ? 0 : READ_MAX);
    tcp->has_read = !tcp->has_read;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp *tcp = stream->data;
    tcp->has_read = n == READ_MAX; /* after less libuv does not try again */
    if (tcp->is_closing || n == 0 || n == UV_ENOBUFS)
        return;
    if (n > 0)
        tcp->base.events->on_read(tcp->base.ctx, (struct slice){buf->base, (size_t)n});
    else
        fail(tcp, n == UV_EOF ? "connection closed by the broker" : "read", (int)n);
}

static void on_write(uv_write_t *request, int status)
{
    struct tcp *tcp = request->data;
    if (tcp->is_closing)
        return;
    if (status < 0)
        fail(tcp, "write", status);
    else
        tcp->base.events->on_written(tcp->base.ctx);
}

static void tcp_write(struct amqp_transport *transport, struct slice bytes)
{
    struct tcp *tcp = (struct tcp *)transport;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
    tcp->write.data = tcp;
    int code = uv_write(&tcp->write, (uv_stream_t *)&tcp->handle, &buf, 1, on_write);
    if (code != 0)
        fail(tcp, "write", code);
}

/* ---- connecting ---- */

static void on_connect(uv_connect_t *request, int status)
{
    struct tcp *tcp = request->data;
    if (tcp->is_closing)
        return;
    if (status == 0) {
        forget_addresses(tcp);
        uv_tcp_nodelay(&tcp->handle, 1);
        status = uv_read_start((uv_stream_t *)&tcp->handle, on_alloc, on_read);
        if (status == 0) {
            tcp->base.events->on_open(tcp->base.ctx);
            return;
        }
    }
    if (tcp->next == NULL)
        fail(tcp, "connect", status);
    else
        close_handle(tcp); /* then the next address */
}

static void init_handle(struct tcp *tcp)
{
    uv_tcp_init(tcp->loop, &tcp->handle);
    tcp->handle.data = tcp;
    tcp->has_handle = true;
}

static void try_next(struct tcp *tcp)
{
    if (!tcp->has_handle)
        init_handle(tcp);
    const struct sockaddr *address = tcp->next->ai_addr;
    tcp->next = tcp->next->ai_next;
    tcp->connect.data = tcp;
    int code = uv_tcp_connect(&tcp->connect, &tcp->handle, address, on_connect);
    if (code != 0 && tcp->next == NULL)
        fail(tcp, "connect", code);
    else if (code != 0)
        close_handle(tcp);
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct tcp *tcp = request->data;
    tcp->is_looking_up = false;
    tcp->list = tcp->next = list;
    if (tcp->is_closing)
        finish_if_closed(tcp);
    else if (status != 0 || list == NULL)
        fail(tcp, "name look-up", status != 0 ? status : UV_EAI_NONAME);
    else
        try_next(tcp);
}

static void tcp_open(struct amqp_transport *transport, const char *host, uint16_t port)
{
    struct tcp *tcp = (struct tcp *)transport;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    init_handle(tcp);
    tcp->lookup.data = tcp;
    int code = uv_getaddrinfo(tcp->loop, &tcp->lookup, on_lookup, host, service, &hints);
    tcp->is_looking_up = code == 0;
    if (code != 0)
        fail(tcp, "name look-up", code);
}

static void tcp_destroy(struct amqp_transport *transport)
{
    free(transport);
}

static const struct amqp_transport_ops tcp_ops = {
    .open = tcp_open,
    .write = tcp_write,
    .close = tcp_close,
    .destroy = tcp_destroy,
};

struct amqp_transport *amqp_transport_tcp_create(uv_loop_t *loop)
{
    struct tcp *tcp = calloc(1, sizeof(*tcp));
    if (tcp == NULL)
        return NULL;
    tcp->base.ops = &tcp_ops;
    tcp->loop = loop;
    return &tcp->base;
}
