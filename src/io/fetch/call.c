#include "client_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STALL_BYTES_PER_S 100L

/* ---- a call's memory ---- */

static bool begins_nocase(const char *text, const char *beginning)
{
    return strncasecmp(text, beginning, strlen(beginning)) == 0;
}

static bool is_clean(const char *text, size_t size_max)
{
    size_t len = strnlen(text, size_max);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    }
    return len > 0 && len < size_max;
}

static enum al_err take_headers(struct fetch_call *call, const struct fetch_request *request)
{
    for (size_t i = 0; i < FETCH_HEADERS_MAX && request->headers[i] != NULL; i++) {
        if (!is_clean(request->headers[i], FETCH_HEADER_MAX))
            return err_set(AL_EINVAL, "header %zu: too long, or control characters", i + 1);
        struct curl_slist *more = curl_slist_append(call->headers, request->headers[i]);
        if (more == NULL)
            return err_set(AL_ENOMEM, "header of a call");
        call->headers = more;
    }
    return AL_OK;
}

static enum al_err take_request(struct fetch_call *call, const struct fetch_request *request)
{
    if (!is_clean(request->url, FETCH_URL_MAX))
        return err_set(AL_EINVAL, "URL: too long, or control characters");
    if (!begins_nocase(request->url, "http://") && !begins_nocase(request->url, "https://"))
        return err_set(AL_EINVAL, "URL: neither http nor https");
    if (request->content_type != NULL &&
        !chars_set(call->content_type, sizeof(call->content_type), request->content_type))
        return err_set(AL_EINVAL, "content type: too long");
    call->url = strdup(request->url);
    call->is_post = request->post.ptr != NULL;
    call->post = BUF_INIT(request->post.len);
    buf_append(&call->post, request->post.ptr, request->post.len);
    if (call->url == NULL || !buf_ok(&call->post))
        return err_set(AL_ENOMEM, "call");
    return take_headers(call, request);
}

enum al_err call_create(struct fetch *fetch,
                        const struct fetch_request *request,
                        struct fetch_call **out)
{
    assert(request->upstream < fetch->n_upstreams && request->on_done != NULL);
    struct fetch_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return err_set(AL_ENOMEM, "call");
    call->fetch = fetch;
    call->upstream = request->upstream;
    call->check = request->check;
    call->on_done = request->on_done;
    call->ctx = request->ctx;
    call->wait_ms = fetch->options.retry_min_ms;
    call->body = BUF_INIT(fetch->options.body_bytes_max);
    enum al_err err = take_request(call, request);
    if (err != AL_OK)
        call_destroy(call);
    else
        *out = call;
    return err;
}

void call_destroy(struct fetch_call *call)
{
    call_end_try(call);
    curl_slist_free_all(call->headers);
    buf_deinit(&call->post);
    buf_deinit(&call->body);
    free(call->url);
    free(call);
}

/* ---- one try ---- */

static size_t on_body(char *bytes, size_t one, size_t n, void *ctx)
{
    struct fetch_call *call = ctx;
    buf_append(&call->body, bytes, one * n);
    call->overflowed = !buf_ok(&call->body);
    return call->overflowed ? 0 : n;
}

static long whole_ms(const struct fetch_call *call, uint32_t most_ms)
{
    int64_t left_ms =
        (call->started_ns - call->try_started_ns) / 1000000 + (int64_t)call->fetch->options.call_ms;
    return (long)(left_ms < 1 ? 1 : left_ms < most_ms ? left_ms : most_ms);
}

static void set_limits(struct fetch_call *call)
{
    const struct fetch_options *o = &call->fetch->options;
    long stall_s = ((long)o->stall_ms + 999) / 1000;
    curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, whole_ms(call, o->connect_ms));
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, whole_ms(call, o->try_ms));
    curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S);
    curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_TIME, stall_s);
    curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(call->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(call->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(call->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (o->ca_file != NULL && o->ca_file[0] != '\0')
        curl_easy_setopt(call->easy, CURLOPT_CAINFO, o->ca_file);
}

static void set_request(struct fetch_call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_URL, call->url);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(call->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(call->easy, CURLOPT_USERAGENT, call->fetch->options.user_agent);
    if (!call->is_post)
        return;
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->post.len);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, buf_str(&call->post));
}

/* A name server that is away must not hold up the loop: QUICK_EXIT leaves the thread that waits for it to itself. */
static void set_plumbing(struct fetch_call *call)
{
    struct fetch *fetch = call->fetch;
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(call->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETFUNCTION, fetch_open_socket);
    curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETDATA, fetch);
    curl_easy_setopt(call->easy, CURLOPT_CLOSESOCKETFUNCTION, fetch_close_socket);
    curl_easy_setopt(call->easy, CURLOPT_CLOSESOCKETDATA, fetch);
}

enum al_err call_begin(struct fetch_call *call)
{
    buf_reset(&call->body);
    call->overflowed = false;
    call->why[0] = '\0';
    call->try_started_ns = (int64_t)uv_hrtime();
    call->easy = curl_easy_init();
    if (call->easy == NULL)
        return err_set(AL_ENOMEM, "libcurl");
    set_request(call);
    set_limits(call);
    set_plumbing(call);
    if (curl_multi_add_handle(call->fetch->multi, call->easy) != CURLM_OK)
        return err_set(AL_EIO, "libcurl takes no more");
    return AL_OK;
}

void call_end_try(struct fetch_call *call)
{
    if (call->easy == NULL)
        return;
    curl_multi_remove_handle(call->fetch->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

/* ---- what came of it ---- */

static enum fetch_outcome outcome_of_code(const struct fetch_call *call, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        return FETCH_unreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return FETCH_untrusted;
    case CURLE_OPERATION_TIMEDOUT:
        return FETCH_timeout;
    case CURLE_WRITE_ERROR:
        return call->overflowed ? FETCH_too_large : FETCH_broken;
    case CURLE_URL_MALFORMAT:
        return FETCH_rejected;
    default:
        return FETCH_broken;
    }
}

static enum fetch_outcome outcome_of_status(long status)
{
    if (status >= 200 && status < 300)
        return FETCH_ok;
    if (status >= 300 && status < 400)
        return FETCH_redirected;
    if (status == 429 || status == 418) /* 418: what some answer to who went on after 429 */
        return FETCH_throttled;
    return status >= 400 && status < 500 && status != 408 ? FETCH_rejected : FETCH_server_error;
}

static enum fetch_outcome look_inside(struct fetch_call *call)
{
    const char *type = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    if (!begins_nocase(type == NULL ? "" : type, call->content_type))
        return FETCH_wrong_type;
    if (call->check == NULL || call->check(call->ctx, buf_slice(&call->body)) == AL_OK)
        return FETCH_ok;
    (void)chars_set(call->why, sizeof(call->why), err_text());
    return FETCH_garbage;
}

enum fetch_outcome call_outcome(struct fetch_call *call, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    call->answer.status = (int)status;
    call->is_whole = code == CURLE_OK;
    if (code != CURLE_OK) {
        (void)chars_set(call->why, sizeof(call->why), curl_easy_strerror(code));
        return outcome_of_code(call, code);
    }
    enum fetch_outcome outcome = outcome_of_status(status);
    return outcome == FETCH_ok ? look_inside(call) : outcome;
}
