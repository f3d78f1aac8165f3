/* A server with a small table for the Python tests of io/http.
 *
 *   http_serve [name=value ...]   http_config members by name, and `drain=ms`
 *
 * Prints its port, serves until standard input ends or GET /stop, drains, and exits 0 only if every
 * libuv handle was closed. "/later" answers when "/release" is asked for; "/never" never does.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/io/http.h"

#define WAITING_MAX 64

static struct {
    uv_loop_t loop;
    uv_pipe_t input;
    struct http_server *server;
    struct http_later waiting[WAITING_MAX];
    size_t n_waiting;
    unsigned drain_ms;
    bool stopping;
} self = {.drain_ms = 2000};

static void say(struct http_request *request, const char *text)
{
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "said");
    json_w_str(w, text);
    json_w_end_object(w);
}

static enum http_answer hello(struct http_request *request, void *ctx)
{
    (void)ctx;
    say(request, "hello");
    return HTTP_ANSWERED;
}

static enum http_answer echo(struct http_request *request, void *ctx)
{
    (void)ctx;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "name");
    json_w_string(w, http_text(request, "name"));
    json_w_key(w, "count");
    json_w_i64(w, http_i64(request, "count"));
    json_w_key(w, "ratio");
    json_w_double(w, http_number(request, "ratio"));
    json_w_key(w, "flag");
    json_w_bool(w, http_bool(request, "flag"));
    json_w_key(w, "since");
    json_w_time(w, http_time_ns(request, "since"));
    json_w_key(w, "body_bytes");
    json_w_i64(w, (int64_t)http_request_body(request).len);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

/* `bytes` of text that a compressor can halve but not erase. */
static enum http_answer big(struct http_request *request, void *ctx)
{
    (void)ctx;
    struct json_writer *w = http_json(request, 200);
    uint32_t x = 1;
    json_w_array(w);
    for (int64_t i = 0; i < http_i64(request, "items"); i++) {
        x = x * 1664525U + 1013904223U;
        json_w_i64(w, x);
    }
    json_w_end_array(w);
    return HTTP_ANSWERED;
}

static enum http_answer later(struct http_request *request, void *ctx)
{
    (void)ctx;
    if (self.n_waiting == WAITING_MAX)
        return http_away(request, "room to wait");
    self.waiting[self.n_waiting++] = http_later(request);
    return HTTP_LATER;
}

static enum http_answer at_once(struct http_request *request, void *ctx)
{
    (void)ctx;
    say(request, "at once");
    http_respond(request);
    return HTTP_LATER;
}

static enum http_answer release(struct http_request *request, void *ctx)
{
    (void)ctx;
    size_t n_found = 0;
    for (size_t i = 0; i < self.n_waiting; i++) {
        struct http_request *waiting = http_later_request(self.waiting[i]);
        if (waiting == NULL)
            continue;
        say(waiting, "released");
        http_respond(waiting);
        n_found++;
    }
    self.n_waiting = 0;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "released");
    json_w_i64(w, (int64_t)n_found);
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

static enum http_answer waiting(struct http_request *request, void *ctx)
{
    (void)ctx;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "waiting");
    json_w_i64(w, (int64_t)self.n_waiting);
    json_w_key(w, "connections");
    json_w_i64(w, (int64_t)http_server_n_connections(self.server));
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

/* The promises that were not kept know that their server is gone. */
static void on_closed(void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < self.n_waiting; i++)
        assert(http_later_request(self.waiting[i]) == NULL);
}

static void stop(void)
{
    if (self.stopping)
        return;
    self.stopping = true;
    uv_close((uv_handle_t *)&self.input, NULL);
    http_server_close(self.server, self.drain_ms, on_closed, NULL);
}

static enum http_answer stop_now(struct http_request *request, void *ctx)
{
    (void)ctx;
    say(request, "stopping");
    stop();
    return HTTP_ANSWERED;
}

static enum http_answer fail(struct http_request *request, void *ctx)
{
    (void)ctx;
    return http_refuse(request, "name", "value_error", "no such thing as this name");
}

static const struct http_param none[] = {{.name = NULL}};
static const struct http_param echo_params[] = {
    {.name = "name",
     .in = HTTP_PATH,
     .type = HTTP_TEXT,
     .required = true,
     .min = 1,
     .max = 8,
     .help = "h"},
    {.name = "count",
     .in = HTTP_QUERY,
     .type = HTTP_INTEGER,
     .fallback = "7",
     .min = 1,
     .max = 10,
     .help = "h"},
    {.name = "ratio",
     .in = HTTP_BODY,
     .type = HTTP_NUMBER,
     .required = true,
     .min = 0,
     .max = 1,
     .help = "h"},
    {.name = "flag", .in = HTTP_BODY, .type = HTTP_BOOLEAN, .help = "h"},
    {.name = "since", .in = HTTP_QUERY, .type = HTTP_TIME, .help = "h"},
    {.name = NULL},
};
static const struct http_param big_params[] = {
    {.name = "items",
     .in = HTTP_QUERY,
     .type = HTTP_INTEGER,
     .required = true,
     .min = 0,
     .max = 1e7,
     .help = "h"},
    {.name = NULL},
};
static const struct http_param name_params[] = {
    {.name = "name", .in = HTTP_PATH, .type = HTTP_TEXT, .required = true, .help = "h"},
    {.name = NULL},
};
static const struct http_param upload_params[] = {
    {.name = "data", .in = HTTP_BODY, .type = HTTP_TEXT, .required = true, .help = "h"},
    {.name = NULL},
};

static const struct http_route routes[] = {
    {HTTP_GET, "/open", hello, HTTP_OPEN, "test", "Says hello.", none, "", ""},
    {HTTP_GET, "/closed", hello, HTTP_KEY, "test", "Says hello.", none, "", ""},
    {HTTP_GET, "/metrics", hello, HTTP_GUARDED, "test", "Says hello.", none, "", ""},
    {HTTP_POST, "/echo/{name}", echo, HTTP_KEY, "test", "Echo.", echo_params, "", ""},
    {HTTP_POST, "/upload", hello, HTTP_KEY, "test", "Takes bytes.", upload_params, "", ""},
    {HTTP_GET, "/big", big, HTTP_OPEN, "test", "Many numbers.", big_params, "", ""},
    {HTTP_GET, "/later", later, HTTP_OPEN, "test", "Answers later.", none, "", ""},
    {HTTP_GET, "/never", later, HTTP_OPEN, "test", "Answers later.", none, "", ""},
    {HTTP_GET, "/at-once", at_once, HTTP_OPEN, "test", "Responds inside.", none, "", ""},
    {HTTP_GET, "/release", release, HTTP_OPEN, "test", "Releases.", none, "", ""},
    {HTTP_GET, "/waiting", waiting, HTTP_OPEN, "test", "Counts.", none, "", ""},
    {HTTP_GET, "/stop", stop_now, HTTP_OPEN, "test", "Stops.", none, "", ""},
    {HTTP_GET, "/refuse/{name}", fail, HTTP_OPEN, "test", "Refuses.", name_params, "", ""},
};

static void on_alloc(uv_handle_t *handle, size_t n_wanted, uv_buf_t *out)
{
    static char bytes[64];
    (void)handle, (void)n_wanted;
    *out = uv_buf_init(bytes, sizeof bytes);
}

static void on_input(uv_stream_t *stream, ssize_t n_read, const uv_buf_t *bytes)
{
    (void)stream, (void)bytes;
    if (n_read < 0)
        stop();
}

static void take_option(struct http_config *config, const char *text)
{
    static const char *const names[] = {"header",  "request", "idle",   "answer", "connections",
                                        "address", "body",    "bodies", "guard",  "drain"};
    size_t len = strcspn(text, "=");
    unsigned long value = text[len] == '=' ? strtoul(text + len + 1, NULL, 10) : 0;
    unsigned *fields[] = {&config->header_timeout_ms, &config->request_timeout_ms,
                          &config->idle_timeout_ms,   &config->answer_timeout_ms,
                          &config->connections_max,   &config->connections_per_address_max};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strlen(names[i]) != len || strncmp(names[i], text, len) != 0)
            continue;
        if (i < COUNT_OF(fields))
            *fields[i] = (unsigned)value;
        else if (i == 6)
            config->body_bytes_max = value;
        else if (i == 7)
            config->bodies_bytes_max = value;
        else if (i == 8)
            config->guard_metrics = value != 0;
        else
            self.drain_ms = (unsigned)value;
        return;
    }
    fprintf(stderr, "http_serve: unknown option %s\n", text);
    exit(2);
}

int main(int argc, char **argv)
{
    struct http_config config = {.host = "127.0.0.1",
                                 .api_key = "a-key-for-tests-only",
                                 .routes = routes,
                                 .n_routes = COUNT_OF(routes)};
    for (int i = 1; i < argc; i++)
        take_option(&config, argv[i]);
    uv_loop_init(&self.loop);
    if (http_server_start(&self.loop, &config, &self.server) != AL_OK) {
        fprintf(stderr, "http_serve: %s\n", err_text());
        return 1;
    }
    uv_pipe_init(&self.loop, &self.input, 0);
    uv_pipe_open(&self.input, 0);
    uv_read_start((uv_stream_t *)&self.input, on_alloc, on_input);
    printf("%u\n", http_server_port(self.server));
    fflush(stdout);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&self.loop);
    if (left != 0)
        fprintf(stderr, "http_serve: handles left: %s\n", uv_strerror(left));
    return left == 0 ? 0 : 1;
}
