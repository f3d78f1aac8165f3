/* Only distances count: bars that are not on a grid (a shift of the exchange's clock) still have whole bars between them. */
#include "alphaloop/history/gaps.h"

#include <assert.h>

#include "alphaloop/base/timestamp.h"

void gap_finder_init(struct gap_finder *finder, int64_t interval_ns)
{
    assert(interval_ns > 0);
    *finder = (struct gap_finder){
        .interval_ns = interval_ns, .first_ns = TIMESTAMP_NONE, .last_ns = TIMESTAMP_NONE};
}

bool gap_finder_add(struct gap_finder *finder, int64_t ts_open_ns, struct gap *gap)
{
    int64_t before_ns = finder->last_ns;
    assert(ts_open_ns > before_ns);
    finder->n_bars++;
    finder->last_ns = ts_open_ns;
    if (before_ns == TIMESTAMP_NONE) {
        finder->first_ns = ts_open_ns;
        return false;
    }
    uint64_t n_steps = (uint64_t)((ts_open_ns - before_ns) / finder->interval_ns);
    if (n_steps < 2)
        return false;
    *gap = (struct gap){before_ns + finder->interval_ns, ts_open_ns, n_steps - 1};
    finder->n_gaps++;
    finder->n_missing += gap->n_missing;
    if (gap->n_missing > finder->longest.n_missing)
        finder->longest = *gap;
    return true;
}
