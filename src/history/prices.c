/* There are few assets, so an entry is found by walking. */
#include "alphaloop/history/prices.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "alphaloop/base/timestamp.h"

enum asking {
    RESTS,
    WAITS,     /* in the window */
    UNDER_WAY, /* taken */
};

struct entry {
    struct asset asset;
    enum asking asking;
    double price; /* NaN: nothing is known */
    int64_t ts_ns, got_ns, asked_ns;
    int64_t left_alone_until_ns;
};

struct prices {
    struct prices_rule rule;
    size_t n_entries, n_waiting;
    int64_t window_closes_ns; /* when n_waiting > 0 */
    struct prices_counts counts;
    struct entry entries[PRICES_ASSETS_MAX];
};

const char *price_state_name(enum price_state state)
{
    static const char *const names[] = {"fresh", "stale", "awaited", "failed"};
    return names[state];
}

enum al_err prices_create(const struct prices_rule *rule, struct prices **out)
{
    assert(rule->batch_max >= 1 && rule->batch_max <= PRICES_BATCH_MAX);
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return err_set(AL_ENOMEM, "prices");
    (*out)->rule = *rule;
    return AL_OK;
}

void prices_destroy(struct prices *prices)
{
    free(prices);
}

static const struct entry *find(const struct prices *prices, const struct asset *asset)
{
    for (size_t i = 0; i < prices->n_entries; i++) {
        if (asset_eq(&prices->entries[i].asset, asset))
            return &prices->entries[i];
    }
    return NULL;
}

/* The place of the entry that nobody asked for longest; none of those that wait or are under way. NULL: all do. */
static struct entry *quietest(struct prices *prices)
{
    struct entry *found = NULL;
    for (size_t i = 0; i < prices->n_entries; i++) {
        struct entry *entry = &prices->entries[i];
        if (entry->asking == RESTS && (found == NULL || entry->asked_ns < found->asked_ns))
            found = entry;
    }
    return found;
}

static struct entry *find_or_add(struct prices *prices, const struct asset *asset)
{
    struct entry *entry = (struct entry *)find(prices, asset);
    if (entry != NULL)
        return entry;
    entry = prices->n_entries < PRICES_ASSETS_MAX ? &prices->entries[prices->n_entries++]
                                                  : quietest(prices);
    if (entry != NULL)
        *entry = (struct entry){.asset = *asset, .price = NAN, .left_alone_until_ns = INT64_MIN};
    return entry;
}

static struct price state_of(const struct prices *prices, const struct entry *entry, int64_t now_ns)
{
    const struct prices_rule *rule = &prices->rule;
    struct price out = {PRICE_AWAITED, NAN, TIMESTAMP_NONE, TIMESTAMP_NONE};
    int64_t age_ns = now_ns - entry->got_ns;
    if (!isnan(entry->price) && age_ns < rule->fresh_ns + rule->stale_ns)
        return (struct price){age_ns < rule->fresh_ns ? PRICE_FRESH : PRICE_STALE, entry->price,
                              entry->ts_ns, entry->got_ns};
    if (entry->asking == RESTS && now_ns < entry->left_alone_until_ns)
        out.state = PRICE_FAILED;
    return out;
}

static void want(struct prices *prices, struct entry *entry, int64_t now_ns)
{
    if (entry->asking != RESTS || now_ns < entry->left_alone_until_ns)
        return;
    entry->asking = WAITS;
    if (prices->n_waiting++ == 0)
        prices->window_closes_ns = now_ns + prices->rule.window_ns;
    if (prices->n_waiting >= prices->rule.batch_max)
        prices->window_closes_ns = now_ns;
}

struct price prices_ask(struct prices *prices, const struct asset *asset, int64_t now_ns)
{
    struct entry *entry = find_or_add(prices, asset);
    struct price price = {PRICE_FAILED, NAN, TIMESTAMP_NONE, TIMESTAMP_NONE};
    if (entry != NULL) {
        entry->asked_ns = now_ns;
        price = state_of(prices, entry, now_ns);
        if (price.state != PRICE_FRESH)
            want(prices, entry, now_ns);
    }
    prices->counts.states[price.state]++;
    return price;
}

struct price prices_look(const struct prices *prices, const struct asset *asset, int64_t now_ns)
{
    const struct entry *entry = find(prices, asset);
    if (entry == NULL)
        return (struct price){PRICE_FAILED, NAN, TIMESTAMP_NONE, TIMESTAMP_NONE};
    return state_of(prices, entry, now_ns);
}

int64_t prices_due_ns(const struct prices *prices)
{
    return prices->n_waiting == 0 ? TIMESTAMP_NONE : prices->window_closes_ns;
}

size_t prices_take(struct prices *prices, int64_t now_ns, struct asset *out)
{
    size_t n = 0;
    if (prices->n_waiting == 0 || now_ns < prices->window_closes_ns)
        return 0;
    for (size_t i = 0; i < prices->n_entries && n < prices->rule.batch_max; i++) {
        struct entry *entry = &prices->entries[i];
        if (entry->asking != WAITS)
            continue;
        entry->asking = UNDER_WAY;
        out[n++] = entry->asset;
    }
    prices->n_waiting -= n;
    prices->counts.n_assets += n;
    prices->counts.n_calls++;
    return n;
}

void prices_put(
    struct prices *prices, const struct asset *asset, double price, int64_t ts_ns, int64_t now_ns)
{
    assert(isfinite(price) && price > 0);
    struct entry *entry = (struct entry *)find(prices, asset);
    if (entry == NULL)
        return;
    entry->asking = RESTS;
    entry->price = price;
    entry->ts_ns = ts_ns;
    entry->got_ns = now_ns;
    entry->left_alone_until_ns = INT64_MIN;
}

void prices_failed(struct prices *prices, const struct asset *asset, int64_t now_ns)
{
    struct entry *entry = (struct entry *)find(prices, asset);
    if (entry == NULL)
        return;
    entry->asking = RESTS;
    entry->left_alone_until_ns = now_ns + prices->rule.retry_ns;
}

const struct prices_counts *prices_counts(const struct prices *prices)
{
    return &prices->counts;
}
