/* The HTTP client on a loop, for the Python tests of io/fetch.
 *
 *   fetch_lines [name=value ...]    members of struct fetch_options by name
 *
 * One command a line on standard input, one JSON object a line on standard output:
 *   get ID UPSTREAM URL [HEADER]    the answer, when it comes; UPSTREAM is a or b; JSON is asked for and checked
 *   post ID UPSTREAM URL BODY
 *   cancel ID                       nothing
 *   pool                            connections, calls and breakers now
 *   metrics                         the Prometheus text, as one string
 * Ends with its input, and exits 0 only if every libuv handle was closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/io/fetch.h"
#include "alphaloop/observe/metric.h"

#define CALLS_MAX 512

struct asked {
    char id[32];
    struct fetch_call *call; /* NULL once it has ended */
};

static struct {
    uv_loop_t loop;
    uv_pipe_t input;
    struct fetch *fetch;
    struct json_reader *reader;
    struct buf lines;
    struct asked asked[CALLS_MAX];
    size_t n_asked;
    char ca_file[512];
} self;

static void say(const struct buf *line)
{
    puts(buf_str(line));
    fflush(stdout);
}

static void on_done(void *ctx, const struct fetch_answer *answer)
{
    struct asked *asked = ctx;
    struct buf line = BUF_INIT(32U << 20);
    struct json_writer w;
    asked->call = NULL;
    json_w_init(&w, &line);
    json_w_object(&w);
    json_m_str(&w, "id", asked->id);
    json_m_str(&w, "outcome", fetch_outcome_name(answer->outcome));
    json_m_i64(&w, "status", answer->status);
    json_m_i64(&w, "tries", answer->n_tries);
    json_m_double(&w, "seconds", (double)answer->elapsed_ns / 1e9);
    json_m_string(&w, "body", answer->body);
    json_m_str(&w, "why", answer->why);
    json_w_end_object(&w);
    say(&line);
    buf_deinit(&line);
}

static enum al_err check(void *ctx, struct slice body)
{
    struct json_node *node = NULL;
    (void)ctx;
    enum al_err err = json_read(self.reader, body, &node);
    json_put(node);
    return err;
}

static void ask(char *words[5], bool is_post)
{
    if (words[3] == NULL || self.n_asked == CALLS_MAX)
        exit(3);
    struct asked *asked = &self.asked[self.n_asked++];
    snprintf(asked->id, sizeof(asked->id), "%s", words[1]);
    struct fetch_request request = {.upstream = words[2][0] == 'b',
                                    .url = words[3],
                                    .content_type = "application/json",
                                    .check = check,
                                    .on_done = on_done,
                                    .ctx = asked};
    if (is_post)
        request.post = slice_of(words[4]);
    else
        request.headers[0] = words[4];
    if (fetch_start(self.fetch, &request, &asked->call) != AL_OK) {
        printf("{\"id\": \"%s\", \"outcome\": \"refused\"}\n", asked->id);
        fflush(stdout);
    }
}

static void cancel(const char *id)
{
    for (size_t i = 0; i < self.n_asked; i++) {
        if (strcmp(self.asked[i].id, id) == 0 && self.asked[i].call != NULL) {
            fetch_cancel(self.asked[i].call);
            self.asked[i].call = NULL;
        }
    }
}

static void say_pool(void)
{
    struct fetch_pool pool;
    fetch_pool(self.fetch, &pool);
    printf("{\"busy\": %zu, \"idle\": %zu, \"running\": %zu, \"waiting\": %zu, \"opened\": %llu, "
           "\"a\": \"%s\", \"b\": \"%s\"}\n",
           pool.n_busy, pool.n_idle, pool.n_running, pool.n_waiting,
           (unsigned long long)pool.n_opened,
           breaker_state_name(fetch_upstream_at(self.fetch, 0)->breaker.state),
           breaker_state_name(fetch_upstream_at(self.fetch, 1)->breaker.state));
    fflush(stdout);
}

static void say_metrics(void)
{
    struct buf text = BUF_INIT(8U << 20), line = BUF_INIT(16U << 20);
    struct json_writer w;
    metric_expose(&text);
    json_w_init(&w, &line);
    json_w_string(&w, buf_slice(&text));
    say(&line);
    buf_deinit(&text);
    buf_deinit(&line);
}

static void obey(char *line)
{
    char *words[5] = {NULL}, *rest = line;
    for (int i = 0; i < 4; i++)
        words[i] = strsep(&rest, " ");
    words[4] = rest;
    if (strcmp(words[0], "get") == 0)
        ask(words, false);
    else if (strcmp(words[0], "post") == 0)
        ask(words, true);
    else if (strcmp(words[0], "cancel") == 0)
        cancel(words[1]);
    else if (strcmp(words[0], "pool") == 0)
        say_pool();
    else if (strcmp(words[0], "metrics") == 0)
        say_metrics();
}

static void make_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    static char bytes[65536];
    (void)handle;
    (void)wanted;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        fetch_close(self.fetch, NULL, NULL);
        return;
    }
    buf_append(&self.lines, buf->base, (size_t)n);
    for (char *end; self.lines.len > 0 && (end = memchr(self.lines.ptr, '\n', self.lines.len));) {
        *end = '\0';
        obey(self.lines.ptr);
        buf_consume(&self.lines, (size_t)(end - self.lines.ptr) + 1);
    }
}

static void set(struct fetch_options *options, const char *name, const char *value)
{
#define MEMBER(member)                                                                             \
    if (strcmp(name, #member) == 0) {                                                              \
        options->member = (uint32_t)strtoul(value, NULL, 10);                                      \
        return;                                                                                    \
    }
    MEMBER(connections_max)
    MEMBER(keep_alive_max)
    MEMBER(per_upstream_max)
    MEMBER(calls_max)
    MEMBER(connect_ms)
    MEMBER(try_ms)
    MEMBER(stall_ms)
    MEMBER(body_bytes_max)
    MEMBER(tries_max)
    MEMBER(retry_min_ms)
    MEMBER(retry_max_ms)
    MEMBER(call_ms)
    MEMBER(breaker_failures)
    MEMBER(breaker_open_ms)
#undef MEMBER
    if (strcmp(name, "ca_file") == 0) {
        snprintf(self.ca_file, sizeof(self.ca_file), "%s", value);
        options->ca_file = self.ca_file;
        return;
    }
    fprintf(stderr, "no option %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    struct fetch_options options = {.seed = 1, .user_agent = "alphaloop"};
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL)
            return 2;
        *value++ = '\0';
        set(&options, argv[i], value);
    }
    self.lines = BUF_INIT(1U << 20);
    self.reader = json_reader_create(32U << 20, 8);
    uv_loop_init(&self.loop);
    if (fetch_create(&self.loop, &options, &self.fetch) != AL_OK)
        return 3;
    fetch_upstream_add(self.fetch, "a");
    fetch_upstream_add(self.fetch, "b");
    uv_pipe_init(&self.loop, &self.input, 0);
    uv_pipe_open(&self.input, 0);
    uv_read_start((uv_stream_t *)&self.input, make_room, on_input);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    buf_deinit(&self.lines);
    json_reader_destroy(self.reader);
    return uv_loop_close(&self.loop) == 0 ? 0 : 1;
}
