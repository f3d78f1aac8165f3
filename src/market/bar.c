#include "bar_i.h"

#include <assert.h>
#include <math.h>

void bar_init(struct bar *bar)
{
    *bar = (struct bar){.is_empty = true};
}

bool bar_is_empty(const struct bar *bar)
{
    return bar->is_empty;
}

void bar_add(struct bar *bar, double price, double qty)
{
    if (bar->is_empty) {
        bar->open = bar->high = bar->low = price;
        bar->volume = 0;
        bar->is_empty = false;
    }
    bar->high = fmax(bar->high, price);
    bar->low = fmin(bar->low, price);
    bar->close = price;
    bar->volume += qty;
}

double bar_close(const struct bar *bar)
{
    return bar->close;
}

void bar_take(struct bar *bar, int64_t ts_open_ns, int64_t interval_ns, struct candle *out)
{
    assert(!bar->is_empty);
    *out = (struct candle){.ts_open_ns = ts_open_ns,
                           .interval_ns = interval_ns,
                           .open = bar->open,
                           .high = bar->high,
                           .low = bar->low,
                           .close = bar->close,
                           .volume = bar->volume};
    bar->is_empty = true;
}
