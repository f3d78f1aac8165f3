#include "candle_builder_i.h"

#include <assert.h>
#include <math.h>

void candle_builder_init(struct candle_builder *builder)
{
    *builder = (struct candle_builder){.is_empty = true};
}

bool candle_builder_is_empty(const struct candle_builder *builder)
{
    return builder->is_empty;
}

void candle_builder_add(struct candle_builder *builder, double price, double qty)
{
    if (builder->is_empty) {
        builder->open = builder->high = builder->low = price;
        builder->volume = 0;
        builder->is_empty = false;
    }
    builder->high = fmax(builder->high, price);
    builder->low = fmin(builder->low, price);
    builder->close = price;
    builder->volume += qty;
}

double candle_builder_close(const struct candle_builder *builder)
{
    return builder->close;
}

void candle_builder_take(struct candle_builder *builder, int64_t ts_open_ns, int64_t interval_ns, struct candle *out)
{
    assert(!builder->is_empty);
    *out = (struct candle){.ts_open_ns = ts_open_ns, .interval_ns = interval_ns, .open = builder->open,
                           .high = builder->high, .low = builder->low, .close = builder->close,
                           .volume = builder->volume};
    builder->is_empty = true;
}
