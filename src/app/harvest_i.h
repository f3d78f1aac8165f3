/* One range of one asset's candles from an upstream, page by page. Whoever asked stores a page and then asks for the next, so
 * what is stored never runs behind. */
#ifndef ALPHALOOP_APP_HARVEST_I_H
#define ALPHALOOP_APP_HARVEST_I_H

#include "alphaloop/io/pg.h"

#include "upstreams_i.h"

struct harvest;

struct harvest_request {
    struct fetch *fetch;
    const struct settings *settings;
    enum upstream_id upstream;
    const char *name;    /* what the upstream calls the asset */
    int64_t interval_ns; /* one it has */
    int64_t from_ns,
        to_ns; /* candles that open in [from, to), multiples of the interval, from < to */
    /* A page is there: harvest_next() when it has been stored, harvest_stop() when it cannot be. */
    void (*on_page)(void *ctx, const struct history_page *page);
    /* The end; also from inside harvest_next. AL_OK: all was asked for; otherwise err_text() says why. The harvest is gone. */
    void (*on_end)(void *ctx, enum al_err err);
    void *ctx;
};

MUST_CHECK enum al_err harvest_start(const struct harvest_request *request, struct harvest **out);
void harvest_next(struct harvest *harvest);
void harvest_stop(struct harvest *harvest); /* without on_end; NULL is fine */

/* A statement that stores a page. Candles made of single prices never take the place of an exchange's own. */
void harvest_put(struct pg_batch *batch,
                 enum upstream_id upstream,
                 const struct asset *asset,
                 const struct history_page *page);

/* What to ask for to know the candles of [from, to) that are over by now: multiples of the interval. False: nothing. */
bool harvest_range(int64_t interval_ns, int64_t now_ns, int64_t *from_ns, int64_t *to_ns);

#endif
