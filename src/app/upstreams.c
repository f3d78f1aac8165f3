#include "upstreams_i.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "alphaloop/app/roles.h"

#define SHOWN_MAX 160 /* bytes of what an upstream says that reach a message */

enum al_err upstreams_create(uv_loop_t *loop,
                             const struct settings *s,
                             uint64_t seed,
                             struct fetch **out)
{
    const struct fetch_options options = {
        .connections_max = s->fetch_connections_max,
        .keep_alive_max = s->fetch_keep_alive_max,
        .try_ms = s->fetch_try_seconds * 1000,
        .call_ms = s->fetch_call_seconds * 1000,
        .tries_max = s->fetch_tries_max,
        .body_bytes_max = UPSTREAM_BODY_MAX,
        .breaker_failures = s->fetch_breaker_failures,
        .breaker_open_ms = s->fetch_breaker_open_seconds * 1000,
        .ca_file = s->fetch_ca_file,
        .user_agent = "alphaloop/" ALPHALOOP_VERSION,
        .seed = seed,
    };
    enum al_err err = fetch_create(loop, &options, out);
    for (enum upstream_id id = 0; err == AL_OK && id < UPSTREAM_COUNT; id++) {
        size_t place = fetch_upstream_add(*out, upstream_at(id)->name);
        assert(place == id);
    }
    return err;
}

static const char *base_url(const struct settings *settings, enum upstream_id id)
{
    const char *urls[UPSTREAM_COUNT] = {
#define UPSTREAM(name, title) settings->fetch_##name##_url,
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM
    };
    return urls[id];
}

/* CoinGecko's pro plan has an address and a header of its own. */
static const char *key_header(const struct settings *settings,
                              enum upstream_id id,
                              char out[FETCH_HEADER_MAX])
{
    if (id != UPSTREAM_coingecko || settings->fetch_coingecko_api_key[0] == '\0')
        return NULL;
    bool is_pro = strstr(settings->fetch_coingecko_url, "//pro-api.") != NULL;
    snprintf(out, FETCH_HEADER_MAX, "x-cg-%s-api-key: %s", is_pro ? "pro" : "demo",
             settings->fetch_coingecko_api_key);
    return out;
}

enum al_err upstreams_get(struct fetch *fetch,
                          const struct settings *settings,
                          const struct upstream_call *call,
                          struct fetch_call **out)
{
    char url[FETCH_URL_MAX], header[FETCH_HEADER_MAX];
    const char *base = base_url(settings, call->upstream);
    size_t base_len = strlen(base);
    base_len -= base_len > 0 && base[base_len - 1] == '/';
    int n = snprintf(url, sizeof(url), "%.*s%s", (int)base_len, base, call->path);
    if (n < 0 || (size_t)n >= sizeof(url))
        return err_set(AL_EINVAL, "the URL is too long");
    const struct fetch_request request = {
        .upstream = call->upstream,
        .url = url,
        .headers = {key_header(settings, call->upstream, header)},
        .content_type = "application/json",
        .check = call->check,
        .on_done = call->on_done,
        .ctx = call->ctx,
    };
    return fetch_start(fetch, &request, out);
}

static void printable(struct slice text, char out[SHOWN_MAX])
{
    size_t n = text.len < SHOWN_MAX - 1 ? text.len : SHOWN_MAX - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = isprint((unsigned char)text.ptr[i]) ? text.ptr[i] : ' ';
    out[n] = '\0';
}

enum al_err upstreams_error(enum upstream_id upstream, const struct fetch_answer *answer)
{
    char said[SHOWN_MAX], status[32] = "";
    printable(answer->why[0] != '\0' ? slice_of(answer->why) : answer->body, said);
    if (answer->status != 0)
        snprintf(status, sizeof(status), ", HTTP %d", answer->status);
    return err_set(AL_EIO, "%s: %s%s%s%s", upstream_at(upstream)->name,
                   fetch_outcome_text(answer->outcome), status, said[0] == '\0' ? "" : ": ", said);
}

const char *upstreams_name(const struct asset_names *names,
                           const struct asset *asset,
                           enum upstream_id upstream)
{
    static const enum asset_name_column columns[UPSTREAM_COUNT] = {
#define UPSTREAM(name, title) ASSET_NAME_##name,
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM
    };
    return asset_name(names, asset, columns[upstream]);
}

int64_t upstreams_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
