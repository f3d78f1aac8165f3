/* Any bytes as trades and the passing of time: bars come out whole, in order and once, and gaps fit between them. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "alphaloop/history/bar_maker.h"
#include "alphaloop/history/gaps.h"
#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static double any_double(struct source *source)
{
    double value;
    take(source, &value, sizeof(value));
    return value;
}

static void check_bars(const struct bars_out *out, struct gap_finder *gaps)
{
    assert(out->n_candles <= BARS_OPEN_MAX);
    for (size_t i = 0; i < out->n_candles; i++) {
        const struct candle *c = &out->candles[i];
        struct gap gap;
        assert(c->ts_open_ns % c->interval_ns == 0 && c->ts_open_ns > gaps->last_ns);
        assert(c->low > 0 && c->low <= fmin(c->open, c->close));
        assert(isfinite(c->high) && c->high >= fmax(c->open, c->close));
        assert(!(c->volume < 0));
        if (gap_finder_add(gaps, c->ts_open_ns, &gap))
            assert(gap.n_missing > 0 && gap.to_ns == c->ts_open_ns &&
                   gap.from_ns + (int64_t)gap.n_missing * c->interval_ns <= gap.to_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct source source = {bytes, n_bytes};
    struct bar_maker maker;
    struct gap_finder gaps;
    struct bars_out out;
    int64_t interval_ns = (1 + any_byte(&source)) * NS_PER_S;
    int64_t now_ns = 0;
    bar_maker_init(&maker, interval_ns, interval_ns * any_byte(&source) / 255, TIMESTAMP_NONE);
    gap_finder_init(&gaps, interval_ns);
    while (source.n_left > 0) {
        uint8_t kind = any_byte(&source);
        now_ns += ((int64_t)any_byte(&source) - 40) * (kind & 8 ? 60 : 1) * NS_PER_S / 7;
        double price = kind & 1 ? any_double(&source) : 100 + (double)any_byte(&source);
        double qty = kind & 2 ? any_double(&source) : (double)any_byte(&source);
        if (kind & 4)
            bar_maker_on_time(&maker, now_ns, &out);
        else
            (void)bar_maker_on_trade(&maker, now_ns, price, qty, &out);
        check_bars(&out, &gaps);
    }
    bar_maker_on_time(&maker, INT64_MAX, &out);
    check_bars(&out, &gaps);
    assert(maker.n_open == 0);
    return 0;
}
