/* Gaps: where bars are missing between two that are there. They are found and shown, never filled: a price nobody traded at
 * is none. Off hours of an exchange (nights, weekends, holidays) are gaps like any other. */
#ifndef ALPHALOOP_HISTORY_GAPS_H
#define ALPHALOOP_HISTORY_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gap {
    int64_t from_ns;    /* when the first missing bar would have opened */
    int64_t to_ns;      /* when the bar after the gap opened */
    uint64_t n_missing; /* whole bars */
};

struct gap_finder {
    int64_t interval_ns;
    uint64_t n_bars, n_gaps, n_missing;
    int64_t first_ns, last_ns; /* opening times; TIMESTAMP_NONE before the first */
    struct gap longest;        /* the first of equally long ones; n_missing 0: none */
};

void gap_finder_init(struct gap_finder *finder, int64_t interval_ns);
/* The next bar, later than the one before. True when there is a gap before it, which is then in *gap. */
bool gap_finder_add(struct gap_finder *finder, int64_t ts_open_ns, struct gap *gap);

#endif
