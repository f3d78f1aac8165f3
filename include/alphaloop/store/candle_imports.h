/* Table candle_imports: how far imports have come that did not end. */
#ifndef ALPHALOOP_STORE_CANDLE_IMPORTS_H
#define ALPHALOOP_STORE_CANDLE_IMPORTS_H

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

struct candle_import {
    struct asset asset;
    int64_t interval_ns; /* whole seconds */
    struct sha256 file;  /* of all its bytes, as they are on disk */
};

/* Everything up to this line of the file is stored. */
void candle_imports_put(struct pg_batch *batch, const struct candle_import *import, uint64_t line);
/* One row or none; candle_imports_read() gives 0 for none. */
void candle_imports_find(struct pg_batch *batch, const struct candle_import *import);
uint64_t candle_imports_read(const struct pg_result *result);
void candle_imports_delete(struct pg_batch *batch, const struct candle_import *import);

#endif
