/* A table as callers of the train/predict routes send it: a JSON array of objects, one a row, all with the same members.
 *
 * The first row names the columns. Every other row has these and no others, in any order, each once. A cell is a number, a
 * string, a boolean, or null: not known. What is wrong is told by row and column: `features[3]: column 'a' is missing`.
 */
#ifndef ALPHALOOP_TABULAR_TABLE_H
#define ALPHALOOP_TABULAR_TABLE_H

#include <stddef.h>

#include "alphaloop/base/err.h"
#include "alphaloop/base/json.h"

#define TABULAR_ROWS_MAX    200000
#define TABULAR_COLUMNS_MAX 256
#define TABULAR_CELLS_MAX   2000000
#define TABULAR_TEXT_MAX    128 /* of a column's name or a category, with its NUL */

struct tabular_table {
    const char *what; /* "features": what errors call it; keeps */
    size_t n_rows, n_cols;
    const char *names[TABULAR_COLUMNS_MAX]; /* borrow from the document, as the cells do */
    struct json_node **cells;               /* [n_rows][n_cols]; NULL: null */
};

/* AL_EINVAL: not such an array, no rows, or a name missing, unexpected or twice; AL_ERANGE: more than the bounds; AL_ENOMEM.
 * *out is the caller's: tabular_table_deinit() it, also after a failure. */
MUST_CHECK enum al_err tabular_table_read(struct json_node *array,
                                          const char *what,
                                          struct tabular_table *out);
void tabular_table_deinit(struct tabular_table *table);

/* Index of a column; n_cols when there is none. */
size_t tabular_table_column(const struct tabular_table *table, const char *name);
struct json_node *tabular_table_cell(const struct tabular_table *table, size_t row, size_t column);

/* That the table has exactly these columns. AL_EINVAL names those missing and those not expected. */
MUST_CHECK enum al_err tabular_table_check_names(const struct tabular_table *table,
                                                 const char *const *names,
                                                 size_t n_names);

#endif
