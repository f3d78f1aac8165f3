/* The table of a strategy's fields: a file is read by it (strategy_config.c), and the schema and the written form come from it
 * (strategy_config_write.c). */
#ifndef ALPHALOOP_SETTINGS_STRATEGY_CONFIG_I_H
#define ALPHALOOP_SETTINGS_STRATEGY_CONFIG_I_H

#include "alphaloop/settings/strategy_config.h"

enum strategy_kind {
    KIND_number,
    KIND_optional,
    KIND_whole,
    KIND_flag,
    KIND_seconds,
    KIND_choice,
    KIND_texts,
    KIND_assets,
    KIND_weights,
    KIND_object,
    KIND_schedule
};

struct strategy_row {
    enum strategy_kind kind;
    const char *object, *name;
    size_t offset;
    const char *fallback; /* as written in the table */
    double min, max;
    const char *unit, *help;
};

extern const struct strategy_row strategy_rows[];
extern const size_t strategy_n_rows;
extern const char *const strategy_heuristics[STRATEGY_HEURISTICS];

/* Members of the file that say nothing to us. */
#define STRATEGY_REMARKS 2
extern const char *const strategy_remarks[STRATEGY_REMARKS];

/* The words of a choice are "one|two|three": where the index-th begins, and how long it is. */
size_t strategy_word_at(const char *words, uint32_t index, const char **word);
uint32_t strategy_word_count(const char *words);

#endif
