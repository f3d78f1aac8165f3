/* A column's type is decided once, from all its cells, and every later table is held against it. */
#include "alphaloop/tabular/columns.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "levels_i.h"

static const char *const type_names[TABULAR_TYPE_COUNT] = {"number", "category", "time"};

const char *tabular_type_name(enum tabular_type type)
{
    return type_names[type];
}

/* ---- cells ---- */

static bool is_time(struct json_node *cell, int64_t *ts_ns)
{
    return json_is_string(cell) && timestamp_parse(json_text(cell), ts_ns) == AL_OK;
}

static bool is_numeric(struct json_node *cell, double *value)
{
    return !json_is_bool(cell) && json_number_or_text(cell, value) == AL_OK;
}

/* The level of a cell, zero-padded; false when it is too long to be one. */
static bool level_text(struct json_node *cell, char out[TABULAR_TEXT_MAX])
{
    struct slice text =
        json_is_bool(cell) ? slice_of(json_is_true(cell) ? "true" : "false") : json_text(cell);
    memset(out, 0, TABULAR_TEXT_MAX);
    if (text.len >= TABULAR_TEXT_MAX || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(out, text.ptr, text.len);
    return true;
}

/* "features[3] column 'a'", with the cell itself where that helps. */
static enum al_err refuse_cell(const struct tabular_table *table,
                               size_t row,
                               size_t column,
                               const char *why)
{
    char text[TABULAR_TEXT_MAX];
    struct json_node *cell = tabular_table_cell(table, row, column);
    bool is_shown = cell != NULL && level_text(cell, text);
    return err_set(AL_EINVAL, "%s[%zu]: column '%.64s': %s%.64s%s%s", table->what, row,
                   table->names[column], is_shown ? "'" : "", is_shown ? text : "",
                   is_shown ? "' " : "", why);
}

/* ---- types ---- */

/* Row of the first cell of each sort, n_rows when there is none. */
struct sorts {
    size_t number, text, boolean, not_time;
};

static struct sorts sorts_of(const struct tabular_table *table, size_t column)
{
    struct sorts s = {table->n_rows, table->n_rows, table->n_rows, table->n_rows};
    double value;
    int64_t ts_ns;
    for (size_t row = table->n_rows; row-- > 0;) {
        struct json_node *cell = tabular_table_cell(table, row, column);
        if (cell == NULL || !is_time(cell, &ts_ns))
            s.not_time = row;
        if (json_is_bool(cell))
            s.boolean = row;
        else if (json_is_number(cell))
            s.number = row;
        else if (json_is_string(cell) && !is_numeric(cell, &value))
            s.text = row;
    }
    return s;
}

static bool is_time_name(const char *name)
{
    static const char *const names[] = {"time", "timestamp", "date", "datetime", "ts"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_is_nocase(slice_of(name), names[i]))
            return true;
    }
    return false;
}

static enum al_err decide_type(const struct tabular_table *table,
                               size_t column,
                               enum tabular_type *type)
{
    struct sorts s = sorts_of(table, column);
    size_t n = table->n_rows;
    if (s.text < n && s.number < n)
        return err_set(AL_EINVAL,
                       "%s: column '%.64s' mixes numbers ([%zu]) and text that is none ([%zu])",
                       table->what, table->names[column], s.number, s.text);
    if (s.boolean < n && (s.text < n || s.number < n))
        return err_set(AL_EINVAL, "%s: column '%.64s' mixes true or false ([%zu]) with others",
                       table->what, table->names[column], s.boolean);
    *type = s.not_time == n && is_time_name(table->names[column]) ? TABULAR_TIME
            : s.text < n || s.boolean < n                         ? TABULAR_CATEGORY
                                                                  : TABULAR_NUMBER;
    return AL_OK;
}

static enum al_err learn_levels(const struct tabular_table *table,
                                size_t column,
                                struct tabular_levels *out)
{
    char text[TABULAR_TEXT_MAX];
    struct level_counts counts;
    enum al_err err = level_counts_init(&counts);
    for (size_t row = 0; row < table->n_rows && err == AL_OK; row++) {
        struct json_node *cell = tabular_table_cell(table, row, column);
        if (cell == NULL)
            continue;
        if (!level_text(cell, text))
            err = refuse_cell(table, row, column, "a category has at most 127 bytes");
        else if (level_counts_add(&counts, text) != AL_OK)
            err = err_set(AL_ERANGE, "%s: column '%.64s' has over %d different texts", table->what,
                          table->names[column], TABULAR_DISTINCT_MAX);
    }
    if (err == AL_OK)
        err = level_counts_keep(&counts, TABULAR_LEVELS_MAX, out);
    level_counts_deinit(&counts);
    return err;
}

static size_t width(const struct tabular_column *column)
{
    return column->type == TABULAR_CATEGORY ? column->levels.n : column->type == TABULAR_NUMBER;
}

static enum al_err columns_create(size_t n, struct tabular_columns *out)
{
    *out = (struct tabular_columns){.items = calloc(n + 1, sizeof *out->items)};
    return out->items != NULL ? AL_OK : err_set(AL_ENOMEM, "%zu columns", n);
}

enum al_err tabular_columns_learn(const struct tabular_table *table, struct tabular_columns *out)
{
    enum al_err err = columns_create(table->n_cols, out);
    for (size_t k = 0; k < table->n_cols && err == AL_OK; k++) {
        struct tabular_column *column = &out->items[out->n++];
        (void)chars_set(column->name, sizeof column->name, table->names[k]);
        err = decide_type(table, k, &column->type);
        if (err == AL_OK && column->type == TABULAR_CATEGORY)
            err = learn_levels(table, k, &column->levels);
        out->n_encoded += width(column);
    }
    if (err == AL_OK && (out->n_encoded == 0 || out->n_encoded > TABULAR_ENCODED_MAX))
        err =
            err_set(AL_ERANGE, "%s: the columns are %zu numbers a row, 1 to %d can be learned from",
                    table->what, out->n_encoded, TABULAR_ENCODED_MAX);
    return err;
}

void tabular_columns_deinit(struct tabular_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        levels_deinit(&columns->items[i].levels);
    free(columns->items);
    *columns = (struct tabular_columns){0};
}

/* ---- encoding ---- */

static enum al_err encode_number(const struct tabular_table *table,
                                 size_t row,
                                 size_t column,
                                 float *out)
{
    struct json_node *cell = tabular_table_cell(table, row, column);
    double value = NAN;
    if (cell != NULL && !is_numeric(cell, &value))
        return refuse_cell(table, row, column, "is not a number, which this column has");
    if (fabs(value) > (double)FLT_MAX)
        return refuse_cell(table, row, column, "is too large");
    *out = (float)value;
    return AL_OK;
}

static void encode_level(const struct tabular_levels *levels, struct json_node *cell, float *out)
{
    char text[TABULAR_TEXT_MAX];
    size_t own = cell != NULL && level_text(cell, text) ? levels_find(levels, text) : levels->n;
    for (size_t i = 0; i < levels->n; i++)
        out[i] = cell == NULL ? NAN : i == own ? 1.0F : 0.0F;
}

static enum al_err encode_column(const struct tabular_columns *columns,
                                 size_t index,
                                 const struct tabular_table *table,
                                 float *x)
{
    const struct tabular_column *column = &columns->items[index];
    size_t at = tabular_table_column(table, column->name);
    enum al_err err = AL_OK;
    if (at == table->n_cols)
        return err_set(AL_EINVAL, "%s: column '%.64s' is missing", table->what, column->name);
    for (size_t row = 0; row < table->n_rows && err == AL_OK; row++) {
        if (column->type == TABULAR_CATEGORY)
            encode_level(&column->levels, tabular_table_cell(table, row, at),
                         x + row * columns->n_encoded);
        else if (column->type == TABULAR_NUMBER)
            err = encode_number(table, row, at, x + row * columns->n_encoded);
    }
    return err;
}

enum al_err tabular_columns_encode(const struct tabular_columns *columns,
                                   const struct tabular_table *table,
                                   float *x)
{
    const char *names[TABULAR_COLUMNS_MAX];
    for (size_t i = 0; i < columns->n; i++)
        names[i] = columns->items[i].name;
    enum al_err err = tabular_table_check_names(table, names, columns->n);
    for (size_t i = 0; i < columns->n && err == AL_OK; i++) {
        err = encode_column(columns, i, table, x);
        x += width(&columns->items[i]);
    }
    return err;
}

/* ---- order ---- */

struct timed_row {
    int64_t ts_ns;
    size_t row;
};

static int by_time(const void *a, const void *b)
{
    const struct timed_row *one = a, *other = b;
    if (one->ts_ns != other->ts_ns)
        return one->ts_ns < other->ts_ns ? -1 : 1;
    return one->row < other->row ? -1 : one->row > other->row;
}

static bool order_by(const struct tabular_table *table, size_t column, size_t *order)
{
    struct timed_row *rows = malloc((table->n_rows + 1) * sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t row = 0; row < table->n_rows; row++) {
        rows[row] = (struct timed_row){0, row};
        (void)is_time(tabular_table_cell(table, row, column), &rows[row].ts_ns);
    }
    qsort(rows, table->n_rows, sizeof *rows, by_time);
    for (size_t i = 0; i < table->n_rows; i++)
        order[i] = rows[i].row;
    free(rows);
    return true;
}

const char *tabular_columns_order(const struct tabular_columns *columns,
                                  const struct tabular_table *table,
                                  size_t *order)
{
    for (size_t row = 0; row < table->n_rows; row++)
        order[row] = row;
    for (size_t i = 0; i < columns->n; i++) {
        const struct tabular_column *column = &columns->items[i];
        size_t at = tabular_table_column(table, column->name);
        if (column->type == TABULAR_TIME && at < table->n_cols && order_by(table, at, order))
            return column->name;
    }
    return NULL;
}

/* ---- as JSON ---- */

void tabular_columns_write(const struct tabular_columns *columns, struct json_writer *w)
{
    json_w_array(w);
    for (size_t i = 0; i < columns->n; i++) {
        json_w_object(w);
        json_m_str(w, "name", columns->items[i].name);
        json_m_str(w, "type", type_names[columns->items[i].type]);
        json_w_key(w, "levels");
        levels_write(&columns->items[i].levels, w);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static enum al_err read_column(struct json_node *object, struct tabular_column *out)
{
    struct slice type = json_text(json_get(object, "type"));
    while (out->type < TABULAR_TYPE_COUNT && !slice_is(type, type_names[out->type]))
        out->type++;
    if (out->type == TABULAR_TYPE_COUNT ||
        !json_chars(json_get(object, "name"), out->name, sizeof out->name))
        return err_set(AL_EVERIFY, "a column has no name or no known type");
    return levels_read(json_get(object, "levels"),
                       out->type == TABULAR_CATEGORY ? TABULAR_LEVELS_MAX : 0, &out->levels);
}

enum al_err tabular_columns_read(struct json_node *array, struct tabular_columns *out)
{
    struct json_cursor element = {0};
    size_t n = json_length(array);
    *out = (struct tabular_columns){0};
    if (n == 0 || n > TABULAR_COLUMNS_MAX)
        return err_set(AL_EVERIFY, "not 1 to %d columns", TABULAR_COLUMNS_MAX);
    enum al_err err = columns_create(n, out);
    while (err == AL_OK && json_walk(array, &element)) {
        struct tabular_column *column = &out->items[out->n++];
        err = read_column(element.value, column);
        out->n_encoded += err == AL_OK ? width(column) : 0;
    }
    if (err == AL_OK && (out->n_encoded == 0 || out->n_encoded > TABULAR_ENCODED_MAX))
        err = err_set(AL_EVERIFY, "the columns are %zu numbers a row", out->n_encoded);
    return err;
}
