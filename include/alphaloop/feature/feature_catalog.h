/* The catalogue: every column that can be asked for by name, and how to describe them (GET /features, docs/features.md). */
#ifndef ALPHALOOP_FEATURE_FEATURE_CATALOG_H
#define ALPHALOOP_FEATURE_FEATURE_CATALOG_H

#include "alphaloop/feature/feature_set.h"

#define FEATURE_SET_ALSO_MAX 2

struct feature_row { /* one row of features.def */
    const char *name;
    const char *indicator;
    double options[INDICATOR_OPTIONS_MAX]; /* NaN: the default */
    unsigned sets;                         /* bits of feature_sets.def */
};

struct feature_set_row { /* one row of feature_sets.def */
    const char *name;
    unsigned bit;
    unsigned also
        [FEATURE_SET_ALSO_MAX]; /* times the timeframe its candle columns come again at; 0: none */
    const char *help;
};

size_t feature_row_count(void);
const struct feature_row *feature_row_at(size_t index);
const struct feature_row *feature_row_find(struct slice name); /* NULL when unknown */
size_t feature_set_row_count(void);
const struct feature_set_row *feature_set_row_at(size_t index);

/* {"columns":[...], "indicators":[...], "sets":[...]} */
void feature_catalog_json(struct buf *out);
/* {"schema_hash", "columns":[{"name","indicator","options","timeframe_seconds","oriented","neutral"}]}: what a manifest
 * keeps of a set. */
void feature_set_json(const struct feature_set *set, struct buf *out);
/* docs/features.md, whole. */
void feature_catalog_markdown(struct buf *out);

#endif
