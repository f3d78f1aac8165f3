/* Every table against the live schema: what is written comes back the same, and each statement does what its header says.
 * Values are random (seeded) so that no column can be mistaken for its neighbour. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/abstentions.h"
#include "alphaloop/store/candle_imports.h"
#include "alphaloop/store/candles.h"
#include "alphaloop/store/execution_events.h"
#include "alphaloop/store/migrate.h"
#include "alphaloop/store/model_quality_metrics.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/order_events.h"
#include "alphaloop/store/orders_seen.h"
#include "alphaloop/store/performance.h"
#include "alphaloop/store/position_states.h"
#include "alphaloop/store/quarantine.h"
#include "alphaloop/store/order_outcomes.h"
#include "alphaloop/store/samples.h"
#include "alphaloop/store/stack.h"
#include "alphaloop/store/trading_signals.h"
#include "alphaloop/store/training_runs.h"
#include "alphaloop/store/training_trials.h"
#include "alphaloop/store/training_schedule.h"
#include "harness/check.h"
#include "harness/database.h"

static const char schema[] = "store_test";
static struct pg_sync *db;
static struct pg_batch *batch;
static struct rng rng;

static const int64_t NOON = 1767268800 * NS_PER_S; /* 2026-01-01T12:00:00Z */

static int begin_group(void **state)
{
    struct pg_options options = database_options(schema);
    struct migrate_report report;
    (void)state;
    db = database_open(schema, true);
    check_ok(migrate_run(&options, MIGRATE_APPLY, &report));
    batch = pg_batch_create(16 << 20);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    pg_batch_destroy(batch);
    pg_sync_close(db);
    return 0;
}

static int begin_test(void **state)
{
    (void)state;
    pg_batch_reset(batch);
    rng_seed(&rng, 4711);
    database_run(db, "TRUNCATE order_events, orders_seen, trading_signals, abstentions, "
                     "execution_events, order_outcomes, samples,"
                     " quarantine, candles, candle_imports, position_states, model_versions, "
                     "model_quality_metrics, training_runs, training_trials,"
                     " training_schedule");
    return 0;
}

static void run(void (*on_result)(void *, size_t, const struct pg_result *), void *ctx)
{
    database_batch(db, batch, on_result, ctx);
}

/* ---- random values ---- */

static struct decimal any_decimal(void)
{
    return (struct decimal){(al_i128)(rng_u64(&rng) % 100000000000000000ULL)};
}
static double any_double(void)
{
    return rng_normal(&rng) * 1e3;
}
static int64_t any_ns(void)
{
    return NOON + (int64_t)rng_below(&rng, 1000000000000ULL);
}
static int64_t any_us(void)
{
    return any_ns() / NS_PER_US * NS_PER_US;
}
static bool any_bool(void)
{
    return rng_below(&rng, 2) != 0;
}
static enum side any_side(void)
{
    return any_bool() ? SIDE_BUY : SIDE_SELL;
}
static struct uuid any_uuid(void)
{
    return uuid_v7(any_ns(), &rng);
}
static void any_text(char *out, size_t out_size)
{
    size_t len = 1 + rng_below(&rng, out_size - 1);
    memset(out, 0, out_size);
    for (size_t i = 0; i < len; i++)
        out[i] = "abcdefghijklmnopqrstuvwxyz"[rng_below(&rng, 26)];
}
static void any_hash(struct sha256 *out)
{
    for (size_t i = 0; i < sizeof(out->bytes); i++)
        out->bytes[i] = (uint8_t)rng_u64(&rng);
}
static void any_asset(struct asset *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->text, sizeof(out->text), "A%uUSDT", (unsigned)rng_below(&rng, 100000));
}
static size_t any_features(float *out)
{
    size_t n = rng_below(&rng, FEATURES_MAX + 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)rng_u64(&rng); /* any bits at all: infinities and odd NaNs too */
        memcpy(&out[i], &bits, sizeof(bits));
    }
    return n;
}

/* ---- order_events ---- */

static struct order_event any_event(void)
{
    struct order_event event = {0};
    event.event_id = any_uuid();
    event.type = (enum order_event_type)rng_below(&rng, ORDER_EVENT_TYPE_COUNT);
    any_text(event.order_id.text, 40);
    event.signal_id = any_uuid();
    event.ts_recv_ns = any_ns();
    return event;
}

static void keep_new_ids(void *ctx, size_t index, const struct pg_result *result)
{
    size_t *n = ctx;
    (void)index;
    *n = pg_result_n_rows(result);
    for (size_t i = 0; i < *n; i++)
        assert_false(uuid_is_nil(order_events_new_id(result, i)));
}

static void test_order_events_are_kept_once(void **state)
{
    struct order_event events[512];
    struct order_event_row rows[512];
    size_t n_new = 0;
    (void)state;
    for (size_t i = 0; i < 512; i++) {
        events[i] = any_event();
        rows[i] = (struct order_event_row){&events[i], SLICE("{\"a\": \"\xc3\xa9 \\u0000\"}")};
    }
    order_events_insert(batch, rows, 300);
    run(keep_new_ids, &n_new);
    assert_int_equal(n_new, 300);
    order_events_insert(batch, rows, 512);
    run(keep_new_ids, &n_new);
    assert_int_equal(n_new, 212);
    order_events_insert(batch, rows, 512);
    run(keep_new_ids, &n_new);
    assert_int_equal(n_new, 0);
    order_events_count(batch);
    run(NULL, NULL);
    check_str(database_text(db, "SELECT count(*) FROM order_events"), "512");
    check_str(database_text(db, "SELECT DISTINCT raw FROM order_events"),
              "{\"a\": \"\xc3\xa9 \\u0000\"}");
    check_str(
        database_text(
            db,
            "SELECT bool_and(abs(extract(epoch FROM received_at) * 1e9 - received_at_ns) < 1001)"
            " FROM order_events"),
        "true");
}

static void test_texts_that_the_database_refuses_are_made_safe(void **state)
{
    struct order_event event = any_event();
    struct order_event_row row = {&event, {"a\0b\xff\xed\xa0\x80\xc3\xa9\xc3", 10}};
    (void)state;
    memcpy(event.trace_id.text, "t\xf8", 3);
    order_events_insert(batch, &row, 1);
    run(NULL, NULL);
    check_str(database_text(db, "SELECT raw || trace_id FROM order_events"), "a?b????\xc3\xa9?t?");
}

/* ---- orders_seen ---- */

static struct order_state any_order(void)
{
    struct order_state order = {0};
    any_text(order.order_id.text, 100);
    order.signal_id = any_uuid();
    any_asset(&order.asset);
    order.side = any_side();
    order.filled_quantity = any_decimal();
    order.average_price = any_decimal();
    order.fees = (struct decimal){-any_decimal().units};
    order.ended = any_bool();
    return order;
}

struct orders {
    struct order_state items[64];
    size_t n;
};

static void keep_orders(void *ctx, size_t index, const struct pg_result *result)
{
    struct orders *orders = ctx;
    (void)index;
    orders->n = pg_result_n_rows(result);
    for (size_t i = 0; i < orders->n; i++)
        check_ok(orders_seen_read(result, i, &orders->items[i]));
}

static void check_same_order(const struct order_state *a, const struct order_state *b)
{
    check_str(a->order_id.text, b->order_id.text);
    assert_true(uuid_eq(a->signal_id, b->signal_id) && asset_eq(&a->asset, &b->asset) &&
                a->side == b->side);
    assert_true(decimal_cmp(a->filled_quantity, b->filled_quantity) == 0);
    assert_true(decimal_cmp(a->average_price, b->average_price) == 0 &&
                decimal_cmp(a->fees, b->fees) == 0);
    assert_true(a->ended == b->ended);
}

static const struct order_state *find_order(const struct orders *orders, const struct order_id *id)
{
    for (size_t i = 0; i < orders->n; i++) {
        if (strcmp(orders->items[i].order_id.text, id->text) == 0)
            return &orders->items[i];
    }
    return NULL;
}

static void test_orders_are_inserted_then_updated(void **state)
{
    struct order_state orders[20];
    struct order_id ids[21];
    struct orders got = {.n = 0};
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        orders[i] = any_order();
        ids[i] = orders[i].order_id;
    }
    any_text(ids[20].text, 20);
    orders_seen_write(batch, orders, 20);
    assert_int_equal(pg_batch_n_statements(batch), 1);
    run(NULL, NULL);
    for (size_t i = 0; i < 10; i++) {
        orders[i].exists = true;
        orders[i].filled_quantity = any_decimal();
        orders[i].ended = !orders[i].ended;
    }
    for (size_t i = 10; i < 20; i++)
        any_text(orders[i].order_id.text, 60);
    orders_seen_write(batch, orders, 20);
    assert_int_equal(pg_batch_n_statements(batch), 2);
    orders_seen_lock(batch, ids, 21);
    pg_batch_reset(batch);
    orders_seen_write(batch, orders, 20);
    run(NULL, NULL);
    orders_seen_lock(batch, ids, 21);
    run(keep_orders, &got);
    assert_int_equal(got.n, 20); /* the unknown one has no row */
    for (size_t i = 0; i < 10; i++) {
        const struct order_state *order = find_order(&got, &orders[i].order_id);
        assert_non_null(order);
        assert_true(order->exists);
        check_same_order(order, &orders[i]);
    }
    check_str(database_text(db, "SELECT count(*) FROM orders_seen"), "30");
}

static void test_the_second_worker_to_insert_an_order_is_refused(void **state)
{
    struct order_state order = any_order();
    (void)state;
    orders_seen_write(batch, &order, 1);
    run(NULL, NULL);
    orders_seen_write(batch, &order, 1);
    check_err(pg_sync_run(db, batch, NULL, NULL), AL_EDB);
    check_str(pg_sync_sqlstate(db), "23505");
}

/* ---- decisions ---- */

/* None, one that holds everything, or one with bounds. */
static struct interval any_interval(void)
{
    struct interval interval = INTERVAL_NONE;
    if (any_bool())
        interval.coverage = rng_uniform(&rng);
    if (!isnan(interval.coverage) && any_bool()) {
        interval.lower = any_double();
        interval.upper = any_double();
    }
    return interval;
}

static void check_same_interval(const struct interval *a, const struct interval *b)
{
    check_near(a->coverage, b->coverage, 0);
    check_near(a->lower, b->lower, 0);
    check_near(a->upper, b->upper, 0);
}

static struct decision any_decision(void)
{
    struct decision d = {0};
    d.decision_id = any_uuid();
    snprintf(d.strategy_id.text, sizeof(d.strategy_id.text), "s%u", (unsigned)rng_below(&rng, 3));
    any_asset(&d.asset);
    d.decided_at_ns = any_ns();
    d.side = any_side();
    d.amount = any_decimal();
    d.confidence = rng_uniform(&rng);
    d.expected_value = any_bool() ? any_double() : (double)NAN;
    d.leaning = any_bool() ? any_side() : SIDE_NONE;
    d.interval = any_interval();
    d.propensity = rng_uniform(&rng);
    d.is_warmup = any_bool();
    if (!d.is_warmup)
        snprintf(d.model_version.text, sizeof(d.model_version.text), "v%u",
                 (unsigned)rng_below(&rng, 99));
    any_text(d.heuristic, sizeof(d.heuristic));
    double *numbers[] = {&d.snapshot.bid,        &d.snapshot.ask,
                         &d.snapshot.mid,        &d.snapshot.last_price,
                         &d.snapshot.spread,     &d.snapshot.volume_24h,
                         &d.snapshot.volatility, &d.snapshot.bid_depth,
                         &d.snapshot.ask_depth,  &d.sigma_h,
                         &d.barrier_up,          &d.barrier_down};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        *numbers[i] = fabs(any_double()) + 1e-9;
    d.snapshot.ts_event_ns = any_ns();
    d.horizon_ns = any_ns();
    any_hash(&d.schema_hash);
    d.n_features = any_features(d.features);
    any_text(d.trace_id.text, 30);
    d.expires_at_ns = d.decided_at_ns + 10 * NS_PER_S;
    return d;
}

static void check_same_decision(const struct decision *a, const struct decision *b)
{
    assert_true(uuid_eq(a->decision_id, b->decision_id) && a->kind == b->kind &&
                a->side == b->side);
    check_str(a->strategy_id.text, b->strategy_id.text);
    check_str(a->asset.text, b->asset.text);
    assert_true(a->reason == b->reason && decimal_cmp(a->amount, b->amount) == 0);
    check_same_double(a->confidence, b->confidence);
    check_near(a->expected_value, b->expected_value, 0);
    assert_int_equal(a->leaning, b->leaning);
    check_same_interval(&a->interval, &b->interval);
    check_same_double(a->propensity, b->propensity);
    check_i64(a->decided_at_ns, b->decided_at_ns);
    assert_true(a->is_warmup == b->is_warmup);
    check_str(a->model_version.text, b->model_version.text);
    check_str(a->heuristic, b->heuristic);
    assert_memory_equal(&a->snapshot, &b->snapshot, sizeof(a->snapshot));
    check_same_double(a->sigma_h, b->sigma_h);
    check_same_double(a->barrier_up, b->barrier_up);
    check_same_double(a->barrier_down, b->barrier_down);
    check_i64(a->horizon_ns, b->horizon_ns);
    assert_memory_equal(&a->schema_hash, &b->schema_hash, sizeof(a->schema_hash));
    assert_int_equal(a->n_features, b->n_features);
    assert_memory_equal(a->features, b->features, a->n_features * sizeof(float));
    check_str(a->trace_id.text, b->trace_id.text);
    check_str(a->traceparent, b->traceparent);
    check_i64(a->expires_at_ns, b->expires_at_ns);
}

#define BODY                                                                                       \
    "{\"market_data_snapshot\": {\"price\": 1.5}, \"metadata\": {\"reasoning\": \"x\"}, \"n\": 1}"

enum { N_SIGNALS = 8 };
static struct decision decisions[N_SIGNALS];
static struct decision_row decision_rows[N_SIGNALS];

static void make_decisions(void)
{
    for (size_t i = 0; i < N_SIGNALS; i++) {
        decisions[i] = any_decision();
        decisions[i].decided_at_ns = NOON + (int64_t)i * NS_PER_S + 7;
        decisions[i].expires_at_ns = decisions[i].decided_at_ns + 10 * NS_PER_S;
        decision_rows[i] = (struct decision_row){&decisions[i], SLICE(BODY)};
    }
}

struct signals {
    struct signal_row items[N_SIGNALS];
    char bodies[N_SIGNALS][256];
    size_t n, n_affected;
};

static void keep_signals(void *ctx, size_t index, const struct pg_result *result)
{
    struct signals *signals = ctx;
    (void)index;
    signals->n = pg_result_n_rows(result);
    signals->n_affected = pg_result_n_affected(result);
    for (size_t i = 0; i < signals->n; i++) {
        check_ok(trading_signals_read(result, i, &signals->items[i]));
        snprintf(signals->bodies[i], sizeof(signals->bodies[i]), "%.*s",
                 (int)signals->items[i].body.len, signals->items[i].body.ptr);
    }
}

static void keep_affected(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    *(size_t *)ctx = pg_result_n_affected(result);
}

static struct signals *load_pending(void)
{
    static struct signals got;
    trading_signals_load_pending(batch, 100);
    run(keep_signals, &got);
    return &got;
}

static struct signals *load_open(int64_t since_ns)
{
    static struct signals got;
    trading_signals_load_open(batch, since_ns, 100);
    run(keep_signals, &got);
    return &got;
}

static void test_signals_come_back_bit_for_bit(void **state)
{
    (void)state;
    make_decisions();
    decisions[1].kind = DECISION_EXIT;
    decisions[1].reason = REASON_stop_loss;
    decisions[2].snapshot.bid_depth = (double)NAN;
    strcpy(decisions[2].traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    trading_signals_insert(batch, decision_rows, N_SIGNALS); /* safe to repeat */
    run(NULL, NULL);
    struct signals *got = load_pending();
    assert_int_equal(got->n, N_SIGNALS);
    for (size_t i = 0; i < N_SIGNALS; i++) {
        check_same_decision(&got->items[i].decision, &decisions[i]);
        check_str(got->bodies[i], BODY);
        assert_int_equal(got->items[i].status, SIGNAL_PENDING);
        check_i64(got->items[i].published_at_ns, TIMESTAMP_NONE);
    }
    check_str(
        database_text(
            db, "SELECT min(market_data_snapshot::text || metadata::text) FROM trading_signals"),
        "{\"price\": 1.5}{\"reasoning\": \"x\"}");
    check_str(
        database_text(db, "SELECT bool_and(abs(price - mid::numeric) < 1e-8) FROM trading_signals"),
        "true");
}

static void test_the_outbox_goes_one_way(void **state)
{
    size_t n;
    (void)state;
    make_decisions();
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    run(NULL, NULL);
    struct uuid ids[] = {decisions[0].decision_id, decisions[1].decision_id, any_uuid()};
    trading_signals_mark_published(batch, ids, 3, NOON);
    run(keep_affected, &n);
    assert_int_equal(n, 2);
    trading_signals_mark_expired(batch, ids, 3); /* published ones stay published */
    run(keep_affected, &n);
    assert_int_equal(n, 0);
    trading_signals_expire(batch, decisions[4].expires_at_ns);
    run(keep_affected, &n);
    assert_int_equal(n, 3);
    assert_int_equal(load_pending()->n, 3);
    trading_signals_mark_published(batch, &decisions[2].decision_id, 1, NOON); /* too late */
    run(keep_affected, &n);
    assert_int_equal(n, 0);
    check_str(database_text(
                  db, "SELECT string_agg(status, ' ' ORDER BY decided_at_ns) FROM trading_signals"),
              "published published expired expired expired pending pending pending");
}

static void test_open_entries_are_those_without_an_outcome(void **state)
{
    (void)state;
    make_decisions();
    decisions[3].kind = DECISION_EXIT;
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    trading_signals_expire(batch, decisions[0].expires_at_ns);
    run(NULL, NULL);
    struct signals *got = load_open(0);
    assert_int_equal(got->n, N_SIGNALS - 2);
    check_same_decision(&got->items[0].decision, &decisions[1]);
    struct uuid ids[] = {decisions[1].decision_id, decisions[2].decision_id};
    const enum reason reasons[] = {REASON_NONE, REASON_no_fill};
    decisions_settle(batch, ids, reasons, 2);
    decisions_settle(batch, ids, (enum reason[]){REASON_market_gap, REASON_market_gap},
                     2); /* the first word counts */
    run(NULL, NULL);
    assert_int_equal(load_open(0)->n, N_SIGNALS - 4);
    assert_int_equal(load_open(decisions[6].decided_at_ns)->n, 2);
    check_str(
        database_text(
            db, "SELECT string_agg(outcome, ' ' ORDER BY decided_at_ns) FROM trading_signals"),
        "sampled no_fill");
}

struct matches {
    struct signal_match items[N_SIGNALS];
    size_t n;
};

static void keep_matches(void *ctx, size_t index, const struct pg_result *result)
{
    struct matches *matches = ctx;
    (void)index;
    matches->n = pg_result_n_rows(result);
    for (size_t i = 0; i < matches->n; i++)
        check_ok(trading_signals_read_match(result, i, &matches->items[i]));
}

static void test_signals_are_matched_by_id(void **state)
{
    struct matches got;
    (void)state;
    make_decisions();
    decisions[5].kind = DECISION_EXIT;
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    struct uuid ids[] = {any_uuid(), decisions[5].decision_id};
    trading_signals_match(batch, ids, 2);
    pg_batch_reset(batch);
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    run(NULL, NULL);
    trading_signals_match(batch, ids, 2);
    run(keep_matches, &got);
    assert_int_equal(got.n, 1);
    const struct signal_match *match = &got.items[0];
    assert_true(uuid_eq(match->signal_id, ids[1]) && match->is_exit &&
                match->side == decisions[5].side);
    check_str(match->strategy_id.text, decisions[5].strategy_id.text);
    assert_true(asset_eq(&match->asset, &decisions[5].asset));
    assert_int_equal(decimal_cmp(match->amount, decisions[5].amount), 0);
    check_same_double(match->price, decisions[5].snapshot.mid);
    check_i64(match->decided_at_ns, decisions[5].decided_at_ns);
    assert_true(match->is_warmup == decisions[5].is_warmup && !match->is_settled);
}

static void test_signals_are_listed_by_strategy(void **state)
{
    struct signals got;
    struct strategy_id all = {""};
    size_t n_mine = 0;
    (void)state;
    make_decisions();
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    run(NULL, NULL);
    for (size_t i = 0; i < N_SIGNALS; i++)
        n_mine += strategy_id_eq(&decisions[i].strategy_id, &decisions[0].strategy_id) ? 1 : 0;
    trading_signals_list(batch, &all, 3, 1);
    run(keep_signals, &got);
    assert_int_equal(got.n, 3);
    check_same_decision(&got.items[0].decision, &decisions[N_SIGNALS - 2]);
    trading_signals_list(batch, &decisions[0].strategy_id, 100, 0);
    run(keep_signals, &got);
    assert_int_equal(got.n, n_mine);
}

struct abstained {
    struct decision items[N_SIGNALS];
    size_t n;
};

static void keep_abstained(void *ctx, size_t index, const struct pg_result *result)
{
    struct abstained *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(abstentions_read(result, i, &got->items[i]));
}

static struct abstained *load_open_abstentions(void)
{
    static struct abstained got;
    abstentions_load_open(batch, 0, 100);
    run(keep_abstained, &got);
    return &got;
}

static void test_abstentions_come_back_and_are_settled(void **state)
{
    size_t n;
    (void)state;
    make_decisions();
    for (size_t i = 0; i < N_SIGNALS; i++) {
        decisions[i].side = SIDE_NONE;
        decisions[i].reason = REASON_edge_below_cost;
        decisions[i].n_features = i == 0 ? 0 : 5;
    }
    decisions[1].snapshot = (struct snapshot){(int64_t)TIMESTAMP_NONE,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN,
                                              (double)NAN};
    abstentions_insert(batch, decision_rows, N_SIGNALS);
    abstentions_insert(batch, decision_rows, N_SIGNALS);
    run(NULL, NULL);
    struct abstained *got = load_open_abstentions();
    assert_int_equal(got->n, N_SIGNALS - 1); /* without features nothing will be learned */
    for (size_t i = 2; i < N_SIGNALS; i++)
        check_same_decision(&got->items[i - 1], &decisions[i]);
    assert_true(isnan(got->items[0].snapshot.mid) &&
                got->items[0].snapshot.ts_event_ns == TIMESTAMP_NONE);
    decisions_settle(batch, &decisions[1].decision_id, (enum reason[]){REASON_cost_model_unfit}, 1);
    run(NULL, NULL);
    assert_int_equal(load_open_abstentions()->n, N_SIGNALS - 2);
    abstentions_prune(batch, decisions[4].decided_at_ns, 3);
    run(keep_affected, &n);
    assert_int_equal(n, 3);
    abstentions_prune(batch, decisions[4].decided_at_ns, 3);
    run(keep_affected, &n);
    assert_int_equal(n, 1);
}

/* ---- execution_events ---- */

static struct execution_row any_execution(struct uuid signal_id)
{
    struct execution_row row = {.signal_price = any_double(), .signal_ts_ns = any_ns()};
    row.execution.event_id = any_uuid();
    any_text(row.execution.order_id.text, 30);
    row.execution.signal_id = signal_id;
    any_asset(&row.execution.asset);
    row.execution.side = any_side();
    row.execution.price = (struct decimal){any_decimal().units + 1};
    row.execution.quantity = (struct decimal){any_decimal().units + 1};
    row.execution.fees = (struct decimal){-any_decimal().units};
    row.execution.executed_at_ns = any_ns();
    row.execution.executed_at_source = (enum time_source)rng_below(&rng, TIME_SOURCE_COUNT);
    row.execution.ts_recv_ns = any_ns();
    row.execution.price_is_average = any_bool();
    row.execution.is_dry_run = any_bool();
    any_text(row.strategy_id.text, 30);
    return row;
}

struct executions {
    struct execution_row items[16];
    size_t n;
    uint64_t n_all, n_unmatched;
};

static void keep_executions(void *ctx, size_t index, const struct pg_result *result)
{
    struct executions *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(execution_events_read(result, i, &got->items[i]));
}

static void keep_execution_count(void *ctx, size_t index, const struct pg_result *result)
{
    struct executions *got = ctx;
    (void)index;
    execution_events_read_count(result, &got->n_all, &got->n_unmatched);
}

static void check_same_execution(const struct execution_row *a, const struct execution_row *b)
{
    assert_true(uuid_eq(a->execution.event_id, b->execution.event_id));
    assert_true(uuid_eq(a->execution.signal_id, b->execution.signal_id));
    check_str(a->execution.order_id.text, b->execution.order_id.text);
    check_str(a->strategy_id.text, b->strategy_id.text);
    assert_true(asset_eq(&a->execution.asset, &b->execution.asset) &&
                a->execution.side == b->execution.side);
    assert_int_equal(decimal_cmp(a->execution.price, b->execution.price), 0);
    assert_int_equal(decimal_cmp(a->execution.quantity, b->execution.quantity), 0);
    assert_int_equal(decimal_cmp(a->execution.fees, b->execution.fees), 0);
    check_i64(a->execution.executed_at_ns, b->execution.executed_at_ns);
    assert_int_equal(a->execution.executed_at_source, b->execution.executed_at_source);
    check_i64(a->execution.ts_recv_ns, b->execution.ts_recv_ns);
    assert_true(a->execution.price_is_average == b->execution.price_is_average);
    assert_true(a->execution.is_dry_run == b->execution.is_dry_run);
    check_near(a->signal_price, b->signal_price, 0);
    check_i64(a->signal_ts_ns, b->signal_ts_ns);
}

static void test_executions_come_back(void **state)
{
    struct execution_row rows[6];
    struct executions got;
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        rows[i] = any_execution(any_uuid());
        rows[i].execution.executed_at_ns = NOON + (int64_t)i;
    }
    rows[3].strategy_id.text[0] = '\0'; /* not ours */
    memset(rows[3].strategy_id.text, 0, sizeof(rows[3].strategy_id.text));
    rows[3].signal_price = (double)NAN;
    rows[3].signal_ts_ns = TIMESTAMP_NONE;
    rows[0].signal_price = 1e300; /* does not fit numeric(20,8) */
    rows[4].performance =
        SLICE("{\"realized_pnl\": 1.25, \"x\": \"\\u0000\\\\u0000\", \"y\": [1e999999, -0.5e-3]}");
    execution_events_insert(batch, rows, 6);
    run(NULL, NULL);
    execution_events_load_recent(batch, 4);
    run(keep_executions, &got);
    assert_int_equal(got.n, 4);
    check_same_execution(&got.items[0], &rows[1]);
    check_same_execution(&got.items[1], &rows[2]);
    check_same_execution(&got.items[2], &rows[4]);
    check_same_execution(&got.items[3], &rows[5]);
    execution_events_count(batch);
    run(keep_execution_count, &got);
    assert_int_equal(got.n_all, 6);
    assert_int_equal(got.n_unmatched, 1);
    check_str(database_text(db, "SELECT count(*) FROM execution_events WHERE signal_price IS NULL"),
              "2");
    check_str(
        database_text(
            db, "SELECT bool_and(abs(extract(epoch FROM executed_at) * 1e9 - executed_at_ns) < 1001"
                " AND (signal_timestamp_ns IS NULL) = (signal_timestamp IS NULL)"
                " AND coalesce(abs(extract(epoch FROM signal_timestamp) * 1e9 - "
                "signal_timestamp_ns) < 1001, true)"
                " AND coalesce(abs(signal_price::float8 - signal_price_exact) <= 5e-9, true))"
                " FROM execution_events"),
        "true");
    check_str(
        database_text(db, "SELECT performance FROM execution_events WHERE performance IS NOT NULL"),
        "{\"x\": \"\xef\xbf\xbd\\\\u0000\", \"y\": [null, -0.0005], \"realized_pnl\": 1.25}");
}

static void test_recovery_finds_executions_and_orders_of_open_signals(void **state)
{
    struct execution_row rows[3];
    struct order_state order = any_order();
    struct executions got;
    struct orders orders;
    (void)state;
    make_decisions();
    trading_signals_insert(batch, decision_rows, 2);
    for (size_t i = 0; i < 3; i++)
        rows[i] = any_execution(i < 2 ? decisions[i].decision_id : any_uuid());
    execution_events_insert(batch, rows, 3);
    order.signal_id = decisions[1].decision_id;
    orders_seen_write(batch, &order, 1);
    run(NULL, NULL);
    execution_events_load_open(batch, 100);
    run(keep_executions, &got);
    assert_int_equal(got.n, 2);
    decisions_settle(batch, &decisions[0].decision_id, (enum reason[]){REASON_NONE}, 1);
    run(NULL, NULL);
    execution_events_load_open(batch, 100);
    run(keep_executions, &got);
    assert_int_equal(got.n, 1);
    check_same_execution(&got.items[0], &rows[1]);
    orders_seen_load_open(batch, 100);
    run(keep_orders, &orders);
    assert_int_equal(orders.n, 1);
    check_same_order(&orders.items[0], &order);
}

/* ---- order_outcomes ---- */

static struct order_outcome any_order_outcome(void)
{
    struct order_outcome o = {.signal_id = any_uuid(),
                              .side = any_side(),
                              .is_dry_run = any_bool(),
                              .decided_at_ns = any_ns(),
                              .answered_at_ns = any_ns(),
                              .first_fill_ns = any_bool() ? any_ns() : TIMESTAMP_NONE,
                              .last_fill_ns = any_bool() ? any_ns() : TIMESTAMP_NONE,
                              .quantity = 2 + rng_uniform(&rng),
                              .price = rng_uniform(&rng),
                              .fee_rate = any_double(),
                              .netted = rng_uniform(&rng),
                              .exit_quantity = rng_uniform(&rng),
                              .exit_price = rng_uniform(&rng),
                              .exit_fee_rate = any_double(),
                              .exit_source = (enum exit_source)rng_below(&rng, EXIT_SOURCE_COUNT),
                              .exited_at_ns = any_bool() ? any_ns() : TIMESTAMP_NONE,
                              .realised_gross = any_bool() ? any_double() : (double)NAN,
                              .realised_cost = any_bool() ? any_double() : (double)NAN,
                              .realised_net = any_bool() ? any_double() : (double)NAN};
    snprintf(o.strategy_id.text, sizeof(o.strategy_id.text), "momentum_v1");
    any_asset(&o.asset);
    for (size_t i = 0; i < MARKOUT_COUNT; i++)
        o.markouts[i] = any_bool() ? any_double() : (double)NAN;
    return o;
}

static void check_same_outcome(const struct order_outcome *a, const struct order_outcome *b)
{
    assert_true(uuid_eq(a->signal_id, b->signal_id) && a->side == b->side &&
                a->is_dry_run == b->is_dry_run && a->exit_source == b->exit_source);
    assert_memory_equal(&a->strategy_id, &b->strategy_id, sizeof(a->strategy_id));
    assert_memory_equal(&a->asset, &b->asset, sizeof(a->asset));
    const int64_t times[][2] = {{a->decided_at_ns, b->decided_at_ns},
                                {a->answered_at_ns, b->answered_at_ns},
                                {a->first_fill_ns, b->first_fill_ns},
                                {a->last_fill_ns, b->last_fill_ns},
                                {a->exited_at_ns, b->exited_at_ns}};
    const double numbers[][2] = {
        {a->quantity, b->quantity},           {a->price, b->price},
        {a->fee_rate, b->fee_rate},           {a->netted, b->netted},
        {a->exit_quantity, b->exit_quantity}, {a->exit_price, b->exit_price},
        {a->exit_fee_rate, b->exit_fee_rate}, {a->realised_gross, b->realised_gross},
        {a->realised_cost, b->realised_cost}, {a->realised_net, b->realised_net},
        {a->markouts[0], b->markouts[0]},     {a->markouts[1], b->markouts[1]},
        {a->markouts[2], b->markouts[2]},     {a->markouts[3], b->markouts[3]}};
    for (size_t i = 0; i < COUNT_OF(times); i++)
        check_i64(times[i][0], times[i][1]);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        check_near(numbers[i][0], numbers[i][1], 0);
}

struct kept_outcomes {
    struct order_outcome items[8];
    size_t n;
};

static void keep_outcome_rows(void *ctx, size_t index, const struct pg_result *result)
{
    struct kept_outcomes *kept = ctx;
    (void)index;
    kept->n = pg_result_n_rows(result);
    for (size_t i = 0; i < kept->n; i++)
        check_ok(order_outcomes_read(result, i, &kept->items[i]));
}

static void test_order_outcomes_are_written_again_as_more_is_known(void **state)
{
    static struct order_outcome rows[4];
    static struct kept_outcomes kept;
    (void)state;
    for (size_t i = 0; i < 4; i++)
        rows[i] = any_order_outcome();
    rows[3] = rows[0]; /* later in the same batch: it counts */
    rows[3].exit_price = 77;
    rows[1].decided_at_ns = NOON + 1;
    rows[2].decided_at_ns = NOON;
    order_outcomes_upsert(batch, rows, 4);
    run(NULL, NULL);
    for (size_t i = 1; i < 4; i++) {
        order_outcomes_find(batch, rows[i].signal_id);
        run(keep_outcome_rows, &kept);
        assert_int_equal(kept.n, 1);
        check_same_outcome(&kept.items[0], &rows[i]);
    }
    rows[3].netted = rows[3].quantity; /* holds nothing any more */
    rows[3].exit_quantity = 0;
    order_outcomes_upsert(batch, &rows[3], 1);
    order_outcomes_load_held(batch, 8);
    run(keep_outcome_rows, &kept);
    assert_int_equal(kept.n, 2); /* the last result: oldest first */
    check_same_outcome(&kept.items[0], &rows[2]);
    check_same_outcome(&kept.items[1], &rows[1]);
}

struct copied_signals {
    struct order_signal items[N_SIGNALS];
    size_t n;
};

static bool keep_signal(void *ctx, const struct order_signal *signal)
{
    struct copied_signals *copied = ctx;
    copied->items[copied->n++] = *signal;
    return true;
}

/* Signals 0 to 7, a nanosecond apart. 0 came before the first outcome that was kept, 2 was not published, 3 is an exit, 4 has
 * other features, 5 was played while the newest outcome is of an order for money; 6 was never answered. */
static void test_signals_are_copied_with_what_became_of_their_orders(void **state)
{
    static struct order_outcome outcomes[3];
    static struct copied_signals got;
    struct uuid published[N_SIGNALS];
    (void)state;
    make_decisions();
    for (size_t i = 0; i < N_SIGNALS; i++) {
        decisions[i].kind = i == 3 ? DECISION_EXIT : DECISION_ENTRY;
        decisions[i].strategy_id = decisions[0].strategy_id;
        decisions[i].decided_at_ns = NOON + (int64_t)i;
        decisions[i].schema_hash = decisions[0].schema_hash;
        published[i] = decisions[i == 2 ? 1 : i].decision_id;
    }
    decisions[4].schema_hash.bytes[0] ^= 1;
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    trading_signals_mark_published(batch, published, N_SIGNALS, NOON);
    const size_t answered[] = {1, 5, 7};
    for (size_t i = 0; i < 3; i++) {
        outcomes[i] = any_order_outcome();
        outcomes[i].signal_id = decisions[answered[i]].decision_id;
        outcomes[i].strategy_id = decisions[0].strategy_id;
        outcomes[i].decided_at_ns = decisions[answered[i]].decided_at_ns;
        outcomes[i].is_dry_run = answered[i] == 5;
    }
    order_outcomes_upsert(batch, outcomes, 3);
    run(NULL, NULL);
    struct order_signals_query query = {.strategy_id = decisions[0].strategy_id,
                                        .schema_hash = decisions[0].schema_hash,
                                        .cut_ns = INT64_MAX,
                                        .rows_max = 100};
    check_ok(order_outcomes_copy_signals(db, &query, keep_signal, &got));
    const size_t expected[] = {1, 6, 7};
    assert_int_equal(got.n, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct decision *decision = &decisions[expected[i]];
        const struct order_outcome *outcome = i == 0 ? &outcomes[0] : &outcomes[2];
        check_i64(got.items[i].decided_at_ns, decision->decided_at_ns);
        check_i64(got.items[i].expires_at_ns, decision->expires_at_ns);
        assert_int_equal(got.items[i].side, decision->side);
        check_i64(got.items[i].first_fill_ns, i == 1 ? TIMESTAMP_NONE : outcome->first_fill_ns);
        check_i64(got.items[i].answered_at_ns, i == 1 ? TIMESTAMP_NONE : outcome->answered_at_ns);
        assert_int_equal(got.items[i].n_features, decision->n_features);
        assert_memory_equal(got.items[i].features, decision->features,
                            decision->n_features * sizeof(float));
    }
    got.n = 0;
    query.rows_max = 1; /* the newest */
    check_ok(order_outcomes_copy_signals(db, &query, keep_signal, &got));
    assert_int_equal(got.n, 1);
    check_i64(got.items[0].decided_at_ns, NOON + 7);
    got.n = 0;
    query.cut_ns = NOON; /* before anything was known */
    check_ok(order_outcomes_copy_signals(db, &query, keep_signal, &got));
    assert_int_equal(got.n, 0);
}

/* ---- samples ---- */

static struct sample any_sample(void)
{
    struct sample s = {0};
    s.decision_id = any_uuid();
    snprintf(s.strategy_id.text, sizeof(s.strategy_id.text), "momentum_v1");
    any_asset(&s.asset);
    s.action = any_side();
    s.evidence = any_bool() ? EVIDENCE_OWN_FILL : EVIDENCE_MARKET;
    s.t0_ns = any_ns();
    s.t1_ns = s.t0_ns + (int64_t)rng_below(&rng, 1000000);
    s.available_at_ns = s.t1_ns + (int64_t)rng_below(&rng, 1000000);
    s.gross_return = any_double();
    s.cost_return = any_double();
    s.net_return = any_double();
    s.barrier = (enum barrier)(1 + rng_below(&rng, 3));
    s.fill_fraction = rng_uniform(&rng);
    s.propensity = rng_uniform(&rng);
    s.policy_took = any_bool();
    s.is_warmup = any_bool();
    s.is_dry_run = any_bool();
    if (!s.is_warmup)
        snprintf(s.model_version.text, sizeof(s.model_version.text), "v%u",
                 (unsigned)rng_below(&rng, 99));
    s.confidence = any_bool() ? rng_uniform(&rng) : (double)NAN;
    s.sigma_h = any_bool() ? rng_uniform(&rng) : (double)NAN;
    s.interval = any_interval();
    any_hash(&s.schema_hash);
    s.n_features = any_features(s.features);
    for (size_t k = 0; k < SPAN_PIECES; k++)
        s.span_returns[k] = (float)rng_normal(&rng);
    return s;
}

static void check_same_sample(const struct sample *a, const struct sample *b)
{
    assert_true(uuid_eq(a->decision_id, b->decision_id) && a->action == b->action &&
                a->evidence == b->evidence);
    assert_memory_equal(&a->strategy_id, &b->strategy_id, sizeof(a->strategy_id));
    assert_memory_equal(&a->asset, &b->asset, sizeof(a->asset));
    check_i64(a->t0_ns, b->t0_ns);
    check_i64(a->t1_ns, b->t1_ns);
    check_i64(a->available_at_ns, b->available_at_ns);
    check_same_double(a->gross_return, b->gross_return);
    check_same_double(a->cost_return, b->cost_return);
    check_same_double(a->net_return, b->net_return);
    assert_int_equal(a->barrier, b->barrier);
    check_same_double(a->fill_fraction, b->fill_fraction);
    check_same_double(a->propensity, b->propensity);
    assert_true(a->policy_took == b->policy_took && a->is_warmup == b->is_warmup &&
                a->is_dry_run == b->is_dry_run);
    assert_memory_equal(&a->model_version, &b->model_version, sizeof(a->model_version));
    check_near(a->confidence, b->confidence, 0);
    check_near(a->sigma_h, b->sigma_h, 0);
    check_same_interval(&a->interval, &b->interval);
    assert_memory_equal(&a->schema_hash, &b->schema_hash, sizeof(a->schema_hash));
    assert_int_equal(a->n_features, b->n_features);
    assert_memory_equal(a->features, b->features, a->n_features * sizeof(float));
    assert_memory_equal(a->span_returns, b->span_returns, sizeof(a->span_returns));
}

enum { N_SAMPLES = 40 };
static struct sample samples[N_SAMPLES];

static void insert_samples(void)
{
    for (size_t i = 0; i < N_SAMPLES; i++) {
        samples[i] = any_sample();
        samples[i].t0_ns = NOON + (int64_t)i;
    }
    samples_insert(batch, samples, N_SAMPLES);
    run(NULL, NULL);
}

struct copied {
    struct sample items[N_SAMPLES];
    size_t n, stop_after;
};

static bool keep_copied(void *ctx, const struct sample *sample)
{
    struct copied *copied = ctx;
    copied->items[copied->n++] = *sample;
    return copied->n != copied->stop_after;
}

static void test_samples_are_copied_out_as_they_went_in(void **state)
{
    static struct copied got;
    struct samples_query query = {{"momentum_v1"}, 0, INT64_MAX, 1000, false};
    (void)state;
    insert_samples();
    check_ok(samples_copy(db, &query, keep_copied, &got));
    assert_int_equal(got.n, N_SAMPLES);
    for (size_t i = 0; i < N_SAMPLES; i++)
        check_same_sample(&got.items[i], &samples[i]);
}

static size_t copy_count(struct samples_query query, struct copied *got)
{
    got->n = 0;
    check_ok(samples_copy(db, &query, keep_copied, got));
    return got->n;
}

static void test_copying_keeps_to_the_window_the_cut_and_the_bound(void **state)
{
    static struct copied got;
    int64_t cut = samples[20].available_at_ns;
    size_t n_available = 0, n_own = 0;
    (void)state;
    insert_samples();
    cut = samples[20].available_at_ns;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        n_available += samples[i].available_at_ns <= cut ? 1 : 0;
        n_own += samples[i].evidence == EVIDENCE_OWN_FILL ? 1 : 0;
    }
    struct samples_query all = {{"momentum_v1"}, 0, INT64_MAX, 1000, false};
    struct samples_query query = all;
    query.cut_ns = cut;
    assert_int_equal(copy_count(query, &got), n_available);
    for (size_t i = 0; i < got.n; i++)
        assert_true(got.items[i].available_at_ns <= cut);
    query = all;
    query.from_ns = samples[30].t0_ns;
    assert_int_equal(copy_count(query, &got), N_SAMPLES - 30);
    query = all;
    query.rows_max = 7;
    assert_int_equal(copy_count(query, &got), 7);
    check_same_sample(&got.items[0],
                      &samples[N_SAMPLES - 7]); /* the newest, oldest of them first */
    query = all;
    query.own_only = true;
    assert_int_equal(copy_count(query, &got), n_own);
    strcpy(query.strategy_id.text, "it's another");
    assert_int_equal(copy_count(query, &got), 0);
    got.stop_after = 3;
    assert_int_equal(copy_count(all, &got), 3);
}

static void test_samples_settle_their_decision_and_are_kept_once(void **state)
{
    struct sample pair[2] = {any_sample(), any_sample()};
    (void)state;
    make_decisions();
    trading_signals_insert(batch, decision_rows, 2);
    for (int i = 0; i < 2; i++)
        pair[i].decision_id = decisions[0].decision_id;
    pair[0].action = SIDE_BUY;
    pair[1].action = SIDE_SELL;
    samples_insert(batch, pair, 2);
    samples_insert(batch, pair, 2);
    run(NULL, NULL);
    check_str(database_text(db, "SELECT count(*) FROM samples"), "2");
    struct signals *open = load_open(0);
    assert_int_equal(open->n, 1);
    check_same_decision(&open->items[0].decision, &decisions[1]);
}

static void test_a_late_fill_replaces_what_came_of_the_executions(void **state)
{
    struct sample row = any_sample(), same;
    enum reason unfilled = REASON_no_fill;
    enum side buy = SIDE_BUY;
    (void)state;
    make_decisions();
    trading_signals_insert(batch, decision_rows, 2);
    row.decision_id = decisions[0].decision_id;
    row.action = buy;
    decisions_settle(batch, &row.decision_id, &unfilled, 1);
    samples_insert(batch, &row, 1);
    samples_mark_stale(batch, &row.decision_id, &buy, 1);
    same = row;
    same.net_return = 7;
    samples_insert(batch, &same, 1); /* nothing newer is known */
    run(NULL, NULL);
    check_str(
        database_text(db, "SELECT count(*) FROM samples WHERE is_stale_fill AND net_return <> 7"),
        "1");
    check_str(database_text(db, "SELECT outcome FROM trading_signals ORDER BY outcome LIMIT 1"),
              "sampled");
    same.available_at_ns++;
    same.propensity = 0.125; /* frozen with the decision */
    samples_insert(batch, &same, 1);
    decisions_settle(batch, &row.decision_id, &unfilled, 1);
    run(NULL, NULL);
    check_str(database_text(
                  db, "SELECT count(*) FROM samples WHERE NOT is_stale_fill AND net_return = 7 AND "
                      "propensity <> 0.125"),
              "1");
    check_str(database_text(db, "SELECT outcome FROM trading_signals ORDER BY outcome LIMIT 1"),
              "sampled");
}

static void keep_samples_count(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    assert_int_equal(pg_result_n_rows(result), 1);
    check_ok(samples_read_count(result, 0, ctx));
}

static void test_samples_are_counted(void **state)
{
    struct samples_count got;
    struct training_schedule_row schedule = {
        {"momentum_v1"}, NOON + 10 * NS_PER_MIN, TIMESTAMP_NONE, 0, 0};
    size_t n_own = 0, n_since = 0;
    int64_t newest = 0;
    (void)state;
    insert_samples();
    schedule.last_training_ns = samples[5].available_at_ns;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        bool own = samples[i].evidence == EVIDENCE_OWN_FILL;
        n_own += own ? 1 : 0;
        n_since += own && samples[i].available_at_ns > schedule.last_training_ns ? 1 : 0;
        newest = samples[i].available_at_ns > newest ? samples[i].available_at_ns : newest;
    }
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            samples_count_since(batch, &schedule.strategy_id, schedule.last_training_ns);
        else
            samples_count(batch);
        run(keep_samples_count, &got);
        check_str(got.strategy_id.text, "momentum_v1");
        assert_int_equal(got.n_all, N_SAMPLES);
        assert_int_equal(got.n_own, n_own);
        assert_int_equal(got.n_own_since, n_since);
        check_i64(got.newest_available_ns, newest);
        training_schedule_upsert(batch, &schedule);
        run(NULL, NULL);
    }
    samples_count_since(batch, &(struct strategy_id){"nobody"}, 0);
    run(keep_samples_count, &got);
    assert_int_equal(got.n_all, 0);
    check_i64(got.newest_available_ns, TIMESTAMP_NONE);
}

static struct model_version_row any_version(const char *strategy, unsigned number)
{
    struct model_version_row row = {0};
    row.id = any_uuid();
    snprintf(row.version.text, sizeof(row.version.text), "v%u", number);
    strcpy(row.model_type, number % 2 == 0 ? "xgboost" : "random_forest");
    snprintf(row.strategy_id.text, sizeof(row.strategy_id.text), "%s", strategy);
    row.trained_at_ns = any_us();
    row.training_duration_seconds = fabs(any_double());
    row.training_dataset_size = (int64_t)rng_below(&rng, 1000000);
    row.created_at_ns = NOON + number * NS_PER_S;
    row.updated_at_ns = NOON;
    any_hash(&row.folder_hash);
    row.attempt = (int32_t)number;
    row.verdict = SLICE("{\"passed\": true}");
    return row;
}

struct outcomes {
    struct samples_outcome items[N_SAMPLES];
    size_t n;
};

static void keep_outcomes(void *ctx, size_t index, const struct pg_result *result)
{
    struct outcomes *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(samples_read_outcome(result, i, &got->items[i]));
}

/* Own fills of the active version that have a claim, since the last training, the newest, oldest first. */
static void test_outcomes_of_the_active_version_come_back_in_order(void **state)
{
    static struct outcomes got;
    struct training_schedule_row schedule = {{"momentum_v1"}, NOON + 2, TIMESTAMP_NONE, 0, 0};
    (void)state;
    for (size_t i = 0; i < 12; i++) {
        samples[i] = any_sample();
        samples[i].t0_ns = samples[i].t1_ns = NOON - (int64_t)i;
        samples[i].available_at_ns = NOON + (int64_t)i;
        samples[i].evidence = i == 4 ? EVIDENCE_MARKET : EVIDENCE_OWN_FILL;
        samples[i].model_version = (struct model_version_id){"v2"};
        samples[i].confidence = i == 5 ? (double)NAN : 0.5 + 0.01 * (double)i;
    }
    samples[6].model_version = (struct model_version_id){"v1"};
    samples[7].strategy_id = (struct strategy_id){"other"}; /* v2 is not its version */
    samples_insert(batch, samples, 12);
    training_schedule_upsert(batch, &schedule);
    run(NULL, NULL);
    for (unsigned number = 1; number <= 2; number++) {
        struct model_version_row version = any_version("momentum_v1", number);
        version.state = number == 1 ? VERSION_RETIRED : VERSION_ACTIVE;
        model_versions_insert(batch, &version);
    }
    run(NULL, NULL);
    samples_load_outcomes(batch, 4);
    run(keep_outcomes, &got);
    assert_int_equal(got.n, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct sample *original = &samples[8 + i];
        assert_memory_equal(&got.items[i].asset, &original->asset, sizeof(original->asset));
        check_str(got.items[i].strategy_id.text, "momentum_v1");
        check_str(got.items[i].model_version.text, "v2");
        check_i64(got.items[i].decided_at_ns, original->t0_ns);
        check_i64(got.items[i].available_at_ns, original->available_at_ns);
        check_same_double(got.items[i].confidence, original->confidence);
        check_same_double(got.items[i].net_return, original->net_return);
    }
    samples_load_outcomes(batch, 100);
    run(keep_outcomes, &got);
    assert_int_equal(got.n, 5); /* 3, 8, 9, 10 and 11 */
    check_i64(got.items[0].available_at_ns, NOON + 3);
}

struct intervals {
    struct samples_interval items[16];
    size_t n;
};

static void keep_intervals(void *ctx, size_t index, const struct pg_result *result)
{
    struct intervals *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(samples_read_interval(result, i, &got->items[i]));
}

/* Of the active version, both kinds of evidence, the newest decisions, in the order their labels came. */
static void test_intervals_of_the_active_version_come_back_in_order(void **state)
{
    static struct intervals got;
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        samples[i] = any_sample();
        samples[i].t0_ns = samples[i].t1_ns = NOON - (int64_t)i;
        samples[i].available_at_ns = NOON + (int64_t)i;
        samples[i].model_version = (struct model_version_id){"v2"};
        samples[i].interval = i == 5 ? INTERVAL_NONE : (struct interval){0.9, -0.01, 0.02};
    }
    samples[6].model_version = (struct model_version_id){"v1"};
    samples[1].interval = (struct interval){0.99, (double)NAN, (double)NAN};
    samples_insert(batch, samples, 10);
    for (unsigned number = 1; number <= 2; number++) {
        struct model_version_row version = any_version("momentum_v1", number);
        version.state = number == 1 ? VERSION_RETIRED : VERSION_ACTIVE;
        model_versions_insert(batch, &version);
    }
    run(NULL, NULL);
    samples_load_intervals(batch, 4);
    run(keep_intervals, &got);
    assert_int_equal(got.n, 4); /* the newest decisions are 0, 1, 2 and 3 */
    for (size_t i = 0; i < 4; i++) {
        assert_memory_equal(&got.items[i].asset, &samples[i].asset, sizeof(samples[i].asset));
        check_str(got.items[i].strategy_id.text, "momentum_v1");
        check_str(got.items[i].model_version.text, "v2");
        check_i64(got.items[i].decided_at_ns, samples[i].t0_ns);
        check_same_interval(&got.items[i].interval, &samples[i].interval);
        check_same_double(got.items[i].net_return, samples[i].net_return);
    }
    samples_load_intervals(batch, 100);
    run(keep_intervals, &got);
    assert_int_equal(got.n, 8); /* all but 5 and 6 */
}

struct fills {
    struct samples_fills items[8];
    size_t n;
};

static void keep_fills(void *ctx, size_t index, const struct pg_result *result)
{
    struct fills *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    assert_true(got->n <= COUNT_OF(got->items));
    for (size_t i = 0; i < got->n; i++)
        check_ok(samples_read_fills(result, i, &got->items[i]));
}

/* Orders are what was chosen: filled, or known not to have. What was not chosen tells nothing of them. */
static void test_what_orders_got_comes_back_by_asset(void **state)
{
    static const struct {
        const char *asset;
        enum evidence evidence;
        bool was_chosen;
        double fraction;
    } rows[] = {
        {"ETHUSDT", EVIDENCE_OWN_FILL, true, 1},
        {"BTCUSDT", EVIDENCE_OWN_FILL, true, 1},
        {"BTCUSDT", EVIDENCE_OWN_FILL, true, 0.25},
        {"BTCUSDT", EVIDENCE_MARKET, true, 0},
        {"BTCUSDT", EVIDENCE_MARKET, false, 0.7},
        {"BTCUSDT", EVIDENCE_MARKET, true, 1}, /* of old */
        {"BTCUSDT", EVIDENCE_OWN_FILL, true, 0.9},
    };
    struct fills got;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        samples[i] = any_sample();
        assert_true(asset_parse(slice_of(rows[i].asset), &samples[i].asset));
        samples[i].t0_ns = samples[i].t1_ns = samples[i].available_at_ns = NOON - (int64_t)i;
        samples[i].evidence = rows[i].evidence;
        samples[i].confidence = rows[i].was_chosen ? 0.5 : (double)NAN;
        samples[i].fill_fraction = rows[i].fraction;
    }
    samples_insert(batch, samples, COUNT_OF(rows));
    run(NULL, NULL);
    samples_load_fills(batch, 4); /* the last one is too old */
    run(keep_fills, &got);
    assert_int_equal(got.n, 2);
    check_str(got.items[0].asset.text, "BTCUSDT");
    assert_int_equal(got.items[0].n_orders, 3);
    check_near(got.items[0].mean_fraction, 1.25 / 3, 1e-12);
    check_str(got.items[1].asset.text, "ETHUSDT");
    assert_int_equal(got.items[1].n_orders, 1);
    check_near(got.items[1].mean_fraction, 1, 0);
}

/* ---- quarantine ---- */

struct quarantined {
    struct quarantine_row items[8];
    char texts[8][4][300];
    size_t n;
    int64_t n_waiting;
};

static void keep_quarantined(void *ctx, size_t index, const struct pg_result *result)
{
    struct quarantined *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++) {
        struct quarantine_row *row = &got->items[i];
        check_ok(quarantine_read(result, i, row));
        struct slice *slices[] = {&row->queue, &row->field, &row->detail, &row->headers};
        for (size_t k = 0; k < 4; k++)
            snprintf(got->texts[i][k], sizeof(got->texts[i][k]), "%.*s", (int)slices[k]->len,
                     slices[k]->len > 0 ? slices[k]->ptr : "");
        if (row->body.len > 0)
            assert_memory_equal(row->body.ptr, "\0\xff{bad", 6);
    }
}

static void keep_waiting(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    ((struct quarantined *)ctx)->n_waiting = pg_result_i64(result, 0, 0);
}

static void test_quarantine_keeps_whole_messages(void **state)
{
    static struct quarantined got;
    struct quarantine_row rows[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        rows[i] = (struct quarantine_row){.received_at_ns = any_us(),
                                          .queue = SLICE("order-manager.order_events"),
                                          .reason = REASON_field_invalid,
                                          .field = SLICE("order.fees"),
                                          .detail = SLICE("not a number: \xff\xfe"),
                                          .body = {"\0\xff{bad", 6},
                                          .headers = i == 0 ? SLICE("{\"trace_id\": \"a\\u0000b\"}")
                                                            : SLICE("")};
    }
    quarantine_insert(batch, rows, 3);
    run(NULL, NULL);
    quarantine_load_waiting(batch, 0, 100);
    run(keep_quarantined, &got);
    assert_int_equal(got.n, 3);
    check_i64(got.items[1].received_at_ns, rows[1].received_at_ns);
    assert_int_equal(got.items[0].reason, REASON_field_invalid);
    check_str(got.texts[0][0], "order-manager.order_events");
    check_str(got.texts[0][1], "order.fees");
    check_str(got.texts[0][2], "not a number: ??");
    check_str(got.texts[0][3], "{\"trace_id\": \"a\xef\xbf\xbd"
                               "b\"}");
    check_str(got.texts[1][3], "{}");
    assert_int_equal(got.items[0].body.len, 6);
    assert_int_equal(got.items[0].status, QUARANTINE_WAITING);
}

static void test_quarantine_is_listed_marked_and_counted(void **state)
{
    static struct quarantined got;
    struct quarantine_row row = {
        .queue = SLICE("q"), .reason = REASON_not_json, .body = {"\0\xff{bad", 6}};
    int64_t ids[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        quarantine_insert(batch, &row, 1);
    run(NULL, NULL);
    quarantine_list(batch, 100, 0);
    run(keep_quarantined, &got);
    assert_int_equal(got.n, 3);
    for (int i = 0; i < 3; i++)
        ids[i] = got.items[i].id;
    assert_true(ids[0] > ids[1] && ids[1] > ids[2] && got.items[0].body.len == 0);
    quarantine_mark_retried(batch, ids[1], NOON);
    run(NULL, NULL);
    quarantine_count_waiting(batch);
    run(keep_waiting, &got);
    check_i64(got.n_waiting, 2);
    quarantine_get(batch, ids[1]);
    run(keep_quarantined, &got);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.items[0].status, QUARANTINE_RETRIED);
    check_i64(got.items[0].retried_at_ns, NOON);
    quarantine_load_waiting(batch, ids[2], 100);
    run(keep_quarantined, &got);
    assert_int_equal(got.n, 1);
    check_i64(got.items[0].id, ids[0]);
    quarantine_get(batch, ids[0] + 1000);
    run(keep_quarantined, &got);
    assert_int_equal(got.n, 0);
}

/* ---- candles ---- */

struct candles {
    struct candle_row items[16];
    size_t n;
};

static void keep_candles(void *ctx, size_t index, const struct pg_result *result)
{
    struct candles *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(candles_read(result, i, &got->items[i]));
}

static struct candle_row any_candle(const char *asset, int64_t interval_ns, int64_t nth)
{
    struct candle_row row = {.candle = {NOON + nth * interval_ns, interval_ns, any_double(),
                                        any_double(), any_double(), any_double(), any_double()}};
    snprintf(row.asset.text, sizeof(row.asset.text), "%s", asset);
    return row;
}

static void test_the_last_candles_of_each_series_are_loaded(void **state)
{
    struct candle_row rows[13];
    struct candles got;
    size_t n = 0;
    (void)state;
    for (int64_t i = 0; i < 5; i++) {
        rows[n++] = any_candle("BTCUSDT", NS_PER_MIN, i);
        rows[n++] = any_candle("ETHUSDT", NS_PER_H, i);
    }
    rows[n++] = any_candle("BTCUSDT", NS_PER_H, 0);
    rows[n++] = any_candle("XRPUSDT", NS_PER_H, 0);
    rows[n] = rows[8]; /* the same candle again in one batch: the last word counts */
    rows[n++].candle.close = 42;
    candles_upsert(batch, rows, n);
    run(NULL, NULL);
    rows[6].candle.high = 43; /* and in a later batch */
    candles_upsert(batch, &rows[6], 1);
    run(NULL, NULL);
    rows[8].candle.close = 42;
    struct asset assets[] = {{"BTCUSDT"}, {"ETHUSDT"}};
    const int64_t intervals[] = {NS_PER_MIN, NS_PER_H};
    candles_load_last(batch, assets, 2, intervals, 2, 2);
    run(keep_candles, &got);
    static const size_t want[] = {6, 8, 10, 7, 9};
    assert_int_equal(got.n, COUNT_OF(want));
    for (size_t i = 0; i < got.n; i++) {
        check_str(got.items[i].asset.text, rows[want[i]].asset.text);
        assert_memory_equal(&got.items[i].candle, &rows[want[i]].candle, sizeof(struct candle));
    }
}

/* Minutes of two assets, days of one, and hours, from which the forecast of every schema is made. */
static void put_old_candles(void)
{
    struct candle_row rows[40];
    for (int64_t i = 0; i < 10; i++) {
        rows[4 * i] = any_candle("BTCUSDT", NS_PER_MIN, i);
        rows[4 * i + 1] = any_candle("ETHUSDT", NS_PER_MIN, i);
        rows[4 * i + 2] = any_candle("BTCUSDT", NS_PER_DAY, i);
        rows[4 * i + 3] = any_candle("BTCUSDT", NS_PER_H, i);
    }
    candles_upsert(batch, rows, COUNT_OF(rows));
    run(NULL, NULL);
}

#define SERIES_LEFT                                                                                \
    "SELECT string_agg(n, ' ') FROM (SELECT asset || interval_seconds || ':' || count(*) AS n"     \
    " FROM candles GROUP BY asset, interval_seconds ORDER BY asset, interval_seconds) AS c"

static void test_old_candles_go_but_for_those_that_are_needed(void **state)
{
    const int64_t now_ns = NOON + 10 * NS_PER_DAY;
    (void)state;
    candles_prune(batch, now_ns, now_ns, 0, 1000); /* of an empty table */
    run(NULL, NULL);
    put_old_candles();
    candles_prune(batch, NOON + 3 * NS_PER_MIN, now_ns, 2, 1000);
    run(NULL, NULL); /* three minutes of each asset, one day */
    check_str(database_text(db, SERIES_LEFT),
              "BTCUSDT60:7 BTCUSDT3600:10 BTCUSDT86400:9 ETHUSDT60:7");
    candles_prune(batch, now_ns, now_ns, 4, 3); /* no more at a time than asked for */
    run(NULL, NULL);
    check_str(database_text(db, "SELECT count(*) FROM candles"), "30");
    for (int i = 0; i < 10; i++) {
        candles_prune(batch, now_ns, now_ns, 4, 3);
        run(NULL, NULL);
    }
    check_str(database_text(db, SERIES_LEFT), "BTCUSDT3600:10 BTCUSDT86400:4");
    database_run(
        db, "INSERT INTO ml_models (model_name, model_type, prediction_horizons, file_path,"
            " asset, interval_seconds) VALUES ('days', 'baseline', '[24]', '', 'BTCUSDT', 86400)");
    candles_prune(batch, now_ns, now_ns, 0, 1000);
    run(NULL, NULL);
    check_str(database_text(db, SERIES_LEFT), "BTCUSDT3600:10 BTCUSDT86400:4");
    database_run(db, "DELETE FROM ml_models WHERE model_name = 'days'");
    candles_prune(batch, now_ns, now_ns, 0, 1000);
    run(NULL, NULL);
    check_str(database_text(db, SERIES_LEFT), "BTCUSDT3600:10");
}

static bool keep_candle(void *ctx, const struct candle *candle)
{
    struct candles *got = ctx;
    got->items[got->n++].candle = *candle;
    return true;
}

/* Ask by both doors: the nth to be found are rows[first] and those after it. */
static void check_range(const struct candles_query *query,
                        const struct candle_row *rows,
                        size_t n_rows)
{
    struct candles by_batch = {.n = 99}, by_copy = {.n = 0};
    candles_load_range(batch, query);
    run(keep_candles, &by_batch);
    check_ok(candles_copy(db, query, keep_candle, &by_copy));
    assert_int_equal(by_batch.n, n_rows);
    assert_int_equal(by_copy.n, n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        check_str(by_batch.items[i].asset.text, query->asset.text);
        assert_memory_equal(&by_batch.items[i].candle, &rows[i].candle, sizeof(struct candle));
        assert_memory_equal(&by_copy.items[i].candle, &rows[i].candle, sizeof(struct candle));
    }
}

static void test_a_range_of_candles_is_the_newest_of_it_oldest_first(void **state)
{
    struct candle_row rows[8];
    struct candles_query query = {{"O'BTC"}, NS_PER_H, TIMESTAMP_NONE, TIMESTAMP_NONE, 16};
    (void)state;
    check_range(&query, NULL, 0);
    for (size_t i = 0; i < 6; i++)
        rows[i] = any_candle("O'BTC", NS_PER_H, (int64_t)i * 2); /* every second hour */
    rows[6] = any_candle("O'BTC", NS_PER_MIN, 0);
    rows[7] = any_candle("ETHUSDT", NS_PER_H, 3);
    candles_upsert(batch, rows, COUNT_OF(rows));
    run(NULL, NULL);
    check_range(&query, rows, 6);
    query.rows_max = 2;
    check_range(&query, &rows[4], 2);
    query.to_ns = NOON + 8 * NS_PER_H; /* not the one that opens then */
    check_range(&query, &rows[2], 2);
    query.to_ns += 1; /* now that one too */
    check_range(&query, &rows[3], 2);
    query.rows_max = 16;
    query.from_ns = NOON + 4 * NS_PER_H;
    check_range(&query, &rows[2], 3);
    query.from_ns += 1;
    check_range(&query, &rows[3], 2);
    query.to_ns = INT64_MAX;
    check_range(&query, &rows[3], 3);
}

static void keep_newest(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    *(int64_t *)ctx = candles_read_newest(result);
}

static int64_t newest_candle(const char *asset, int64_t interval_ns)
{
    struct asset name = {""};
    int64_t newest_ns = 0;
    snprintf(name.text, sizeof(name.text), "%s", asset);
    candles_find_newest(batch, &name, interval_ns);
    run(keep_newest, &newest_ns);
    return newest_ns;
}

static void test_the_newest_candle_is_found(void **state)
{
    struct candle_row rows[] = {any_candle("BTCUSDT", NS_PER_H, 7),
                                any_candle("BTCUSDT", NS_PER_H, 3),
                                any_candle("BTCUSDT", NS_PER_DAY, 9)};
    (void)state;
    candles_upsert(batch, rows, COUNT_OF(rows));
    run(NULL, NULL);
    check_i64(newest_candle("BTCUSDT", NS_PER_H), NOON + 7 * NS_PER_H);
    check_i64(newest_candle("BTCUSDT", NS_PER_MIN), TIMESTAMP_NONE);
    check_i64(newest_candle("ETHUSDT", NS_PER_H), TIMESTAMP_NONE);
}

struct history {
    struct candle_series series[8];
    struct gap gaps[8];
    size_t n;
};

static void keep_history(void *ctx, size_t index, const struct pg_result *result)
{
    struct history *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(candles_read_series(result, i, &got->series[i]));
}

static void keep_gaps(void *ctx, size_t index, const struct pg_result *result)
{
    struct history *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(candles_read_gap(result, i, &got->gaps[i]));
}

/* The database's count and the one of history/gaps.h. */
static void check_series(const struct candle_series *series, const struct gap_finder *want)
{
    check_i64(series->first_ns, want->first_ns);
    check_i64(series->last_ns, want->last_ns);
    assert_int_equal(series->n_candles, want->n_bars);
    assert_int_equal(series->n_gaps, want->n_gaps);
    assert_int_equal(series->n_missing, want->n_missing);
}

static void test_history_is_counted_and_its_gaps_are_found(void **state)
{
    static const int64_t hours[] = {0, 1, 2, 6, 7, 9, 30, 31}; /* gaps of 3, 1 and 20 */
    static const struct asset asset = {"BTCUSDT"};
    struct candles_query query = {{"BTCUSDT"}, NS_PER_H, TIMESTAMP_NONE, TIMESTAMP_NONE, 8};
    struct candle_row rows[COUNT_OF(hours) + 2];
    struct gap_finder finder;
    struct gap gaps[3], gap;
    size_t n_gaps = 0;
    struct history got;
    (void)state;
    gap_finder_init(&finder, NS_PER_H);
    for (size_t i = 0; i < COUNT_OF(hours); i++) {
        rows[i] = any_candle("BTCUSDT", NS_PER_H, hours[i]);
        rows[i].is_made = i < 3;
        if (gap_finder_add(&finder, rows[i].candle.ts_open_ns, &gap))
            gaps[n_gaps++] = gap;
    }
    rows[COUNT_OF(hours)] = any_candle("ETHUSDT", NS_PER_MIN, 5);
    rows[COUNT_OF(hours) + 1] = any_candle("BTCUSDT", NS_PER_DAY, 5);
    candles_upsert(batch, rows, COUNT_OF(rows));
    run(NULL, NULL);
    candles_list(batch, NULL, 8);
    run(keep_history, &got);
    assert_int_equal(got.n, 3);
    check_str(got.series[0].asset.text, "BTCUSDT");
    check_i64(got.series[0].interval_ns, NS_PER_H);
    assert_int_equal(got.series[0].n_made, 3);
    check_series(&got.series[0], &finder);
    check_i64(got.series[1].interval_ns, NS_PER_DAY);
    check_str(got.series[2].asset.text, "ETHUSDT");
    candles_list(batch, &asset, 1);
    run(keep_history, &got);
    assert_int_equal(got.n, 1);
    check_series(&got.series[0], &finder);
    candles_load_gaps(batch, &query);
    run(keep_gaps, &got);
    assert_int_equal(got.n, 3);
    assert_memory_equal(got.gaps, gaps, sizeof(gaps));
    query.rows_max = 1;
    query.to_ns = NOON + 10 * NS_PER_H; /* the newest of what is before */
    candles_load_gaps(batch, &query);
    run(keep_gaps, &got);
    assert_int_equal(got.n, 1);
    assert_memory_equal(got.gaps, &gaps[1], sizeof(gaps[1]));
}

static void test_a_made_candle_is_never_put_in_the_place_of_a_given_one(void **state)
{
    struct candle_row made = any_candle("BTCUSDT", NS_PER_H, 0), given = made;
    struct candle_row both[2];
    static const char closes[] = "SELECT string_agg(close || ' ' || is_made, ', ') FROM candles";
    (void)state;
    made.is_made = true;
    made.candle.close = 1;
    candles_upsert(batch, &made, 1);
    run(NULL, NULL);
    made.candle.close = 2; /* made better */
    candles_upsert(batch, &made, 1);
    run(NULL, NULL);
    check_str(database_text(db, closes), "2 true");
    given.candle.close = 3;
    candles_upsert(batch, &given, 1);
    run(NULL, NULL);
    made.candle.close = 4;
    candles_upsert(batch, &made, 1);
    run(NULL, NULL);
    check_str(database_text(db, closes), "3 false");
    given.candle.close = 5; /* given again */
    both[0] = given;
    both[1] = made; /* the last word in this batch, but a made one */
    candles_upsert(batch, both, 2);
    run(NULL, NULL);
    check_str(database_text(db, closes), "5 false");
}

static void keep_imported(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    *(struct candles_imported *)ctx = candles_read_imported(result);
}

static void check_import(const struct candle *candles, size_t n, uint64_t n_new, uint64_t n_changed)
{
    static const struct asset asset = {"BTCUSDT"};
    struct candles_imported got = {99, 99};
    candles_import(batch, &asset, NS_PER_H, candles, n);
    run(keep_imported, &got);
    assert_int_equal(got.n_new, n_new);
    assert_int_equal(got.n_changed, n_changed);
}

static void test_imported_candles_are_counted_and_a_repeat_changes_nothing(void **state)
{
    struct candle candles[5];
    struct candle_row made = any_candle("BTCUSDT", NS_PER_H, 4);
    struct candles_query query = {{"BTCUSDT"}, NS_PER_H, TIMESTAMP_NONE, TIMESTAMP_NONE, 16};
    struct candle_row want[5];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        want[i] = any_candle("BTCUSDT", NS_PER_H, (int64_t)i);
        candles[i] = want[i].candle;
    }
    candles[2].volume = want[2].candle.volume = NAN; /* the same as itself here */
    check_import(candles, 0, 0, 0);
    check_import(candles, 3, 3, 0);
    made.is_made = true;
    made.candle = candles[4];
    candles_upsert(batch, &made, 1);
    run(NULL, NULL);
    check_import(candles, 4, 1, 0);
    check_import(candles, 4, 0, 0);
    check_import(candles, 5, 0, 1); /* the made one is a given one now */
    candles[1].low = want[1].candle.low -= 1;
    check_import(candles, 5, 0, 1);
    check_range(&query, want, 5);
}

static void keep_line(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    *(uint64_t *)ctx = candle_imports_read(result);
}

static uint64_t line_of(const struct candle_import *import)
{
    uint64_t line = 99;
    candle_imports_find(batch, import);
    run(keep_line, &line);
    return line;
}

static void test_how_far_an_import_has_come_is_kept(void **state)
{
    struct candle_import import = {.asset = {"BTCUSDT"}, .interval_ns = NS_PER_H}, other;
    (void)state;
    any_hash(&import.file);
    other = import;
    any_hash(&other.file);
    assert_int_equal(line_of(&import), 0);
    candle_imports_put(batch, &import, 7);
    candle_imports_put(batch, &other, 8);
    candle_imports_put(batch, &import, 70000000000);
    run(NULL, NULL);
    check_i64((int64_t)line_of(&import), 70000000000);
    candle_imports_delete(batch, &import);
    run(NULL, NULL);
    assert_int_equal(line_of(&import), 0);
    assert_int_equal(line_of(&other), 8);
}

/* ---- position_states ---- */

struct positions {
    struct position_state items[8];
    size_t n;
};

static void keep_positions(void *ctx, size_t index, const struct pg_result *result)
{
    struct positions *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(position_states_read(result, i, &got->items[i]));
}

static struct position_state any_position(void)
{
    struct position_state p = {.peak_pnl_pct = any_double(),
                               .partial_taken = any_bool(),
                               .opened_ns = any_ns(),
                               .last_exit_ns = any_ns()};
    any_text(p.update.position_id, sizeof(p.update.position_id) - 1);
    any_asset(&p.update.asset);
    p.update.size = (struct decimal){-any_decimal().units - 1};
    p.update.unrealized_pnl = any_double();
    p.update.realized_pnl = any_double();
    p.update.unrealized_pnl_pct = any_double();
    p.update.average_entry_price = any_double();
    p.update.time_held_minutes = (double)NAN;
    any_text(p.update.mode, sizeof(p.update.mode) - 1);
    p.update.ts_event_ns = any_ns();
    p.update.ts_recv_ns = any_ns();
    any_text(p.update.trace_id.text, 20);
    return p;
}

static void check_same_position(const struct position_state *a, const struct position_state *b)
{
    check_str(a->update.position_id, b->update.position_id);
    assert_true(asset_eq(&a->update.asset, &b->update.asset) &&
                decimal_cmp(a->update.size, b->update.size) == 0);
    check_near(a->update.unrealized_pnl, b->update.unrealized_pnl, 0);
    check_near(a->update.realized_pnl, b->update.realized_pnl, 0);
    check_near(a->update.unrealized_pnl_pct, b->update.unrealized_pnl_pct, 0);
    check_near(a->update.average_entry_price, b->update.average_entry_price, 0);
    check_near(a->update.time_held_minutes, b->update.time_held_minutes, 0);
    check_str(a->update.mode, b->update.mode);
    check_i64(a->update.ts_event_ns, b->update.ts_event_ns);
    check_i64(a->update.ts_recv_ns, b->update.ts_recv_ns);
    check_str(a->update.trace_id.text, b->update.trace_id.text);
    check_near(a->peak_pnl_pct, b->peak_pnl_pct, 0);
    assert_true(a->partial_taken == b->partial_taken);
    check_i64(a->opened_ns, b->opened_ns);
    check_i64(a->last_exit_ns, b->last_exit_ns);
}

static void test_the_newest_state_of_a_position_stays(void **state)
{
    struct position_state p[4] = {any_position(), any_position()};
    struct positions got;
    (void)state;
    p[1].update.size = DECIMAL_ZERO; /* closed: not loaded */
    p[2] = p[0];
    p[2].update.ts_event_ns++;
    p[2].peak_pnl_pct = (double)NAN;
    p[2].last_exit_ns = TIMESTAMP_NONE;
    p[2].opened_ns = TIMESTAMP_NONE;
    p[3] = p[0];
    p[3].update.ts_event_ns--;
    position_states_upsert(batch, p, 3);
    position_states_upsert(batch, &p[3], 1); /* late: ignored */
    run(NULL, NULL);
    position_states_load(batch, 10);
    run(keep_positions, &got);
    assert_int_equal(got.n, 1);
    check_same_position(&got.items[0], &p[2]);
    p[3] = p[2];
    p[3].update.ts_event_ns++;
    p[3].peak_pnl_pct = 9.5;
    position_states_upsert(batch, &p[3], 1);
    run(NULL, NULL);
    position_states_load(batch, 10);
    run(keep_positions, &got);
    check_same_position(&got.items[0], &p[3]);
}

/* ---- model_versions ---- */

struct versions {
    struct model_version_row items[16];
    char verdict[64];
    size_t n;
    int64_t total;
};

static void keep_versions(void *ctx, size_t index, const struct pg_result *result)
{
    struct versions *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++) {
        check_ok(model_versions_read(result, i, &got->items[i]));
        struct slice verdict = got->items[i].verdict;
        snprintf(got->verdict, sizeof(got->verdict), "%.*s", (int)verdict.len,
                 verdict.len > 0 ? verdict.ptr : "");
    }
}

static void keep_versions_and_total(void *ctx, size_t index, const struct pg_result *result)
{
    if (index == 0)
        keep_versions(ctx, index, result);
    else
        ((struct versions *)ctx)->total = pg_result_i64(result, 0, 0);
}

static void keep_total(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    ((struct versions *)ctx)->total = pg_result_i64(result, 0, 0);
}

static struct versions *activate(const char *strategy,
                                 const char *version,
                                 bool allow_refused,
                                 int64_t now_ns)
{
    static struct versions got;
    struct strategy_id strategy_id = {""};
    struct model_version_id id = {""};
    strcpy(strategy_id.text, strategy);
    strcpy(id.text, version);
    model_versions_activate(batch, &strategy_id, &id, allow_refused, now_ns);
    run(keep_versions, &got); /* keeps the second statement's rows */
    return &got;
}

static const char *states_of_versions(void)
{
    return database_text(
        db,
        "SELECT string_agg(version || ' ' || state, ', ' ORDER BY created_at) FROM model_versions");
}

static void test_versions_come_back(void **state)
{
    struct model_version_row row = any_version("a", 2);
    struct versions got;
    (void)state;
    row.is_warmup_mode = true;
    model_versions_insert(batch, &row);
    run(NULL, NULL);
    model_versions_get(batch, &row.version);
    run(keep_versions, &got);
    assert_int_equal(got.n, 1);
    const struct model_version_row *back = &got.items[0];
    assert_true(uuid_eq(back->id, row.id) && back->is_warmup_mode && !back->is_active);
    check_str(back->version.text, "v2");
    check_str(back->model_type, "xgboost");
    check_str(back->strategy_id.text, "a");
    check_i64(back->trained_at_ns, row.trained_at_ns);
    check_same_double(back->training_duration_seconds, row.training_duration_seconds);
    check_i64(back->training_dataset_size, row.training_dataset_size);
    check_i64(back->created_at_ns, row.created_at_ns);
    check_i64(back->updated_at_ns, row.updated_at_ns);
    assert_memory_equal(&back->folder_hash, &row.folder_hash, sizeof(row.folder_hash));
    assert_int_equal(back->state, VERSION_CANDIDATE);
    check_i64(back->attempt, 2);
    check_str(got.verdict, "{\"passed\": true}");
    model_versions_set_verdict(batch, &row.version, SLICE("{}"), NOON + 1);
    model_versions_get(batch, &row.version);
    run(keep_versions, &got);
    check_str(got.verdict, "{}");
}

static void insert_versions(void)
{
    for (unsigned i = 1; i <= 4; i++) {
        struct model_version_row row = any_version("a", i);
        model_versions_insert(batch, &row);
    }
    struct model_version_row other = any_version("b", 5);
    model_versions_insert(batch, &other);
    run(NULL, NULL);
}

static void test_activation_retires_the_one_before(void **state)
{
    (void)state;
    insert_versions();
    assert_int_equal(activate("a", "v1", false, NOON)->n, 1);
    assert_int_equal(activate("b", "v5", false, NOON)->n, 1);
    struct versions *got = activate("a", "v2", false, NOON + NS_PER_S);
    assert_int_equal(got->n, 1);
    assert_true(got->items[0].is_active && got->items[0].state == VERSION_ACTIVE);
    check_i64(got->items[0].updated_at_ns, NOON + NS_PER_S);
    assert_int_equal(activate("a", "v2", false, NOON)->n, 1); /* again */
    check_str(states_of_versions(), "v1 retired, v2 active, v3 candidate, v4 candidate, v5 active");
    assert_int_equal(activate("a", "v5", false, NOON)->n,
                     0); /* not of this strategy: nothing changes */
    assert_int_equal(activate("a", "v99", false, NOON)->n, 0);
    check_str(states_of_versions(), "v1 retired, v2 active, v3 candidate, v4 candidate, v5 active");
}

static void test_a_refused_version_is_activated_only_on_demand(void **state)
{
    struct versions got;
    struct model_version_id v3 = {"v3"};
    struct strategy_id a = {"a"};
    (void)state;
    insert_versions();
    activate("a", "v1", false, NOON);
    model_versions_refuse(batch, &v3, SLICE("{\"why\": 1}"), NOON);
    run(NULL, NULL);
    model_versions_count_attempts(batch, &a);
    run(keep_total, &got);
    check_i64(got.total, 2);
    assert_int_equal(activate("a", "v3", false, NOON)->n, 0);
    check_str(states_of_versions(),
              "v1 active, v2 candidate, v3 refused, v4 candidate, v5 candidate");
    assert_int_equal(activate("a", "v3", true, NOON)->n, 1);
    model_versions_load_retired(batch, &a, 5);
    run(keep_versions, &got);
    assert_int_equal(got.n, 1);
    check_str(got.items[0].version.text, "v1");
    model_versions_retire_active(batch, &a, NOON);
    run(keep_versions, &got);
    assert_int_equal(got.n, 1);
    check_str(got.items[0].version.text, "v3");
    model_versions_load_active(batch);
    run(keep_versions, &got);
    assert_int_equal(got.n, 0);
}

static void test_the_database_allows_one_active_version(void **state)
{
    (void)state;
    insert_versions();
    activate("a", "v1", false, NOON);
    check_err(pg_sync_script(db, "UPDATE model_versions SET state = 'active' WHERE version = 'v2'"),
              AL_EDB);
    check_str(pg_sync_sqlstate(db), "23505");
    check_err(pg_sync_script(db, "UPDATE model_versions SET version = 'w1' WHERE version = 'v2'"),
              AL_EDB);
    check_str(pg_sync_sqlstate(db), "23514");
}

static void test_versions_are_listed_in_pages(void **state)
{
    struct versions got;
    struct model_versions_filter filter = {
        .strategy_id = {"a"}, .is_active = -1, .limit = 3, .offset = 0};
    (void)state;
    insert_versions();
    activate("a", "v1", false, NOON);
    model_versions_list(batch, &filter);
    run(keep_versions_and_total, &got);
    assert_int_equal(got.n, 3);
    check_i64(got.total, 4);
    check_str(got.items[0].version.text, "v4");
    filter.offset = 3;
    model_versions_list(batch, &filter);
    run(keep_versions_and_total, &got);
    assert_int_equal(got.n, 1);
    filter = (struct model_versions_filter){.is_active = 0, .limit = 100};
    model_versions_list(batch, &filter);
    run(keep_versions_and_total, &got);
    check_i64(got.total, 4);
    filter.is_active = 1;
    model_versions_list(batch, &filter);
    run(keep_versions_and_total, &got);
    assert_int_equal(got.n, 1);
    check_str(got.items[0].version.text, "v1");
}

static void test_version_numbers_are_never_given_twice(void **state)
{
    struct versions got;
    (void)state;
    model_versions_next(batch);
    run(keep_total, &got);
    int64_t first = got.total;
    model_versions_next(batch);
    run(keep_total, &got);
    check_i64(got.total, first + 1);
}

struct counts {
    struct model_count items[8];
    size_t n;
};

static void keep_counts(void *ctx, size_t index, const struct pg_result *result)
{
    struct counts *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(model_versions_read_count(result, i, &got->items[i]));
}

static void test_versions_are_counted_by_strategy_and_type(void **state)
{
    struct counts got;
    (void)state;
    insert_versions();
    activate("a", "v2", false, NOON);
    model_versions_count(batch);
    run(keep_counts, &got);
    assert_int_equal(got.n, 3);
    check_str(got.items[0].strategy_id.text, "a");
    check_str(got.items[0].model_type, "random_forest");
    assert_int_equal(got.items[0].n_all, 2);
    assert_int_equal(got.items[0].n_active, 0);
    check_str(got.items[1].model_type, "xgboost");
    assert_int_equal(got.items[1].n_active, 1);
    check_str(got.items[2].strategy_id.text, "b");
}

/* ---- model_quality_metrics ---- */

struct metrics {
    struct quality_metric_row items[16];
    struct metric_point points[16];
    size_t n;
};

static void keep_metrics(void *ctx, size_t index, const struct pg_result *result)
{
    struct metrics *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(model_quality_metrics_read(result, i, &got->items[i]));
}

static void keep_points(void *ctx, size_t index, const struct pg_result *result)
{
    struct metrics *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(model_quality_metrics_read_point(result, i, &got->points[i]));
}

static struct quality_metric_row metric(
    struct uuid version_id, const char *name, double value, enum quality_type type, int64_t at_ns)
{
    struct quality_metric_row row = {.id = any_uuid(),
                                     .model_version_id = version_id,
                                     .metric_value = value,
                                     .metric_type = type,
                                     .evaluated_at_ns = at_ns,
                                     .evaluation_dataset_size = 77};
    strcpy(row.metric_name, name);
    return row;
}

static struct model_version_row version_with_metrics(void)
{
    struct model_version_row version = any_version("a", 1);
    struct quality_metric_row rows[] = {
        metric(version.id, "accuracy", 0.5, QUALITY_CLASSIFICATION, NOON),
        metric(version.id, "accuracy", 0.7, QUALITY_CLASSIFICATION, NOON + 59 * NS_PER_MIN),
        metric(version.id, "accuracy", 0.9, QUALITY_CLASSIFICATION, NOON + NS_PER_H),
        metric(version.id, "rmse", 12.5, QUALITY_REGRESSION, NOON),
        metric(version.id, "net_pnl", -3, QUALITY_TRADING_PERFORMANCE, NOON + 8 * NS_PER_DAY),
    };
    model_versions_insert(batch, &version);
    model_quality_metrics_insert(batch, rows, COUNT_OF(rows));
    model_quality_metrics_insert(batch, rows, COUNT_OF(rows));
    run(NULL, NULL);
    return version;
}

static void test_quality_metrics_are_listed(void **state)
{
    struct model_version_row version = version_with_metrics();
    struct metrics got;
    (void)state;
    model_quality_metrics_list(batch, &version.version, QUALITY_TYPE_COUNT, SLICE(""), 100);
    run(keep_metrics, &got);
    assert_int_equal(got.n, 5);
    check_str(got.items[0].metric_name, "accuracy");
    check_same_double(got.items[0].metric_value, 0.5);
    assert_true(uuid_eq(got.items[0].model_version_id, version.id));
    check_i64(got.items[1].evaluated_at_ns, NOON + 59 * NS_PER_MIN);
    check_i64(got.items[0].evaluation_dataset_size, 77);
    model_quality_metrics_list(batch, &version.version, QUALITY_REGRESSION, SLICE(""), 100);
    run(keep_metrics, &got);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.items[0].metric_type, QUALITY_REGRESSION);
    model_quality_metrics_list(batch, &version.version, QUALITY_CLASSIFICATION, SLICE("accuracy"),
                               2);
    run(keep_metrics, &got);
    assert_int_equal(got.n, 2);
}

static void test_quality_metrics_become_series(void **state)
{
    static const struct {
        enum granularity granularity;
        int64_t first_ns; /* bucket of the first point */
        size_t n_points;
    } rows[] = {
        {GRANULARITY_HOUR, 1767268800, 4},
        {GRANULARITY_DAY, 1767225600, 3},
        {GRANULARITY_WEEK, 1766966400, 3}, /* Monday, 2025-12-29 */
    };
    struct model_version_row version = version_with_metrics();
    struct metrics got;
    struct slice only = SLICE("accuracy");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        model_quality_metrics_series(batch, &version.version, rows[i].granularity, NOON,
                                     NOON + 9 * NS_PER_DAY, NULL, 0, 100);
        run(keep_points, &got);
        assert_int_equal(got.n, rows[i].n_points);
        check_i64(got.points[0].ts_ns, rows[i].first_ns * NS_PER_S);
    }
    model_quality_metrics_series(batch, &version.version, GRANULARITY_HOUR, NOON, NOON + NS_PER_H,
                                 &only, 1, 100);
    run(keep_points, &got);
    assert_int_equal(got.n, 1); /* the end is not part of it */
    check_near(got.points[0].value, 0.6, 1e-12);
    check_str(got.points[0].metric_name, "accuracy");
}

static void test_a_classification_metric_outside_0_to_1_is_refused(void **state)
{
    struct model_version_row version = version_with_metrics();
    struct quality_metric_row bad =
        metric(version.id, "accuracy", 1.5, QUALITY_CLASSIFICATION, NOON);
    (void)state;
    model_quality_metrics_insert(batch, &bad, 1);
    check_err(pg_sync_run(db, batch, NULL, NULL), AL_EDB);
    check_str(pg_sync_sqlstate(db), "23514");
}

/* ---- performance ---- */

struct series {
    struct performance_point points[8];
    size_t n;
};

static void keep_series(void *ctx, size_t index, const struct pg_result *result)
{
    struct series *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        performance_read(result, i, &got->points[i]);
}

static void test_performance_counts_own_settled_decisions(void **state)
{
    struct sample rows[N_SIGNALS];
    struct series got;
    (void)state;
    make_decisions();
    for (size_t i = 0; i < N_SIGNALS; i++) {
        decisions[i].amount = decimal_from_int(100);
        rows[i] = any_sample();
        rows[i].decision_id = decisions[i].decision_id;
        rows[i].evidence = i == 5 ? EVIDENCE_MARKET : EVIDENCE_OWN_FILL;
        rows[i].policy_took = i != 6;
        rows[i].fill_fraction = 0.5;
        rows[i].net_return = i % 2 == 0 ? 0.02 : -0.01;
        rows[i].t0_ns = NOON;
        rows[i].t1_ns = i < 3 ? NOON + NS_PER_MIN : NOON + NS_PER_H;
        rows[i].available_at_ns = NOON + 2 * NS_PER_H;
    }
    rows[7].t1_ns = NOON + 2 * NS_PER_H; /* at the end: outside */
    trading_signals_insert(batch, decision_rows, N_SIGNALS);
    samples_insert(batch, rows, N_SIGNALS);
    run(NULL, NULL);
    performance_series(batch, &rows[0].strategy_id, GRANULARITY_HOUR, NOON, NOON + 2 * NS_PER_H,
                       100);
    run(keep_series, &got);
    assert_int_equal(got.n, 2);
    check_i64(got.points[0].ts_ns, NOON);
    assert_int_equal(got.points[0].total_orders, 3);
    assert_int_equal(got.points[0].successful_orders, 2);
    check_near(got.points[0].success_rate, 2.0 / 3, 1e-12);
    check_near(got.points[0].total_pnl, 1.0 - 0.5 + 1.0, 1e-12);
    check_near(got.points[0].avg_pnl, 0.5, 1e-12);
    assert_int_equal(got.points[1].total_orders, 2);
    assert_int_equal(got.points[1].successful_orders, 1);
}

/* ---- training ---- */

struct runs {
    struct training_run_row items[8];
    struct training_schedule_row schedule[8];
    char detail[64];
    size_t n;
};

static void keep_runs(void *ctx, size_t index, const struct pg_result *result)
{
    struct runs *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++) {
        check_ok(training_runs_read(result, i, &got->items[i]));
        struct slice detail = got->items[i].detail;
        snprintf(got->detail, sizeof(got->detail), "%.*s", (int)detail.len,
                 detail.len > 0 ? detail.ptr : "");
    }
}

struct starts {
    size_t n;
    struct training_start items[8];
};

static void collect_starts(void *ctx, size_t index, const struct pg_result *result)
{
    struct starts *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    assert_true(got->n <= COUNT_OF(got->items));
    for (size_t i = 0; i < got->n; i++)
        check_ok(training_runs_read_start(result, i, &got->items[i]));
}

/* The newest of each, oldest first, and none as old as the time asked for. */
static void test_training_starts_of_a_day(void **state)
{
    static const char *const strategies[] = {"a", "b", "a", "a", "b"};
    struct starts got;
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct training_run_row row = {.id = any_uuid(),
                                       .trigger = "schedule",
                                       .started_at_ns = NOON + i * NS_PER_H,
                                       .finished_at_ns = TIMESTAMP_NONE,
                                       .n_effective = (double)NAN};
        strcpy(row.strategy_id.text, strategies[i]);
        training_runs_insert(batch, &row);
    }
    run(NULL, NULL);
    training_runs_load_starts(batch, NOON + NS_PER_H, 2);
    run(collect_starts, &got);
    check_i64((int64_t)got.n, 3);
    for (int i = 0; i < 3; i++) {
        check_str(got.items[i].strategy_id.text, strategies[i + 2]);
        check_i64(got.items[i].started_at_ns, NOON + (i + 2) * NS_PER_H);
    }
    training_runs_load_starts(batch, NOON, 1);
    run(collect_starts, &got);
    check_i64((int64_t)got.n, 2);
    check_i64(got.items[0].started_at_ns, NOON + 3 * NS_PER_H);
    check_i64(got.items[1].started_at_ns, NOON + 4 * NS_PER_H);
}

static void test_training_runs_begin_and_end(void **state)
{
    struct training_run_row row = {.id = any_uuid(),
                                   .strategy_id = {"a"},
                                   .trigger = "schedule",
                                   .started_at_ns = NOON,
                                   .finished_at_ns = TIMESTAMP_NONE,
                                   .n_effective = (double)NAN};
    struct runs got;
    struct strategy_id all = {""}, nobody = {"nobody"};
    (void)state;
    training_runs_insert(batch, &row);
    row.id = any_uuid();
    row.started_at_ns++;
    row.started_at_ns += NS_PER_S - 1;
    training_runs_insert(batch, &row);
    row.state = TRAINING_REFUSED;
    row.finished_at_ns = NOON + NS_PER_MIN;
    row.n_samples = 1234;
    row.n_effective = 1000.25;
    strcpy(row.version.text, "v3");
    row.detail = SLICE("not better");
    training_runs_update(batch, &row);
    run(NULL, NULL);
    training_runs_load_last(batch); /* one that runs is none of the past */
    run(keep_runs, &got);
    assert_int_equal(got.n, 1);
    assert_true(uuid_eq(got.items[0].id, row.id));
    training_runs_list(batch, &all, 1);
    run(keep_runs, &got);
    assert_int_equal(got.n, 1);
    const struct training_run_row *back = &got.items[0];
    assert_true(uuid_eq(back->id, row.id) && back->state == TRAINING_REFUSED);
    check_str(back->strategy_id.text, "a");
    check_str(back->trigger, "schedule");
    check_i64(back->started_at_ns, NOON + NS_PER_S);
    check_i64(back->finished_at_ns, row.finished_at_ns);
    check_i64(back->n_samples, 1234);
    check_same_double(back->n_effective, 1000.25);
    check_str(back->version.text, "v3");
    check_str(got.detail, "not better");
    training_runs_cancel_running(batch, NOON);
    run(NULL, NULL);
    training_runs_list(batch, &row.strategy_id, 10);
    run(keep_runs, &got);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.items[1].state, TRAINING_CANCELLED);
    assert_true(isnan(got.items[1].n_effective));
    training_runs_list(batch, &nobody, 10);
    run(keep_runs, &got);
    assert_int_equal(got.n, 0);
}

struct trials {
    struct training_trial_row items[4];
    char parameters[64], folds[64];
    size_t n;
};

static void keep_trials(void *ctx, size_t index, const struct pg_result *result)
{
    struct trials *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++) {
        const struct training_trial_row *row = &got->items[i];
        check_ok(training_trials_read(result, i, &got->items[i]));
        snprintf(got->parameters, sizeof got->parameters, "%.*s", (int)row->parameters.len,
                 row->parameters.ptr);
        snprintf(got->folds, sizeof got->folds, "%.*s", (int)row->folds.len, row->folds.ptr);
        assert_true(slice_is(row->tries, row->trial == 0 ? "parameters" : "teachers"));
        assert_true(slice_is(row->kind, "xgboost") && slice_is(row->seed, "18446744073709551615"));
    }
}

static void test_trials_of_a_run_come_back_in_order(void **state)
{
    struct training_run_row run_row = {.id = any_uuid(),
                                       .strategy_id = {"a"},
                                       .trigger = "schedule",
                                       .started_at_ns = NOON,
                                       .finished_at_ns = TIMESTAMP_NONE,
                                       .n_effective = (double)NAN};
    struct training_trial_row row = {.run_id = run_row.id,
                                     .trial = 1,
                                     .strategy_id = {"a"},
                                     .kind = SLICE("xgboost"),
                                     .parameters = SLICE("{\"eta\": 0.5}"),
                                     .seed = SLICE("18446744073709551615"),
                                     .verdict = SLICE("pruned"),
                                     .folds = SLICE("[{\"rounds\": 3}]"),
                                     .log_loss = 0.625,
                                     .sharpe_ratio = (double)NAN,
                                     .seconds = 2,
                                     .tries = SLICE("teachers"),
                                     .window_scale = 0.5,
                                     .return_attribution = false};
    struct trials got;
    (void)state;
    training_runs_insert(batch, &run_row);
    training_trials_insert(batch, &row);
    row.trial = 0;
    row.verdict = SLICE("chosen");
    row.tries = SLICE("parameters");
    row.return_attribution = true;
    training_trials_insert(batch, &row);
    row.verdict = SLICE("completed");
    training_trials_insert(batch, &row); /* is there: stays as it is */
    run(NULL, NULL);
    training_trials_list(batch, run_row.id);
    run(keep_trials, &got);
    check_i64((int64_t)got.n, 2);
    check_i64(got.items[0].trial, 0);
    check_i64(got.items[1].trial, 1);
    check_same_double(got.items[1].log_loss, 0.625);
    assert_true(isnan(got.items[1].sharpe_ratio));
    check_same_double(got.items[1].seconds, 2);
    check_same_double(got.items[1].window_scale, 0.5);
    assert_true(got.items[0].return_attribution && !got.items[1].return_attribution);
    check_str(got.parameters, "{\"eta\": 0.5}");
    check_str(got.folds, "[{\"rounds\": 3}]");
}

static void keep_schedule(void *ctx, size_t index, const struct pg_result *result)
{
    struct runs *got = ctx;
    (void)index;
    got->n = pg_result_n_rows(result);
    for (size_t i = 0; i < got->n; i++)
        check_ok(training_schedule_read(result, i, &got->schedule[i]));
}

static void test_the_training_schedule_is_kept_exactly(void **state)
{
    struct training_schedule_row row = {{"a"}, NOON + 1, TIMESTAMP_NONE, 10, 20};
    struct runs got;
    (void)state;
    training_schedule_upsert(batch, &row);
    row.next_training_ns = NOON + 123456789;
    row.n_samples_at_last = 30;
    training_schedule_upsert(batch, &row);
    run(NULL, NULL);
    training_schedule_load(batch);
    run(keep_schedule, &got);
    assert_int_equal(got.n, 1);
    check_str(got.schedule[0].strategy_id.text, "a");
    check_i64(got.schedule[0].last_training_ns, NOON + 1);
    check_i64(got.schedule[0].next_training_ns, NOON + 123456789);
    assert_int_equal(got.schedule[0].n_samples_at_last, 30);
    assert_int_equal(got.schedule[0].n_samples_needed, 20);
    training_schedule_keep_next(batch, &row.strategy_id, NOON + 7);
    training_schedule_keep_next(batch, &(struct strategy_id){"b"}, TIMESTAMP_NONE);
    run(NULL, NULL);
    training_schedule_load(batch);
    run(keep_schedule, &got);
    assert_int_equal(got.n, 2);
    check_i64(got.schedule[0].last_training_ns, NOON + 1);
    check_i64(got.schedule[0].next_training_ns, NOON + 7);
    assert_int_equal(got.schedule[0].n_samples_needed, 20);
    check_i64(got.schedule[1].last_training_ns, TIMESTAMP_NONE);
    check_i64(got.schedule[1].next_training_ns, TIMESTAMP_NONE);
}

/* ---- the stack's own tables ---- */

struct stack {
    struct stack_tables tables;
    struct stack_order orders[4];
    struct stack_position positions[4];
    struct stack_balance balances[4];
    size_t n_orders, n_positions, n_balances;
};

static void keep_probe(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    stack_read_probe(result, &((struct stack *)ctx)->tables);
}

static void keep_stack(void *ctx, size_t index, const struct pg_result *result)
{
    struct stack *got = ctx;
    size_t n = pg_result_n_rows(result);
    size_t *counts[] = {&got->n_orders, &got->n_positions, &got->n_balances};
    *counts[index] = n;
    for (size_t i = 0; i < n; i++) {
        if (index == 0)
            check_ok(stack_orders_read(result, i, &got->orders[i]));
        else if (index == 1)
            check_ok(stack_positions_read(result, i, &got->positions[i]));
        else
            check_ok(stack_balances_read(result, i, &got->balances[i]));
    }
}

static const char drop_stack[] =
    "DROP TABLE IF EXISTS public.orders, public.positions, public.account_balances";

static void test_tables_of_the_stack_are_read_only_when_they_fit(void **state)
{
    struct stack got = {0};
    (void)state;
    database_run(db, drop_stack);
    stack_probe(batch);
    run(keep_probe, &got);
    assert_false(got.tables.orders || got.tables.positions || got.tables.account_balances);
    database_run(db, "CREATE TABLE public.orders (id uuid, order_id varchar(80), asset "
                     "varchar(20), side varchar(10),"
                     " quantity numeric(20,8), filled_quantity numeric(20,8), status varchar(30));"
                     "INSERT INTO public.orders VALUES (NULL, 'o1', 'btcusdt', 'Buy', 2, 0.5, "
                     "'partially_filled'),"
                     " (NULL, 'o2', 'BTCUSDT', 'buy', 2, 2, 'filled'), (NULL, 'o3', 'ETHUSDT', "
                     "'SELL', 1, NULL, 'pending');"
                     "CREATE TABLE public.positions (asset text);"
                     "CREATE TABLE public.account_balances (coin text, available_balance numeric, "
                     "received_at timestamp);"
                     "INSERT INTO public.account_balances VALUES ('USDT', 5, '2026-01-01'), "
                     "('USDT', 7.25, '2026-01-02'),"
                     " ('BTC', 1, '2026-01-01')");
    stack_probe(batch);
    run(keep_probe, &got);
    assert_true(got.tables.orders && !got.tables.positions && got.tables.account_balances);
    database_run(
        db, "DROP TABLE public.positions;"
            "CREATE TABLE public.positions (asset text, size numeric, average_entry_price numeric);"
            "INSERT INTO public.positions VALUES ('BTCUSDT', -1.5, 100.25), ('ETHUSDT', 0, 1)");
    stack_probe(batch);
    run(keep_probe, &got);
    assert_true(got.tables.positions);
    stack_orders_load_open(batch, 10);
    stack_positions_load(batch, 10);
    stack_balances_load(batch, 10);
    run(keep_stack, &got);
    database_run(db, drop_stack);
    assert_int_equal(got.n_orders, 2);
    check_str(got.orders[0].asset.text, "BTCUSDT");
    assert_int_equal(got.orders[0].side, SIDE_BUY);
    assert_int_equal(got.orders[0].filled_quantity.units, DECIMAL_SCALE / 2);
    assert_int_equal(got.n_positions, 1);
    assert_true(got.positions[0].size.units == -(al_i128)DECIMAL_SCALE * 3 / 2);
    assert_int_equal(got.n_balances, 2);
    check_str(got.balances[1].coin.text, "USDT");
    assert_true(got.balances[1].available.units == (al_i128)725000000);
}

/* ---- names ---- */

static void test_names_read_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GRANULARITY_COUNT; i++) {
        enum granularity back;
        assert_true(granularity_parse(slice_of(granularity_name((enum granularity)i)), &back) &&
                    back == i);
    }
    for (unsigned i = 0; i < QUALITY_TYPE_COUNT; i++) {
        enum quality_type back;
        assert_true(quality_type_parse(slice_of(quality_type_name((enum quality_type)i)), &back) &&
                    back == i);
    }
    enum granularity none;
    assert_false(granularity_parse(SLICE("minute"), &none));
    check_str(version_state_name(VERSION_REFUSED), "refused");
    check_str(training_state_name(TRAINING_CANCELLED), "cancelled");
    check_str(signal_status_name(SIGNAL_EXPIRED), "expired");
}

#define TEST(function) cmocka_unit_test_setup(function, begin_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order_events_are_kept_once),
        TEST(test_texts_that_the_database_refuses_are_made_safe),
        TEST(test_orders_are_inserted_then_updated),
        TEST(test_the_second_worker_to_insert_an_order_is_refused),
        TEST(test_signals_come_back_bit_for_bit),
        TEST(test_the_outbox_goes_one_way),
        TEST(test_open_entries_are_those_without_an_outcome),
        TEST(test_signals_are_matched_by_id),
        TEST(test_signals_are_listed_by_strategy),
        TEST(test_abstentions_come_back_and_are_settled),
        TEST(test_executions_come_back),
        TEST(test_recovery_finds_executions_and_orders_of_open_signals),
        TEST(test_order_outcomes_are_written_again_as_more_is_known),
        TEST(test_signals_are_copied_with_what_became_of_their_orders),
        TEST(test_samples_are_copied_out_as_they_went_in),
        TEST(test_copying_keeps_to_the_window_the_cut_and_the_bound),
        TEST(test_samples_settle_their_decision_and_are_kept_once),
        TEST(test_a_late_fill_replaces_what_came_of_the_executions),
        TEST(test_samples_are_counted),
        TEST(test_outcomes_of_the_active_version_come_back_in_order),
        TEST(test_intervals_of_the_active_version_come_back_in_order),
        TEST(test_what_orders_got_comes_back_by_asset),
        TEST(test_quarantine_keeps_whole_messages),
        TEST(test_quarantine_is_listed_marked_and_counted),
        TEST(test_the_last_candles_of_each_series_are_loaded),
        TEST(test_old_candles_go_but_for_those_that_are_needed),
        TEST(test_a_range_of_candles_is_the_newest_of_it_oldest_first),
        TEST(test_the_newest_candle_is_found),
        TEST(test_history_is_counted_and_its_gaps_are_found),
        TEST(test_a_made_candle_is_never_put_in_the_place_of_a_given_one),
        TEST(test_imported_candles_are_counted_and_a_repeat_changes_nothing),
        TEST(test_how_far_an_import_has_come_is_kept),
        TEST(test_the_newest_state_of_a_position_stays),
        TEST(test_versions_come_back),
        TEST(test_activation_retires_the_one_before),
        TEST(test_a_refused_version_is_activated_only_on_demand),
        TEST(test_the_database_allows_one_active_version),
        TEST(test_versions_are_listed_in_pages),
        TEST(test_version_numbers_are_never_given_twice),
        TEST(test_versions_are_counted_by_strategy_and_type),
        TEST(test_quality_metrics_are_listed),
        TEST(test_quality_metrics_become_series),
        TEST(test_a_classification_metric_outside_0_to_1_is_refused),
        TEST(test_performance_counts_own_settled_decisions),
        TEST(test_training_starts_of_a_day),
        TEST(test_training_runs_begin_and_end),
        TEST(test_trials_of_a_run_come_back_in_order),
        TEST(test_the_training_schedule_is_kept_exactly),
        TEST(test_tables_of_the_stack_are_read_only_when_they_fit),
        TEST(test_names_read_back),
    };
    return cmocka_run_group_tests_name("store on a live schema", tests, begin_group, end_group);
}
