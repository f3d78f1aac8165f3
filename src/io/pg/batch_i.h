/* Inside a batch: what those who send it need. */
#ifndef ALPHALOOP_IO_PG_BATCH_I_H
#define ALPHALOOP_IO_PG_BATCH_I_H

#include <libpq-fe.h>

#include "alphaloop/io/pg_batch.h"

struct pg_param {
    Oid oid;
    size_t offset; /* in the arena */
    int len;       /* -1: null */
};

struct pg_batch_item {
    const struct pg_statement *statement;
    size_t first_param, n_params;
};

struct pg_batch {
    struct buf bytes; /* the arena */
    struct pg_param *params;
    size_t n_params, params_cap;
    struct pg_batch_item items[PG_STATEMENTS_MAX];
    size_t n_items;
    bool is_cut;
    size_t cut; /* when it is: the first statement of its second step */
    bool failed;
    bool running; /* someone keeps it: it must not change */

    bool in_array; /* the open array, the last parameter */
    enum pg_type array_type;
    size_t array_left; /* values still to come */
};

/* One statement's parameters as libpq wants them. Pointers lead into the arena. */
struct pg_bound {
    int n;
    Oid types[PG_PARAMS_MAX];
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX]; /* all binary */
};

void pg_batch_bind(const struct pg_batch *batch, size_t index, struct pg_bound *out);

#endif
