/* Rows to events. Candles wait until their interval is known (REPLAY_LOOK_AHEAD rows at most); everything else goes
 * straight through. The sum over 24 hours is a ring of 1440 minutes, so a file of any length needs the same memory.
 */
#include "alphaloop/market/replay.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "bar_i.h"

#define BPS           1e-4
#define QUIET_NS      (100 * NS_PER_MS) /* least distance between two books made up around trades */
#define MINUTES_A_DAY 1440

struct day_volume {
    double minutes[MINUTES_A_DAY];
    int64_t minute; /* the newest */
    double sum;
};

struct replay {
    struct replay_options options;
    int64_t interval_ns;
    size_t n_held;
    struct csv_row held[REPLAY_LOOK_AHEAD];
    struct day_volume day;
    struct bar candle; /* of trades and quotes */
    int64_t candle_open_ns;
    int64_t last_book_ns;
    bool has_quotes;           /* there was one: no book is made up any more */
    double last_price;         /* of the trades; 0: none yet, candles are of the mid */
    int64_t now_ns;            /* of the last event */
    struct market_event event; /* scratch */
    market_event_fn emit;      /* of the call under way */
    void *ctx;
};

enum al_err replay_create(const struct replay_options *options, struct replay **out)
{
    *out = NULL;
    if (options->asset.text[0] == '\0')
        return err_set(AL_EINVAL, "replay: no asset");
    if (options->interval_ns < 0)
        return err_set(AL_EINVAL, "replay: interval_ns %" PRId64 " is below 0",
                       options->interval_ns);
    if (!(options->half_spread_bps > 0 && options->half_spread_bps <= 1000))
        return err_set(AL_EINVAL, "replay: half_spread_bps %g is not in (0, 1000]",
                       options->half_spread_bps);
    struct replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL)
        return err_set(AL_ENOMEM, "replay");
    replay->options = *options;
    replay->interval_ns = options->interval_ns;
    replay->last_book_ns = replay->now_ns = replay->candle_open_ns = INT64_MIN;
    bar_init(&replay->candle);
    *out = replay;
    return AL_OK;
}

void replay_destroy(struct replay *replay)
{
    free(replay);
}

int64_t replay_interval_ns(const struct replay *replay)
{
    return replay->interval_ns;
}

/* ---- 24 hours of volume ---- */

static void day_add(struct day_volume *day, int64_t ts_ns, double volume)
{
    int64_t minute = ts_ns / NS_PER_MIN;
    if (minute - day->minute >= MINUTES_A_DAY) {
        *day = (struct day_volume){.minute = minute};
    } else {
        for (; day->minute < minute; day->minute++) {
            double *oldest = &day->minutes[(day->minute + 1) % MINUTES_A_DAY];
            day->sum -= *oldest;
            *oldest = 0;
        }
    }
    day->minutes[day->minute % MINUTES_A_DAY] += volume;
    day->sum = fmax(day->sum + volume, 0);
}

/* ---- events ---- */

static struct market_event *event_begin(struct replay *r, enum market_kind kind, int64_t ts_ns)
{
    r->now_ns = ts_ns > r->now_ns ? ts_ns : r->now_ns;
    r->event.kind = kind;
    r->event.asset = r->options.asset;
    r->event.ts_event_ns = r->event.ts_recv_ns = r->now_ns;
    r->event.trace_id.text[0] = '\0';
    return &r->event;
}

static void emit_trade(struct replay *r, int64_t ts_ns, const struct trade *trade)
{
    struct market_event *event = event_begin(r, MARKET_TRADES, ts_ns);
    event->trades.n_trades = 1;
    event->trades.n_dropped = 0;
    event->trades.trades[0] = *trade;
    event->trades.trades[0].ts_event_ns = event->ts_event_ns;
    r->emit(r->ctx, event);
}

static void emit_book_and_ticker(struct replay *r,
                                 int64_t ts_ns,
                                 double last,
                                 const struct quote *quote)
{
    struct market_event *event = event_begin(r, MARKET_BOOK, ts_ns);
    event->book.is_delta = false;
    event->book.n_bids = event->book.n_asks = 1;
    event->book.bids[0] = (struct book_level){quote->bid, quote->bid_qty};
    event->book.asks[0] = (struct book_level){quote->ask, quote->ask_qty};
    r->emit(r->ctx, event);
    event = event_begin(r, MARKET_TICKER, ts_ns);
    event->ticker = (struct ticker_update){.last_price = last,
                                           .volume_24h = r->day.sum,
                                           .bid_price = quote->bid,
                                           .ask_price = quote->ask,
                                           .bid_qty = quote->bid_qty,
                                           .ask_qty = quote->ask_qty};
    r->emit(r->ctx, event);
    r->last_book_ns = ts_ns;
}

static void emit_around(struct replay *r, int64_t ts_ns, double price, double qty)
{
    double half = price * r->options.half_spread_bps * BPS;
    emit_book_and_ticker(r, ts_ns, price, &(struct quote){price - half, price + half, qty, qty});
}

static void emit_candle(struct replay *r, int64_t ts_ns, const struct candle *candle)
{
    struct market_event *event = event_begin(r, MARKET_KLINE, ts_ns);
    event->kline.candle = *candle;
    event->kline.n_earlier = 0;
    event->kline.confirmed = true;
    r->emit(r->ctx, event);
}

/* ---- candles ---- */

static void walk_candle(struct replay *r, const struct csv_row *row)
{
    const struct candle *c = &row->candle;
    int64_t d = r->interval_ns,
            at[] = {row->ts_ns, row->ts_ns + d / 4, row->ts_ns + d / 2, row->ts_ns + d - NS_PER_MS};
    bool low_first = c->open - c->low <= c->high - c->open;
    double price[] = {c->open, low_first ? c->low : c->high, low_first ? c->high : c->low,
                      c->close};
    double qty = c->volume / 4;
    for (size_t i = 0; i < COUNT_OF(price); i++) {
        bool is_up = i > 0 ? price[i] >= price[i - 1] : low_first;
        day_add(&r->day, at[i], qty);
        if (qty > 0)
            emit_trade(r, at[i],
                       &(struct trade){at[i], price[i], qty, is_up ? SIDE_BUY : SIDE_SELL});
        emit_around(r, at[i], price[i], fmax(qty, 1));
    }
    struct candle whole = *c;
    whole.interval_ns = d;
    emit_candle(r, row->ts_ns + d, &whole);
}

static int64_t smallest_distance(const struct replay *r)
{
    int64_t smallest = INT64_MAX;
    for (size_t i = 1; i < r->n_held; i++) {
        int64_t distance = r->held[i].ts_ns - r->held[i - 1].ts_ns;
        if (distance > 0 && distance < smallest)
            smallest = distance;
    }
    return smallest == INT64_MAX ? NS_PER_MIN : smallest;
}

static void release_held(struct replay *r)
{
    if (r->n_held == 0)
        return;
    r->interval_ns = smallest_distance(r);
    for (size_t i = 0; i < r->n_held; i++)
        walk_candle(r, &r->held[i]);
    r->n_held = 0;
}

static void take_candle(struct replay *r, const struct csv_row *row)
{
    if (r->interval_ns > 0) {
        walk_candle(r, row);
        return;
    }
    r->held[r->n_held++] = *row;
    if (r->n_held == REPLAY_LOOK_AHEAD)
        release_held(r);
}

/* ---- trades and quotes ---- */

/* Close the minute that is over, then add. Minutes without any price have no candle, as on a real feed. */
static void candle_add(struct replay *r, int64_t ts_ns, double price, double qty)
{
    int64_t open_ns = ts_ns - ts_ns % NS_PER_MIN;
    if (r->candle_open_ns != open_ns && !bar_is_empty(&r->candle)) {
        struct candle done;
        bar_take(&r->candle, r->candle_open_ns, NS_PER_MIN, &done);
        emit_candle(r, r->candle_open_ns + NS_PER_MIN, &done);
    }
    r->candle_open_ns = open_ns;
    bar_add(&r->candle, price, qty);
}

static void take_trade(struct replay *r, const struct csv_row *row)
{
    candle_add(r, row->ts_ns, row->trade.price, row->trade.qty);
    day_add(&r->day, row->ts_ns, row->trade.qty);
    emit_trade(r, row->ts_ns, &row->trade);
    r->last_price = row->trade.price;
    if (r->has_quotes)
        return;
    if (r->last_book_ns == INT64_MIN || row->ts_ns - r->last_book_ns >= QUIET_NS)
        emit_around(r, row->ts_ns, row->trade.price, row->trade.qty);
}

static void take_quote(struct replay *r, const struct csv_row *row)
{
    double mid = (row->quote.bid + row->quote.ask) / 2;
    bool has_trades = r->last_price > 0;
    r->has_quotes = true;
    if (!has_trades)
        candle_add(r, row->ts_ns, mid, 0);
    emit_book_and_ticker(r, row->ts_ns, has_trades ? r->last_price : mid, &row->quote);
}

void replay_row(struct replay *replay, const struct csv_row *row, market_event_fn emit, void *ctx)
{
    replay->emit = emit;
    replay->ctx = ctx;
    if (row->kind == CSV_CANDLES)
        take_candle(replay, row);
    else if (row->kind == CSV_TRADES)
        take_trade(replay, row);
    else if (row->kind == CSV_QUOTES)
        take_quote(replay, row);
}

void replay_end(struct replay *replay, market_event_fn emit, void *ctx)
{
    replay->emit = emit;
    replay->ctx = ctx;
    release_held(replay);
}
