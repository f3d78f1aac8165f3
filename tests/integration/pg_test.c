/* io/pg against a real server: values there and back, transactions, faults. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg.h"
#include "harness/check.h"
#include "harness/database.h"

static const char schema[] = "io_test";

/* ---- values, over the blocking twin (both share batches and results) ---- */

struct values {
    size_t n_rows;
    struct decimal decimal;
    enum al_err err;
    char text[64];
};

static void keep_decimal(void *ctx, size_t index, const struct pg_result *result)
{
    struct values *values = ctx;
    (void)index;
    values->n_rows = pg_result_n_rows(result);
    values->err = pg_result_decimal(result, 0, 0, &values->decimal);
    struct slice text = pg_result_text(result, 0, 1);
    snprintf(values->text, sizeof(values->text), "%.*s", (int)text.len, text.ptr);
}

static struct decimal random_decimal(struct rng *rng)
{
    al_i128 units = (al_i128)(rng_u64(rng) % 1000000000000ULL) * DECIMAL_SCALE +
                    (al_i128)rng_below(rng, DECIMAL_SCALE);
    for (uint64_t digits = rng_below(rng, 20); digits > 0; digits--)
        units /= 10;
    for (uint64_t zeros = rng_below(rng, 4); zeros > 0 && units < (al_i128)1000000000000000;
         zeros--)
        units *= 10000;
    return (struct decimal){rng_below(rng, 2) ? units : -units};
}

static void test_decimal_survives_the_server(void **state)
{
    static const struct pg_statement echo = {"echo", "SELECT $1, $1::text"};
    struct pg_sync *sync = database_open(schema, true);
    struct pg_batch *batch = pg_batch_create(4096);
    struct rng rng;
    (void)state;
    rng_seed(&rng, 11);
    for (int i = 0; i < 3000; i++) {
        struct decimal sent = i == 0 ? DECIMAL_ZERO : random_decimal(&rng);
        struct values got = {0};
        char text[DECIMAL_TEXT_MAX];
        pg_batch_statement(batch, &echo);
        pg_put_decimal(batch, sent);
        database_batch(sync, batch, keep_decimal, &got);
        decimal_format(sent, text);
        check_str(got.text, text);
        check_ok(got.err);
        assert_int_equal(decimal_cmp(got.decimal, sent), 0);
    }
    pg_batch_destroy(batch);
    pg_sync_close(sync);
}

static void test_numeric_is_rounded_half_to_even_or_refused(void **state)
{
    static const struct {
        const char *sql, *want;
    } rows[] = {
        {"1.000000005", "1.00000000"},
        {"1.000000015", "1.00000002"},
        {"1.0000000050000000000000001", "1.00000001"},
        {"-1.000000015", "-1.00000002"},
        {"0.000000004999999", "0.00000000"},
        {"0.000000005", "0.00000000"},
        {"0.000000006", "0.00000001"},
        {"1e-200", "0.00000000"},
        {"999999999999.99999999", "999999999999.99999999"},
        {"999999999999.999999995", NULL},
        {"1e12", NULL},
        {"1e100", NULL},
        {"'NaN'::numeric", NULL},
        {"'-Infinity'::numeric", NULL},
        {"120000", "120000.00000000"},
        {"0.0001", "0.00010000"},
    };
    struct pg_sync *sync = database_open(schema, true);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char sql[256], text[DECIMAL_TEXT_MAX];
        snprintf(sql, sizeof(sql), "SELECT (%s)::numeric, ''::text", rows[i].sql);
        struct pg_statement statement = {"numeric", sql};
        struct pg_batch *batch = pg_batch_create(64);
        struct values got = {0};
        pg_batch_statement(batch, &statement);
        database_batch(sync, batch, keep_decimal, &got);
        pg_batch_destroy(batch);
        check_err(got.err, rows[i].want == NULL ? AL_ERANGE : AL_OK);
        if (rows[i].want == NULL)
            continue;
        decimal_format(got.decimal, text);
        check_str(text, rows[i].want);
    }
    pg_sync_close(sync);
}

static void check_values(void *ctx, size_t index, const struct pg_result *result)
{
    static const float floats[] = {1.5F, -0.0F};
    float back[2];
    size_t n_back;
    char chars[8];
    (void)index;
    *(bool *)ctx = true;
    assert_true(pg_result_bool(result, 0, 0));
    check_i64(pg_result_i64(result, 0, 1), INT64_MIN);
    check_i64(pg_result_i64(result, 0, 2), -7);
    check_same_double(pg_result_double(result, 0, 3), 0.1);
    assert_true(slice_is(pg_result_text(result, 0, 4), "a\"\\\xc3\xa9"));
    check_ok(pg_result_floats(result, 0, 5, back, 2, &n_back));
    assert_int_equal(n_back, 2);
    assert_memory_equal(back, floats, sizeof(floats));
    check_err(pg_result_floats(result, 0, 5, back, 1, &n_back), AL_ERANGE);
    assert_true(slice_is(pg_result_text(result, 0, 6), "{\"a\": 1}"));
    assert_int_equal(pg_result_uuid(result, 0, 7).bytes[15], 9);
    check_i64(pg_result_time(result, 0, 8), 1700000000123456000);
    check_i64(pg_result_time(result, 0, 9), -1000); /* down, also before 1970 */
    assert_true(isnan(pg_result_double(result, 0, 10)) && !pg_result_is_null(result, 0, 10));
    assert_true(pg_result_is_null(result, 0, 11) && isnan(pg_result_double(result, 0, 11)));
    check_i64(pg_result_time(result, 0, 12), TIMESTAMP_NONE);
    check_i64(pg_result_time(result, 0, 13), TIMESTAMP_NONE);
    check_ok(pg_result_chars(result, 0, 4, chars, sizeof(chars)));
    check_str(chars, "a\"\\\xc3\xa9");
    check_err(pg_result_chars(result, 0, 4, chars, 5), AL_ERANGE);
    assert_int_equal(pg_result_text(result, 0, 14).len, 0);
    assert_true(pg_result_is_null(result, 0, 15));
}

static void test_every_type_survives_the_server(void **state)
{
    static const struct pg_statement echo = {
        "echo_types",
        "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'infinity'::timestamptz, "
        "$14, $15",
    };
    static const float floats[] = {1.5F, -0.0F};
    struct pg_sync *sync = database_open(schema, true);
    struct pg_batch *batch = pg_batch_create(4096);
    bool seen = false;
    (void)state;
    pg_batch_statement(batch, &echo);
    pg_put_bool(batch, true);
    pg_put_i64(batch, INT64_MIN);
    pg_put_i32(batch, -7);
    pg_put_double(batch, 0.1);
    pg_put_str(batch, "a\"\\\xc3\xa9");
    pg_put_floats(batch, floats, 2);
    pg_put_jsonb(batch, SLICE("{\"a\":1}"));
    pg_put_uuid(batch, (struct uuid){{[15] = 9}});
    pg_put_time(batch, 1700000000123456789);
    pg_put_time(batch, -1);
    pg_put_double(batch, (double)NAN);
    pg_put_double_or_null(batch, (double)NAN);
    pg_put_time(batch, TIMESTAMP_NONE);
    pg_put_text(batch, (struct slice){NULL, 0});
    pg_put_str_or_null(batch, "");
    database_batch(sync, batch, check_values, &seen);
    assert_true(seen);
    pg_batch_destroy(batch);
    pg_sync_close(sync);
}

static void check_unnested(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    *(size_t *)ctx = pg_result_n_rows(result);
    if (pg_result_n_rows(result) == 0)
        return;
    check_i64(pg_result_i64(result, 1, 0), 2);
    assert_true(slice_is(pg_result_text(result, 0, 1), "x"));
    assert_true(pg_result_is_null(result, 1, 1));
    assert_true(slice_is(pg_result_bytea(result, 2, 2), "q"));
}

static void put_arrays(struct pg_batch *batch, size_t n)
{
    static const struct pg_statement unnest = {
        "unnest",
        "SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[]) AS t (a, b, c)",
    };
    pg_batch_statement(batch, &unnest);
    pg_array_begin(batch, PG_I64, n);
    for (size_t i = 0; i < n; i++)
        pg_put_i64(batch, (int64_t)i + 1);
    pg_array_end(batch);
    pg_array_begin(batch, PG_TEXT, n);
    for (size_t i = 0; i < n; i++)
        pg_put_str(batch, i == 1 ? NULL : "x");
    pg_array_end(batch);
    pg_array_begin(batch, PG_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        pg_put_bytea(batch, SLICE("q"));
    pg_array_end(batch);
}

static void test_arrays_survive_the_server(void **state)
{
    struct pg_sync *sync = database_open(schema, true);
    struct pg_batch *batch = pg_batch_create(4096);
    size_t n_rows = 99;
    (void)state;
    put_arrays(batch, 3);
    database_batch(sync, batch, check_unnested, &n_rows);
    assert_int_equal(n_rows, 3);
    put_arrays(batch, 0);
    database_batch(sync, batch, check_unnested, &n_rows);
    assert_int_equal(n_rows, 0);
    pg_batch_destroy(batch);
    pg_sync_close(sync);
}

/* ---- copy ---- */

struct copied {
    size_t n_rows, stop_after;
    double sum;
    bool ok;
};

static bool on_copied(void *ctx, const struct pg_copy_row *row)
{
    struct copied *copied = ctx;
    float values[64];
    copied->n_rows++;
    copied->ok = copied->ok && row->n_fields == 5 &&
                 pg_copy_i64(row, 0) == (int64_t)copied->n_rows &&
                 pg_copy_float_array(row, 1, values, 64) == 3 && isnan(values[1]) &&
                 slice_is(pg_copy_bytes(row, 2), "it's") && row->len[3] == -1 &&
                 isnan(pg_copy_double(row, 3)) && pg_copy_floats(row, 4, values, 64) == 1 &&
                 values[0] == 1.0F;
    return copied->n_rows != copied->stop_after;
}

static const char copy_select[] = "SELECT g::bigint, ARRAY[g, NULL, 2.5]::real[], 'it''s'::text, "
                                  "NULL::float8, '\\x0000803f'::bytea"
                                  " FROM generate_series(1, 5000) g";

static void test_copy_reads_every_row(void **state)
{
    struct pg_sync *sync = database_open(schema, true);
    struct copied copied = {.ok = true};
    (void)state;
    check_ok(pg_copy_out(sync, copy_select, on_copied, &copied));
    assert_true(copied.ok);
    assert_int_equal(copied.n_rows, 5000);
    pg_sync_close(sync);
}

static bool on_times(void *ctx, const struct pg_copy_row *row)
{
    int64_t *times_ns = ctx;
    for (size_t i = 0; i < 3; i++)
        times_ns[i] = pg_copy_time(row, i);
    return true;
}

static void test_copy_reads_times(void **state)
{
    struct pg_sync *sync = database_open(schema, true);
    int64_t times_ns[3] = {0};
    (void)state;
    check_ok(pg_copy_out(sync,
                         "SELECT timestamptz '1999-12-31T23:59:59.000001Z', 'infinity'::timestamptz"
                         ", NULL::timestamptz",
                         on_times, times_ns));
    check_i64(times_ns[0], 946684799000001000);
    check_i64(times_ns[1], TIMESTAMP_NONE);
    check_i64(times_ns[2], TIMESTAMP_NONE);
    pg_sync_close(sync);
}

static void test_copy_stops_early_and_the_connection_lives(void **state)
{
    struct pg_sync *sync = database_open(schema, true);
    struct copied copied = {.ok = true, .stop_after = 7};
    (void)state;
    check_ok(pg_copy_out(sync, copy_select, on_copied, &copied));
    assert_int_equal(copied.n_rows, 7);
    check_str(database_text(sync, "1 + 1"), "2");
    pg_sync_close(sync);
}

static void test_copy_reports_a_refused_query(void **state)
{
    struct pg_sync *sync = database_open(schema, true);
    struct copied copied = {.ok = true};
    (void)state;
    check_err(pg_copy_out(sync, "SELECT nothing", on_copied, &copied), AL_EDB);
    check_str(pg_sync_sqlstate(sync), "42703");
    check_err(
        pg_copy_out(sync, "SELECT 1 / (g - 50) FROM generate_series(1, 100) g", on_copied, &copied),
        AL_EDB);
    check_str(pg_sync_sqlstate(sync), "22012");
    check_str(database_text(sync, "1 + 1"), "2");
    pg_sync_close(sync);
}

static void test_quoted_literals_mean_themselves(void **state)
{
    static const char *const texts[] = {
        "", "plain", "it's", "back\\slash", "\\'; DROP TABLE x; --", "\xc3\xa9"};
    struct pg_sync *sync = database_open(schema, true);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct buf sql = BUF_INIT(1024);
        pg_quote_literal(&sql, slice_of(texts[i]));
        check_str(database_text(sync, buf_str(&sql)), texts[i]);
        buf_deinit(&sql);
    }
    pg_sync_close(sync);
}

/* ---- a client on a loop ---- */

struct world {
    uv_loop_t loop;
    uv_timer_t guard;
    struct pg_client *client;
    struct pg_sync *sync; /* looks on from outside */
    struct pg_batch *batch;
    size_t n_done;
    enum al_err err;
    struct pg_failure failure;
    size_t n_results, n_steps;
    int64_t value; /* of the last result */
    size_t order[16];
    bool maybe_committed[8]; /* of the failed ones, by the order of their ends */
    bool closed, timed_out;
};

static void on_guard(uv_timer_t *timer)
{
    ((struct world *)timer->data)->timed_out = true;
}

#define RUN_UNTIL(world, condition)                                                                \
    do {                                                                                           \
        uv_timer_start(&(world)->guard, on_guard, 60000, 0);                                       \
        while (!(condition) && !(world)->timed_out)                                                \
            uv_run(&(world)->loop, UV_RUN_ONCE);                                                   \
        uv_timer_stop(&(world)->guard);                                                            \
        if ((world)->timed_out)                                                                    \
            fail_msg("never happened: %s", #condition);                                            \
    } while (0)

static struct world *world_create(const struct pg_options *options)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_int_equal(uv_loop_init(&world->loop), 0);
    uv_timer_init(&world->loop, &world->guard);
    world->guard.data = world;
    world->sync = database_open(schema, true);
    database_run(world->sync, "CREATE TABLE t (n bigint PRIMARY KEY)");
    world->batch = pg_batch_create(64 << 20);
    check_ok(pg_client_create(&world->loop, options, NULL, NULL, &world->client));
    pg_client_start(world->client);
    return world;
}

static struct world *world_ready(void)
{
    struct pg_options options = database_options(schema);
    struct world *world = world_create(&options);
    RUN_UNTIL(world, pg_client_is_ready(world->client));
    return world;
}

static void on_closed(void *ctx)
{
    ((struct world *)ctx)->closed = true;
}

static void world_end(struct world *world)
{
    if (!world->closed)
        pg_client_close(world->client, 5000, on_closed, world);
    RUN_UNTIL(world, world->closed);
    uv_close((uv_handle_t *)&world->guard, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    pg_batch_destroy(world->batch);
    pg_sync_close(world->sync);
    free(world);
}

static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct world *world = ctx;
    (void)index;
    world->n_results++;
    if (pg_result_n_rows(result) > 0)
        world->value = pg_result_i64(result, 0, 0);
}

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct world *world = ctx;
    world->err = err;
    if (failure != NULL) {
        world->failure = *failure;
        if (world->n_done < COUNT_OF(world->maybe_committed))
            world->maybe_committed[world->n_done] = failure->maybe_committed;
    }
    world->n_done++;
}

static const struct pg_statement insert = {"insert_t", "INSERT INTO t VALUES ($1) RETURNING n"};
static const struct pg_statement count = {"count_t", "SELECT count(*) FROM t"};

static void put_insert(struct pg_batch *batch, int64_t n)
{
    pg_batch_statement(batch, &insert);
    pg_put_i64(batch, n);
}

static struct pg_job job_for(struct world *world)
{
    return (struct pg_job){.on_result = on_result, .on_done = on_done, .ctx = world};
}

static void run_job(struct world *world, const struct pg_job *job)
{
    size_t before = world->n_done;
    check_ok(pg_client_run(world->client, world->batch, job));
    assert_int_equal(world->n_done, before); /* never from inside */
    RUN_UNTIL(world, world->n_done > before);
}

static void test_a_job_commits(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    put_insert(world->batch, 1);
    put_insert(world->batch, 2);
    pg_batch_statement(world->batch, &count);
    run_job(world, &job);
    check_ok(world->err);
    assert_int_equal(world->n_results, 3);
    check_i64(world->value, 2);
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), "2");
    world_end(world);
}

static void test_a_refused_job_leaves_nothing_and_the_client_goes_on(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    put_insert(world->batch, 1);
    put_insert(world->batch, 1);
    put_insert(world->batch, 3);
    run_job(world, &job);
    check_err(world->err, AL_EDB);
    check_str(world->failure.sqlstate, "23505");
    check_str(world->failure.statement, "insert_t");
    assert_true(world->failure.retry && !world->failure.maybe_committed);
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), "0");
    pg_batch_reset(world->batch);
    put_insert(world->batch, 4);
    run_job(world, &job);
    check_ok(world->err);
    assert_int_equal(pg_client_n_connects(world->client), 1);
    check_str(database_text(world->sync, "SELECT sum(n) FROM t"), "4");
    world_end(world);
}

static void test_a_statement_that_cannot_be_prepared_is_refused(void **state)
{
    static const struct pg_statement wrong = {"wrong", "SELECT nothing FROM nowhere"};
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    for (int i = 0; i < 2; i++) {
        pg_batch_reset(world->batch);
        put_insert(world->batch, 1);
        pg_batch_statement(world->batch, &wrong);
        run_job(world, &job);
        check_err(world->err, AL_EDB);
        check_str(world->failure.sqlstate, "42P01");
        check_str(world->failure.statement, "wrong");
    }
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), "0");
    world_end(world);
}

static enum pg_next step_then_commit(void *ctx, struct pg_batch *batch)
{
    struct world *world = ctx;
    assert_int_equal(pg_batch_n_statements(batch), 0);
    put_insert(batch, 10 * world->value); /* computed from the step before */
    return ++world->n_steps == 1 ? PG_MORE : PG_COMMIT;
}

static void test_steps_see_results_before_the_commit(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    job.on_step = step_then_commit;
    put_insert(world->batch, 7);
    run_job(world, &job);
    check_ok(world->err);
    check_str(database_text(world->sync, "SELECT string_agg(n::text, ',' ORDER BY n) FROM t"),
              "7,70,700");
    world_end(world);
}

static enum pg_next step_roll_back(void *ctx, struct pg_batch *batch)
{
    (void)ctx;
    (void)batch;
    return PG_ROLLBACK;
}

static enum pg_next step_overflow(void *ctx, struct pg_batch *batch)
{
    (void)ctx;
    for (int i = 0; i <= PG_STATEMENTS_MAX; i++)
        pg_batch_statement(batch, &count);
    return PG_COMMIT;
}

static enum pg_next step_refused(void *ctx, struct pg_batch *batch)
{
    (void)ctx;
    put_insert(batch, 7);
    return PG_COMMIT;
}

static void test_a_job_that_ends_badly_in_its_second_step_leaves_nothing(void **state)
{
    static const struct {
        enum pg_next (*on_step)(void *, struct pg_batch *);
        enum al_err want;
    } rows[] = {
        {step_roll_back, AL_ECANCELED},
        {step_overflow, AL_EFULL},
        {step_refused, AL_EDB},
    };
    struct world *world = world_ready();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pg_job job = job_for(world);
        job.on_step = rows[i].on_step;
        pg_batch_reset(world->batch);
        put_insert(world->batch, 7);
        run_job(world, &job);
        check_err(world->err, rows[i].want);
        check_str(database_text(world->sync, "SELECT count(*) FROM t"), "0");
    }
    world_end(world);
}

static void on_ordered(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct world *world = *(struct world **)ctx;
    world->order[world->n_done] = (size_t)(uintptr_t)ctx; /* which slot */
    on_done(world, err, failure);
}

static void test_jobs_run_in_order_and_the_queue_is_bounded(void **state)
{
    struct pg_options options = database_options(schema);
    options.n_jobs_max = 3;
    struct world *world = world_create(&options);
    struct world *slots[4] = {world, world, world, world};
    struct pg_batch *batches[4];
    (void)state;
    RUN_UNTIL(world, pg_client_is_ready(world->client));
    for (size_t i = 0; i < 4; i++) {
        struct pg_job job = {.on_done = on_ordered, .ctx = &slots[i], .no_transaction = i == 1};
        batches[i] = pg_batch_create(1024);
        put_insert(batches[i], (int64_t)i);
        check_err(pg_client_run(world->client, batches[i], &job), i < 3 ? AL_OK : AL_EFULL);
    }
    assert_int_equal(pg_client_n_jobs(world->client), 3);
    RUN_UNTIL(world, world->n_done == 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(world->order[i], (uintptr_t)&slots[i]);
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), "3");
    for (size_t i = 0; i < 4; i++)
        pg_batch_destroy(batches[i]);
    world_end(world);
}

static void test_a_batch_that_overflowed_is_not_run(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    struct pg_batch *small = pg_batch_create(4);
    (void)state;
    put_insert(small, 1);
    assert_false(pg_batch_ok(small));
    check_err(pg_client_run(world->client, small, &job), AL_EFULL);
    pg_batch_destroy(small);
    world_end(world);
}

static void test_parameters_and_results_larger_than_any_buffer(void **state)
{
    static const struct pg_statement length = {"length", "SELECT octet_length($1)::bigint, $1"};
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    size_t n = 20 << 20;
    char *bytes = malloc(n);
    (void)state;
    memset(bytes, 'x', n);
    pg_batch_statement(world->batch, &length);
    pg_put_bytea(world->batch, (struct slice){bytes, n});
    run_job(world, &job);
    check_ok(world->err);
    check_i64(world->value, (int64_t)n);
    free(bytes);
    world_end(world);
}

/* ---- many jobs at once ---- */

/* What a job does with its number n; what it may leave in t is n and -n, and 10000 more of each when its batch is cut. */
enum kind {
    ONE_STEP,
    REFUSED,
    TWO_STEPS,
    UNDONE,
    REFUSED_IN_THE_LAST_STEP,
    PLAIN,
    PLAIN_REFUSED,
    UNPREPARABLE,
    CUT,
    CUT_REFUSED_BEFORE,
    CUT_REFUSED_BEHIND,
    CUT_REFUSED_IN_AN_ANSWER,
    CUT_UNDONE,
    CUT_WITH_NOTHING_BEHIND,
    KIND_COUNT
};

static const struct {
    enum al_err err;
    size_t n_steps; /* asked for */
    int64_t n_rows; /* left */
} wanted[KIND_COUNT] = {
    [ONE_STEP] = {AL_OK, 0, 1},
    [REFUSED] = {AL_EDB, 0, 0},
    [TWO_STEPS] = {AL_OK, 1, 2},
    [UNDONE] = {AL_ECANCELED, 1, 0},
    [REFUSED_IN_THE_LAST_STEP] = {AL_EDB, 1, 0},
    [PLAIN] = {AL_OK, 0, 1},
    [PLAIN_REFUSED] = {AL_EDB, 0, 0},
    [UNPREPARABLE] = {AL_EDB, 0, 0},
    [CUT] = {AL_OK, 2, 4},
    [CUT_REFUSED_BEFORE] = {AL_EDB, 0, 0},
    [CUT_REFUSED_BEHIND] = {AL_EDB, 1, 0},
    [CUT_REFUSED_IN_AN_ANSWER] = {AL_EDB, 2, 0},
    [CUT_UNDONE] = {AL_ECANCELED, 1, 0},
    [CUT_WITH_NOTHING_BEHIND] = {AL_OK, 2, 2},
};

enum { N_MIXED = 600, N_MIXED_AT_ONCE = 9 };

struct mix {
    struct world *world;
    struct mixed {
        struct mix *mix;
        struct pg_batch *batch;
        enum kind kind;
        int64_t n;
        size_t n_steps, n_results;
    } jobs[N_MIXED_AT_ONCE];
    struct rng rng;
    int64_t n_begun, n_rows;
};

static void put_mixed(struct mixed *job)
{
    static const struct pg_statement wrong = {"wrong", "SELECT nothing FROM nowhere"};
    struct pg_batch *batch = job->batch;
    pg_batch_reset(batch);
    put_insert(batch, job->n);
    if (job->kind == REFUSED || job->kind == PLAIN_REFUSED || job->kind == CUT_REFUSED_BEFORE)
        put_insert(batch, job->n);
    if (job->kind == UNPREPARABLE)
        pg_batch_statement(batch, &wrong);
    if (job->kind < CUT)
        return;
    pg_batch_cut(batch);
    if (job->kind != CUT_WITH_NOTHING_BEHIND)
        put_insert(batch, job->kind == CUT_REFUSED_BEHIND ? job->n : job->n + 10000);
}

static void on_mixed_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct mixed *job = ctx;
    assert_true(index < 2);
    assert_int_equal(pg_result_n_rows(result), 1);
    job->n_results++;
}

static enum pg_next on_mixed_step(void *ctx, struct pg_batch *batch)
{
    struct mixed *job = ctx;
    bool is_last = job->n_steps++ == 1 || job->kind < CUT;
    assert_true(job->n_results >= job->n_steps || job->kind == CUT_WITH_NOTHING_BEHIND);
    if (job->kind == UNDONE || job->kind == CUT_UNDONE)
        return PG_ROLLBACK;
    if (job->kind == REFUSED_IN_THE_LAST_STEP ||
        (job->kind == CUT_REFUSED_IN_AN_ANSWER && !is_last))
        put_insert(batch, job->n);
    else if (job->kind == TWO_STEPS || job->n_steps == 1)
        put_insert(batch, -job->n);
    else if (job->kind == CUT)
        put_insert(batch, -job->n - 10000);
    return is_last ? PG_COMMIT : PG_MORE;
}

static void begin_mixed(struct mix *mix);

static void on_mixed_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct mixed *job = ctx;
    struct mix *mix = job->mix;
    check_i64(job->n, (int64_t)++mix->world->n_done); /* in order */
    check_err(err, wanted[job->kind].err);
    assert_int_equal(job->n_steps, wanted[job->kind].n_steps);
    assert_true((failure == NULL) == (err == AL_OK));
    if (err == AL_EDB)
        check_str(failure->sqlstate, job->kind == UNPREPARABLE ? "42P01" : "23505");
    if (err == AL_OK)
        assert_int_equal(job->n_results, wanted[job->kind].n_rows);
    if (job->kind == CUT_UNDONE)
        assert_int_equal(job->n_results, 1); /* nothing is heard after PG_ROLLBACK */
    mix->n_rows += wanted[job->kind].n_rows;
    begin_mixed(mix);
}

/* Takes the place of the one that is done. */
static void begin_mixed(struct mix *mix)
{
    struct mixed *job = &mix->jobs[mix->n_begun % N_MIXED_AT_ONCE];
    if (mix->n_begun == N_MIXED)
        return;
    *job = (struct mixed){.mix = mix,
                          .batch = job->batch,
                          .kind = (enum kind)rng_below(&mix->rng, KIND_COUNT),
                          .n = ++mix->n_begun};
    put_mixed(job);
    bool plain = job->kind == PLAIN || job->kind == PLAIN_REFUSED;
    bool has_steps = wanted[job->kind].n_steps > 0 || job->kind == CUT_REFUSED_BEFORE;
    struct pg_job run = {.no_transaction = plain,
                         .on_result = on_mixed_result,
                         .on_step = has_steps ? on_mixed_step : NULL,
                         .on_done = on_mixed_done,
                         .ctx = job};
    check_ok(pg_client_run(mix->world->client, job->batch, &run));
}

/* The next one is under way while one commits, whatever becomes of it. */
static void test_a_job_is_not_hurt_by_the_one_before_it(void **state)
{
    struct mix mix = {.world = world_ready()};
    struct world *world = mix.world;
    char rows[32];
    (void)state;
    rng_seed(&mix.rng, 3);
    for (size_t i = 0; i < N_MIXED_AT_ONCE; i++)
        mix.jobs[i].batch = pg_batch_create(4096);
    for (size_t i = 0; i < N_MIXED_AT_ONCE; i++)
        begin_mixed(&mix);
    RUN_UNTIL(world, world->n_done == N_MIXED);
    snprintf(rows, sizeof(rows), "%" PRIi64, mix.n_rows);
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), rows);
    assert_int_equal(pg_client_n_connects(world->client), 1);
    for (size_t i = 0; i < N_MIXED_AT_ONCE; i++)
        pg_batch_destroy(mix.jobs[i].batch);
    world_end(world);
}

/* ---- faults ---- */

static const struct pg_statement sleeper = {"sleeper", "SELECT 1::bigint FROM pg_sleep(30)"};
static const char terminate[] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                " WHERE pid <> pg_backend_pid() AND application_name = 'test'";
static const char sleeping[] = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                               " AND datname = current_database()";

/* The loop has nothing to say while the server sleeps, so ask from outside, again and again. */
static void wait_for_sleeper(struct world *world)
{
    uint64_t end = uv_hrtime() + 60ULL * 1000000000;
    do {
        uv_run(&world->loop, UV_RUN_NOWAIT);
        if (uv_hrtime() > end)
            fail_msg("the server never slept");
    } while (strcmp(database_text(world->sync, sleeping), "1") != 0);
}

static void test_a_lost_connection_fails_all_jobs_and_comes_back(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    struct pg_batch *second = pg_batch_create(1024);
    (void)state;
    put_insert(world->batch, 1);
    pg_batch_statement(world->batch, &sleeper);
    put_insert(second, 2);
    check_ok(pg_client_run(world->client, world->batch, &job));
    check_ok(pg_client_run(world->client, second, &job));
    wait_for_sleeper(world);
    database_text(world->sync, terminate);
    RUN_UNTIL(world, world->n_done == 2);
    check_err(world->err, AL_ECONN);
    assert_true(world->failure.retry);
    assert_false(world->failure.maybe_committed); /* the second had not been sent */
    RUN_UNTIL(world, pg_client_is_ready(world->client));
    check_str(pg_client_error(world->client), "");
    assert_int_equal(pg_client_n_connects(world->client), 2);
    pg_batch_reset(second);
    put_insert(second, 3); /* prepared again on the new connection */
    check_ok(pg_client_run(world->client, second, &job));
    RUN_UNTIL(world, world->n_done == 3);
    check_ok(world->err);
    check_str(database_text(world->sync, "SELECT sum(n) FROM t"), "3");
    pg_batch_destroy(second);
    world_end(world);
}

static void test_a_commit_behind_another_may_have_happened_too(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    struct pg_batch *second = pg_batch_create(1024), *third = pg_batch_create(1024);
    (void)state;
    put_insert(world->batch, 1);
    run_job(world, &job); /* prepared */
    pg_batch_reset(world->batch);
    pg_batch_statement(world->batch, &sleeper);
    put_insert(second, 2);
    put_insert(third, 3);
    check_ok(pg_client_run(world->client, world->batch, &job));
    check_ok(pg_client_run(world->client, second, &job));
    check_ok(pg_client_run(world->client, third, &job));
    wait_for_sleeper(world);
    database_text(world->sync, terminate);
    RUN_UNTIL(world, world->n_done == 4);
    assert_true(world->maybe_committed[1] && world->maybe_committed[2]);
    assert_false(world->maybe_committed[3]); /* it had not been sent */
    pg_batch_destroy(second);
    pg_batch_destroy(third);
    world_end(world);
}

static void test_an_idle_connection_that_is_lost_comes_back(void **state)
{
    struct world *world = world_ready();
    (void)state;
    database_text(world->sync, terminate);
    RUN_UNTIL(world, pg_client_n_connects(world->client) == 2);
    assert_true(pg_client_is_ready(world->client));
    world_end(world);
}

static void test_a_server_that_does_not_answer_is_given_up(void **state)
{
    struct pg_options options = database_options(schema);
    options.job_timeout_ms = 100;
    struct world *world = world_create(&options);
    struct pg_job job = job_for(world);
    (void)state;
    RUN_UNTIL(world, pg_client_is_ready(world->client));
    pg_batch_statement(world->batch, &sleeper);
    run_job(world, &job);
    check_err(world->err, AL_ECONN);
    check_has(world->failure.message, "no answer within 100 ms");
    assert_true(world->failure.maybe_committed);
    world_end(world);
}

static void test_the_server_ends_slow_statements(void **state)
{
    struct pg_options options = database_options(schema);
    options.statement_timeout_ms = 100;
    struct world *world = world_create(&options);
    struct pg_job job = job_for(world);
    (void)state;
    RUN_UNTIL(world, pg_client_is_ready(world->client));
    pg_batch_statement(world->batch, &sleeper);
    run_job(world, &job);
    check_err(world->err, AL_EDB);
    check_str(world->failure.sqlstate, "57014");
    assert_true(pg_client_is_ready(world->client));
    world_end(world);
}

static void test_a_refused_connection_is_explained_without_the_password(void **state)
{
    struct pg_options options = database_options(schema);
    options.password = "not-the-password-at-all";
    struct world *world = world_create(&options);
    struct pg_job job = job_for(world);
    (void)state;
    RUN_UNTIL(world, pg_client_state(world->client) == PG_STATE_WAITING);
    check_has(pg_client_error(world->client), "password authentication failed");
    check_err(pg_client_error_code(world->client), AL_EAUTH);
    assert_null(strstr(pg_client_error(world->client), options.password));
    pg_batch_statement(world->batch, &count);
    check_err(pg_client_run(world->client, world->batch, &job), AL_ECONN);
    world_end(world);
}

static void test_an_unknown_host_and_a_closed_port_are_retried(void **state)
{
    static const char *const hosts[] = {"no-such-host.invalid", "127.0.0.1"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        struct pg_options options = database_options(schema);
        options.host = hosts[i];
        options.port = 1;
        struct world *world = world_create(&options);
        for (int attempt = 0; attempt < 2; attempt++) {
            RUN_UNTIL(world, pg_client_state(world->client) == PG_STATE_WAITING);
            assert_true(strlen(pg_client_error(world->client)) > 0);
            RUN_UNTIL(world, pg_client_state(world->client) != PG_STATE_WAITING);
        }
        world_end(world);
    }
}

static void test_closing_waits_for_running_jobs(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    put_insert(world->batch, 1);
    check_ok(pg_client_run(world->client, world->batch, &job));
    pg_client_close(world->client, 5000, on_closed, world);
    RUN_UNTIL(world, world->closed);
    assert_int_equal(world->n_done, 1);
    check_ok(world->err);
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), "1");
    world_end(world);
}

static void test_closing_gives_up_what_takes_too_long(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    pg_batch_statement(world->batch, &sleeper);
    check_ok(pg_client_run(world->client, world->batch, &job));
    wait_for_sleeper(world);
    pg_client_close(world->client, 20, on_closed, world);
    RUN_UNTIL(world, world->closed);
    assert_int_equal(world->n_done, 1);
    check_err(world->err, AL_ECONN);
    world_end(world);
}

static void test_closing_before_the_connection_is_up(void **state)
{
    struct pg_options options = database_options(schema);
    (void)state;
    for (int turns = 0; turns < 6; turns++) {
        struct world *world = world_create(&options);
        for (int i = 0; i < turns; i++)
            uv_run(&world->loop, UV_RUN_ONCE);
        world_end(world);
    }
}

static void disturb(const char *command)
{
    char line[512];
    if (getenv("STACK_DIR") == NULL) {
        print_message("STACK_DIR is not set: nothing to disturb\n");
        skip();
    }
    snprintf(line, sizeof(line), "tools/stack %s >/dev/null 2>&1", command);
    assert_int_equal(system(line), 0);
}

static void test_a_server_killed_inside_a_transaction_applied_nothing(void **state)
{
    struct world *world = world_ready();
    struct pg_job job = job_for(world);
    (void)state;
    for (int64_t n = 0; n < 20; n++)
        put_insert(world->batch, n);
    pg_batch_statement(world->batch, &sleeper);
    put_insert(world->batch, 99);
    check_ok(pg_client_run(world->client, world->batch, &job));
    wait_for_sleeper(world);
    disturb("kill-db");
    RUN_UNTIL(world, world->n_done == 1);
    check_err(world->err, AL_ECONN);
    disturb("start-db");
    RUN_UNTIL(world, pg_client_is_ready(world->client));
    pg_sync_close(world->sync);
    world->sync = database_open(schema, false);
    check_str(database_text(world->sync, "SELECT count(*) FROM t"), "0");
    pg_batch_reset(world->batch);
    put_insert(world->batch, 5);
    run_job(world, &job);
    check_ok(world->err);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal_survives_the_server),
        cmocka_unit_test(test_numeric_is_rounded_half_to_even_or_refused),
        cmocka_unit_test(test_every_type_survives_the_server),
        cmocka_unit_test(test_arrays_survive_the_server),
        cmocka_unit_test(test_copy_reads_every_row),
        cmocka_unit_test(test_copy_reads_times),
        cmocka_unit_test(test_copy_stops_early_and_the_connection_lives),
        cmocka_unit_test(test_copy_reports_a_refused_query),
        cmocka_unit_test(test_quoted_literals_mean_themselves),
        cmocka_unit_test(test_a_job_commits),
        cmocka_unit_test(test_a_refused_job_leaves_nothing_and_the_client_goes_on),
        cmocka_unit_test(test_a_statement_that_cannot_be_prepared_is_refused),
        cmocka_unit_test(test_steps_see_results_before_the_commit),
        cmocka_unit_test(test_a_job_that_ends_badly_in_its_second_step_leaves_nothing),
        cmocka_unit_test(test_jobs_run_in_order_and_the_queue_is_bounded),
        cmocka_unit_test(test_a_batch_that_overflowed_is_not_run),
        cmocka_unit_test(test_parameters_and_results_larger_than_any_buffer),
        cmocka_unit_test(test_a_job_is_not_hurt_by_the_one_before_it),
        cmocka_unit_test(test_a_lost_connection_fails_all_jobs_and_comes_back),
        cmocka_unit_test(test_a_commit_behind_another_may_have_happened_too),
        cmocka_unit_test(test_an_idle_connection_that_is_lost_comes_back),
        cmocka_unit_test(test_a_server_that_does_not_answer_is_given_up),
        cmocka_unit_test(test_the_server_ends_slow_statements),
        cmocka_unit_test(test_a_refused_connection_is_explained_without_the_password),
        cmocka_unit_test(test_an_unknown_host_and_a_closed_port_are_retried),
        cmocka_unit_test(test_closing_waits_for_running_jobs),
        cmocka_unit_test(test_closing_gives_up_what_takes_too_long),
        cmocka_unit_test(test_closing_before_the_connection_is_up),
        cmocka_unit_test(test_a_server_killed_inside_a_transaction_applied_nothing),
    };
    return cmocka_run_group_tests_name("io/pg on a server", tests, NULL, NULL);
}
