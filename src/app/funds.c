/* Probe, then read what is there, each its own job on the admin connection: a table that is missing, or may not be read,
 * means that its content is not known, and what is not known refuses nothing. */
#include "funds_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/store/stack.h"

#include "journal_i.h"
#include "worker_i.h"

#define ASK_EVERY_NS (10 * NS_PER_S)
#define BATCH_BYTES  4096

enum table { TABLE_BALANCES, TABLE_ORDERS, TABLE_POSITIONS, TABLE_COUNT };

struct funds {
    struct worker *worker;
    struct pg_batch *batch;
    struct stack_tables tables;
    enum table asked[TABLE_COUNT]; /* by the statements of the batch */
    size_t n_asked;
    bool running, known_before;
    struct known_balance balances[NEIGHBOUR_ROWS_MAX];
    struct known_order orders[NEIGHBOUR_ROWS_MAX];
    struct known_position positions[NEIGHBOUR_ROWS_MAX];
    struct neighbours found;
    int64_t next_wall_ns;
};

enum al_err funds_create(struct worker *worker, struct funds **out)
{
    struct funds *funds = calloc(1, sizeof(*funds));
    if (funds == NULL)
        return err_set(AL_ENOMEM, "funds");
    funds->worker = worker;
    funds->batch = pg_batch_create(BATCH_BYTES);
    *out = funds;
    return funds->batch != NULL ? AL_OK : err_set(AL_ENOMEM, "funds");
}

void funds_destroy(struct funds *funds)
{
    if (funds == NULL)
        return;
    pg_batch_destroy(funds->batch);
    free(funds);
}

static void forget(struct funds *funds)
{
    funds->found = (struct neighbours){
        .balances = funds->balances, .orders = funds->orders, .positions = funds->positions};
}

static void done(struct funds *funds)
{
    bool known = funds->tables.account_balances || funds->tables.orders || funds->tables.positions;
    if (known != funds->known_before)
        log_info("app", "limit", NULL, EV(known ? "stack_tables_read" : "stack_tables_not_read"),
                 F_BOOL("account_balances", funds->tables.account_balances),
                 F_BOOL("orders", funds->tables.orders),
                 F_BOOL("positions", funds->tables.positions));
    funds->known_before = known;
    journal_add_neighbours(funds->worker->journal, &funds->found);
    pipeline_on_neighbours(funds->worker->pipeline, &funds->found);
    funds->running = false;
    funds->next_wall_ns = worker_wall_ns(funds->worker) + ASK_EVERY_NS;
}

/* ---- the rows ---- */

static void take_balance(struct funds *funds, const struct pg_result *result, size_t row)
{
    struct stack_balance balance;
    if (stack_balances_read(result, row, &balance) == AL_OK)
        funds->balances[funds->found.n_balances++] =
            (struct known_balance){balance.coin, decimal_to_double(balance.available)};
}

static void take_order(struct funds *funds, const struct pg_result *result, size_t row)
{
    struct stack_order order;
    if (stack_orders_read(result, row, &order) == AL_OK)
        funds->orders[funds->found.n_orders++] = (struct known_order){order.order_id, order.asset};
}

static void take_position(struct funds *funds, const struct pg_result *result, size_t row)
{
    struct stack_position position;
    if (stack_positions_read(result, row, &position) == AL_OK)
        funds->positions[funds->found.n_positions++] =
            (struct known_position){position.asset, decimal_to_double(position.size)};
}

static void on_rows(void *ctx, size_t index, const struct pg_result *result)
{
    static void (*const take[TABLE_COUNT])(struct funds *, const struct pg_result *,
                                           size_t) = {take_balance, take_order, take_position};
    struct funds *funds = ctx;
    enum table table = funds->asked[index];
    for (size_t row = 0; row < pg_result_n_rows(result) && row < NEIGHBOUR_ROWS_MAX; row++)
        take[table](funds, result, row);
    if (table == TABLE_POSITIONS)
        funds->found.positions_known = true;
}

static void on_rows_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct funds *funds = ctx;
    (void)failure;
    if (err != AL_OK) {
        forget(funds);
        memset(&funds->tables, 0, sizeof(funds->tables));
    }
    done(funds);
}

/* ---- asking ---- */

static void ask(struct funds *funds, enum table table, bool is_there)
{
    static void (*const load[TABLE_COUNT])(struct pg_batch *, size_t) = {
        stack_balances_load, stack_orders_load_open, stack_positions_load};
    if (!is_there)
        return;
    load[table](funds->batch, NEIGHBOUR_ROWS_MAX);
    funds->asked[funds->n_asked++] = table;
}

static void on_probe(void *ctx, size_t index, const struct pg_result *result)
{
    struct funds *funds = ctx;
    (void)index;
    stack_read_probe(result, &funds->tables);
}

static void on_probe_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct funds *funds = ctx;
    (void)failure;
    forget(funds);
    funds->n_asked = 0;
    pg_batch_reset(funds->batch);
    if (err == AL_OK) {
        ask(funds, TABLE_BALANCES, funds->tables.account_balances);
        ask(funds, TABLE_ORDERS, funds->tables.orders);
        ask(funds, TABLE_POSITIONS, funds->tables.positions);
    }
    struct pg_job job = {.on_result = on_rows, .on_done = on_rows_done, .ctx = funds};
    if (funds->n_asked == 0 || pg_client_run(funds->worker->reader, funds->batch, &job) != AL_OK)
        done(funds);
}

void funds_run(struct funds *funds)
{
    if (funds->running || worker_wall_ns(funds->worker) < funds->next_wall_ns)
        return;
    struct pg_job job = {.on_result = on_probe, .on_done = on_probe_done, .ctx = funds};
    pg_batch_reset(funds->batch);
    memset(&funds->tables, 0, sizeof(funds->tables));
    stack_probe(funds->batch);
    funds->running = pg_client_run(funds->worker->reader, funds->batch, &job) == AL_OK;
}
