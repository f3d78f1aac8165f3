/* Reading a market state at a moment: what is fresh, and what it says. */
#include <assert.h>
#include <math.h>

#include "market_state_i.h"

/* The earliest event time that is still fresh at now_ns. */
static int64_t fresh_since(int64_t now_ns, int64_t limit_ns)
{
    return limit_ns < 0 || now_ns < INT64_MIN + limit_ns ? INT64_MIN : now_ns - limit_ns;
}

bool market_state_quote(const struct market_state *state,
                        int64_t now_ns,
                        const struct market_limits *limits,
                        struct market_quote *out)
{
    return state_best_quote(state, fresh_since(now_ns, limits->ticker_ns),
                            fresh_since(now_ns, limits->book_ns), out);
}

const struct order_book *market_state_book(const struct market_state *state,
                                           int64_t now_ns,
                                           const struct market_limits *limits)
{
    struct market_quote quote;
    bool known = state_book_quote(state, &quote);
    bool usable =
        known && quote.bid < quote.ask && quote.ts_event_ns >= fresh_since(now_ns, limits->book_ns);
    return usable ? &state->book : NULL;
}

/* Why there is no quote. */
static enum reason missing_quote(const struct market_state *state,
                                 int64_t now_ns,
                                 const struct market_limits *limits)
{
    struct market_quote ticker, book;
    bool has_ticker = state_ticker_quote(state, &ticker), has_book = state_book_quote(state, &book);
    bool fresh = (has_ticker && ticker.ts_event_ns >= fresh_since(now_ns, limits->ticker_ns)) ||
                 (has_book && book.ts_event_ns >= fresh_since(now_ns, limits->book_ns));
    if (fresh)
        return REASON_market_data_crossed;
    if (has_ticker || has_book)
        return REASON_market_data_stale;
    return state->has_begun ? REASON_market_data_incomplete : REASON_no_market_data;
}

/* The ticker's figure while the ticker is fresh, else what the candles of the last 24 h add up to. */
static double volume_24h(const struct market_state *state,
                         int64_t now_ns,
                         const struct market_limits *limits)
{
    bool fresh = state->seen_ns[MARKET_TICKER] != TIMESTAMP_NONE &&
                 state->seen_ns[MARKET_TICKER] >= fresh_since(now_ns, limits->ticker_ns);
    if (fresh && !isnan(state->ticker.volume_24h))
        return state->ticker.volume_24h;
    return state->day.count == 0 ? NAN : fmax(state->day.sum, 0);
}

/* Of the shortest candles that are enough: a return over k minutes has k times the variance of one. */
static double candle_sigma(const struct market_state *state)
{
    double sigma = NAN;
    for (size_t i = 0; i < state->n_timeframes && isnan(sigma); i++) {
        double minutes = (double)state->timeframes[i].merger.interval_ns / (double)NS_PER_MIN;
        sigma = volatility_sigma(&state->timeframes[i].volatility) / sqrt(minutes);
    }
    return sigma;
}

/* Of one minute: by candles when they are enough, else the first estimate; before anything moved, what the price bounces
 * between bid and ask at least (Roll 1984). */
static double minute_sigma(const struct market_state *state, const struct market_quote *quote)
{
    double sigma = candle_sigma(state);
    if (isnan(sigma))
        sigma = young_volatility_sigma(&state->young);
    return isnan(sigma) ? (quote->ask - quote->bid) / 2 / quote->mid : sigma;
}

enum reason market_state_snapshot(const struct market_state *state,
                                  int64_t now_ns,
                                  const struct market_limits *limits,
                                  struct snapshot *out)
{
    struct market_quote quote;
    const struct order_book *book = market_state_book(state, now_ns, limits);
    *out = (struct snapshot){0};
    if (!market_state_quote(state, now_ns, limits, &quote))
        return missing_quote(state, now_ns, limits);
    struct snapshot snapshot = {
        .ts_event_ns = quote.ts_event_ns,
        .bid = quote.bid,
        .ask = quote.ask,
        .mid = quote.mid,
        .last_price = state->last_price,
        .spread = quote.ask - quote.bid,
        .volume_24h = volume_24h(state, now_ns, limits),
        .volatility = minute_sigma(state, &quote),
        .bid_depth = NAN,
        .ask_depth = NAN,
    };
    if (isnan(snapshot.last_price) || isnan(snapshot.volume_24h))
        return REASON_market_data_incomplete;
    if (book != NULL)
        order_book_depth(book, MARKET_DEPTH_LEVELS, &snapshot.bid_depth, &snapshot.ask_depth);
    *out = snapshot;
    return REASON_NONE;
}

double market_state_sigma(const struct market_state *state, int64_t interval_ns)
{
    for (size_t i = 0; i < state->n_timeframes; i++) {
        if (state->timeframes[i].merger.interval_ns == interval_ns)
            return volatility_sigma(&state->timeframes[i].volatility);
    }
    return NAN;
}

/* From a quote that old; for want of one, from the close of the newest finished minute when that lies about as far back. */
static double return_over(const struct market_state *state,
                          int64_t now_ns,
                          const struct market_quote *quote,
                          double sigma,
                          int64_t span_ns)
{
    const struct price_mark *then = price_marks_before(state->marks, now_ns - span_ns);
    if (then != NULL && now_ns - then->ts_ns <= 2 * span_ns + PRICE_CARRY_NS)
        return in_sigmas(log(quote->mid / then->price), sigma, (double)span_ns / 1e9);
    const struct volatility *minutes = &state->timeframes[0].volatility;
    int64_t age_ns = now_ns - minutes->end_ns;
    if (!(minutes->close > 0) || 2 * age_ns < span_ns || age_ns > 2 * span_ns)
        return NAN;
    return in_sigmas(log(quote->mid / minutes->close), sigma, (double)span_ns / 1e9);
}

static double volume_ratio(const struct window *volumes)
{
    double sum = 0;
    if (!window_is_full(volumes))
        return NAN;
    for (size_t age = 1; age < volumes->count; age++)
        sum += window_at(volumes, age);
    return sum > 0 ? window_at(volumes, 0) * VOLUME_BEFORE / sum : NAN;
}

bool market_state_moves(const struct market_state *state,
                        int64_t now_ns,
                        const struct market_limits *limits,
                        struct market_moves *out)
{
    struct market_quote quote;
    *out = (struct market_moves){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (!market_state_quote(state, now_ns, limits, &quote))
        return false;
    double sigma = minute_sigma(state, &quote);
    double fast = volatility_sigma(&state->fast);
    double above_mean = log(quote.mid) - time_mean_at(&state->log_mid, now_ns);
    *out = (struct market_moves){
        .return_10s = return_over(state, now_ns, &quote, sigma, 10 * NS_PER_S),
        .return_60s = return_over(state, now_ns, &quote, sigma, 60 * NS_PER_S),
        .return_300s = return_over(state, now_ns, &quote, sigma, 300 * NS_PER_S),
        .return_900s = return_over(state, now_ns, &quote, sigma, 900 * NS_PER_S),
        .ema_distance = in_sigmas(above_mean, sigma, MOVES_MEAN_S),
        .volume_ratio = volume_ratio(state->volumes),
        .volatility_ratio = sigma > 0 ? fast / sigma : NAN,
        .volatility = sigma,
    };
    return true;
}

int64_t market_state_seen_ns(const struct market_state *state, enum market_kind kind)
{
    assert((unsigned)kind < MARKET_KIND_COUNT);
    return state->seen_ns[kind];
}

const struct market_counts *market_state_counts(const struct market_state *state)
{
    return &state->counts;
}

const struct asset *market_state_asset(const struct market_state *state)
{
    return &state->asset;
}
