#include "harvest_i.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/store/candles.h"

struct harvest {
    struct harvest_request request;
    struct history_query query;
    struct json_reader *reader;
    struct fetch_call *call; /* NULL: none is under way */
    char refusal[256];       /* the upstream's own words; "" when it answered */
    struct history_page page;
};

bool harvest_range(int64_t interval_ns, int64_t now_ns, int64_t *from_ns, int64_t *to_ns)
{
    int64_t over_ns = now_ns / interval_ns * interval_ns; /* whatever opened before it is over */
    *from_ns = (*from_ns + interval_ns - 1) / interval_ns * interval_ns;
    *to_ns = (*to_ns + interval_ns - 1) / interval_ns * interval_ns;
    if (*to_ns > over_ns)
        *to_ns = over_ns;
    return *from_ns < *to_ns;
}

void harvest_put(struct pg_batch *batch,
                 enum upstream_id upstream,
                 const struct asset *asset,
                 const struct history_page *page)
{
    static struct candle_row rows[UPSTREAM_PAGE_MAX];
    for (size_t i = 0; i < page->n; i++)
        rows[i] = (struct candle_row){.asset = *asset,
                                      .candle = page->candles[i],
                                      .is_made = upstream_at(upstream)->is_close_only};
    candles_upsert(batch, rows, page->n);
}

void harvest_stop(struct harvest *h)
{
    if (h == NULL)
        return;
    if (h->call != NULL)
        fetch_cancel(h->call);
    json_reader_destroy(h->reader);
    free(h);
}

static void end(struct harvest *h, enum al_err err)
{
    struct harvest_request request = h->request;
    harvest_stop(h);
    request.on_end(request.ctx, err);
}

/* A refusal of the question is an answer that makes sense: trying again would not change it. */
static enum al_err check(void *ctx, struct slice body)
{
    struct harvest *h = ctx;
    h->query.now_ns = upstreams_wall_ns();
    enum al_err err =
        upstream_read(upstream_at(h->request.upstream), h->reader, &h->query, body, &h->page);
    (void)chars_set(h->refusal, sizeof(h->refusal), err == AL_EINVAL ? err_text() : "");
    return err == AL_EINVAL ? AL_OK : err;
}

static void on_answer(void *ctx, const struct fetch_answer *answer)
{
    struct harvest *h = ctx;
    h->call = NULL;
    if (answer->outcome != FETCH_ok)
        end(h, upstreams_error(h->request.upstream, answer));
    else if (h->refusal[0] != '\0')
        end(h, err_set(AL_EINVAL, "%s: %s", upstream_at(h->request.upstream)->name, h->refusal));
    else
        h->request.on_page(h->request.ctx, &h->page);
}

static enum al_err ask(struct harvest *h)
{
    struct buf path = BUF_INIT(UPSTREAM_PATH_MAX);
    upstream_path(upstream_at(h->request.upstream), &h->query, &path);
    const struct upstream_call call = {
        .upstream = h->request.upstream,
        .path = buf_str(&path),
        .check = check,
        .on_done = on_answer,
        .ctx = h,
    };
    enum al_err err = buf_ok(&path)
                          ? upstreams_get(h->request.fetch, h->request.settings, &call, &h->call)
                          : err_set(AL_ENOMEM, "path");
    buf_deinit(&path);
    return err;
}

void harvest_next(struct harvest *h)
{
    h->query.from_ns = h->page.next_ns;
    enum al_err err = AL_OK;
    if (h->query.from_ns < h->query.to_ns)
        err = ask(h);
    if (h->call == NULL)
        end(h, err);
}

enum al_err harvest_start(const struct harvest_request *request, struct harvest **out)
{
    struct harvest *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return err_set(AL_ENOMEM, "harvest");
    h->request = *request;
    h->query = (struct history_query){.name = request->name,
                                      .interval_ns = request->interval_ns,
                                      .from_ns = request->from_ns,
                                      .to_ns = request->to_ns};
    h->reader = json_reader_create(UPSTREAM_BODY_MAX, 16);
    enum al_err err = h->reader != NULL ? ask(h) : err_set(AL_ENOMEM, "harvest");
    if (err == AL_OK)
        *out = h;
    else
        harvest_stop(h);
    return err;
}
