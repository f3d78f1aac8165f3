/* Two spans are in work at most: the current one, and the one before it while it waits for a better source to close it.
 *
 * A span is emitted in order and once. The waiting rule decides only when: the best source that is alive (heard of within
 * two spans) closes the span by going past its end; CANDLE_GRACE_NS later anything does. */
#include "alphaloop/feature/candle_merger.h"

#include <assert.h>
#include <math.h>

#define PRICE_MIN  1e-15 /* bounds that keep every sum and square of indicators finite */
#define PRICE_MAX  1e15
#define VOLUME_MAX 1e18

bool candle_is_valid(const struct candle *candle)
{
    bool prices = candle->low >= PRICE_MIN && candle->high <= PRICE_MAX &&
                  candle->low <= candle->open && candle->open <= candle->high &&
                  candle->low <= candle->close && candle->close <= candle->high;
    bool volume = isnan(candle->volume) || (candle->volume >= 0 && candle->volume <= VOLUME_MAX);
    return prices && volume;
}

void candle_merger_init(struct candle_merger *merger, int64_t interval_ns)
{
    assert(interval_ns > 0);
    *merger = (struct candle_merger){.interval_ns = interval_ns, .finished_ns = TIMESTAMP_NONE};
    for (size_t i = 0; i < CANDLE_SOURCE_COUNT; i++)
        merger->seen_ns[i] = TIMESTAMP_NONE;
}

static int64_t modulo(int64_t value, int64_t divisor)
{
    int64_t rest = value % divisor;
    return rest < 0 ? rest + divisor : rest;
}

static int64_t span_of(const struct candle_merger *merger, int64_t ts_ns)
{
    return ts_ns - modulo(ts_ns - merger->phase_ns, merger->interval_ns);
}

static void slot_emit(struct candle_merger *merger,
                      struct candle_slot *slot,
                      struct candles_out *out)
{
    if (!slot->is_open)
        return;
    slot->is_open = false;
    for (size_t i = 0; i < CANDLE_SOURCE_COUNT; i++) {
        if (!slot->has[i])
            continue;
        assert(out->n_candles < CANDLES_PER_CALL_MAX);
        out->candles[out->n_candles++] = slot->candle[i];
        merger->finished_ns = slot->ts_open_ns + merger->interval_ns;
        return;
    }
}

/* Klines that begin elsewhere move all spans; what was being built on the old ones cannot be finished honestly. */
static void shift_phase(struct candle_merger *merger, int64_t ts_open_ns)
{
    int64_t phase_ns = modulo(ts_open_ns, merger->interval_ns);
    if (phase_ns == merger->phase_ns)
        return;
    merger->phase_ns = phase_ns;
    merger->previous.is_open = merger->current.is_open = false;
}

/* The slot of the span at ts_open_ns, opened if need be; NULL when that span is over. */
static struct candle_slot *slot_for(struct candle_merger *merger,
                                    int64_t ts_open_ns,
                                    struct candles_out *out)
{
    struct candle_slot *previous = &merger->previous, *current = &merger->current;
    if (merger->finished_ns != TIMESTAMP_NONE && ts_open_ns < merger->finished_ns)
        return NULL;
    if (current->is_open && current->ts_open_ns == ts_open_ns)
        return current;
    if (previous->is_open && previous->ts_open_ns == ts_open_ns)
        return previous;
    if (current->is_open && ts_open_ns < current->ts_open_ns) {
        if (previous->is_open)
            return NULL;
        *previous = (struct candle_slot){.is_open = true, .ts_open_ns = ts_open_ns};
        return previous;
    }
    if (current->is_open) {
        slot_emit(merger, previous, out);
        *previous = *current;
    }
    *current = (struct candle_slot){.is_open = true, .ts_open_ns = ts_open_ns};
    return current;
}

static bool is_alive(const struct candle_merger *merger,
                     enum candle_source source,
                     int64_t ts_open_ns)
{
    int64_t seen_ns = merger->seen_ns[source];
    return seen_ns != TIMESTAMP_NONE && seen_ns >= ts_open_ns - 2 * merger->interval_ns;
}

static bool is_over(const struct candle_merger *merger, const struct candle_slot *slot)
{
    int64_t end_ns = slot->ts_open_ns + merger->interval_ns;
    bool best_found = false;
    for (size_t i = 0; i < CANDLE_SOURCE_COUNT; i++) {
        int64_t seen_ns = merger->seen_ns[i];
        if (seen_ns != TIMESTAMP_NONE && seen_ns >= end_ns + CANDLE_GRACE_NS)
            return true;
        if (best_found || !is_alive(merger, (enum candle_source)i, slot->ts_open_ns))
            continue;
        best_found = true;
        if (seen_ns >= end_ns)
            return true;
    }
    return false;
}

static void emit_what_is_over(struct candle_merger *merger, struct candles_out *out)
{
    if (merger->previous.is_open && is_over(merger, &merger->previous))
        slot_emit(merger, &merger->previous, out);
}

/* The previous span goes first when the current one is known to be complete. */
static void emit_through(struct candle_merger *merger,
                         struct candle_slot *slot,
                         struct candles_out *out)
{
    if (slot == &merger->current)
        slot_emit(merger, &merger->previous, out);
    slot_emit(merger, slot, out);
}

static void note_seen(struct candle_merger *merger, enum candle_source source, int64_t ts_ns)
{
    if (merger->seen_ns[source] == TIMESTAMP_NONE || ts_ns > merger->seen_ns[source])
        merger->seen_ns[source] = ts_ns;
}

bool candle_merger_on_kline(struct candle_merger *merger,
                            const struct candle *kline,
                            bool confirmed,
                            struct candles_out *out)
{
    out->n_candles = 0;
    if (kline->interval_ns != merger->interval_ns || !candle_is_valid(kline))
        return false;
    shift_phase(merger, kline->ts_open_ns);
    note_seen(merger, CANDLE_FROM_KLINE, kline->ts_open_ns);
    struct candle_slot *slot = slot_for(merger, kline->ts_open_ns, out);
    if (slot != NULL) {
        slot->has[CANDLE_FROM_KLINE] = true;
        slot->candle[CANDLE_FROM_KLINE] = *kline;
        if (confirmed)
            emit_through(merger, slot, out);
    }
    emit_what_is_over(merger, out);
    return slot != NULL;
}

static void slot_merge(struct candle_slot *slot,
                       enum candle_source source,
                       int64_t interval_ns,
                       double price,
                       double volume)
{
    struct candle *candle = &slot->candle[source];
    if (!slot->has[source]) {
        *candle =
            (struct candle){slot->ts_open_ns, interval_ns, price, price, price, price, volume};
        slot->has[source] = true;
        return;
    }
    candle->high = fmax(candle->high, price);
    candle->low = fmin(candle->low, price);
    candle->close = price;
    candle->volume += volume;
    if (candle->volume > VOLUME_MAX)
        candle->volume = VOLUME_MAX;
}

static bool on_point(struct candle_merger *merger,
                     enum candle_source source,
                     int64_t ts_ns,
                     double price,
                     double volume,
                     struct candles_out *out)
{
    out->n_candles = 0;
    if (!(price >= PRICE_MIN && price <= PRICE_MAX))
        return false;
    bool late_in_source =
        merger->seen_ns[source] != TIMESTAMP_NONE && ts_ns < merger->seen_ns[source];
    if (late_in_source)
        return false;
    note_seen(merger, source, ts_ns);
    struct candle_slot *slot = slot_for(merger, span_of(merger, ts_ns), out);
    if (slot != NULL)
        slot_merge(slot, source, merger->interval_ns, price, volume);
    emit_what_is_over(merger, out);
    return slot != NULL;
}

bool candle_merger_on_trade(
    struct candle_merger *merger, int64_t ts_ns, double price, double qty, struct candles_out *out)
{
    out->n_candles = 0;
    if (!(qty >= 0 && qty <= VOLUME_MAX))
        return false;
    return on_point(merger, CANDLE_FROM_TRADES, ts_ns, price, qty, out);
}

bool candle_merger_on_price(struct candle_merger *merger,
                            int64_t ts_ns,
                            double price,
                            struct candles_out *out)
{
    out->n_candles = 0;
    return on_point(merger, CANDLE_FROM_PRICES, ts_ns, price, NAN, out);
}
