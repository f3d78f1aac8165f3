/* Taking market messages in. Each kind of message is checked, merged and turned into what it means for the rest: a new
 * quote, accepted trades, finished candles. Nothing here looks at a limit or at now, except to refuse the future. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "market_state_i.h"

#define PRICE_MIN 1e-15
#define PRICE_MAX 1e15
#define QTY_MAX   1e18

static bool price_is_valid(double price)
{
    return price >= PRICE_MIN && price <= PRICE_MAX;
}

static bool qty_is_valid(double qty)
{
    return qty >= 0 && qty <= QTY_MAX;
}

static void timeframe_init(struct timeframe *timeframe, int64_t interval_ns)
{
    *timeframe = (struct timeframe){.volatility = volatility_of(LAMBDA_SIGMA),
                                    .kline_ts_ns = TIMESTAMP_NONE};
    candle_merger_init(&timeframe->merger, interval_ns);
}

static void state_init(struct market_state *state, const struct asset *asset, struct block *block)
{
    state->asset = *asset;
    for (size_t i = 0; i < MARKET_KIND_COUNT; i++)
        state->seen_ns[i] = TIMESTAMP_NONE;
    state->ticker = (struct ticker_update){NAN, NAN, NAN, NAN, NAN, NAN};
    order_book_init(&state->book);
    state->last_price = NAN;
    state->last_price_ns = state->quote_ns = TIMESTAMP_NONE;
    state->n_timeframes = 1;
    timeframe_init(&state->timeframes[0], NS_PER_MIN);
    state->fast = volatility_of(LAMBDA_FAST);
    state->volumes = window_take(block, VOLUME_BEFORE + 1);
    state->marks = price_marks_take(block, NS_PER_S, MOVES_MARKS);
    state->log_mid = time_mean_of(MOVES_MEAN_S);
}

enum al_err market_state_create(const struct asset *asset, struct market_state **out)
{
    struct block measured = {0};
    window_take(&measured, VOLUME_BEFORE + 1);
    price_marks_take(&measured, NS_PER_S, MOVES_MARKS);
    struct market_state *state = calloc(1, sizeof(*state) + measured.used);
    if (state == NULL)
        return err_set(AL_ENOMEM, "market state of %s", asset->text);
    state_init(state, asset, &(struct block){.memory = (char *)state->memory});
    *out = state;
    return AL_OK;
}

void market_state_destroy(struct market_state *state)
{
    free(state);
}

enum al_err market_state_add_timeframe(struct market_state *state, int64_t interval_ns)
{
    if (interval_ns < NS_PER_S || interval_ns > 7 * NS_PER_DAY || interval_ns % NS_PER_S != 0)
        return err_set(AL_EINVAL, "timeframe must be 1 to 604800 whole seconds");
    for (size_t i = 0; i < state->n_timeframes; i++) {
        if (state->timeframes[i].merger.interval_ns == interval_ns)
            return AL_OK;
    }
    if (state->has_begun)
        return err_set(AL_ESTATE, "market of %s has begun: timeframes come before the first event",
                       state->asset.text);
    if (state->n_timeframes == MARKET_TIMEFRAMES_MAX)
        return err_set(AL_EFULL, "more than %d timeframes", MARKET_TIMEFRAMES_MAX);
    timeframe_init(&state->timeframes[state->n_timeframes++], interval_ns);
    return AL_OK;
}

/* A running sum picks up rounding, so it is computed afresh once a turn of the ring. */
static void day_volume_push(struct day_volume *day, int64_t end_ns, double volume)
{
    while (day->count > 0 && (day->count == VOLUME_MINUTES ||
                              day->minutes[day->first].end_ns <= end_ns - NS_PER_DAY)) {
        day->sum -= day->minutes[day->first].volume;
        day->first = (day->first + 1) % VOLUME_MINUTES;
        day->count--;
    }
    day->minutes[(day->first + day->count++) % VOLUME_MINUTES] =
        (struct minute_volume){end_ns, volume};
    day->sum += volume;
    if (++day->n_pushed % VOLUME_MINUTES != 0)
        return;
    day->sum = 0;
    for (size_t i = 0; i < day->count; i++)
        day->sum += day->minutes[(day->first + i) % VOLUME_MINUTES].volume;
}

static void on_minute(struct market_state *state, const struct candle *candle)
{
    volatility_push(&state->fast, candle);
    young_volatility_on_minute(&state->young, candle);
    window_push(state->volumes, candle->volume);
    if (!isnan(candle->volume))
        day_volume_push(&state->day, candle->ts_open_ns + candle->interval_ns, candle->volume);
}

static void give_candles(struct market_state *state,
                         struct timeframe *timeframe,
                         const struct candles_out *finished,
                         struct market_update *update)
{
    for (size_t i = 0; i < finished->n_candles; i++) {
        const struct candle *candle = &finished->candles[i];
        volatility_push(&timeframe->volatility, candle);
        if (timeframe == &state->timeframes[0])
            on_minute(state, candle);
        assert(update->n_candles < MARKET_CANDLES_PER_UPDATE);
        update->candles[update->n_candles++] = *candle;
    }
}

static bool has_room(const struct market_state *state, const struct market_update *update)
{
    return update->n_candles + state->n_timeframes * CANDLES_PER_CALL_MAX <=
           MARKET_CANDLES_PER_UPDATE;
}

static void price_to_candles(struct market_state *state,
                             int64_t ts_ns,
                             double price,
                             struct market_update *update)
{
    struct candles_out finished;
    for (size_t i = 0; i < state->n_timeframes; i++) {
        candle_merger_on_price(&state->timeframes[i].merger, ts_ns, price, &finished);
        give_candles(state, &state->timeframes[i], &finished, update);
    }
}

static void trade_to_candles(struct market_state *state,
                             const struct trade *trade,
                             struct market_update *update)
{
    struct candles_out finished;
    for (size_t i = 0; i < state->n_timeframes; i++) {
        candle_merger_on_trade(&state->timeframes[i].merger, trade->ts_event_ns, trade->price,
                               trade->qty, &finished);
        give_candles(state, &state->timeframes[i], &finished, update);
    }
}

static void note_last_price(struct market_state *state, int64_t ts_ns, double price)
{
    if (state->last_price_ns != TIMESTAMP_NONE && ts_ns < state->last_price_ns)
        return;
    state->last_price_ns = ts_ns;
    state->last_price = price;
}

bool state_ticker_quote(const struct market_state *state, struct market_quote *quote)
{
    const struct ticker_update *ticker = &state->ticker;
    if (isnan(ticker->bid_price) || isnan(ticker->ask_price))
        return false;
    *quote = (struct market_quote){state->seen_ns[MARKET_TICKER],
                                   ticker->bid_price,
                                   ticker->ask_price,
                                   (ticker->bid_price + ticker->ask_price) / 2,
                                   ticker->bid_qty,
                                   ticker->ask_qty};
    return true;
}

bool state_book_quote(const struct market_state *state, struct market_quote *quote)
{
    const struct order_book *book = &state->book;
    if (!book->has_snapshot || book->n_bids == 0 || book->n_asks == 0)
        return false;
    *quote = (struct market_quote){
        state->seen_ns[MARKET_BOOK], book->bids[0].price,
        book->asks[0].price,         (book->bids[0].price + book->asks[0].price) / 2,
        book->bids[0].qty,           book->asks[0].qty};
    return true;
}

bool state_best_quote(const struct market_state *state,
                      int64_t ticker_since_ns,
                      int64_t book_since_ns,
                      struct market_quote *quote)
{
    struct market_quote ticker, book;
    bool ticker_ok = state_ticker_quote(state, &ticker) && ticker.ts_event_ns >= ticker_since_ns &&
                     ticker.bid < ticker.ask;
    bool book_ok =
        state_book_quote(state, &book) && book.ts_event_ns >= book_since_ns && book.bid < book.ask;
    if (!ticker_ok && !book_ok)
        return false;
    *quote = !ticker_ok || (book_ok && book.ts_event_ns >= ticker.ts_event_ns) ? book : ticker;
    return true;
}

/* The quote that this message made or confirmed, if it is one and the newest. */
static void give_quote(struct market_state *state, int64_t ts_ns, struct market_update *update)
{
    struct market_quote quote;
    if (!state_best_quote(state, INT64_MIN, INT64_MIN, &quote) || quote.ts_event_ns != ts_ns)
        return;
    if (state->quote_ns != TIMESTAMP_NONE && ts_ns < state->quote_ns)
        return;
    state->quote_ns = ts_ns;
    update->has_quote = true;
    update->quote = quote;
    price_marks_set(state->marks, ts_ns, quote.mid);
    time_mean_set(&state->log_mid, ts_ns, log(quote.mid));
    young_volatility_on_mid(&state->young, ts_ns, log(quote.mid));
    price_to_candles(state, ts_ns, quote.mid, update);
}

/* A field that is there replaces the old value; a price that is none leaves the field unknown, because the old one is no
 * longer true. */
static void merge_field(double *field, double value, bool is_valid, uint64_t *n_refused)
{
    if (isnan(value))
        return;
    *field = is_valid ? value : NAN;
    if (!is_valid)
        ++*n_refused;
}

static bool on_ticker(struct market_state *state,
                      const struct market_event *event,
                      struct market_update *update)
{
    const struct ticker_update *news = &event->ticker;
    uint64_t *n_refused = &state->counts.n_refused[MARKET_TICKER];
    merge_field(&state->ticker.last_price, news->last_price, price_is_valid(news->last_price),
                n_refused);
    merge_field(&state->ticker.volume_24h, news->volume_24h, qty_is_valid(news->volume_24h),
                n_refused);
    merge_field(&state->ticker.bid_price, news->bid_price, price_is_valid(news->bid_price),
                n_refused);
    merge_field(&state->ticker.ask_price, news->ask_price, price_is_valid(news->ask_price),
                n_refused);
    merge_field(&state->ticker.bid_qty, news->bid_qty, qty_is_valid(news->bid_qty), n_refused);
    merge_field(&state->ticker.ask_qty, news->ask_qty, qty_is_valid(news->ask_qty), n_refused);
    state->seen_ns[MARKET_TICKER] = event->ts_event_ns;
    if (price_is_valid(news->last_price))
        note_last_price(state, event->ts_event_ns, news->last_price);
    give_quote(state, event->ts_event_ns, update);
    if (state->quote_ns == TIMESTAMP_NONE && price_is_valid(news->last_price))
        price_to_candles(state, event->ts_event_ns, news->last_price, update);
    return true;
}

static bool levels_are_valid(const struct book_level *levels, size_t n_levels)
{
    for (size_t i = 0; i < n_levels; i++) {
        if (!price_is_valid(levels[i].price) || !qty_is_valid(levels[i].qty))
            return false;
    }
    return true;
}

/* A message that cannot be used leaves a hole in the book: it must begin again with a snapshot. */
static bool on_book(struct market_state *state,
                    const struct market_event *event,
                    struct market_update *update)
{
    if (event->book.n_bids > BOOK_DEPTH_MAX || event->book.n_asks > BOOK_DEPTH_MAX ||
        !levels_are_valid(event->book.bids, event->book.n_bids) ||
        !levels_are_valid(event->book.asks, event->book.n_asks)) {
        order_book_init(&state->book);
        state->counts.n_refused[MARKET_BOOK]++;
        return false;
    }
    order_book_apply(&state->book, event);
    if (!state->book.has_snapshot)
        return false;
    state->seen_ns[MARKET_BOOK] = event->ts_event_ns;
    bool usable =
        state->book.n_bids > 0 && state->book.n_asks > 0 && !order_book_is_crossed(&state->book);
    update->book = usable ? &state->book : NULL;
    give_quote(state, event->ts_event_ns, update);
    return true;
}

/* A beginning in the future would make every candle until then late. */
static bool candle_is_usable(const struct candle *candle, int64_t newest_ok_ns)
{
    return candle_is_valid(candle) && candle->interval_ns > 0 &&
           candle->interval_ns <= 7 * NS_PER_DAY && candle->ts_open_ns >= 0 &&
           candle->ts_open_ns <= newest_ok_ns;
}

static bool take_kline(struct market_state *state,
                       int64_t ts_event_ns,
                       const struct kline *kline,
                       struct market_update *update)
{
    struct candles_out finished;
    bool used = false;
    for (size_t i = 0; i < state->n_timeframes; i++) {
        struct timeframe *timeframe = &state->timeframes[i];
        if (timeframe->merger.interval_ns != kline->candle.interval_ns)
            continue;
        if (timeframe->kline_ts_ns != TIMESTAMP_NONE && ts_event_ns < timeframe->kline_ts_ns)
            break;
        timeframe->kline_ts_ns = ts_event_ns;
        used =
            candle_merger_on_kline(&timeframe->merger, &kline->candle, kline->confirmed, &finished);
        give_candles(state, timeframe, &finished, update);
        if (!used)
            state->counts.n_late[MARKET_KLINE]++;
    }
    note_last_price(state, ts_event_ns, kline->candle.close);
    if (state->seen_ns[MARKET_KLINE] == TIMESTAMP_NONE ||
        ts_event_ns > state->seen_ns[MARKET_KLINE])
        state->seen_ns[MARKET_KLINE] = ts_event_ns;
    return used;
}

/* One frame may carry the end of a candle and the start of the next: oldest first. Of a frame longer than an update can
 * hold, the middle is refused: the newest candle always counts. */
static bool on_kline(struct market_state *state,
                     const struct market_event *event,
                     int64_t newest_ok_ns,
                     struct market_update *update)
{
    const struct kline newest = {event->kline.candle, event->kline.confirmed};
    size_t n_earlier = event->kline.n_earlier;
    bool used = false;
    for (size_t i = 0; i <= n_earlier; i++) {
        const struct kline *kline = i < n_earlier ? &event->kline.earlier[i] : &newest;
        bool room = update->n_candles + 2 * CANDLES_PER_CALL_MAX <= MARKET_CANDLES_PER_UPDATE;
        if (!candle_is_usable(&kline->candle, newest_ok_ns) || (i < n_earlier && !room))
            state->counts.n_refused[MARKET_KLINE]++;
        else
            used |= take_kline(state, event->ts_event_ns, kline, update);
    }
    return used;
}

static bool trade_is_usable(struct market_state *state,
                            const struct trade *trade,
                            int64_t newest_ok_ns)
{
    if (!price_is_valid(trade->price) || !(trade->qty > 0) || !qty_is_valid(trade->qty) ||
        trade->ts_event_ns > newest_ok_ns || trade->ts_event_ns < 0) {
        state->counts.n_refused[MARKET_TRADES]++;
        return false;
    }
    if (state->seen_ns[MARKET_TRADES] != TIMESTAMP_NONE &&
        trade->ts_event_ns < state->seen_ns[MARKET_TRADES]) {
        state->counts.n_late[MARKET_TRADES]++;
        return false;
    }
    return true;
}

static bool on_trades(struct market_state *state,
                      const struct market_event *event,
                      int64_t newest_ok_ns,
                      struct market_update *update)
{
    size_t n_trades =
        event->trades.n_trades < MARKET_TRADES_MAX ? event->trades.n_trades : MARKET_TRADES_MAX;
    for (size_t i = 0; i < n_trades; i++) {
        const struct trade *trade = &event->trades.trades[i];
        if (!has_room(state, update)) {
            state->counts.n_refused[MARKET_TRADES] += n_trades - i;
            break;
        }
        if (!trade_is_usable(state, trade, newest_ok_ns))
            continue;
        state->seen_ns[MARKET_TRADES] = trade->ts_event_ns;
        update->accepted[update->n_trades++] = *trade;
        note_last_price(state, trade->ts_event_ns, trade->price);
        trade_to_candles(state, trade, update);
    }
    update->trades = update->accepted;
    if (update->n_trades > 0)
        update->ts_event_ns = state->seen_ns[MARKET_TRADES];
    return update->n_trades > 0;
}

/* Only the head is cleared: the storage of trades is large and has no meaning past n_trades. */
static void update_begin(struct market_update *update, int64_t ts_ns, bool is_live)
{
    update->ts_event_ns = ts_ns;
    update->is_live = is_live;
    update->has_quote = false;
    update->book = NULL;
    update->trades = NULL;
    update->n_trades = 0;
    update->n_candles = 0;
}

static bool is_out_of_time(struct market_state *state,
                           const struct market_event *event,
                           int64_t newest_ok_ns)
{
    enum market_kind kind = event->kind;
    if (kind == MARKET_TRADES) /* judged trade by trade */
        return false;
    if (event->ts_event_ns > newest_ok_ns || event->ts_event_ns < 0) {
        state->counts.n_refused[kind]++;
        return true;
    }
    if (kind != MARKET_KLINE && state->seen_ns[kind] != TIMESTAMP_NONE &&
        event->ts_event_ns < state->seen_ns[kind]) {
        state->counts.n_late[kind]++;
        return true;
    }
    return false;
}

bool market_state_on_event(struct market_state *state,
                           const struct market_event *event,
                           int64_t now_ns,
                           struct market_update *update)
{
    int64_t newest_ok_ns = now_ns > INT64_MAX / 2 ? INT64_MAX / 2 : now_ns + MARKET_FUTURE_MAX_NS;
    bool used = false;
    assert((unsigned)event->kind < MARKET_KIND_COUNT);
    update_begin(update, event->ts_event_ns, true);
    if (is_out_of_time(state, event, newest_ok_ns))
        return false;
    state->has_begun = true;
    switch (event->kind) {
    case MARKET_TICKER:
        used = on_ticker(state, event, update);
        break;
    case MARKET_BOOK:
        used = on_book(state, event, update);
        break;
    case MARKET_KLINE:
        used = on_kline(state, event, newest_ok_ns, update);
        break;
    case MARKET_TRADES:
        used = on_trades(state, event, newest_ok_ns, update);
        break;
    case MARKET_KIND_COUNT:
        break;
    }
    state->counts.n_used[event->kind] += used;
    return used;
}

bool market_state_on_stored_candle(struct market_state *state,
                                   const struct candle *candle,
                                   struct market_update *update)
{
    struct candles_out finished;
    update_begin(update, candle->ts_open_ns, false);
    if (!candle_is_usable(candle, INT64_MAX / 2))
        return false;
    for (size_t i = 0; i < state->n_timeframes; i++) {
        if (state->timeframes[i].merger.interval_ns != candle->interval_ns)
            continue;
        bool used = candle_merger_on_kline(&state->timeframes[i].merger, candle, true, &finished);
        give_candles(state, &state->timeframes[i], &finished, update);
        return used;
    }
    return false;
}
