/* Who can be asked for price history: what to ask for, and what the answer means. Pure: requests are texts, answers bytes.
 *
 *     for (query.from_ns = from; query.from_ns < to; query.from_ns = page.next_ns) {
 *         upstream_path(upstream, &query, &path);               // GET base URL + path
 *         err = upstream_read(upstream, reader, &query, body, &page);
 *         keep(page.candles, page.n);
 *     }
 *
 * Every page moves on by at least one interval, so this ends. What an upstream does not have stays missing: no candle is
 * made up.
 */
#ifndef ALPHALOOP_HISTORY_UPSTREAM_H
#define ALPHALOOP_HISTORY_UPSTREAM_H

#include "alphaloop/base/json.h"
#include "alphaloop/domain/market.h"

#define UPSTREAM_PAGE_MAX  2200              /* candles of one answer, of any upstream */
#define UPSTREAM_BODY_MAX  (4 * 1024 * 1024) /* bytes of one answer */
#define UPSTREAM_PATH_MAX  4096
#define UPSTREAM_PRICE_MAX 1e15 /* a larger price or volume is a mistake */
#define UPSTREAM_BATCH_MAX 50   /* assets of one question for prices */

enum upstream_id {
#define UPSTREAM(name, title) UPSTREAM_##name,
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM
    UPSTREAM_COUNT
};

struct history_query {
    const char *name;    /* what the upstream calls the asset: [A-Za-z0-9._-]+; borrows */
    int64_t interval_ns; /* one the upstream has */
    int64_t from_ns,
        to_ns;      /* candles that open in [from, to): multiples of the interval, from < to */
    int64_t now_ns; /* candles that have not ended by now are left out */
};

struct history_page {
    size_t n, n_unfinished, n_outside; /* kept; not over yet; not asked for */
    int64_t next_ns; /* where to go on, query->to_ns when all has been asked for */
    struct candle candles[UPSTREAM_PAGE_MAX]; /* oldest first, each time once */
};

struct upstream_price {
    double price;  /* NaN: not in the answer */
    int64_t ts_ns; /* TIMESTAMP_NONE: it does not say */
};

struct upstream {
    const char *name, *title;
    /* Candles are single prices: open, high, low and close are the same and volume is 0, which here means unknown. They
     * never take the place of a real candle. */
    bool is_close_only;
    /* A range with more than a page is answered by its beginning, so one question can skip a gap. Else only ranges of a page
     * are asked for. */
    bool skips_gaps;
    size_t (*page_max)(int64_t interval_ns); /* 0: it has no such interval */
    void (*path)(const struct history_query *query, struct buf *out);
    enum al_err (*read)(const struct history_query *query,
                        struct json_node *answer,
                        struct history_page *page);
    /* The newest prices of several assets at once; prices_max 0: only candles. */
    size_t prices_max;
    void (*prices_path)(const char *const *names, size_t n, struct buf *out);
    enum al_err (*prices_read)(const char *const *names,
                               size_t n,
                               struct json_node *answer,
                               struct upstream_price *prices);
};

const struct upstream *upstream_at(enum upstream_id id);
bool upstream_by_name(struct slice name, enum upstream_id *id); /* whole, lower case */

/* The next page of the query: appended to the base URL, begins with "/". */
void upstream_path(const struct upstream *upstream,
                   const struct history_query *query,
                   struct buf *out);
/* What an answer (HTTP 2xx) holds.
 *
 *   returns  AL_OK; AL_EPARSE it is not what this upstream answers: err_text() names the place and what is wrong there;
 *            AL_EINVAL it refuses the question, with its own words; AL_EFULL it asks for fewer questions
 */
MUST_CHECK enum al_err upstream_read(const struct upstream *upstream,
                                     struct json_reader *reader,
                                     const struct history_query *query,
                                     struct slice body,
                                     struct history_page *page);

/* n in 1..prices_max, each name once. */
void upstream_prices_path(const struct upstream *upstream,
                          const char *const *names,
                          size_t n,
                          struct buf *out);
MUST_CHECK enum al_err upstream_prices_read(const struct upstream *upstream,
                                            struct json_reader *reader,
                                            const char *const *names,
                                            size_t n,
                                            struct slice body,
                                            struct upstream_price *prices);

#endif
