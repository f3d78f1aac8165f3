/* Two spans are in work at most: the current one, and the one before it while it waits for a better source to close it.
 *
 * A span is emitted in order and once. The waiting rule decides only when: the best source that is alive (heard of within
 * two spans) closes the span by going past its end; CANDLE_GRACE_NS later anything does. */
#include "alphaloop/feature/candle_builder.h"

#include <assert.h>
#include <math.h>

#define PRICE_MIN  1e-15 /* bounds that keep every sum and square of indicators finite */
#define PRICE_MAX  1e15
#define VOLUME_MAX 1e18

bool candle_is_valid(const struct candle *candle)
{
    bool prices = candle->low >= PRICE_MIN && candle->high <= PRICE_MAX && candle->low <= candle->open &&
                  candle->open <= candle->high && candle->low <= candle->close && candle->close <= candle->high;
    bool volume = isnan(candle->volume) || (candle->volume >= 0 && candle->volume <= VOLUME_MAX);
    return prices && volume;
}

void candle_builder_init(struct candle_builder *builder, int64_t interval_ns)
{
    assert(interval_ns > 0);
    *builder = (struct candle_builder){.interval_ns = interval_ns, .finished_ns = TIMESTAMP_NONE};
    for (size_t i = 0; i < CANDLE_SOURCE_COUNT; i++)
        builder->seen_ns[i] = TIMESTAMP_NONE;
}

static int64_t modulo(int64_t value, int64_t divisor)
{
    int64_t rest = value % divisor;
    return rest < 0 ? rest + divisor : rest;
}

static int64_t span_of(const struct candle_builder *builder, int64_t ts_ns)
{
    return ts_ns - modulo(ts_ns - builder->phase_ns, builder->interval_ns);
}

static void slot_emit(struct candle_builder *builder, struct candle_slot *slot, struct candles_out *out)
{
    if (!slot->is_open)
        return;
    slot->is_open = false;
    for (size_t i = 0; i < CANDLE_SOURCE_COUNT; i++) {
        if (!slot->has[i])
            continue;
        assert(out->n_candles < CANDLES_PER_CALL_MAX);
        out->candles[out->n_candles++] = slot->candle[i];
        builder->finished_ns = slot->ts_open_ns + builder->interval_ns;
        return;
    }
}

/* Klines that begin elsewhere move all spans; what was being built on the old ones cannot be finished honestly. */
static void shift_phase(struct candle_builder *builder, int64_t ts_open_ns)
{
    int64_t phase_ns = modulo(ts_open_ns, builder->interval_ns);
    if (phase_ns == builder->phase_ns)
        return;
    builder->phase_ns = phase_ns;
    builder->previous.is_open = builder->current.is_open = false;
}

/* The slot of the span at ts_open_ns, opened if need be; NULL when that span is over. */
static struct candle_slot *slot_for(struct candle_builder *builder, int64_t ts_open_ns, struct candles_out *out)
{
    struct candle_slot *previous = &builder->previous, *current = &builder->current;
    if (builder->finished_ns != TIMESTAMP_NONE && ts_open_ns < builder->finished_ns)
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
        slot_emit(builder, previous, out);
        *previous = *current;
    }
    *current = (struct candle_slot){.is_open = true, .ts_open_ns = ts_open_ns};
    return current;
}

static bool is_alive(const struct candle_builder *builder, enum candle_source source, int64_t ts_open_ns)
{
    int64_t seen_ns = builder->seen_ns[source];
    return seen_ns != TIMESTAMP_NONE && seen_ns >= ts_open_ns - 2 * builder->interval_ns;
}

static bool is_over(const struct candle_builder *builder, const struct candle_slot *slot)
{
    int64_t end_ns = slot->ts_open_ns + builder->interval_ns;
    bool    best_found = false;
    for (size_t i = 0; i < CANDLE_SOURCE_COUNT; i++) {
        int64_t seen_ns = builder->seen_ns[i];
        if (seen_ns != TIMESTAMP_NONE && seen_ns >= end_ns + CANDLE_GRACE_NS)
            return true;
        if (best_found || !is_alive(builder, (enum candle_source)i, slot->ts_open_ns))
            continue;
        best_found = true;
        if (seen_ns >= end_ns)
            return true;
    }
    return false;
}

static void emit_what_is_over(struct candle_builder *builder, struct candles_out *out)
{
    if (builder->previous.is_open && is_over(builder, &builder->previous))
        slot_emit(builder, &builder->previous, out);
}

/* The previous span goes first when the current one is known to be complete. */
static void emit_through(struct candle_builder *builder, struct candle_slot *slot, struct candles_out *out)
{
    if (slot == &builder->current)
        slot_emit(builder, &builder->previous, out);
    slot_emit(builder, slot, out);
}

static void note_seen(struct candle_builder *builder, enum candle_source source, int64_t ts_ns)
{
    if (builder->seen_ns[source] == TIMESTAMP_NONE || ts_ns > builder->seen_ns[source])
        builder->seen_ns[source] = ts_ns;
}

bool candle_builder_on_kline(struct candle_builder *builder, const struct candle *kline, bool confirmed,
                             struct candles_out *out)
{
    out->n_candles = 0;
    if (kline->interval_ns != builder->interval_ns || !candle_is_valid(kline))
        return false;
    shift_phase(builder, kline->ts_open_ns);
    note_seen(builder, CANDLE_FROM_KLINE, kline->ts_open_ns);
    struct candle_slot *slot = slot_for(builder, kline->ts_open_ns, out);
    if (slot != NULL) {
        slot->has[CANDLE_FROM_KLINE] = true;
        slot->candle[CANDLE_FROM_KLINE] = *kline;
        if (confirmed)
            emit_through(builder, slot, out);
    }
    emit_what_is_over(builder, out);
    return slot != NULL;
}

static void slot_merge(struct candle_slot *slot, enum candle_source source, int64_t interval_ns, double price, double volume)
{
    struct candle *candle = &slot->candle[source];
    if (!slot->has[source]) {
        *candle = (struct candle){slot->ts_open_ns, interval_ns, price, price, price, price, volume};
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

static bool on_point(struct candle_builder *builder, enum candle_source source, int64_t ts_ns, double price,
                     double volume, struct candles_out *out)
{
    out->n_candles = 0;
    if (!(price >= PRICE_MIN && price <= PRICE_MAX))
        return false;
    bool late_in_source = builder->seen_ns[source] != TIMESTAMP_NONE && ts_ns < builder->seen_ns[source];
    if (late_in_source)
        return false;
    note_seen(builder, source, ts_ns);
    struct candle_slot *slot = slot_for(builder, span_of(builder, ts_ns), out);
    if (slot != NULL)
        slot_merge(slot, source, builder->interval_ns, price, volume);
    emit_what_is_over(builder, out);
    return slot != NULL;
}

bool candle_builder_on_trade(struct candle_builder *builder, int64_t ts_ns, double price, double qty,
                             struct candles_out *out)
{
    out->n_candles = 0;
    if (!(qty >= 0 && qty <= VOLUME_MAX))
        return false;
    return on_point(builder, CANDLE_FROM_TRADES, ts_ns, price, qty, out);
}

bool candle_builder_on_price(struct candle_builder *builder, int64_t ts_ns, double price, struct candles_out *out)
{
    out->n_candles = 0;
    return on_point(builder, CANDLE_FROM_PRICES, ts_ns, price, NAN, out);
}
