/* The newest prices of assets, as an upstream tells them: kept for a while, asked for together. Pure: it says what to ask and
 * when; somebody else asks.
 *
 *   age of what is known        who asks gets it    and
 *   < fresh_ns                  at once             nothing
 *   < fresh_ns + stale_ns       at once             it is asked for again (stale-while-revalidate, RFC 5861)
 *   older, or nothing known     when it has come    it is asked for
 *
 * What is to be asked for waits window_ns for others to join it, so that several assets become one call; a window that is
 * full closes at once. An asset under way is not asked for twice; one whose call failed is left alone for retry_ns.
 */
#ifndef ALPHALOOP_HISTORY_PRICES_H
#define ALPHALOOP_HISTORY_PRICES_H

#include "alphaloop/domain/names.h"

#define PRICES_ASSETS_MAX 256 /* the one not asked for longest makes room */
#define PRICES_BATCH_MAX  50  /* assets of one call */

struct prices_rule {
    int64_t fresh_ns, stale_ns, window_ns, retry_ns;
    size_t batch_max; /* 1..PRICES_BATCH_MAX */
};

enum price_state {
    PRICE_FRESH,
    PRICE_STALE,   /* told, and on its way again (or left alone after a failure) */
    PRICE_AWAITED, /* on its way: nothing to tell yet */
    PRICE_FAILED,  /* nothing to tell: the last call failed, and it is left alone for now */
    PRICE_STATES
};
const char *price_state_name(enum price_state state); /* "fresh" ... */

struct price {
    enum price_state state;
    double price;   /* NaN unless fresh or stale */
    int64_t ts_ns;  /* what it says of itself; TIMESTAMP_NONE */
    int64_t got_ns; /* when it came */
};

struct prices_counts {
    uint64_t states[PRICE_STATES]; /* answers of prices_ask() */
    uint64_t n_assets, n_calls;    /* asked of the upstream: assets, and calls they went in */
};

struct prices;

/* gives *out. AL_ENOMEM. */
MUST_CHECK enum al_err prices_create(const struct prices_rule *rule, struct prices **out);
void prices_destroy(struct prices *prices);

/* What is known of an asset now; asks for what is missing. */
struct price prices_ask(struct prices *prices, const struct asset *asset, int64_t now_ns);
/* The same, without asking for anything or counting: for who waits. */
struct price prices_look(const struct prices *prices, const struct asset *asset, int64_t now_ns);

/* When prices_take() will have something; TIMESTAMP_NONE: nothing is to be asked for. */
int64_t prices_due_ns(const struct prices *prices);
/* The assets of the next call, 0 when none is due: out [PRICES_BATCH_MAX]. Each is under way until put or failed. */
size_t prices_take(struct prices *prices, int64_t now_ns, struct asset *out);
/* price > 0 and finite. */
void prices_put(
    struct prices *prices, const struct asset *asset, double price, int64_t ts_ns, int64_t now_ns);
void prices_failed(struct prices *prices, const struct asset *asset, int64_t now_ns);

const struct prices_counts *prices_counts(const struct prices *prices);

#endif
