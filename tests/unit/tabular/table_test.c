/* Tables of callers: what is read, and every way a row can be wrong, by name. */
#include "harness/check.h"

#include <string.h>

#include "alphaloop/tabular/columns.h"

static struct json_node *root;

static struct json_node *parse(const char *text)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    json_put(root);
    check_ok(json_read(reader, slice_of(text), &root));
    json_reader_destroy(reader);
    return root;
}

static void test_columns_come_in_any_order(void **state)
{
    struct tabular_table table;
    double value;
    (void)state;
    check_ok(tabular_table_read(parse("[{\"a\":1,\"b\":\"x\"},{\"b\":null,\"a\":2}]"), "features",
                                &table));
    check_i64((int64_t)table.n_rows, 2);
    check_i64((int64_t)table.n_cols, 2);
    check_str(table.names[1], "b");
    check_ok(json_double(tabular_table_cell(&table, 1, 0), &value));
    check_near(value, 2, 0);
    assert_null(tabular_table_cell(&table, 1, 1));
    assert_true(slice_is(json_text(tabular_table_cell(&table, 0, 1)), "x"));
    tabular_table_deinit(&table);
}

static void test_what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{\"a\":1}", "features: must be an array of rows"},
        {"[]", "features: must have 1 to"},
        {"[1]", "features[0]: a row is an object"},
        {"[{}]", "features[0]: there is no column"},
        {"[{\"\":1}]", "the name of a column has 1 to"},
        {"[{\"a\":1,\"a\":2}]", "features[0]: column 'a' is there twice"},
        {"[{\"a\":1},{\"a\":1,\"a\":2}]", "features[1]: column 'a' is there twice"},
        {"[{\"a\":1},{}]", "features[1]: column 'a' is missing"},
        {"[{\"a\":1},{\"a\":1,\"b\":1}]", "features[1]: column 'b' is not expected"},
        {"[{\"a\":1,\"b\":1},{\"c\":1,\"b\":1}]",
         "features[1]: column 'c' is not expected; column 'a' is missing"},
        {"[{\"a\":1},null]", "features[1]: a row is an object"},
        {"[{\"a\":1},{\"a\":[1]}]", "features[1]: column 'a' is an object or an array"},
    };
    struct tabular_table table;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_not_equal(tabular_table_read(parse(cases[i].text), "features", &table), AL_OK);
        check_has(err_text(), cases[i].part);
        tabular_table_deinit(&table);
    }
    assert_int_not_equal(tabular_table_read(NULL, "features", &table), AL_OK);
}

static void test_names_are_held_against_those_wanted(void **state)
{
    static const char *const wanted[] = {"a", "c"};
    struct tabular_table table;
    (void)state;
    check_ok(tabular_table_read(parse("[{\"a\":1,\"b\":2}]"), "features", &table));
    check_err(tabular_table_check_names(&table, wanted, 2), AL_EINVAL);
    check_str(err_text(), "features: column 'c' is missing; column 'b' is not expected");
    check_ok(tabular_table_check_names(&table, (const char *const[]){"b", "a"}, 2));
    tabular_table_deinit(&table);
}

/* ---- columns ---- */

static struct tabular_columns learn(const char *text, struct tabular_table *table)
{
    struct tabular_columns columns;
    check_ok(tabular_table_read(parse(text), "features", table));
    check_ok(tabular_columns_learn(table, &columns));
    return columns;
}

static void test_types_and_encoding(void **state)
{
    struct tabular_table table;
    struct tabular_columns columns = learn(
        "[{\"n\":1,\"s\":\"2.5\",\"c\":\"red\",\"f\":true,\"time\":\"2026-01-02T00:00:00Z\"},"
        "{\"n\":\"-3e1\",\"s\":null,\"c\":\"7\",\"f\":false,\"time\":\"2026-01-01T00:00:00Z\"},"
        "{\"n\":null,\"s\":\"4\",\"c\":null,\"f\":null,\"time\":\"2026-01-03T00:00:00Z\"}]",
        &table);
    static const float wanted[3][6] = {
        {1, 2.5F, 0, 1, 0, 1}, {-30, NAN, 1, 0, 1, 0}, {NAN, 4, NAN, NAN, NAN, NAN}};
    static const enum tabular_type types[] = {TABULAR_NUMBER, TABULAR_NUMBER, TABULAR_CATEGORY,
                                              TABULAR_CATEGORY, TABULAR_TIME};
    float x[3][6];
    size_t order[3];
    (void)state;
    for (size_t i = 0; i < columns.n; i++)
        check_i64(columns.items[i].type, types[i]);
    check_i64((int64_t)columns.n_encoded, 6); /* n, s, 7, red, false, true */
    check_ok(tabular_columns_encode(&columns, &table, &x[0][0]));
    for (size_t i = 0; i < 18; i++)
        check_near((double)x[i / 6][i % 6], (double)wanted[i / 6][i % 6], 0);
    check_str(tabular_columns_order(&columns, &table, order), "time");
    assert_true(order[0] == 1 && order[1] == 0 && order[2] == 2);
    tabular_table_deinit(&table);

    check_ok(
        tabular_table_read(parse("[{\"s\":1,\"c\":\"blue\",\"time\":null,\"n\":2,\"f\":\"true\"}]"),
                           "features", &table));
    check_ok(tabular_columns_encode(&columns, &table, &x[0][0]));
    static const float unknown[6] = {2, 1, 0, 0, 0, 1}; /* blue is none of the known */
    for (size_t i = 0; i < 6; i++)
        check_near((double)x[0][i], (double)unknown[i], 0);
    tabular_table_deinit(&table);
    tabular_columns_deinit(&columns);
}

static void test_columns_that_cannot_be_learned(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[{\"a\":1},{\"a\":\"up\"}]",
         "column 'a' mixes numbers ([0]) and text that is none ([1])"},
        {"[{\"a\":null},{\"a\":true},{\"a\":1}]", "column 'a' mixes true or false ([1])"},
        {"[{\"ts\":\"2026-01-01T00:00:00Z\"}]", "0 numbers a row"},
    };
    struct tabular_table table;
    struct tabular_columns columns;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_ok(tabular_table_read(parse(cases[i].text), "features", &table));
        assert_int_not_equal(tabular_columns_learn(&table, &columns), AL_OK);
        check_has(err_text(), cases[i].part);
        tabular_table_deinit(&table);
        tabular_columns_deinit(&columns);
    }
}

static void test_cells_that_do_not_fit_their_column(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[{\"a\":\"up\"}]", "features[0]: column 'a': 'up' is not a number"},
        {"[{\"a\":1},{\"a\":true}]", "features[1]: column 'a': 'true' is not a number"},
        {"[{\"a\":1e39}]", "is too large"},
        {"[{\"b\":1}]", "column 'a' is missing; column 'b' is not expected"},
    };
    struct tabular_table table;
    struct tabular_columns columns = learn("[{\"a\":1}]", &table);
    float x[2];
    (void)state;
    tabular_table_deinit(&table);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_ok(tabular_table_read(parse(cases[i].text), "features", &table));
        check_err(tabular_columns_encode(&columns, &table, x), AL_EINVAL);
        check_has(err_text(), cases[i].part);
        tabular_table_deinit(&table);
    }
    tabular_columns_deinit(&columns);
}

static void test_the_most_frequent_levels_are_kept(void **state)
{
    struct buf text = BUF_INIT(1 << 16);
    struct tabular_table table;
    (void)state;
    buf_puts(&text, "[");
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "%s{\"c\":\"L%02d\"}%s", i > 0 ? "," : "", i,
                   i >= 60 ? ",{\"c\":\"frequent\"}" : "");
    buf_puts(&text, "]");
    struct tabular_columns columns = learn(buf_str(&text), &table);
    check_i64((int64_t)columns.n_encoded, TABULAR_LEVELS_MAX);
    check_str(columns.items[0].levels.texts[TABULAR_LEVELS_MAX - 1], "frequent");
    check_str(columns.items[0].levels.texts[62], "L62"); /* of those as rare, the first by name */
    tabular_table_deinit(&table);
    tabular_columns_deinit(&columns);
    buf_deinit(&text);
}

/* ---- labels ---- */

static enum al_err target(const char *text,
                          bool is_class,
                          struct tabular_target *out,
                          double *values)
{
    struct tabular_table table;
    check_ok(tabular_table_read(parse(text), "labels", &table));
    enum al_err err = tabular_target_learn(&table, is_class, out, values);
    tabular_table_deinit(&table);
    return err;
}

static void test_numbers_are_scaled_and_classes_keep_their_json(void **state)
{
    struct tabular_target t;
    double values[4];
    (void)state;
    check_ok(target("[{\"y\":1},{\"y\":\"2\"},{\"y\":6}]", false, &t, values));
    check_near(t.mean, 3, 0);
    check_near(t.deviation, sqrt((4 + 1 + 9) / 3.0), 1e-15);
    check_near(values[1], 2, 0);
    tabular_target_deinit(&t);
    check_ok(target("[{\"y\":5},{\"y\":5}]", false, &t, values));
    check_near(t.deviation, 1, 0); /* a constant has no scale of its own */
    tabular_target_deinit(&t);
    check_ok(target("[{\"y\":1},{\"y\":\"1\"},{\"y\":1.0},{\"y\":true}]", true, &t, values));
    check_i64((int64_t)t.classes.n, 3); /* "1", 1, true */
    check_str(t.classes.texts[0], "\"1\"");
    assert_true(values[0] == 1 && values[1] == 0 && values[2] == 1 && values[3] == 2);
    tabular_target_deinit(&t);
}

static void test_labels_that_cannot_be_learned(void **state)
{
    struct tabular_target t;
    double values[4];
    (void)state;
    check_err(target("[{\"y\":null}]", true, &t, values), AL_EINVAL);
    check_has(err_text(), "labels[0]: null");
    check_err(target("[{\"y\":1,\"z\":2}]", true, &t, values), AL_EINVAL);
    check_has(err_text(), "('y', 'z' ...)");
    check_err(target("[{\"y\":\"up\"}]", false, &t, values), AL_EINVAL);
    check_has(err_text(), "labels[0]: 'up' is not a number");
    check_err(target("[{\"y\":true}]", false, &t, values), AL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_come_in_any_order),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_names_are_held_against_those_wanted),
        cmocka_unit_test(test_types_and_encoding),
        cmocka_unit_test(test_columns_that_cannot_be_learned),
        cmocka_unit_test(test_cells_that_do_not_fit_their_column),
        cmocka_unit_test(test_the_most_frequent_levels_are_kept),
        cmocka_unit_test(test_numbers_are_scaled_and_classes_keep_their_json),
        cmocka_unit_test(test_labels_that_cannot_be_learned),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_put(root);
    return failed;
}
