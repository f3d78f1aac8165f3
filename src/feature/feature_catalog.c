/* The tables features.def and feature_sets.def, and the catalogue written from them and from the descriptors. */
#include "alphaloop/feature/feature_catalog.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
#define FEATURE_SET(name, bit, also_1, also_2, help) SET_##name = bit,
#include "alphaloop/tbl/feature_sets.def"
#undef FEATURE_SET
};

static const struct feature_set_row sets[] = {
#define FEATURE_SET(name, bit, also_1, also_2, help) {#name, bit, {also_1, also_2}, help},
#include "alphaloop/tbl/feature_sets.def"
#undef FEATURE_SET
};

/* clang-format off */
#define D NAN
#define S SET_standard
#define C SET_candles
#define F SET_fast
#define L SET_lags
#define FEATURE(name, indicator, in_sets, a, b, c) {#name, #indicator, {a, b, c, NAN}, (in_sets) | SET_full},
static const struct feature_row rows[] = {
#include "alphaloop/tbl/features.def"
};
#undef FEATURE
/* clang-format on */
#undef D
#undef S
#undef C
#undef F
#undef L

size_t feature_row_count(void)
{
    return COUNT_OF(rows);
}

const struct feature_row *feature_row_at(size_t index)
{
    assert(index < COUNT_OF(rows));
    return &rows[index];
}

const struct feature_row *feature_row_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (slice_is(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

size_t feature_set_row_count(void)
{
    return COUNT_OF(sets);
}

const struct feature_set_row *feature_set_row_at(size_t index)
{
    assert(index < COUNT_OF(sets));
    return &sets[index];
}

/* The value of an option in a row: its own, or the indicator's default. */
static double row_option(const struct feature_row *row,
                         const struct indicator *indicator,
                         size_t index)
{
    return isnan(row->options[index]) ? indicator->options[index].value : row->options[index];
}

static const struct indicator *row_indicator(const struct feature_row *row)
{
    const struct indicator *indicator = indicator_find(slice_of(row->indicator));
    assert(indicator != NULL);
    return indicator;
}

static void write_row(struct json_writer *w, const struct feature_row *row)
{
    const struct indicator *indicator = row_indicator(row);
    json_w_object(w);
    json_m_str(w, "name", row->name);
    json_m_str(w, "indicator", row->indicator);
    json_m_str(w, "summary", indicator->summary);
    json_m_str(w, "feed", indicator_feed_name(indicator->feed));
    json_w_key(w, "options");
    json_w_object(w);
    for (size_t i = 0; i < indicator_n_options(indicator); i++)
        json_m_double(w, indicator->options[i].name, row_option(row, indicator, i));
    json_w_end_object(w);
    json_w_key(w, "sets");
    json_w_array(w);
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        if ((row->sets & sets[i].bit) != 0)
            json_w_str(w, sets[i].name);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static void write_option(struct json_writer *w, const struct indicator_option *option)
{
    json_w_object(w);
    json_m_str(w, "name", option->name);
    json_m_str(w, "help", option->help);
    json_m_double(w, "default", option->value);
    json_m_double(w, "min", option->min);
    json_m_double(w, "max", option->max);
    json_m_bool(w, "integer", option->is_integer);
    json_w_end_object(w);
}

static size_t warmup_inputs(const struct indicator *indicator, const double *options)
{
    return indicator->warmup_inputs == NULL ? 0 : indicator->warmup_inputs(options);
}

static void defaults_of(const struct indicator *indicator, double options[INDICATOR_OPTIONS_MAX])
{
    for (size_t i = 0; i < INDICATOR_OPTIONS_MAX; i++)
        options[i] = i < indicator_n_options(indicator) ? indicator->options[i].value : 0;
}

static void write_indicator(struct json_writer *w, const struct indicator *indicator)
{
    double options[INDICATOR_OPTIONS_MAX];
    defaults_of(indicator, options);
    json_w_object(w);
    json_m_str(w, "name", indicator->name);
    json_m_str(w, "summary", indicator->summary);
    json_m_str(w, "formula", indicator->formula);
    json_m_str(w, "source", indicator->source);
    json_m_str(w, "edge_cases", indicator->edge_cases);
    json_m_str(w, "feed", indicator_feed_name(indicator->feed));
    json_m_i64(w, "version", indicator->version);
    json_m_bool(w, "directional", indicator->is_directional);
    json_m_double(w, "neutral", indicator->neutral);
    json_m_bool(w, "one_sided", indicator->is_one_sided);
    json_m_double(w, "min", indicator->min);
    json_m_double(w, "max", indicator->max);
    json_m_i64(w, "warmup_inputs", (int64_t)warmup_inputs(indicator, options));
    json_m_double(w, "warmup_seconds",
                  indicator->warmup_ns == NULL ? 0 : (double)indicator->warmup_ns(options) / 1e9);
    json_w_key(w, "options");
    json_w_array(w);
    for (size_t i = 0; i < indicator_n_options(indicator); i++)
        write_option(w, &indicator->options[i]);
    json_w_end_array(w);
    json_w_end_object(w);
}

void feature_catalog_json(struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_w_key(&w, "columns");
    json_w_array(&w);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        write_row(&w, &rows[i]);
    json_w_end_array(&w);
    json_w_key(&w, "indicators");
    json_w_array(&w);
    for (size_t i = 0; i < indicator_count(); i++)
        write_indicator(&w, indicator_at(i));
    json_w_end_array(&w);
    json_w_key(&w, "sets");
    json_w_array(&w);
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        json_w_object(&w);
        json_m_str(&w, "name", sets[i].name);
        json_m_str(&w, "help", sets[i].help);
        json_w_key(&w, "also_at");
        json_w_array(&w);
        for (size_t k = 0; k < FEATURE_SET_ALSO_MAX && sets[i].also[k] != 0; k++)
            json_w_i64(&w, sets[i].also[k]);
        json_w_end_array(&w);
        json_w_end_object(&w);
    }
    json_w_end_array(&w);
    json_w_end_object(&w);
}

static void write_column(struct json_writer *w,
                         const struct feature_set *set,
                         const struct feature_column *column)
{
    json_w_object(w);
    json_m_str(w, "name", column->name);
    json_m_str(w, "indicator", column->indicator->name);
    json_m_i64(w, "version", column->indicator->version);
    json_w_key(w, "options");
    json_w_object(w);
    for (size_t i = 0; i < indicator_n_options(column->indicator); i++)
        json_m_double(w, column->indicator->options[i].name, column->options[i]);
    json_w_end_object(w);
    json_m_i64(w, "timeframe_seconds", column->timeframe_ns / NS_PER_S);
    json_m_bool(w, "oriented", column->is_oriented);
    json_m_double(w, "neutral", (double)column->neutral);
    if (&set->columns[column->mirror] != column)
        json_m_str(w, "mirror", set->columns[column->mirror].name);
    json_w_end_object(w);
}

void feature_set_json(const struct feature_set *set, struct buf *out)
{
    struct json_writer w;
    char hash[SHA256_TEXT_MAX];
    sha256_format(&set->schema_hash, hash);
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "schema_hash", hash);
    json_w_key(&w, "columns");
    json_w_array(&w);
    for (size_t i = 0; i < set->n_columns; i++)
        write_column(&w, set, &set->columns[i]);
    json_w_end_array(&w);
    json_w_end_object(&w);
}

static const char intro[] = "# Features\n"
                            "\n"
                            "Written by `make generate` from `tbl/features.def`, "
                            "`tbl/feature_sets.def` and the indicators' descriptors; do not\n"
                            "edit by hand.\n"
                            "\n"
                            "A strategy file lists what its models see under `features`: a set "
                            "(`\"standard\"`), columns by name (`\"rsi_14\"`), a\n"
                            "column at another timeframe than the strategy's (`\"rsi_14@300\"`, "
                            "seconds; `\"rsi_14@5x\"`, five times the\n"
                            "strategy's) or an indicator with options "
                            "(`\"rsi(period=21)@300\"`). The names, options, order and code\n"
                            "versions make up the schema hash that a model keeps.\n"
                            "\n"
                            "Only what was known at the decision can enter: candles that are "
                            "finished, trades, quotes and books by event time, the\n"
                            "position as last reported. A missing value (no book, volume not "
                            "known, feed absent) is NaN, never 0. Directional\n"
                            "columns are mirrored around their neutral value when a sell is "
                            "valued, and those of one side (an upper band, +DI)\n"
                            "change places with those of the other, so that buy and sell share "
                            "what is learned.\n";

static const char how_to[] =
    "\n"
    "## Adding an indicator\n"
    "\n"
    "1. Write `src/feature/indicator/<name>.c`: a state, `place` (take the state from the block), "
    "one of `on_candle`,\n"
    "   `on_trade`, `on_quote` (O(1), amortised), `value` (reads only), and the descriptor with "
    "formula, source, options\n"
    "   with ranges, warm-up, output range and edge cases. A recursive formula also says after how "
    "many inputs its\n"
    "   beginning no longer shows (`memory_inputs`). Windows, means and decays are ready in "
    "`src/feature/window_i.h`.\n"
    "2. Add `INDICATOR(<name>)` to `tbl/indicators.def`, and a `FEATURE(...)` row to "
    "`tbl/features.def` for each column.\n"
    "3. Write the naive version, straight from the formula and without looking at the C code, as "
    "`def <name>` in\n"
    "   `tests/vectors/indicator_reference.py`, and run it: it writes "
    "`tests/vectors/indicator/<name>.txt`.\n"
    "4. `make unit generate`: the table tests compare with the vectors, feed in chunks of 1 to 13, "
    "poison the future, try\n"
    "   flat, short and empty input and walk every row; the page you are reading is written anew.\n"
    "\n"
    "Changing what an indicator computes raises its `version`: the schema hash changes and models "
    "trained on the old\n"
    "numbers are refused rather than fed with the new ones.\n";

static void markdown_options(const struct feature_row *row,
                             const struct indicator *indicator,
                             struct buf *out)
{
    for (size_t i = 0; i < indicator_n_options(indicator); i++)
        buf_printf(out, "%s%s %g", i == 0 ? "" : ", ", indicator->options[i].name,
                   row_option(row, indicator, i));
}

static void markdown_columns(struct buf *out)
{
    buf_printf(out,
               "\n## Columns (%zu)\n\n| column | indicator | options | feed | sets |\n| --- | --- "
               "| --- | --- | --- |\n",
               COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct indicator *indicator = row_indicator(&rows[i]);
        buf_printf(out, "| `%s` | %s | ", rows[i].name, rows[i].indicator);
        markdown_options(&rows[i], indicator, out);
        buf_printf(out, " | %s |", indicator_feed_name(indicator->feed));
        for (size_t k = 0; k < COUNT_OF(sets); k++)
            buf_printf(out, "%s%s", (rows[i].sets & sets[k].bit) != 0 ? " " : "",
                       (rows[i].sets & sets[k].bit) != 0 ? sets[k].name : "");
        buf_puts(out, " |\n");
    }
}

static void markdown_indicator(const struct indicator *indicator, struct buf *out)
{
    double options[INDICATOR_OPTIONS_MAX];
    defaults_of(indicator, options);
    buf_printf(out, "\n### %s\n\n%s. Feed: %s. Range %g to %g", indicator->name, indicator->summary,
               indicator_feed_name(indicator->feed), indicator->min, indicator->max);
    if (indicator->is_directional)
        buf_printf(out, ", directional around %g", indicator->neutral);
    if (indicator->is_one_sided)
        buf_puts(out, ", changes places with the column of the other side");
    buf_printf(
        out,
        ".\n\n    %s\n\n- source: %s\n- edge cases: %s\n- warm-up with default options: %zu inputs",
        indicator->formula, indicator->source, indicator->edge_cases,
        warmup_inputs(indicator, options));
    if (indicator->warmup_ns != NULL)
        buf_printf(out, " over %g s", (double)indicator->warmup_ns(options) / 1e9);
    buf_putc(out, '\n');
    for (size_t i = 0; i < indicator_n_options(indicator); i++) {
        const struct indicator_option *option = &indicator->options[i];
        buf_printf(out, "- `%s` (%s): %g, from %g to %g%s\n", option->name, option->help,
                   option->value, option->min, option->max, option->is_integer ? ", whole" : "");
    }
}

static size_t set_n_columns(const struct feature_set_row *set)
{
    size_t n_columns = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((rows[i].sets & set->bit) == 0)
            continue;
        n_columns++;
        for (size_t k = 0; k < FEATURE_SET_ALSO_MAX && set->also[k] != 0; k++)
            n_columns += row_indicator(&rows[i])->feed == FEED_CANDLE;
    }
    return n_columns;
}

void feature_catalog_markdown(struct buf *out)
{
    buf_puts(out, intro);
    buf_puts(out, "\n## Sets\n\n");
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        buf_printf(out, "- `%s`: %s (%zu columns)\n", sets[i].name, sets[i].help,
                   set_n_columns(&sets[i]));
    markdown_columns(out);
    buf_puts(out, how_to);
    buf_printf(out, "\n## Indicators (%zu)\n", indicator_count());
    for (size_t i = 0; i < indicator_count(); i++)
        markdown_indicator(indicator_at(i), out);
}
