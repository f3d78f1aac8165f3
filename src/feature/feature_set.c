/* Names into columns. The grammar of a name is small: set | row [@timeframe] | indicator(option=value, ...)
 * [@timeframe]; a timeframe is in seconds (300) or a multiple of the strategy's (5x). */
#include "alphaloop/feature/feature_set.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/feature/feature_catalog.h"

#define TIMEFRAME_MAX_NS (7 * NS_PER_DAY)

static enum al_err fail(enum al_err err, struct slice name, const char *why)
{
    return err_set(err, "feature '%.*s': %s",
                   (int)(name.len < FEATURE_NAME_MAX ? name.len : FEATURE_NAME_MAX), name.ptr, why);
}

/* Cut at the first `byte`: what is before it stays in *text, what is behind is returned; false when there is none. */
static bool cut(struct slice *text, char byte, struct slice *behind)
{
    const char *at = text->len == 0 ? NULL : memchr(text->ptr, byte, text->len);
    if (at == NULL)
        return false;
    *behind = (struct slice){at + 1, text->len - (size_t)(at + 1 - text->ptr)};
    text->len = (size_t)(at - text->ptr);
    return true;
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* Digits, sign, point and exponent only: no hex, no "inf", no "nan". */
static bool number_parse(struct slice text, double *out)
{
    char copy[32];
    char *end;
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, &end);
    return text.len == strspn(copy, "0123456789.eE+-") && *end == '\0' && isfinite(*out);
}

static enum al_err option_set(struct feature_column *column, struct slice name, struct slice item)
{
    struct slice value;
    if (!cut(&item, '=', &value))
        return fail(AL_EPARSE, name, "an option is written as name=value");
    item = trim(item);
    for (size_t i = 0; column->indicator->options[i].name != NULL; i++) {
        if (slice_is(item, column->indicator->options[i].name))
            return number_parse(trim(value), &column->options[i])
                       ? AL_OK
                       : fail(AL_EPARSE, name, "an option is not a number");
    }
    return fail(AL_ENOTFOUND, name, "the indicator has no such option");
}

static enum al_err options_parse(struct feature_column *column,
                                 struct slice name,
                                 struct slice list)
{
    while (trim(list).len > 0) {
        struct slice item = list;
        if (!cut(&item, ',', &list))
            list = (struct slice){0};
        enum al_err err = option_set(column, name, item);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static void options_default(struct feature_column *column)
{
    for (size_t i = 0; i < INDICATOR_OPTIONS_MAX; i++)
        column->options[i] =
            i < indicator_n_options(column->indicator) ? column->indicator->options[i].value : 0;
}

static void column_from_row(struct feature_column *column, const struct feature_row *row)
{
    column->indicator = indicator_find(slice_of(row->indicator));
    assert(column->indicator != NULL);
    options_default(column);
    for (size_t i = 0; i < indicator_n_options(column->indicator); i++) {
        if (!isnan(row->options[i]))
            column->options[i] = row->options[i];
    }
}

static enum al_err column_from_expression(struct feature_column *column,
                                          struct slice name,
                                          struct slice expression)
{
    struct slice list = {0};
    bool has_list = cut(&expression, '(', &list);
    column->indicator = indicator_find(trim(expression));
    if (column->indicator == NULL || !has_list)
        return fail(AL_ENOTFOUND, name, "no such set, column or indicator");
    if (list.len == 0 || list.ptr[list.len - 1] != ')')
        return fail(AL_EPARSE, name, "the options need a closing bracket");
    list.len--;
    options_default(column);
    return options_parse(column, name, list);
}

/* *timeframe_ns is the strategy's before and the column's after. */
static enum al_err timeframe_parse(struct slice name, struct slice text, int64_t *timeframe_ns)
{
    bool is_multiple = text.len > 0 && text.ptr[text.len - 1] == 'x';
    double unit_ns = is_multiple ? (double)*timeframe_ns : 1e9, number;
    text.len -= is_multiple;
    if (!number_parse(text, &number) || number < 1 || number != floor(number) ||
        number * unit_ns > (double)TIMEFRAME_MAX_NS)
        return fail(AL_EPARSE, name,
                    "behind @ stands a timeframe of 1 to 604800 whole seconds, or how many times "
                    "the strategy's with an x");
    *timeframe_ns = (int64_t)(number * unit_ns);
    return AL_OK;
}

static enum al_err column_resolve(struct slice name,
                                  int64_t timeframe_ns,
                                  struct feature_column *column)
{
    struct slice base = name, behind = {0};
    enum al_err err = AL_OK;
    *column = (struct feature_column){0};
    if (name.len == 0 || name.len >= FEATURE_NAME_MAX)
        return fail(AL_EINVAL, name, "a name has 1 to 63 characters");
    memcpy(column->name, name.ptr, name.len);
    bool has_timeframe = cut(&base, '@', &behind);
    if (has_timeframe)
        err = timeframe_parse(name, behind, &timeframe_ns);
    const struct feature_row *row = feature_row_find(base);
    if (err == AL_OK && row != NULL)
        column_from_row(column, row);
    else if (err == AL_OK)
        err = column_from_expression(column, name, base);
    if (err != AL_OK)
        return err;
    err = indicator_check(column->indicator, column->options);
    if (err != AL_OK)
        return err_add(err, "feature '%s'", column->name);
    bool is_candle = column->indicator->feed == FEED_CANDLE;
    if (has_timeframe && !is_candle)
        return fail(AL_EINVAL, name, "only candle columns have a timeframe");
    column->timeframe_ns = is_candle ? timeframe_ns : 0;
    column->is_oriented = column->indicator->is_directional;
    column->neutral = (float)column->indicator->neutral;
    return AL_OK;
}

static bool column_eq(const struct feature_column *a, const struct feature_column *b)
{
    return strcmp(a->name, b->name) == 0 ||
           (a->indicator == b->indicator && a->timeframe_ns == b->timeframe_ns &&
            memcmp(a->options, b->options, sizeof(a->options)) == 0);
}

static enum al_err timeframe_add(struct feature_set *set, const struct feature_column *column)
{
    if (column->timeframe_ns == 0)
        return AL_OK;
    for (size_t i = 0; i < set->n_timeframes; i++) {
        if (set->timeframes_ns[i] == column->timeframe_ns)
            return AL_OK;
    }
    if (set->n_timeframes == MARKET_TIMEFRAMES_MAX)
        return fail(AL_EFULL, slice_of(column->name), "too many timeframes");
    set->timeframes_ns[set->n_timeframes++] = column->timeframe_ns;
    return AL_OK;
}

static enum al_err column_add(struct feature_set *set, struct slice name, int64_t timeframe_ns)
{
    struct feature_column column;
    enum al_err err = column_resolve(name, timeframe_ns, &column);
    if (err != AL_OK)
        return err;
    for (size_t i = 0; i < set->n_columns; i++) {
        if (column_eq(&set->columns[i], &column))
            return err_set(AL_EEXIST, "feature '%s': the same column as '%s'", column.name,
                           set->columns[i].name);
    }
    if (set->n_columns == FEATURES_MAX)
        return fail(AL_EFULL, name, "too many columns");
    column.mirror = (uint16_t)set->n_columns;
    set->columns[set->n_columns++] = column;
    return timeframe_add(set, &column);
}

static const struct feature_set_row *set_row_find(struct slice name)
{
    for (size_t i = 0; i < feature_set_row_count(); i++) {
        if (slice_is(name, feature_set_row_at(i)->name))
            return feature_set_row_at(i);
    }
    return NULL;
}

/* The rows of one bit; at a multiple of the timeframe only the candle columns. */
static enum al_err rows_add(struct feature_set *set,
                            unsigned bit,
                            unsigned multiple,
                            int64_t timeframe_ns)
{
    enum al_err err = AL_OK;
    for (size_t i = 0; i < feature_row_count() && err == AL_OK; i++) {
        const struct feature_row *row = feature_row_at(i);
        char name[FEATURE_NAME_MAX + 16];
        bool is_candle = indicator_find(slice_of(row->indicator))->feed == FEED_CANDLE;
        if ((row->sets & bit) == 0 || (multiple > 1 && !is_candle))
            continue;
        if (multiple > 1)
            snprintf(name, sizeof(name), "%s@%ux", row->name, multiple);
        else
            snprintf(name, sizeof(name), "%s", row->name);
        err = column_add(set, slice_of(name), timeframe_ns);
    }
    return err;
}

static enum al_err name_add(struct feature_set *set, struct slice name, int64_t timeframe_ns)
{
    const struct feature_set_row *named = set_row_find(name);
    if (named == NULL)
        return column_add(set, name, timeframe_ns);
    enum al_err err = rows_add(set, named->bit, 1, timeframe_ns);
    for (size_t i = 0; i < FEATURE_SET_ALSO_MAX && named->also[i] != 0 && err == AL_OK; i++)
        err = rows_add(set, named->bit, named->also[i], timeframe_ns);
    return err;
}

static bool is_other_side(const struct feature_column *a, const struct feature_column *b)
{
    const size_t behind = sizeof(a->options) - sizeof(a->options[0]);
    return a->indicator == b->indicator && a->timeframe_ns == b->timeframe_ns &&
           a->options[0] == -b->options[0] && memcmp(&a->options[1], &b->options[1], behind) == 0;
}

static enum al_err mirrors_find(struct feature_set *set)
{
    for (size_t i = 0; i < set->n_columns; i++) {
        struct feature_column *column = &set->columns[i];
        if (!column->indicator->is_one_sided)
            continue;
        for (size_t k = 0; k < set->n_columns; k++) {
            if (is_other_side(column, &set->columns[k]))
                column->mirror = (uint16_t)k;
        }
        if (column->mirror == i)
            return fail(AL_EINVAL, slice_of(column->name),
                        "needs the column of the other side beside it");
    }
    return AL_OK;
}

/* Changing this text changes every hash and orphans every model: only together with a reason to retrain them all. */
static enum al_err schema_hash(struct feature_set *set)
{
    struct buf text = BUF_INIT(FEATURES_MAX * 512);
    for (size_t i = 0; i < set->n_columns; i++) {
        const struct feature_column *column = &set->columns[i];
        buf_printf(&text, "%s|%s|%u|%lld|%d|%.9g", column->name, column->indicator->name,
                   (unsigned)column->indicator->version, (long long)column->timeframe_ns,
                   column->is_oriented, (double)column->neutral);
        for (size_t k = 0; column->indicator->options[k].name != NULL; k++)
            buf_printf(&text, "|%s=%.17g", column->indicator->options[k].name, column->options[k]);
        buf_putc(&text, '\n');
    }
    bool ok = buf_ok(&text);
    if (ok)
        sha256_of(buf_str(&text), text.len, &set->schema_hash);
    buf_deinit(&text);
    return ok ? AL_OK : err_set(AL_ENOMEM, "schema of %zu columns", set->n_columns);
}

enum al_err feature_set_resolve(const struct slice *names,
                                size_t n_names,
                                int64_t timeframe_ns,
                                struct feature_set *set)
{
    memset(set, 0, sizeof(*set));
    if (timeframe_ns < NS_PER_S || timeframe_ns > TIMEFRAME_MAX_NS || timeframe_ns % NS_PER_S != 0)
        return err_set(AL_EINVAL, "timeframe must be 1 to 604800 whole seconds");
    for (size_t i = 0; i < n_names; i++) {
        enum al_err err = name_add(set, trim(names[i]), timeframe_ns);
        if (err != AL_OK)
            return err;
    }
    if (set->n_columns == 0)
        return err_set(AL_EINVAL, "a feature set needs at least one column");
    enum al_err err = mirrors_find(set);
    return err == AL_OK ? schema_hash(set) : err;
}

size_t feature_set_find(const struct feature_set *set, struct slice name)
{
    for (size_t i = 0; i < set->n_columns; i++) {
        if (slice_is(name, set->columns[i].name))
            return i;
    }
    return SIZE_MAX;
}

size_t feature_set_candles_wanted(const struct feature_set *set, int64_t timeframe_ns)
{
    size_t wanted = 0;
    for (size_t i = 0; i < set->n_columns; i++) {
        const struct feature_column *column = &set->columns[i];
        const struct indicator *indicator = column->indicator;
        if (column->timeframe_ns != timeframe_ns || indicator->feed != FEED_CANDLE)
            continue;
        size_t (*inputs)(const double *) =
            indicator->memory_inputs != NULL ? indicator->memory_inputs : indicator->warmup_inputs;
        size_t n = inputs(column->options);
        wanted = n > wanted ? n : wanted;
    }
    return wanted;
}

void feature_orient(const struct feature_set *set, const float *x, enum side side, float *out)
{
    for (size_t i = 0; i < set->n_columns; i++) {
        const struct feature_column *column = &set->columns[i];
        if (side != SIDE_SELL || (!column->is_oriented && column->mirror == i)) {
            out[i] = x[i];
        } else if (column->is_oriented) {
            out[i] = 2.0f * column->neutral - x[i];
        } else if (column->mirror > i) { /* both at once: x and out may be the same */
            float mine = x[i];
            out[i] = x[column->mirror];
            out[column->mirror] = mine;
        }
    }
}
