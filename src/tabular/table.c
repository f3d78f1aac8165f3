/* Rows mostly name their columns in the order of the first, so a member is looked for where it was there. */
#include "alphaloop/tabular/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_TEXT_MAX 400

size_t tabular_table_column(const struct tabular_table *table, const char *name)
{
    size_t i = 0;
    while (i < table->n_cols && strcmp(table->names[i], name) != 0)
        i++;
    return i;
}

struct json_node *tabular_table_cell(const struct tabular_table *table, size_t row, size_t column)
{
    return table->cells[row * table->n_cols + column];
}

/* ---- names ---- */

/* "column 'a' is missing; column 'b' is not expected": as many as an error's text has room for. */
struct complaint {
    char text[NAMES_TEXT_MAX];
    size_t len;
};

static void complain(struct complaint *c, const char *name, const char *what)
{
    size_t room = sizeof c->text - c->len;
    int n = snprintf(c->text + c->len, room, "%scolumn '%.64s' is %s", c->len > 0 ? "; " : "", name,
                     what);
    if (n > 0 && (size_t)n < room)
        c->len += (size_t)n;
    else
        c->text[c->len] = '\0';
}

enum al_err tabular_table_check_names(const struct tabular_table *table,
                                      const char *const *names,
                                      size_t n_names)
{
    struct complaint c = {.len = 0};
    bool expected[TABULAR_COLUMNS_MAX] = {false};
    for (size_t i = 0; i < n_names; i++) {
        size_t column = tabular_table_column(table, names[i]);
        if (column < table->n_cols)
            expected[column] = true;
        else
            complain(&c, names[i], "missing");
    }
    for (size_t k = 0; k < table->n_cols; k++) {
        if (!expected[k])
            complain(&c, table->names[k], "not expected");
    }
    return c.len == 0 ? AL_OK : err_set(AL_EINVAL, "%s: %s", table->what, c.text);
}

static enum al_err read_names(struct json_node *row, struct tabular_table *out)
{
    struct json_cursor member = {0};
    while (json_walk(row, &member)) {
        if (out->n_cols == TABULAR_COLUMNS_MAX)
            return err_set(AL_ERANGE, "%s: over %d columns", out->what, TABULAR_COLUMNS_MAX);
        if (member.key[0] == '\0' || strlen(member.key) >= TABULAR_TEXT_MAX)
            return err_set(AL_EINVAL, "%s[0]: the name of a column has 1 to %d bytes", out->what,
                           TABULAR_TEXT_MAX - 1);
        if (tabular_table_column(out, member.key) < out->n_cols)
            return err_set(AL_EINVAL, "%s[0]: column '%.64s' is there twice", out->what,
                           member.key);
        out->names[out->n_cols++] = member.key;
    }
    return out->n_cols > 0 ? AL_OK : err_set(AL_EINVAL, "%s[0]: there is no column", out->what);
}

/* ---- cells ---- */

static size_t find_column(const struct tabular_table *table, const char *name, size_t guess)
{
    if (guess < table->n_cols && strcmp(table->names[guess], name) == 0)
        return guess;
    return tabular_table_column(table, name);
}

static enum al_err refuse_row(const struct tabular_table *table,
                              size_t row,
                              const bool *is_there,
                              struct complaint *c)
{
    for (size_t k = 0; k < table->n_cols; k++) {
        if (!is_there[k])
            complain(c, table->names[k], "missing");
    }
    return err_set(AL_EINVAL, "%s[%zu]: %s", table->what, row, c->text);
}

static enum al_err read_row(struct json_node *node, size_t row, struct tabular_table *out)
{
    bool is_there[TABULAR_COLUMNS_MAX] = {false};
    struct complaint c = {.len = 0};
    struct json_cursor member = {0};
    size_t n = 0;
    for (size_t at = 0; json_walk(node, &member); at++) {
        size_t k = find_column(out, member.key, at);
        if (k == out->n_cols) {
            complain(&c, member.key, "not expected");
            continue;
        }
        if (is_there[k])
            complain(&c, member.key, "there twice");
        if (json_is_object(member.value) || json_is_array(member.value))
            return err_set(AL_EINVAL,
                           "%s[%zu]: column '%.64s' is an object or an array; a cell is a number, "
                           "a string, true, false or null",
                           out->what, row, member.key);
        n += !is_there[k];
        is_there[k] = true;
        out->cells[row * out->n_cols + k] = member.value;
    }
    return c.len == 0 && n == out->n_cols ? AL_OK : refuse_row(out, row, is_there, &c);
}

static enum al_err read_rows(struct json_node *array, struct tabular_table *out)
{
    struct json_cursor element = {0};
    enum al_err err = AL_OK;
    out->n_rows = json_length(array);
    if (out->n_rows > TABULAR_CELLS_MAX / out->n_cols)
        return err_set(AL_ERANGE, "%s: over %d cells", out->what, TABULAR_CELLS_MAX);
    out->cells = calloc(out->n_rows * out->n_cols, sizeof(struct json_node *));
    if (out->cells == NULL)
        return err_set(AL_ENOMEM, "%s: %zu rows", out->what, out->n_rows);
    for (size_t row = 0; err == AL_OK && json_walk(array, &element); row++)
        err = json_is_object(element.value)
                  ? read_row(element.value, row, out)
                  : err_set(AL_EINVAL, "%s[%zu]: a row is an object of columns", out->what, row);
    return err;
}

enum al_err tabular_table_read(struct json_node *array, const char *what, struct tabular_table *out)
{
    *out = (struct tabular_table){.what = what};
    if (!json_is_array(array))
        return err_set(AL_EINVAL, "%s: must be an array of rows", what);
    if (json_length(array) == 0 || json_length(array) > TABULAR_ROWS_MAX)
        return err_set(AL_ERANGE, "%s: must have 1 to %d rows", what, TABULAR_ROWS_MAX);
    struct json_node *first = json_at(array, 0);
    if (!json_is_object(first))
        return err_set(AL_EINVAL, "%s[0]: a row is an object of columns", what);
    enum al_err err = read_names(first, out);
    return err == AL_OK ? read_rows(array, out) : err;
}

void tabular_table_deinit(struct tabular_table *table)
{
    free(table->cells);
    table->cells = NULL;
    table->n_rows = 0;
}
