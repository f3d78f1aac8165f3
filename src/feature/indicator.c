/* The table of indicators and what is the same for all of them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "indicator/indicator_i.h"

static const struct indicator *const indicators[] = {
#define INDICATOR(name) &indicator_##name,
#include "alphaloop/tbl/indicators.def"
#undef INDICATOR
};

const char *indicator_feed_name(enum indicator_feed feed)
{
    static const char *const names[FEED_COUNT] = {"candle", "trade",    "quote",
                                                  "book",   "position", "clock"};
    assert((unsigned)feed < FEED_COUNT);
    return names[feed];
}

size_t indicator_count(void)
{
    return COUNT_OF(indicators);
}

const struct indicator *indicator_at(size_t index)
{
    assert(index < COUNT_OF(indicators));
    return indicators[index];
}

const struct indicator *indicator_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(indicators); i++) {
        if (slice_is(name, indicators[i]->name))
            return indicators[i];
    }
    return NULL;
}

size_t indicator_n_options(const struct indicator *indicator)
{
    size_t n = 0;
    while (indicator->options[n].name != NULL)
        n++;
    return n;
}

static enum al_err option_check(const struct indicator *indicator,
                                const struct indicator_option *option,
                                double value)
{
    if (!(value >= option->min && value <= option->max))
        return err_set(AL_EINVAL, "%s: option %s must be from %g to %g, not %g", indicator->name,
                       option->name, option->min, option->max, value);
    if (option->is_integer && value != floor(value))
        return err_set(AL_EINVAL, "%s: option %s must be a whole number, not %g", indicator->name,
                       option->name, value);
    return AL_OK;
}

enum al_err indicator_check(const struct indicator *indicator, const double *options)
{
    for (size_t i = 0; indicator->options[i].name != NULL; i++) {
        enum al_err err = option_check(indicator, &indicator->options[i], options[i]);
        if (err != AL_OK)
            return err;
    }
    const char *misfit = indicator->misfit == NULL ? NULL : indicator->misfit(options);
    return misfit == NULL ? AL_OK : err_set(AL_EINVAL, "%s: %s", indicator->name, misfit);
}

size_t indicator_state_bytes(const struct indicator *indicator, const double *options)
{
    struct block measured = {0};
    if (indicator->place != NULL)
        indicator->place(&measured, options);
    return measured.used;
}

double indicator_read(const struct indicator *indicator,
                      const void *state,
                      const double *options,
                      const struct feature_moment *moment)
{
    double value = indicator->value(state, options, moment);
    return isnan(value) ? NAN : fmin(fmax(value, indicator->min), indicator->max);
}

size_t warmup_one(const double *options)
{
    (void)options;
    return 1;
}

size_t warmup_period(const double *options)
{
    return option_size(options, 0);
}

size_t warmup_period_and_one(const double *options)
{
    return option_size(options, 0) + 1;
}

int64_t warmup_seconds(const double *options)
{
    return (int64_t)(options[0] * 1e9);
}

const char *misfit_fast_slow(const double *options)
{
    return options[0] < options[1] ? NULL : "option fast must be below option slow";
}

const char *misfit_side(const double *options)
{
    return fabs(options[0]) == 1 ? NULL : "option side must be 1 or -1";
}

/* One indicator on its own. */
struct indicator_run {
    const struct indicator *indicator;
    double options[INDICATOR_OPTIONS_MAX];
    size_t n_inputs;
    int64_t first_ns;
    void *state;
};

enum al_err indicator_run_create(const struct indicator *indicator,
                                 const double *options,
                                 struct indicator_run **out)
{
    enum al_err err = indicator_check(indicator, options);
    if (err != AL_OK)
        return err;
    size_t n_bytes = indicator_state_bytes(indicator, options);
    struct indicator_run *run = calloc(1, sizeof(*run));
    void *state = calloc(1, n_bytes > 0 ? n_bytes : 1);
    if (run == NULL || state == NULL) {
        free(run);
        free(state);
        return err_set(AL_ENOMEM, "indicator %s", indicator->name);
    }
    *run = (struct indicator_run){.indicator = indicator, .state = state};
    memcpy(run->options, options, indicator_n_options(indicator) * sizeof(double));
    if (indicator->place != NULL)
        indicator->place(&(struct block){.memory = state}, run->options);
    *out = run;
    return AL_OK;
}

void indicator_run_destroy(struct indicator_run *run)
{
    if (run == NULL)
        return;
    free(run->state);
    free(run);
}

static void count_input(struct indicator_run *run, int64_t ts_ns)
{
    if (run->n_inputs++ == 0)
        run->first_ns = ts_ns;
}

void indicator_run_candles(struct indicator_run *run,
                           const struct candle *candles,
                           size_t n_candles)
{
    assert(run->indicator->feed == FEED_CANDLE);
    for (size_t i = 0; i < n_candles; i++) {
        run->indicator->on_candle(run->state, &candles[i]);
        count_input(run, candles[i].ts_open_ns);
    }
}

void indicator_run_trades(struct indicator_run *run, const struct trade *trades, size_t n_trades)
{
    assert(run->indicator->feed == FEED_TRADE);
    for (size_t i = 0; i < n_trades; i++) {
        run->indicator->on_trade(run->state, &trades[i]);
        count_input(run, trades[i].ts_event_ns);
    }
}

void indicator_run_quotes(struct indicator_run *run,
                          const struct market_quote *quotes,
                          size_t n_quotes)
{
    assert(run->indicator->feed == FEED_QUOTE);
    for (size_t i = 0; i < n_quotes; i++) {
        if (run->indicator->on_quote != NULL)
            run->indicator->on_quote(run->state, &quotes[i]);
        count_input(run, quotes[i].ts_event_ns);
    }
}

static bool is_warm(const struct indicator_run *run, int64_t now_ns)
{
    const struct indicator *indicator = run->indicator;
    if (indicator->feed > FEED_QUOTE)
        return true;
    if (indicator->warmup_inputs != NULL && run->n_inputs < indicator->warmup_inputs(run->options))
        return false;
    return indicator->warmup_ns == NULL ||
           now_ns - run->first_ns >= indicator->warmup_ns(run->options);
}

double indicator_run_value(const struct indicator_run *run, const struct feature_moment *moment)
{
    return is_warm(run, moment->now_ns)
               ? indicator_read(run->indicator, run->state, run->options, moment)
               : NAN;
}
