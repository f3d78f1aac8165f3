/* Any sequence of market messages with any numbers in them: the state never gives out a price that is none, a crossed
 * quote, a candle that is none or one older than another, and the engine's vector is NaN or finite. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/feature/candle_merger.h"
#include "alphaloop/feature/feature_engine.h"
#include "fuzz/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Mostly near 100, sometimes anything. */
static double any_number(struct source *source)
{
    uint8_t kind = any_byte(source);
    double value;
    if (kind % 8 != 0)
        return 90 + kind % 20;
    take(source, &value, sizeof(value));
    return value;
}

static int64_t any_time(struct source *source, int64_t *clock_ns)
{
    uint8_t step = any_byte(source);
    int64_t wild;
    if (step == 255) {
        take(source, &wild, sizeof(wild));
        return wild / 2;
    }
    *clock_ns += (int64_t)step * step * 10 * NS_PER_MS;
    return step % 16 == 1 ? *clock_ns - NS_PER_MIN : *clock_ns;
}

static void any_body(struct source *source, int64_t *clock_ns, struct market_event *event)
{
    switch (event->kind) {
    case MARKET_TICKER:
        event->ticker =
            (struct ticker_update){any_number(source), any_number(source), any_number(source),
                                   any_number(source), any_number(source), any_number(source)};
        break;
    case MARKET_BOOK:
        event->book.is_delta = any_byte(source) % 2 == 0;
        event->book.n_bids = any_byte(source) % 8;
        event->book.n_asks = any_byte(source) % 8;
        for (size_t i = 0; i < 8; i++) {
            event->book.bids[i] = (struct book_level){any_number(source) - 10, any_number(source)};
            event->book.asks[i] = (struct book_level){any_number(source) + 10, any_number(source)};
        }
        break;
    case MARKET_KLINE:
        event->kline.n_earlier = 0;
        event->kline.confirmed = any_byte(source) % 2 == 0;
        event->kline.candle = (struct candle){any_time(source, clock_ns) / NS_PER_MIN * NS_PER_MIN,
                                              NS_PER_MIN,
                                              any_number(source),
                                              111,
                                              80,
                                              any_number(source),
                                              any_number(source)};
        break;
    default:
        event->trades.n_trades = any_byte(source) % 6;
        for (size_t i = 0; i < event->trades.n_trades; i++)
            event->trades.trades[i] =
                (struct trade){event->ts_event_ns + (int64_t)i, any_number(source),
                               any_number(source), (enum side)(any_byte(source) % 3)};
    }
}

static void check_update(const struct market_update *update, int64_t *newest_ns)
{
    assert(!update->has_quote || (update->quote.bid > 0 && update->quote.bid < update->quote.ask &&
                                  isfinite(update->quote.mid)));
    for (size_t i = 0; i < update->n_candles; i++) {
        assert(candle_is_valid(&update->candles[i]));
        if (update->candles[i].interval_ns != NS_PER_MIN)
            continue;
        assert(update->candles[i].ts_open_ns >= *newest_ns);
        *newest_ns = update->candles[i].ts_open_ns + NS_PER_MIN;
    }
    for (size_t i = 0; i < update->n_trades; i++)
        assert(update->trades[i].price > 0 && isfinite(update->trades[i].price) &&
               update->trades[i].qty > 0);
}

static void check_reading(struct market_state *state,
                          struct feature_engine *engine,
                          const struct feature_set *set,
                          int64_t now_ns)
{
    const struct market_limits limits = MARKET_LIMITS_DEFAULT;
    struct snapshot snapshot;
    struct market_moves moves;
    float x[FEATURES_MAX];
    if (market_state_snapshot(state, now_ns, &limits, &snapshot) == REASON_NONE)
        assert(snapshot.bid > 0 && snapshot.bid < snapshot.ask && snapshot.volume_24h >= 0 &&
               snapshot.volatility >= 0 && isfinite(snapshot.mid) &&
               isfinite(snapshot.volume_24h) && isfinite(snapshot.volatility));
    (void)market_state_moves(state, now_ns, &limits, &moves);
    assert(!isinf(moves.return_10s) && !isinf(moves.volume_ratio) &&
           !isinf(moves.volatility_ratio));
    (void)feature_engine_vector(engine, state, &limits, NULL, now_ns, x);
    for (size_t i = 0; i < set->n_columns; i++)
        assert(isnan(x[i]) || isfinite(x[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct feature_set set;
    static struct market_event event;
    static struct market_update update;
    struct source source = {bytes, n_bytes};
    struct asset asset = {"BTCUSDT"};
    struct market_state *state;
    struct feature_engine *engine;
    int64_t clock_ns = INT64_C(1700000000) * NS_PER_S, newest_ns = INT64_MIN;
    struct slice name = SLICE("full");
    if (set.n_columns == 0 && feature_set_resolve(&name, 1, 5 * NS_PER_MIN, &set) != AL_OK)
        return 1;
    if (market_state_create(&asset, &state) != AL_OK ||
        feature_engine_create(&set, &engine) != AL_OK ||
        market_state_add_timeframe(state, 5 * NS_PER_MIN) != AL_OK)
        return 1;
    while (source.n_left > 0) {
        event.kind = (enum market_kind)(any_byte(&source) % MARKET_KIND_COUNT);
        event.ts_event_ns = event.ts_recv_ns = any_time(&source, &clock_ns);
        any_body(&source, &clock_ns, &event);
        if (market_state_on_event(state, &event, clock_ns, &update)) {
            check_update(&update, &newest_ns);
            feature_engine_on_update(engine, &update);
        }
        if (any_byte(&source) % 8 == 0)
            check_reading(state, engine, &set, clock_ns);
    }
    feature_engine_destroy(engine);
    market_state_destroy(state);
    return 0;
}
