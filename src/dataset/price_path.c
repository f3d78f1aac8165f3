#include "alphaloop/dataset/price_path.h"

#include <assert.h>
#include <stdlib.h>

#include "alphaloop/base/timestamp.h"

enum al_err price_path_init(struct price_path *path, int64_t bar_ns, size_t cap)
{
    assert(bar_ns > 0 && cap > 0);
    *path = (struct price_path){.cap = cap, .bar_ns = bar_ns};
    path->bars = calloc(cap, sizeof(struct price_bar));
    return path->bars == NULL ? err_set(AL_ENOMEM, "price path of %zu bars", cap) : AL_OK;
}

void price_path_deinit(struct price_path *path)
{
    free(path->bars);
    *path = (struct price_path){0};
}

static struct price_bar *bar_at(const struct price_path *path, size_t index)
{
    return &path->bars[(path->first + index) % path->cap];
}

const struct price_bar *price_path_at(const struct price_path *path, size_t index)
{
    assert(index < path->count);
    return bar_at(path, index);
}

bool price_path_append(struct price_path *path, int64_t ts_ns, double mid, double half_spread)
{
    assert(path->cap > 0 && mid > 0 && half_spread >= 0);
    struct price_bar *last = path->count > 0 ? bar_at(path, path->count - 1) : NULL;
    if (last != NULL && ts_ns < last->ts_close_ns)
        return false;
    if (last != NULL && ts_ns < last->ts_end_ns) {
        last->ts_close_ns = ts_ns;
        last->mid = mid;
        last->half_spread = half_spread;
        return false;
    }
    if (path->count == path->cap) {
        path->first = (path->first + 1) % path->cap;
        path->count--;
    }
    *bar_at(path, path->count++) = (struct price_bar){
        .ts_end_ns = (ts_ns / path->bar_ns + 1) * path->bar_ns,
        .ts_close_ns = ts_ns,
        .mid = mid,
        .half_spread = half_spread,
    };
    return true;
}

size_t price_path_after(const struct price_path *path, int64_t ts_ns)
{
    size_t low = 0, high = path->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bar_at(path, middle)->ts_close_ns > ts_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t price_path_newest_ns(const struct price_path *path)
{
    return path->count == 0 ? TIMESTAMP_NONE : bar_at(path, path->count - 1)->ts_close_ns;
}
