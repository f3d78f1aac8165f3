/* What is open follows from how far the market has come: a bar is over when its end and the grace are. Because the grace is
 * no longer than a bar, two are open at most. */
#include "alphaloop/history/bar_maker.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void bar_maker_init(struct bar_maker *maker,
                    int64_t interval_ns,
                    int64_t grace_ns,
                    int64_t since_ns)
{
    assert(interval_ns > 0 && grace_ns >= 0 && grace_ns <= interval_ns);
    *maker = (struct bar_maker){.interval_ns = interval_ns,
                                .grace_ns = grace_ns,
                                .since_ns = since_ns,
                                .newest_ns = TIMESTAMP_NONE};
}

static bool is_over(const struct bar_maker *maker, int64_t ts_open_ns)
{
    return maker->newest_ns != TIMESTAMP_NONE &&
           ts_open_ns + maker->interval_ns + maker->grace_ns <= maker->newest_ns;
}

static void give_out(struct bar_maker *maker, const struct candle *candle, struct bars_out *out)
{
    if (candle->ts_open_ns < maker->since_ns)
        maker->n_partial++;
    else
        out->candles[out->n_candles++] = *candle;
}

void bar_maker_on_time(struct bar_maker *maker, int64_t now_ns, struct bars_out *out)
{
    size_t n_over = 0;
    out->n_candles = 0;
    if (now_ns > maker->newest_ns)
        maker->newest_ns = now_ns;
    while (n_over < maker->n_open && is_over(maker, maker->bars[n_over].candle.ts_open_ns))
        give_out(maker, &maker->bars[n_over++].candle, out);
    maker->n_open -= n_over;
    memmove(maker->bars, maker->bars + n_over, maker->n_open * sizeof(maker->bars[0]));
}

static void add_bar(
    struct bar_maker *maker, size_t at, int64_t ts_open_ns, int64_t ts_ns, double price, double qty)
{
    assert(maker->n_open < BARS_OPEN_MAX);
    memmove(maker->bars + at + 1, maker->bars + at, (maker->n_open - at) * sizeof(maker->bars[0]));
    maker->n_open++;
    maker->bars[at] = (struct open_bar){
        ts_ns, ts_ns, {ts_open_ns, maker->interval_ns, price, price, price, price, qty}};
}

static void merge(struct open_bar *bar, int64_t ts_ns, double price, double qty)
{
    struct candle *candle = &bar->candle;
    if (ts_ns < bar->first_ns) {
        bar->first_ns = ts_ns;
        candle->open = price;
    }
    if (ts_ns >= bar->last_ns) {
        bar->last_ns = ts_ns;
        candle->close = price;
    }
    candle->high = fmax(candle->high, price);
    candle->low = fmin(candle->low, price);
    candle->volume += qty;
}

bool bar_maker_on_trade(
    struct bar_maker *maker, int64_t ts_ns, double price, double qty, struct bars_out *out)
{
    out->n_candles = 0;
    if (ts_ns < 0 || ts_ns > INT64_MAX / 2 || !isfinite(price) || price <= 0 || isinf(qty) ||
        qty < 0)
        return false;
    int64_t ts_open_ns = ts_ns - ts_ns % maker->interval_ns;
    bar_maker_on_time(maker, ts_ns, out);
    if (is_over(maker, ts_open_ns)) {
        maker->n_late++;
        return false;
    }
    size_t at = 0;
    while (at < maker->n_open && maker->bars[at].candle.ts_open_ns < ts_open_ns)
        at++;
    if (at < maker->n_open && maker->bars[at].candle.ts_open_ns == ts_open_ns)
        merge(&maker->bars[at], ts_ns, price, qty);
    else
        add_bar(maker, at, ts_open_ns, ts_ns, price, qty);
    return true;
}
