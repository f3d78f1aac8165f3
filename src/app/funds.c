/* Probe, then read, each its own job on the admin connection: a table that is missing, or may not be read, means that the
 * balance is not known, and what is not known refuses nothing. */
#include "funds_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"
#include "alphaloop/store/stack.h"

#include "worker_i.h"

#define ASK_EVERY_NS (10 * NS_PER_S)
#define BALANCES_MAX 1000
#define BATCH_BYTES  4096

struct funds {
    struct worker *worker;
    struct pg_batch *batch;
    struct stack_tables tables;
    bool running, known_before;
    double available; /* quote currency; NaN: unknown */
    char quote[ASSET_TEXT_MAX];
    int64_t next_wall_ns;
};

enum al_err funds_create(struct worker *worker, struct funds **out)
{
    struct funds *funds = calloc(1, sizeof(*funds));
    if (funds == NULL)
        return err_set(AL_ENOMEM, "funds");
    char base[ASSET_TEXT_MAX];
    funds->worker = worker;
    funds->batch = pg_batch_create(BATCH_BYTES);
    if (!asset_split(&worker->strategies[0].assets[0], base, funds->quote))
        (void)chars_set(funds->quote, sizeof(funds->quote), "USDT");
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

static void done(struct funds *funds)
{
    bool known = !isnan(funds->available);
    if (known != funds->known_before)
        log_info("app", "limit", NULL, EV(known ? "balance_known" : "balance_unknown"),
                 F_STR("currency", funds->quote), F_F64("available", funds->available));
    funds->known_before = known;
    pipeline_set_balance(funds->worker->pipeline, funds->available);
    funds->running = false;
    funds->next_wall_ns = worker_wall_ns(funds->worker) + ASK_EVERY_NS;
}

static void on_balances(void *ctx, size_t index, const struct pg_result *result)
{
    struct funds *funds = ctx;
    (void)index;
    for (size_t row = 0; row < pg_result_n_rows(result); row++) {
        struct stack_balance balance;
        if (stack_balances_read(result, row, &balance) == AL_OK &&
            strcmp(balance.coin.text, funds->quote) == 0)
            funds->available = decimal_to_double(balance.available);
    }
}

static void on_balances_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct funds *funds = ctx;
    (void)failure;
    if (err != AL_OK)
        funds->available = NAN;
    done(funds);
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
    funds->available = NAN;
    if (err == AL_OK && funds->tables.account_balances) {
        struct pg_job job = {.on_result = on_balances, .on_done = on_balances_done, .ctx = funds};
        pg_batch_reset(funds->batch);
        stack_balances_load(funds->batch, BALANCES_MAX);
        if (pg_client_run(funds->worker->reader, funds->batch, &job) == AL_OK)
            return;
    }
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
