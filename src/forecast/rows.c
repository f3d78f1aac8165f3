#include "alphaloop/forecast/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_catalog.h"
#include "alphaloop/feature/feature_engine.h"

#define SIGMA_MEMORY 600 /* bars: 0.94^600 is 1e-16 */

/* ---- columns ---- */

static unsigned set_bit(const char *name)
{
    for (size_t i = 0; i < feature_set_row_count(); i++) {
        if (strcmp(feature_set_row_at(i)->name, name) == 0)
            return feature_set_row_at(i)->bit;
    }
    abort(); /* the sets are rows of our own table */
}

size_t forecast_default_features(struct slice names[FEATURES_MAX])
{
    unsigned bits = set_bit("candles") | set_bit("lags");
    size_t n = 0;
    for (size_t i = 0; i < feature_row_count() && n < FEATURES_MAX; i++) {
        if ((feature_row_at(i)->sets & bits) != 0)
            names[n++] = slice_of(feature_row_at(i)->name);
    }
    return n;
}

static bool is_of_candles(const struct feature_set *set, int64_t interval_ns)
{
    for (size_t i = 0; i < set->n_columns; i++) {
        const struct feature_column *column = &set->columns[i];
        bool is_candle = column->indicator->feed == FEED_CANDLE;
        if (is_candle ? column->timeframe_ns != interval_ns : column->indicator->feed != FEED_CLOCK)
            return false;
    }
    return set->n_columns > 0;
}

/* ---- the engine over all bars ---- */

struct making {
    struct market_state *state;
    struct feature_engine *engine;
    struct market_update *update;
    size_t *windows; /* [n_cols] bars a column looks back on, itself included; 0: none */
    size_t unbroken; /* bars since the last gap */
};

static void making_end(struct making *m)
{
    feature_engine_destroy(m->engine);
    market_state_destroy(m->state);
    free(m->update);
    free(m->windows);
}

static enum al_err making_begin(struct making *m,
                                const struct feature_set *set,
                                const struct asset *asset,
                                int64_t interval_ns)
{
    m->update = malloc(sizeof *m->update);
    m->windows = calloc(set->n_columns, sizeof *m->windows);
    if (m->update == NULL || m->windows == NULL)
        return err_set(AL_ENOMEM, "rows");
    for (size_t i = 0; i < set->n_columns; i++) {
        const struct feature_column *column = &set->columns[i];
        if (column->indicator->feed == FEED_CANDLE)
            m->windows[i] = column->indicator->warmup_inputs(column->options);
    }
    enum al_err err = market_state_create(asset, &m->state);
    if (err == AL_OK)
        err = market_state_add_timeframe(m->state, interval_ns);
    return err == AL_OK ? feature_engine_create(set, &m->engine) : err;
}

static enum al_err rows_alloc(struct forecast_rows *rows, size_t n, size_t n_cols)
{
    rows->n_cols = n_cols;
    rows->x = malloc((n * n_cols + 1) * sizeof *rows->x);
    rows->ts_ns = malloc((n + 1) * sizeof *rows->ts_ns);
    rows->close = malloc((n + 1) * sizeof *rows->close);
    rows->sigma = malloc((n + 1) * sizeof *rows->sigma);
    if (rows->x == NULL || rows->ts_ns == NULL || rows->close == NULL || rows->sigma == NULL)
        return err_set(AL_ENOMEM, "%zu rows of %zu columns", n, n_cols);
    return AL_OK;
}

static void count_gap(struct making *m, struct forecast_rows *rows, int64_t end_ns)
{
    bool follows = rows->n_rows > 0 && end_ns - rows->ts_ns[rows->n_rows - 1] == rows->interval_ns;
    rows->n_gaps += rows->n_rows > 0 && !follows;
    m->unbroken = follows ? m->unbroken + 1 : 1;
}

static void add_row(struct making *m, struct forecast_rows *rows, const struct candle *candle)
{
    const struct market_limits limits = MARKET_LIMITS_DEFAULT;
    int64_t end_ns = candle->ts_open_ns + candle->interval_ns;
    float *x = rows->x + rows->n_rows * rows->n_cols;
    if (!market_state_on_stored_candle(m->state, candle, m->update))
        return;
    count_gap(m, rows, end_ns);
    feature_engine_on_update(m->engine, m->update);
    (void)feature_engine_vector(m->engine, m->state, &limits, NULL, end_ns, x);
    for (size_t k = 0; k < rows->n_cols; k++) {
        if (m->windows[k] > m->unbroken)
            x[k] = NAN;
    }
    rows->ts_ns[rows->n_rows] = end_ns;
    rows->close[rows->n_rows] = candle->close;
    rows->sigma[rows->n_rows++] = (float)market_state_sigma(m->state, rows->interval_ns);
}

enum al_err forecast_rows_make(const struct feature_set *set,
                               const struct asset *asset,
                               int64_t interval_ns,
                               const struct candle *candles,
                               size_t n_candles,
                               struct forecast_rows *out)
{
    struct making making = {0};
    *out = (struct forecast_rows){.interval_ns = interval_ns};
    if (!is_of_candles(set, interval_ns))
        return err_set(AL_EINVAL, "a forecast is made of candle columns at its own interval, and "
                                  "of columns of time");
    enum al_err err = rows_alloc(out, n_candles, set->n_columns);
    if (err == AL_OK)
        err = making_begin(&making, set, asset, interval_ns);
    for (size_t i = 0; i < n_candles && err == AL_OK; i++) {
        if (candles[i].interval_ns == interval_ns)
            add_row(&making, out, &candles[i]);
    }
    making_end(&making);
    if (err != AL_OK)
        forecast_rows_deinit(out);
    return err;
}

void forecast_rows_deinit(struct forecast_rows *rows)
{
    free(rows->x);
    free(rows->ts_ns);
    free(rows->close);
    free(rows->sigma);
    *rows = (struct forecast_rows){0};
}

/* ---- by time ---- */

void forecast_rows_outcomes(const struct forecast_rows *rows, int64_t horizon_ns, float *y)
{
    size_t later = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        int64_t wanted_ns = rows->ts_ns[i] + horizon_ns;
        while (later < rows->n_rows && rows->ts_ns[later] < wanted_ns)
            later++;
        bool is_there = later < rows->n_rows && rows->ts_ns[later] == wanted_ns;
        y[i] = is_there ? (float)log(rows->close[later] / rows->close[i]) : NAN;
    }
}

struct forecast_series forecast_rows_series(const struct forecast_rows *rows, const float *y)
{
    return (struct forecast_series){rows->n_rows, rows->n_cols, rows->x, rows->ts_ns, y};
}

size_t forecast_rows_wanted(const struct feature_set *set, int64_t interval_ns, size_t n_lookback)
{
    size_t n_features = feature_set_candles_wanted(set, interval_ns);
    return (n_features > SIGMA_MEMORY ? n_features : SIGMA_MEMORY) + n_lookback + 1;
}
