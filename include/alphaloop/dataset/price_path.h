/* The recent mid price of one asset as bars of a fixed length: what labels are read from.
 *
 * Bars hold the last mid and half-spread seen inside them. A span without prices has no bars: a hole stays a hole, and a
 * label that would reach across a hole longer than its bound is refused. Appending is O(1), memory is fixed at create.
 */
#ifndef ALPHALOOP_DATASET_PRICE_PATH_H
#define ALPHALOOP_DATASET_PRICE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"

struct price_bar {
    int64_t ts_end_ns;   /* the bar covers [ts_end - bar_ns, ts_end) */
    int64_t ts_close_ns; /* event time of `mid` */
    double mid;          /* quote currency, > 0 */
    double half_spread;  /* quote currency, >= 0 */
};

struct price_path {
    struct price_bar *bars; /* ring, oldest first */
    size_t first, count, cap;
    int64_t bar_ns;
};

MUST_CHECK enum al_err price_path_init(struct price_path *path, int64_t bar_ns, size_t cap);
void price_path_deinit(struct price_path *path);

/* A price at event time ts_ns. Older than the newest one: ignored, the past is not rewritten. Returns true when it began a
 * new bar. */
bool price_path_append(struct price_path *path, int64_t ts_ns, double mid, double half_spread);

/* index 0 is the oldest kept bar; borrows until the next append. */
const struct price_bar *price_path_at(const struct price_path *path, size_t index);

/* Index of the first bar whose close is later than ts_ns; path->count when there is none. O(log n). */
size_t price_path_after(const struct price_path *path, int64_t ts_ns);

/* Event time of the newest price; TIMESTAMP_NONE when empty. */
int64_t price_path_newest_ns(const struct price_path *path);

#endif
