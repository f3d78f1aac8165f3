/* What all upstreams have in common: pages, bounds, order, and that a candle is one. */
#include "alphaloop/history/upstream.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "upstream/upstream_i.h"

#define UPSTREAM(name, title) extern const struct upstream upstream_##name;
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM

static const struct upstream *const upstreams[UPSTREAM_COUNT] = {
#define UPSTREAM(name, title) &upstream_##name,
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM
};

const struct upstream *upstream_at(enum upstream_id id)
{
    assert(id < UPSTREAM_COUNT);
    return upstreams[id];
}

bool upstream_by_name(struct slice name, enum upstream_id *id)
{
    for (enum upstream_id i = 0; i < UPSTREAM_COUNT; i++) {
        if (slice_is(name, upstreams[i]->name)) {
            *id = i;
            return true;
        }
    }
    return false;
}

/* ---- candles ---- */

static void check_query(const struct upstream *upstream, const struct history_query *query)
{
    assert(upstream->page_max(query->interval_ns) > 0);
    assert(upstream->page_max(query->interval_ns) <= UPSTREAM_PAGE_MAX);
    assert(query->from_ns >= 0 && query->from_ns < query->to_ns);
    assert(query->from_ns % query->interval_ns == 0 && query->to_ns % query->interval_ns == 0);
}

int64_t upstream_page_end_ns(const struct upstream *upstream, const struct history_query *query)
{
    int64_t span_ns = (int64_t)upstream->page_max(query->interval_ns) * query->interval_ns;
    return query->to_ns - query->from_ns > span_ns ? query->from_ns + span_ns : query->to_ns;
}

void upstream_path(const struct upstream *upstream,
                   const struct history_query *query,
                   struct buf *out)
{
    struct history_query page = *query;
    check_query(upstream, query);
    if (!upstream->skips_gaps)
        page.to_ns = upstream_page_end_ns(upstream, query);
    upstream->path(&page, out);
}

enum al_err upstream_price_read(struct json_node *node, double *out)
{
    if (json_number_or_text(node, out) != AL_OK || !(*out > 0 && *out <= UPSTREAM_PRICE_MAX))
        return err_set(AL_EPARSE, "not a price above 0");
    return AL_OK;
}

static enum al_err read_prices(struct json_node *row, size_t index, double to[4])
{
    for (size_t i = 0; i < 4; i++) {
        if (upstream_price_read(json_at(row, i + 1), &to[i]) != AL_OK)
            return err_set(AL_EPARSE, "[%zu][%zu]: not a price above 0", index, i + 1);
    }
    if (to[1] < to[0] || to[1] < to[3] || to[2] > to[0] || to[2] > to[3])
        return err_set(AL_EPARSE, "[%zu]: high and low do not enclose open and close", index);
    return AL_OK;
}

enum al_err upstream_row(struct json_node *row,
                         size_t index,
                         int64_t interval_ns,
                         struct candle *out)
{
    double ms, prices[4];
    if (json_length(row) < 6)
        return err_set(AL_EPARSE, "[%zu]: not an array of time, prices and volume", index);
    if (json_number_or_text(json_at(row, 0), &ms) != AL_OK || !(ms >= 0 && ms < 9e15 / 1e3) ||
        ms != floor(ms))
        return err_set(AL_EPARSE, "[%zu][0]: not a time in milliseconds", index);
    *out = (struct candle){.ts_open_ns = (int64_t)ms * NS_PER_MS, .interval_ns = interval_ns};
    if (out->ts_open_ns % interval_ns != 0)
        return err_set(AL_EPARSE, "[%zu][0]: not the beginning of a candle", index);
    enum al_err err = read_prices(row, index, prices);
    if (err != AL_OK)
        return err;
    if (json_number_or_text(json_at(row, 5), &out->volume) != AL_OK ||
        !(out->volume >= 0 && out->volume <= UPSTREAM_PRICE_MAX))
        return err_set(AL_EPARSE, "[%zu][5]: not a volume of 0 or more", index);
    out->open = prices[0];
    out->high = prices[1];
    out->low = prices[2];
    out->close = prices[3];
    return AL_OK;
}

enum al_err upstream_keep(const struct history_query *query,
                          size_t index,
                          const struct candle *candle,
                          struct history_page *page)
{
    if (candle->ts_open_ns < query->from_ns || candle->ts_open_ns >= query->to_ns) {
        page->n_outside++;
        return AL_OK;
    }
    if (page->n > 0 && candle->ts_open_ns <= page->candles[page->n - 1].ts_open_ns)
        return err_set(AL_EPARSE, "[%zu]: not later than the one before", index);
    if (candle->ts_open_ns + candle->interval_ns > query->now_ns) {
        page->n_unfinished++;
        return AL_OK;
    }
    if (page->n == UPSTREAM_PAGE_MAX)
        return err_set(AL_EPARSE, "more than %d candles", UPSTREAM_PAGE_MAX);
    page->candles[page->n++] = *candle;
    return AL_OK;
}

/* How many candles a page really holds is the upstream's business: only an empty one says that there are no more. */
static int64_t next_ns(const struct upstream *upstream,
                       const struct history_query *query,
                       const struct history_page *page)
{
    if (!upstream->skips_gaps)
        return upstream_page_end_ns(upstream, query);
    if (page->n == 0 || page->n_unfinished > 0)
        return query->to_ns;
    return page->candles[page->n - 1].ts_open_ns + query->interval_ns;
}

enum al_err upstream_read(const struct upstream *upstream,
                          struct json_reader *reader,
                          const struct history_query *query,
                          struct slice body,
                          struct history_page *page)
{
    struct json_node *answer;
    check_query(upstream, query);
    page->n = page->n_unfinished = page->n_outside = 0;
    if (json_read(reader, body, &answer) != AL_OK)
        return err_set(AL_EPARSE, "not JSON");
    enum al_err err = upstream->read(query, answer, page);
    json_put(answer);
    page->next_ns = err == AL_OK ? next_ns(upstream, query, page) : query->from_ns;
    return err;
}

/* ---- prices ---- */

void upstream_prices_path(const struct upstream *upstream,
                          const char *const *names,
                          size_t n,
                          struct buf *out)
{
    assert(n > 0 && n <= upstream->prices_max);
    upstream->prices_path(names, n, out);
}

enum al_err upstream_prices_read(const struct upstream *upstream,
                                 struct json_reader *reader,
                                 const char *const *names,
                                 size_t n,
                                 struct slice body,
                                 struct upstream_price *prices)
{
    struct json_node *answer;
    assert(n > 0 && n <= upstream->prices_max);
    for (size_t i = 0; i < n; i++)
        prices[i] = (struct upstream_price){NAN, TIMESTAMP_NONE};
    if (json_read(reader, body, &answer) != AL_OK)
        return err_set(AL_EPARSE, "not JSON");
    enum al_err err = upstream->prices_read(names, n, answer, prices);
    json_put(answer);
    return err;
}
