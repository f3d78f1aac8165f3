/* Any bytes as a market data file: the first byte chooses the chunk size, the rest is the file. */
#include <assert.h>
#include <math.h>

#include "alphaloop/market/csv.h"
#include "alphaloop/market/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static int64_t last_event_ns;

static void check_event(void *ctx, const struct market_event *event)
{
    (void)ctx;
    assert(event->ts_event_ns >= last_event_ns);
    last_event_ns = event->ts_event_ns;
}

static void check_row(const struct csv_row *row, struct replay *replay)
{
    assert(row->kind != CSV_UNKNOWN && row->line > 1 && row->ts_ns >= 0);
    if (row->kind == CSV_CANDLES)
        assert(row->candle.low > 0 && row->candle.low <= row->candle.high &&
               isfinite(row->candle.high));
    if (row->kind == CSV_QUOTES)
        assert(row->quote.bid < row->quote.ask);
    replay_row(replay, row, check_event, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    size_t chunk = bytes[0] + 1u, at = 1, n_rows = 0;
    struct csv_reader *reader = csv_reader_create();
    struct replay_options options = {.asset = {"BTCUSDT"}, .half_spread_bps = 0.5};
    struct replay *replay;
    struct csv_row row;
    assert(reader != NULL && replay_create(&options, &replay) == AL_OK);
    last_event_ns = 0;
    for (enum csv_step step;
         (step = csv_reader_next(reader, &row)) != CSV_DONE && step != CSV_FAILED;) {
        if (step == CSV_ROW) {
            check_row(&row, replay);
            n_rows++;
        } else if (step == CSV_HUNGRY && at < n_bytes) {
            size_t n = n_bytes - at < chunk ? n_bytes - at : chunk;
            assert(csv_reader_feed(reader, (struct slice){(const char *)bytes + at, n}) == AL_OK);
            at += n;
        } else if (step == CSV_HUNGRY) {
            csv_reader_end(reader);
        }
    }
    assert(n_rows <= n_bytes);
    replay_end(replay, check_event, NULL);
    replay_destroy(replay);
    csv_reader_destroy(reader);
    return 0;
}
