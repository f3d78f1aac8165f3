/* Columns are kept in lists by feed (candle columns by timeframe), so that an update touches only what it concerns. States
 * lie in one block behind the engine, in column order.
 *
 * Warming up is counted per feed, not per column: all columns of a feed have seen the same inputs, and the slowest decides. */
#include "alphaloop/feature/feature_engine.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "indicator/indicator_i.h"

#define SLOTS                                                                                      \
    (MARKET_TIMEFRAMES_MAX + FEED_COUNT) /* timeframes first, then FEED_TRADE, FEED_QUOTE ... */

struct feed_slot {        /* the columns that share their inputs */
    int64_t timeframe_ns; /* candle slots */
    size_t n_columns;
    uint16_t columns[FEATURES_MAX];
    size_t warmup_inputs;
    int64_t warmup_ns;
    size_t n_inputs;
    int64_t first_ns, newest_ns; /* of inputs; newest of a candle is its end */
};

struct feature_engine {
    const struct feature_set *set; /* kept */
    size_t n_bytes;
    int64_t first_live_ns; /* TIMESTAMP_NONE before the first live update */
    struct feed_slot slots[SLOTS];
    void *states[FEATURES_MAX];
    max_align_t memory[];
};

static struct feed_slot *slot_of_feed(struct feature_engine *engine, enum indicator_feed feed)
{
    return &engine->slots[MARKET_TIMEFRAMES_MAX + (size_t)feed];
}

static struct feed_slot *slot_of_timeframe(struct feature_engine *engine, int64_t timeframe_ns)
{
    for (size_t i = 0; i < engine->set->n_timeframes; i++) {
        if (engine->slots[i].timeframe_ns == timeframe_ns)
            return &engine->slots[i];
    }
    return NULL;
}

static void slot_add(struct feed_slot *slot, const struct feature_column *column, size_t index)
{
    const struct indicator *indicator = column->indicator;
    size_t inputs =
        indicator->warmup_inputs == NULL ? 0 : indicator->warmup_inputs(column->options);
    int64_t span_ns = indicator->warmup_ns == NULL ? 0 : indicator->warmup_ns(column->options);
    slot->columns[slot->n_columns++] = (uint16_t)index;
    slot->warmup_inputs = inputs > slot->warmup_inputs ? inputs : slot->warmup_inputs;
    slot->warmup_ns = span_ns > slot->warmup_ns ? span_ns : slot->warmup_ns;
}

static void engine_lay_out(struct feature_engine *engine)
{
    struct block block = {.memory = (char *)engine->memory};
    for (size_t i = 0; i < engine->set->n_timeframes; i++)
        engine->slots[i].timeframe_ns = engine->set->timeframes_ns[i];
    for (size_t i = 0; i < engine->set->n_columns; i++) {
        const struct feature_column *column = &engine->set->columns[i];
        struct feed_slot *slot = column->indicator->feed == FEED_CANDLE
                                     ? slot_of_timeframe(engine, column->timeframe_ns)
                                     : slot_of_feed(engine, column->indicator->feed);
        assert(slot != NULL);
        slot_add(slot, column, i);
        engine->states[i] = block.memory + block.used;
        if (column->indicator->place != NULL)
            column->indicator->place(&block, column->options);
    }
}

enum al_err feature_engine_create(const struct feature_set *set, struct feature_engine **out)
{
    size_t n_bytes = sizeof(struct feature_engine);
    for (size_t i = 0; i < set->n_columns; i++)
        n_bytes += indicator_state_bytes(set->columns[i].indicator, set->columns[i].options);
    struct feature_engine *engine = calloc(1, n_bytes);
    if (engine == NULL)
        return err_set(AL_ENOMEM, "feature engine of %zu columns", set->n_columns);
    engine->set = set;
    engine->n_bytes = n_bytes;
    engine->first_live_ns = TIMESTAMP_NONE;
    engine_lay_out(engine);
    *out = engine;
    return AL_OK;
}

void feature_engine_destroy(struct feature_engine *engine)
{
    free(engine);
}

const struct feature_set *feature_engine_set(const struct feature_engine *engine)
{
    return engine->set;
}

size_t feature_engine_bytes(const struct feature_engine *engine)
{
    return engine->n_bytes;
}

static void slot_count(struct feed_slot *slot, int64_t ts_ns)
{
    if (slot->n_inputs++ == 0)
        slot->first_ns = ts_ns;
    slot->newest_ns = ts_ns;
}

static void push_candle(struct feature_engine *engine, const struct candle *candle)
{
    struct feed_slot *slot = slot_of_timeframe(engine, candle->interval_ns);
    if (slot == NULL)
        return;
    for (size_t i = 0; i < slot->n_columns; i++)
        engine->set->columns[slot->columns[i]].indicator->on_candle(
            engine->states[slot->columns[i]], candle);
    slot_count(slot, candle->ts_open_ns + candle->interval_ns);
}

static void push_trade(struct feature_engine *engine, const struct trade *trade)
{
    struct feed_slot *slot = slot_of_feed(engine, FEED_TRADE);
    for (size_t i = 0; i < slot->n_columns; i++)
        engine->set->columns[slot->columns[i]].indicator->on_trade(engine->states[slot->columns[i]],
                                                                   trade);
    slot_count(slot, trade->ts_event_ns);
}

static void push_quote(struct feature_engine *engine, const struct market_quote *quote)
{
    struct feed_slot *slot = slot_of_feed(engine, FEED_QUOTE);
    for (size_t i = 0; i < slot->n_columns; i++) {
        const struct indicator *indicator = engine->set->columns[slot->columns[i]].indicator;
        if (indicator->on_quote != NULL)
            indicator->on_quote(engine->states[slot->columns[i]], quote);
    }
    slot_count(slot, quote->ts_event_ns);
}

void feature_engine_on_update(struct feature_engine *engine, const struct market_update *update)
{
    if (update->is_live && engine->first_live_ns == TIMESTAMP_NONE)
        engine->first_live_ns = update->ts_event_ns;
    for (size_t i = 0; i < update->n_candles; i++)
        push_candle(engine, &update->candles[i]);
    for (size_t i = 0; i < update->n_trades; i++)
        push_trade(engine, &update->trades[i]);
    if (update->has_quote)
        push_quote(engine, &update->quote);
    if (update->book != NULL)
        slot_count(slot_of_feed(engine, FEED_BOOK), update->ts_event_ns);
}

/* What one feed has to say at a moment: its columns can be read, are missing, or forbid a vector. */
struct feed_verdict {
    bool is_missing;
    enum reason reason;
};

static bool slot_is_warm(const struct feed_slot *slot, int64_t now_ns)
{
    return slot->n_inputs >= slot->warmup_inputs && now_ns - slot->first_ns >= slot->warmup_ns;
}

static struct feed_verdict candle_verdict(const struct feed_slot *slot,
                                          const struct market_limits *limits,
                                          int64_t now_ns)
{
    if (!slot_is_warm(slot, now_ns))
        return (struct feed_verdict){.reason = REASON_features_warming_up};
    bool stale = now_ns - slot->newest_ns > slot->timeframe_ns + limits->candle_ns;
    return (struct feed_verdict){.reason = stale ? REASON_market_data_stale : REASON_NONE};
}

static struct feed_verdict live_verdict(const struct feature_engine *engine,
                                        const struct feed_slot *slot,
                                        bool is_fresh,
                                        int64_t now_ns)
{
    if (slot->n_inputs == 0) {
        bool absent = engine->first_live_ns != TIMESTAMP_NONE &&
                      now_ns - engine->first_live_ns >= FEATURE_FEED_ABSENT_NS;
        return (struct feed_verdict){absent, absent ? REASON_NONE : REASON_features_warming_up};
    }
    if (!slot_is_warm(slot, now_ns))
        return (struct feed_verdict){.reason = REASON_features_warming_up};
    return (struct feed_verdict){.is_missing = !is_fresh};
}

static struct feed_verdict slot_verdict(const struct feature_engine *engine,
                                        size_t index,
                                        const struct feature_moment *moment,
                                        const struct market_limits *limits)
{
    const struct feed_slot *slot = &engine->slots[index];
    if (index < MARKET_TIMEFRAMES_MAX)
        return candle_verdict(slot, limits, moment->now_ns);
    switch ((enum indicator_feed)(index - MARKET_TIMEFRAMES_MAX)) {
    case FEED_TRADE:
        return live_verdict(engine, slot, moment->now_ns - slot->newest_ns <= limits->trades_ns,
                            moment->now_ns);
    case FEED_QUOTE:
        return live_verdict(engine, slot, moment->quote != NULL, moment->now_ns);
    case FEED_BOOK:
        return live_verdict(engine, slot, moment->book != NULL, moment->now_ns);
    default:
        return (struct feed_verdict){0};
    }
}

static bool needs_sigma(const struct feature_engine *engine)
{
    return engine->slots[MARKET_TIMEFRAMES_MAX + FEED_TRADE].n_columns > 0 ||
           engine->slots[MARKET_TIMEFRAMES_MAX + FEED_QUOTE].n_columns > 0;
}

static void read_slot(const struct feature_engine *engine,
                      const struct feed_slot *slot,
                      const struct feature_moment *moment,
                      float *out)
{
    for (size_t i = 0; i < slot->n_columns; i++) {
        size_t index = slot->columns[i];
        const struct feature_column *column = &engine->set->columns[index];
        out[index] = (float)indicator_read(column->indicator, engine->states[index],
                                           column->options, moment);
    }
}

static void blank(const struct feature_engine *engine, float *out)
{
    for (size_t i = 0; i < engine->set->n_columns; i++)
        out[i] = NAN;
}

enum reason feature_engine_vector(const struct feature_engine *engine,
                                  const struct market_state *state,
                                  const struct market_limits *limits,
                                  const struct position_features *position,
                                  int64_t now_ns,
                                  float *out)
{
    struct market_quote quote;
    struct feature_moment moment = {
        .now_ns = now_ns,
        .sigma = market_state_sigma(state, NS_PER_MIN),
        .quote = market_state_quote(state, now_ns, limits, &quote) ? &quote : NULL,
        .book = market_state_book(state, now_ns, limits),
        .position = position,
    };
    blank(engine, out);
    enum reason reason =
        isnan(moment.sigma) && needs_sigma(engine) ? REASON_features_warming_up : REASON_NONE;
    for (size_t i = 0; i < SLOTS; i++) {
        if (engine->slots[i].n_columns == 0)
            continue;
        struct feed_verdict verdict = slot_verdict(engine, i, &moment, limits);
        if (verdict.reason == REASON_market_data_stale) {
            blank(engine, out);
            return verdict.reason;
        }
        if (verdict.reason != REASON_NONE)
            reason = verdict.reason;
        else if (!verdict.is_missing)
            read_slot(engine, &engine->slots[i], &moment, out);
    }
    return reason;
}

static double slot_progress(const struct feed_slot *slot, int64_t now_ns)
{
    double inputs =
        slot->warmup_inputs == 0 ? 1 : (double)slot->n_inputs / (double)slot->warmup_inputs;
    double span = 1;
    if (slot->warmup_ns > 0)
        span =
            slot->n_inputs == 0 ? 0 : (double)(now_ns - slot->first_ns) / (double)slot->warmup_ns;
    return fmax(0, fmin(1, fmin(inputs, span)));
}

double feature_engine_progress(const struct feature_engine *engine, int64_t now_ns)
{
    double slowest = 1;
    for (size_t i = 0; i < MARKET_TIMEFRAMES_MAX + FEED_BOOK; i++) {
        const struct feed_slot *slot = &engine->slots[i];
        if (slot->n_columns > 0 && (i < MARKET_TIMEFRAMES_MAX || slot->n_inputs > 0))
            slowest = fmin(slowest, slot_progress(slot, now_ns));
    }
    return slowest;
}
