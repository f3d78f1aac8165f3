#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "harness/model_folder.h"

static struct buf written(const struct manifest *m)
{
    struct buf text = BUF_INIT(MANIFEST_BYTES_MAX);
    manifest_write(m, &text);
    assert_true(buf_ok(&text));
    return text;
}

static void test_what_is_written_reads_back_the_same(void **state)
{
    struct manifest *m = manifest_example(), *back = malloc(sizeof *back);
    (void)state;
    check_ok(manifest_add_file(m, MODEL_FILE_NAME, SLICE("bytes")));
    struct buf text = written(m);
    check_ok(manifest_read(buf_slice(&text), back));
    struct buf again = written(back);
    check_str(buf_str(&again), buf_str(&text));
    assert_true(back->seed == UINT64_MAX);
    check_str(back->features[1], "rsi_14@300");
    check_str(back->version.text, "v12");
    check_near(manifest_metric_value(back, "auc"), 0.56, 0);
    buf_deinit(&text);
    buf_deinit(&again);
    free(m);
    free(back);
}

/* Take one member out, or replace it, by text: each must be refused by its name. */
static void test_every_field_is_asked_for(void **state)
{
    static const struct {
        const char *from, *to, *field;
    } cases[] = {
        {"\"format\":1", "\"format\":2", "format 2"},
        {"\"version\":\"v12\"", "\"version\":\"12\"", "version"},
        {"\"strategy_id\":\"momentum_v1\"", "\"strategy_id\":\"a b\"", "strategy_id"},
        {"\"kind\":\"xgboost\"", "\"kind\":\"magic\"", "kind"},
        {"\"library_version\"", "\"library_versio\"", "library_version"},
        {"\"trained_at\"", "\"trained\"", "trained_at"},
        {"\"seed\":\"18446744073709551615\"", "\"seed\":\"18446744073709551616\"", "seed"},
        {"\"n_rounds\":17", "\"n_rounds\":-1", "n_rounds"},
        {"\"schema_hash\":\"", "\"schema_hash\":\"0", "schema_hash"},
        {"\"features\":[", "\"features\":[1,", "features"},
        {"\"horizon_seconds\":60", "\"horizon_seconds\":\"60\"", "label.horizon_seconds"},
        {"\"n_holdout_rows\":800", "\"n_holdout_row\":800", "data.n_holdout_rows"},
        {"\"max_depth\":4", "\"max_depth\":99", "max_depth"},
        {"\"platt_a\":-1", "\"platt_a\":1", "platt_a"},
        {"\"quantiles\":[", "\"quantiles\":[9,", "intervals.quantiles"},
        {"\"value\":0.56", "\"value\":1.56", "metrics[].value"},
        {"\"promote\":true", "\"promote\":1", "gate.promote"},
        {"\"model.ubj\":{", "\"../model.ubj\":{", "files"},
        {"\"bytes\":5", "\"bytes\":5.5", "files"},
    };
    struct manifest *m = manifest_example(), *back = malloc(sizeof *back);
    (void)state;
    check_ok(manifest_add_file(m, MODEL_FILE_NAME, SLICE("bytes")));
    struct buf text = written(m);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf changed = BUF_INIT(MANIFEST_BYTES_MAX);
        const char *at = strstr(buf_str(&text), cases[i].from);
        if (at == NULL)
            fail_msg("the manifest has no %s", cases[i].from);
        buf_append(&changed, text.ptr, (size_t)(at - text.ptr));
        buf_puts(&changed, cases[i].to);
        buf_puts(&changed, at + strlen(cases[i].from));
        assert_true(manifest_read(buf_slice(&changed), back) != AL_OK);
        check_has(err_text(), cases[i].field);
        buf_deinit(&changed);
    }
    buf_deinit(&text);
    free(m);
    free(back);
}

static void test_a_file_is_held_against_size_and_hash(void **state)
{
    struct manifest *m = manifest_example();
    (void)state;
    check_ok(manifest_add_file(m, MODEL_FILE_NAME, SLICE("bytes")));
    check_ok(manifest_check_file(m, MODEL_FILE_NAME, SLICE("bytes")));
    check_err(manifest_check_file(m, MODEL_FILE_NAME, SLICE("bytez")), AL_EVERIFY);
    check_err(manifest_check_file(m, MODEL_FILE_NAME, SLICE("byte")), AL_EVERIFY);
    check_err(manifest_check_file(m, TREES_FILE_NAME, SLICE("bytes")), AL_EVERIFY);
    free(m);
}

static void test_names_that_lead_out_of_the_folder_are_refused(void **state)
{
    struct manifest *m = manifest_example();
    (void)state;
    check_err(manifest_add_file(m, "../x", SLICE("")), AL_EINVAL);
    check_err(manifest_add_file(m, ".x", SLICE("")), AL_EINVAL);
    check_err(manifest_add_file(m, MANIFEST_FILE_NAME, SLICE("")), AL_EINVAL);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_back_the_same),
        cmocka_unit_test(test_every_field_is_asked_for),
        cmocka_unit_test(test_a_file_is_held_against_size_and_hash),
        cmocka_unit_test(test_names_that_lead_out_of_the_folder_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
