/* The neighbours' own tables in schema public, read when they are there and never written.
 *
 * stack_probe() says which of them exist with the columns needed and may be read; statements on the others are refused by
 * the database (AL_EDB, SQLSTATE 42P01 or 42703), after which a new probe is due.
 */
#ifndef ALPHALOOP_STORE_STACK_H
#define ALPHALOOP_STORE_STACK_H

#include "alphaloop/base/decimal.h"
#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"

struct stack_tables {
    bool orders, positions, account_balances;
};
void stack_probe(struct pg_batch *batch);
void stack_read_probe(const struct pg_result *result, struct stack_tables *out);

/* public.orders: orders that can still fill. */
struct stack_order {
    struct order_id order_id;
    struct asset asset;
    enum side side;
    struct decimal quantity, filled_quantity;
};
void stack_orders_load_open(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err stack_orders_read(const struct pg_result *result,
                                         size_t row,
                                         struct stack_order *out);

/* public.orders again: what became of orders that answer open signals of ours and that no event told of, because it was lost
 * on its way. Each is the text of an order event in the nested shape; its id follows from what it says, so that telling it
 * twice changes nothing. Orders that changed in the last `quiet_seconds` may still be told. The probe asks for more columns
 * than the one above, and for a signal_id that an index can find. */
void stack_probe_untold(struct pg_batch *batch);
bool stack_read_probe_untold(const struct pg_result *result);
void stack_orders_load_untold(struct pg_batch *batch, int64_t quiet_seconds, size_t limit);
struct slice stack_orders_read_untold(const struct pg_result *result, size_t index); /* borrows */

/* public.positions: those that are not flat. */
struct stack_position {
    struct asset asset;
    struct decimal size;        /* signed */
    double average_entry_price; /* NaN when null */
};
void stack_positions_load(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err stack_positions_read(const struct pg_result *result,
                                            size_t row,
                                            struct stack_position *out);

/* public.account_balances: the newest row of each coin. */
struct stack_balance {
    struct asset coin; /* "USDT" */
    struct decimal available;
};
void stack_balances_load(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err stack_balances_read(const struct pg_result *result,
                                           size_t row,
                                           struct stack_balance *out);

#endif
