/* Reading a result: typed accessors over binary columns.
 *
 * `struct pg_result` is libpq's own type, borrowed for the time of the callback that hands it out. Row and column count
 * from 0 and must exist; a column of another type than asked for is a bug in the statement and asserted. Null reads as the
 * type's absent value (0, NaN, "", nil, false, TIMESTAMP_NONE): ask pg_result_is_null() where that matters. So does a value
 * that has not the width of its type, which only a server that is none would send.
 */
#ifndef ALPHALOOP_IO_PG_RESULT_H
#define ALPHALOOP_IO_PG_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/decimal.h"
#include "alphaloop/base/err.h"
#include "alphaloop/base/uuid.h"

struct pg_result;

size_t pg_result_n_rows(const struct pg_result *result);
size_t pg_result_n_affected(
    const struct pg_result *result); /* rows a command inserted, updated or deleted */

bool pg_result_is_null(const struct pg_result *result, size_t row, size_t column);
bool pg_result_bool(const struct pg_result *result, size_t row, size_t column);
int64_t pg_result_i64(const struct pg_result *result,
                      size_t row,
                      size_t column); /* any integer width */
double pg_result_double(const struct pg_result *result,
                        size_t row,
                        size_t column); /* real or double precision */
struct slice pg_result_text(const struct pg_result *result,
                            size_t row,
                            size_t column); /* text, json, jsonb; borrows */
struct slice pg_result_bytea(const struct pg_result *result,
                             size_t row,
                             size_t column); /* borrows */
struct uuid pg_result_uuid(const struct pg_result *result, size_t row, size_t column);
int64_t pg_result_time(const struct pg_result *result,
                       size_t row,
                       size_t column); /* ns; infinite: TIMESTAMP_NONE */
/* numeric; digits past the eighth decimal are rounded half to even. AL_ERANGE when it is NaN, infinite or too large. */
MUST_CHECK enum al_err pg_result_decimal(const struct pg_result *result,
                                         size_t row,
                                         size_t column,
                                         struct decimal *out);
/* The text into a zero-padded char array; AL_ERANGE when it does not fit with its NUL. */
MUST_CHECK enum al_err pg_result_chars(
    const struct pg_result *result, size_t row, size_t column, char *out, size_t out_size);
/* pg_put_floats() read back; AL_ERANGE unless it is a multiple of 4 and at most n_max values. */
MUST_CHECK enum al_err pg_result_floats(const struct pg_result *result,
                                        size_t row,
                                        size_t column,
                                        float *out,
                                        size_t n_max,
                                        size_t *n_values);

#endif
