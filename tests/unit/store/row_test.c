/* Texts and JSON made safe for the database. */
#include <string.h>

#include "harness/alloc.h"
#include "harness/check.h"

#include "../src/io/pg/batch_i.h"
#include "../src/store/row_i.h"

static const struct pg_statement statement = {"statement", "SELECT $1"};

/* What the only parameter of the batch holds. */
static struct slice value_of(const struct pg_batch *batch)
{
    static struct pg_bound bound;
    pg_batch_bind(batch, 0, &bound);
    return (struct slice){bound.values[0], (size_t)bound.lengths[0]};
}

static void test_texts_keep_what_is_utf8_and_lose_the_rest(void **state)
{
    const struct {
        struct slice in, out;
    } rows[] = {
        {SLICE(""), SLICE("")},
        {SLICE("plain"), SLICE("plain")},
        {SLICE("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
         SLICE("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")},
        {SLICE("a\0b"), SLICE("a?b")},
        {SLICE("\xff"), SLICE("?")},
        {SLICE("\xc0\x80"), SLICE("??")}, /* overlong */
        {SLICE("\xe0\x80\xaf"), SLICE("???")},
        {SLICE("\xed\xa0\x80"), SLICE("???")},      /* a surrogate */
        {SLICE("\xf4\x90\x80\x80"), SLICE("????")}, /* past U+10FFFF */
        {SLICE("\xf8\x88\x80\x80\x80"), SLICE("?????")},
        {SLICE("\xe2\x82"), SLICE("??")}, /* cut short */
        {SLICE("\xe2\x82x"), SLICE("??x")},
        {SLICE("\xef\xbf\xbf"), SLICE("\xef\xbf\xbf")},
    };
    struct pg_batch *batch = pg_batch_create(1024);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        pg_batch_reset(batch);
        pg_batch_statement(batch, &statement);
        store_put_text(batch, rows[i].in);
        assert_true(slice_eq(value_of(batch), rows[i].out));
    }
    pg_batch_destroy(batch);
}

static void test_json_keeps_its_meaning_and_loses_what_jsonb_refuses(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{\"a\":[1,-2.5e-3,true,null,\"x\"]}", "{\"a\":[1,-2.5e-3,true,null,\"x\"]}"},
        {"{\"a\\u0000\":\"\\u0000\\u0001\"}", "{\"a\\ufffd\":\"\\ufffd\\u0001\"}"},
        {"\"\\\\u0000 \\\"\\u0000\"", "\"\\\\u0000 \\\"\\ufffd\""},
        {"[1e308,1e309,-1e999999]", "[1e308,null,null]"},
        {"[1000000000000000000000000000000000000000000000000000000000000000000]", "[null]"},
        {"\"1e999\"", "\"1e999\""},
    };
    struct pg_batch *batch = pg_batch_create(1024);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        pg_batch_reset(batch);
        pg_batch_statement(batch, &statement);
        store_put_json(batch, slice_of(rows[i].in));
        struct slice value = value_of(batch);
        char text[256] = "";
        assert_int_equal(value.ptr[0], 1);
        memcpy(text, value.ptr + 1, value.len - 1);
        check_str(text, rows[i].out);
    }
    pg_batch_destroy(batch);
}

static void test_memory_that_runs_out_fails_the_batch(void **state)
{
    struct pg_batch *batch = pg_batch_create(1024);
    size_t n_failed = 0;
    (void)state;
    for (size_t n = 0; alloc_fails_at(n); n++) {
        pg_batch_reset(batch);
        pg_batch_statement(batch, &statement);
        store_put_text(batch, SLICE("bad \xff"));
        store_put_json(batch, SLICE("{}"));
        n_failed += pg_batch_ok(batch) ? 0 : 1;
        struct slice text = value_of(batch);
        assert_true(!pg_batch_ok(batch) || slice_is(text, "bad ?"));
    }
    alloc_never_fails();
    assert_true(n_failed >= 2);
    pg_batch_destroy(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_keep_what_is_utf8_and_lose_the_rest),
        cmocka_unit_test(test_json_keeps_its_meaning_and_loses_what_jsonb_refuses),
        cmocka_unit_test(test_memory_that_runs_out_fails_the_batch),
    };
    return cmocka_run_group_tests_name("store rows", tests, NULL, NULL);
}
