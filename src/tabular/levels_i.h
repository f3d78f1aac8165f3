/* The different texts of a column, counted, and the most frequent of them kept. */
#ifndef ALPHALOOP_TABULAR_LEVELS_I_H
#define ALPHALOOP_TABULAR_LEVELS_I_H

#include "alphaloop/base/map.h"
#include "alphaloop/tabular/columns.h"

struct level_count {
    char text[TABULAR_TEXT_MAX]; /* zero-padded: the key */
    size_t n;
};

struct level_counts {
    size_t n;
    struct level_count *items; /* [TABULAR_DISTINCT_MAX] */
    struct map by_text;
};

MUST_CHECK enum al_err level_counts_init(struct level_counts *counts);
void level_counts_deinit(struct level_counts *counts);
/* AL_EFULL past TABULAR_DISTINCT_MAX. `text` is zero-padded. */
MUST_CHECK enum al_err level_counts_add(struct level_counts *counts,
                                        const char text[TABULAR_TEXT_MAX]);
/* The n_max most frequent, sorted by text. */
MUST_CHECK enum al_err level_counts_keep(struct level_counts *counts,
                                         size_t n_max,
                                         struct tabular_levels *out);

void levels_deinit(struct tabular_levels *levels);
size_t levels_find(const struct tabular_levels *levels, const char *text); /* n when unknown */
void levels_write(const struct tabular_levels *levels, struct json_writer *w);
/* AL_EVERIFY unless it is at most n_max texts, sorted, each once. */
MUST_CHECK enum al_err levels_read(struct json_node *array,
                                   size_t n_max,
                                   struct tabular_levels *out);

#endif
