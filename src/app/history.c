/* Klines the gateway confirmed are given candles, whatever the features make of them; hours are made of trades beside them,
 * for assets that get none (the table lets no made candle take the place of a given one). Both wait here for the next turn and
 * are written on the admin connection, so that no transaction of the worker's own waits behind them. A failed write is tried
 * again; what does not fit meanwhile is counted and dropped. */
#include "history_i.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/history/bar_maker.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/store/candles.h"

#include "worker_i.h"

enum { ROWS_MAX = 512, MAKERS_MAX = 64, SERIES_MAX = 200, BATCH_BYTES = 256 * 1024 };
#define COUNT_EVERY_NS (10 * NS_PER_MIN)
#define MADE_NS        NS_PER_H /* what forecasts are made from unless they say otherwise */
#define MADE_GRACE_NS  (10 * NS_PER_S)

struct history {
    struct worker *worker;
    struct pg_batch *batch, *count_batch;
    struct candle_row rows[ROWS_MAX];
    size_t n_rows, n_writing; /* the first n_writing are under way */
    struct maker {
        struct asset asset;
        struct bar_maker bars;
    } makers[MAKERS_MAX];
    size_t n_makers;
    bool is_counting;
    int64_t next_count_wall_ns;
};

enum al_err history_create(struct worker *worker, struct history **out)
{
    struct history *history = calloc(1, sizeof(*history));
    if (history == NULL)
        return err_set(AL_ENOMEM, "price history");
    history->worker = worker;
    history->batch = pg_batch_create(BATCH_BYTES);
    history->count_batch = pg_batch_create(BATCH_BYTES);
    *out = history;
    return history->batch != NULL && history->count_batch != NULL
               ? AL_OK
               : err_set(AL_ENOMEM, "price history");
}

void history_destroy(struct history *history)
{
    if (history == NULL)
        return;
    pg_batch_destroy(history->batch);
    pg_batch_destroy(history->count_batch);
    free(history);
}

bool history_is_idle(const struct history *history)
{
    return history->n_rows == 0;
}

/* ---- klines ---- */

static void keep(struct history *history,
                 const struct asset *asset,
                 const struct candle *candle,
                 bool is_made)
{
    if (history->n_rows == ROWS_MAX) {
        metric_add(METRIC_history_candles_total, 1, "dropped", NULL);
        return;
    }
    history->rows[history->n_rows++] = (struct candle_row){*asset, *candle, is_made};
}

static void on_kline(struct history *history, const struct market_event *event)
{
    for (size_t i = 0; i < event->kline.n_earlier; i++) {
        if (event->kline.earlier[i].confirmed)
            keep(history, &event->asset, &event->kline.earlier[i].candle, false);
    }
    if (event->kline.confirmed)
        keep(history, &event->asset, &event->kline.candle, false);
}

/* ---- hours of trades ---- */

/* What traded before the first message was not heard. NULL when there are too many assets. */
static struct maker *maker_of(struct history *history, const struct asset *asset, int64_t since_ns)
{
    for (size_t i = 0; i < history->n_makers; i++) {
        if (asset_eq(&history->makers[i].asset, asset))
            return &history->makers[i];
    }
    if (history->n_makers == MAKERS_MAX)
        return NULL;
    struct maker *maker = &history->makers[history->n_makers++];
    maker->asset = *asset;
    bar_maker_init(&maker->bars, MADE_NS, MADE_GRACE_NS, since_ns);
    return maker;
}

static void on_trades(struct history *history, const struct market_event *event)
{
    if (event->trades.n_trades == 0)
        return;
    struct maker *maker = maker_of(history, &event->asset, event->trades.trades[0].ts_event_ns);
    for (size_t i = 0; maker != NULL && i < event->trades.n_trades; i++) {
        const struct trade *trade = &event->trades.trades[i];
        struct bars_out out;
        (void)bar_maker_on_trade(&maker->bars, trade->ts_event_ns, trade->price, trade->qty, &out);
        for (size_t k = 0; k < out.n_candles; k++)
            keep(history, &event->asset, &out.candles[k], true);
    }
}

void history_on_market(struct history *history, const struct market_event *event)
{
    if (event->kind == MARKET_KLINE)
        on_kline(history, event);
    else if (event->kind == MARKET_TRADES)
        on_trades(history, event);
}

static void on_written(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct history *history = ctx;
    size_t n = history->n_writing;
    history->n_writing = 0;
    if (err != AL_OK && failure->retry)
        return;
    metric_add(METRIC_history_candles_total, (double)n, err == AL_OK ? "stored" : "dropped", NULL);
    history->n_rows -= n;
    memmove(history->rows, history->rows + n, history->n_rows * sizeof(history->rows[0]));
}

static void write_rows(struct history *history)
{
    struct pg_job job = {.no_transaction = true, .on_done = on_written, .ctx = history};
    if (history->n_writing > 0 || history->n_rows == 0)
        return;
    pg_batch_reset(history->batch);
    candles_upsert(history->batch, history->rows, history->n_rows);
    if (pg_client_run(history->worker->reader, history->batch, &job) == AL_OK)
        history->n_writing = history->n_rows;
}

/* ---- what is missing ---- */

static void on_series(void *ctx, size_t index, const struct pg_result *result)
{
    (void)ctx;
    (void)index;
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct candle_series series;
        char interval[CANDLE_INTERVAL_TEXT_MAX];
        if (candles_read_series(result, i, &series) != AL_OK)
            continue;
        candle_interval_format(series.interval_ns, interval);
        metric_set(METRIC_history_candles, (double)series.n_candles, series.asset.text, interval);
        metric_set(METRIC_history_candles_missing, (double)series.n_missing, series.asset.text,
                   interval);
    }
}

static void on_counted(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct history *history = ctx;
    (void)err; /* the next time counts the same rows */
    (void)failure;
    history->is_counting = false;
}

static void count(struct history *history, int64_t wall_ns)
{
    struct pg_job job = {
        .no_transaction = true, .on_result = on_series, .on_done = on_counted, .ctx = history};
    if (history->is_counting || wall_ns < history->next_count_wall_ns)
        return;
    pg_batch_reset(history->count_batch);
    candles_list(history->count_batch, NULL, SERIES_MAX);
    history->is_counting =
        pg_client_run(history->worker->reader, history->count_batch, &job) == AL_OK;
    if (history->is_counting)
        history->next_count_wall_ns = wall_ns + COUNT_EVERY_NS;
}

void history_run(struct history *history, int64_t wall_ns)
{
    write_rows(history);
    count(history, wall_ns);
}
