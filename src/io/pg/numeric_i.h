/* PostgreSQL's binary numeric <-> struct decimal. */
#ifndef ALPHALOOP_IO_PG_NUMERIC_I_H
#define ALPHALOOP_IO_PG_NUMERIC_I_H

#include "alphaloop/base/decimal.h"

#define PG_NUMERIC_BYTES_MAX 24 /* header of 8, and 8 digits of 2 */

size_t pg_numeric_encode(struct decimal value, unsigned char out[PG_NUMERIC_BYTES_MAX]);
MUST_CHECK enum al_err pg_numeric_decode(const unsigned char *bytes,
                                         size_t n_bytes,
                                         struct decimal *out);

#endif
