#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/feature/feature_catalog.h"

static void test_feature_catalog_names_are_unique_and_resolve(void **state)
{
    (void)state;
    for (size_t i = 0; i < feature_row_count(); i++) {
        const struct feature_row *row = feature_row_at(i);
        assert_ptr_equal(feature_row_find(slice_of(row->name)), row);
        assert_non_null(indicator_find(slice_of(row->indicator)));
        assert_true(strlen(row->name) < FEATURE_NAME_MAX);
        for (size_t k = 0; k < feature_set_row_count(); k++)
            assert_string_not_equal(row->name, feature_set_row_at(k)->name);
    }
}

static void test_feature_catalog_every_indicator_has_a_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < indicator_count(); i++) {
        bool found = false;
        for (size_t k = 0; k < feature_row_count(); k++)
            found |= strcmp(feature_row_at(k)->indicator, indicator_at(i)->name) == 0;
        if (!found)
            fail_msg("indicator %s has no row in features.def", indicator_at(i)->name);
    }
}

static void test_feature_catalog_json_is_json(void **state)
{
    struct buf text = BUF_INIT(1024 * 1024);
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *root;
    (void)state;
    feature_catalog_json(&text);
    check_ok(json_read(reader, buf_slice(&text), &root));
    assert_int_equal(json_length(json_get(root, "columns")), feature_row_count());
    assert_int_equal(json_length(json_get(root, "indicators")), indicator_count());
    assert_int_equal(json_length(json_get(root, "sets")), feature_set_row_count());
    json_put(root);
    json_reader_destroy(reader);
    buf_deinit(&text);
}

static void test_feature_catalog_set_json_names_hash_and_options(void **state)
{
    static struct feature_set set;
    struct buf text = BUF_INIT(1024 * 1024);
    struct slice names[] = {SLICE("rsi(period=21)@300"), SLICE("spread_bps")};
    char hash[SHA256_TEXT_MAX];
    (void)state;
    check_ok(feature_set_resolve(names, 2, NS_PER_MIN, &set));
    feature_set_json(&set, &text);
    sha256_format(&set.schema_hash, hash);
    check_has(buf_str(&text), hash);
    check_has(
        buf_str(&text),
        "\"options\":{\"period\":21},\"timeframe_seconds\":300,\"oriented\":true,\"neutral\":50");
    buf_deinit(&text);
}

static void test_feature_catalog_set_json_names_the_other_side(void **state)
{
    static struct feature_set set;
    struct buf text = BUF_INIT(1024 * 1024);
    struct slice names[] = {SLICE("plus_di_14"), SLICE("minus_di_14")};
    (void)state;
    check_ok(feature_set_resolve(names, 2, NS_PER_MIN, &set));
    feature_set_json(&set, &text);
    check_has(buf_str(&text), "\"neutral\":0,\"mirror\":\"minus_di_14\"}");
    check_has(buf_str(&text), "\"neutral\":0,\"mirror\":\"plus_di_14\"}");
    buf_deinit(&text);
}

static void test_feature_catalog_document_is_fresh(void **state)
{
    static char written[1024 * 1024];
    struct buf text = BUF_INIT(1024 * 1024);
    FILE *file = fopen("docs/features.md", "r");
    (void)state;
    assert_non_null(file);
    written[fread(written, 1, sizeof(written) - 1, file)] = '\0';
    fclose(file);
    feature_catalog_markdown(&text);
    assert_true(buf_ok(&text));
    if (strcmp(written, buf_str(&text)) != 0)
        fail_msg("docs/features.md is stale: run `make generate`");
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feature_catalog_names_are_unique_and_resolve),
        cmocka_unit_test(test_feature_catalog_every_indicator_has_a_column),
        cmocka_unit_test(test_feature_catalog_json_is_json),
        cmocka_unit_test(test_feature_catalog_set_json_names_hash_and_options),
        cmocka_unit_test(test_feature_catalog_set_json_names_the_other_side),
        cmocka_unit_test(test_feature_catalog_document_is_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
