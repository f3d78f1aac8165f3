/* The files of a folder: what is written reads back, and whatever is missing or odd is refused by its name. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/forecast/oof.h"

static struct forecast_manifest *example(void)
{
    struct forecast_manifest *m = calloc(1, sizeof *m);
    (void)forecast_name_parse(SLICE("random_forest_v1"), &m->name);
    (void)asset_parse(SLICE("BTCUSDT"), &m->asset);
    (void)chars_set(m->kind, sizeof m->kind, "xgboost");
    forecast_params_default(forecast_kind_find(SLICE("xgboost")), &m->params);
    m->version = 7;
    m->interval_ns = NS_PER_H;
    m->n_features = 1;
    (void)chars_set(m->features[0], sizeof m->features[0], "return_1");
    m->coverage = 0.9;
    m->seed = UINT64_MAX;
    m->n_bars = 1000;
    m->gate = (struct forecast_gate){.promote = true, .n_pairs = NAN, .gain = NAN, .lower = NAN};
    (void)chars_set(m->gate.rule, sizeof m->gate.rule, "first");
    forecast_file_describe(FORECAST_OOF_FILE, SLICE("oof"), &m->oof);
    m->n_horizons = 2;
    for (size_t i = 0; i < 2; i++) {
        m->horizons[i].hours = i == 0 ? 1 : 24;
        m->horizons[i].n_taught = 500;
        m->horizons[i].measures.mase = 0.75;
        m->horizons[i].measures.sharpe = NAN;
        forecast_file_describe(i == 0 ? "h1.model" : "h24.model", SLICE("model"),
                               &m->horizons[i].file);
    }
    return m;
}

static struct buf written(const struct forecast_manifest *m)
{
    struct buf text = BUF_INIT(FORECAST_MANIFEST_BYTES_MAX);
    forecast_manifest_write(m, &text);
    assert_true(buf_ok(&text));
    return text;
}

static void test_what_is_written_reads_back_the_same(void **state)
{
    struct forecast_manifest *m = example(), *back = malloc(sizeof *back);
    (void)state;
    struct buf text = written(m);
    check_ok(forecast_manifest_read(buf_slice(&text), back));
    struct buf again = written(back);
    check_str(buf_str(&again), buf_str(&text));
    assert_true(back->seed == UINT64_MAX && back->version == 7);
    assert_true(isnan(back->horizons[1].measures.sharpe) && isnan(back->gate.gain));
    check_near(back->horizons[1].measures.mase, 0.75, 0);
    check_i64((int64_t)forecast_manifest_find(back, 24), 1);
    assert_true(forecast_manifest_find(back, 3) == SIZE_MAX);
    buf_deinit(&text);
    buf_deinit(&again);
    free(m);
    free(back);
}

static struct buf replaced(const struct buf *text, const char *from, const char *to)
{
    struct buf out = BUF_INIT(FORECAST_MANIFEST_BYTES_MAX);
    const char *at = strstr(buf_str(text), from);
    assert_non_null(at);
    buf_append(&out, text->ptr, (size_t)(at - text->ptr));
    buf_puts(&out, to);
    buf_puts(&out, at + strlen(from));
    return out;
}

static void test_every_field_is_asked_for(void **state)
{
    static const struct {
        const char *from, *to, *field;
    } cases[] = {
        {"\"format\":1", "\"format\":2", "format 2"},
        {"\"name\":\"random_forest_v1\"", "\"name\":\"../x\"", "name"},
        {"\"version\":7", "\"version\":-7", "version"},
        {"\"asset\":\"BTCUSDT\"", "\"asset\":\"b\"", "asset"},
        {"\"interval_seconds\":3600", "\"interval_seconds\":0", "interval_seconds"},
        {"\"kind\":\"xgboost\"", "\"kind\":\"magic\"", "magic"},
        {"\"max_depth\":4", "\"max_depth\":99", "max_depth"},
        {"\"features\":[\"return_1\"]", "\"features\":[]", "features"},
        {"\"features\":[\"return_1\"]", "\"features\":[null]", "features"},
        {"\"coverage\":0.9", "\"coverage\":1", "coverage"},
        {"\"seed\":\"18446744073709551615\"", "\"seed\":\"18446744073709551616\"", "seed"},
        {"\"schema_hash\":\"", "\"schema_hash\":\"0", "schema_hash"},
        {"\"trained_at\"", "\"trained\"", "trained_at"},
        {"\"n_bars\":1000", "\"n_bars\":1000.5", "n_bars"},
        {"\"promote\":true", "\"promote\":1", "gate"},
        {"\"name\":\"oof.bin\"", "\"name\":\"../oof.bin\"", "file.name"},
        {"\"hours\":24", "\"hours\":1", "horizons"},
        {"\"hours\":24", "\"hours\":9000", "hours"},
        {"\"mase\":0.75", "\"mase\":\"0.75\"", "mase"},
        {"\"quantiles\":[]", "\"quantiles\":[2,1]", "quantiles"},
    };
    struct forecast_manifest *m = example(), *back = malloc(sizeof *back);
    struct buf text = written(m);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf odd = replaced(&text, cases[i].from, cases[i].to);
        enum al_err err = forecast_manifest_read(buf_slice(&odd), back);
        if (err == AL_OK)
            fail_msg("%s was accepted", cases[i].to);
        check_has(err_text(), cases[i].field);
        buf_deinit(&odd);
    }
    buf_deinit(&text);
    free(m);
    free(back);
}

static void test_a_file_is_held_against_its_hash(void **state)
{
    struct manifest_file file;
    (void)state;
    forecast_file_describe("h1.model", SLICE("model"), &file);
    check_ok(forecast_file_check(&file, SLICE("model")));
    check_err(forecast_file_check(&file, SLICE("modem")), AL_EVERIFY);
    check_err(forecast_file_check(&file, SLICE("model ")), AL_EVERIFY);
}

static void test_names_are_folders_that_stay_inside(void **state)
{
    struct forecast_name name;
    (void)state;
    assert_true(forecast_name_parse(SLICE("lstm_24h_v2"), &name));
    check_str(name.text, "lstm_24h_v2");
    assert_false(forecast_name_parse(SLICE(""), &name));
    assert_false(forecast_name_parse(SLICE(".."), &name));
    assert_false(forecast_name_parse(SLICE("a/b"), &name));
    char long_name[102] = {0};
    memset(long_name, 'a', 101);
    assert_false(forecast_name_parse(slice_of(long_name), &name));
    long_name[100] = '\0';
    assert_true(forecast_name_parse(slice_of(long_name), &name));
}

static void test_out_of_fold_forecasts_read_back(void **state)
{
    struct forecast_oof_row rows[] = {{1000, 0.01F, 0.002F, 0.02F}, {2000, -0.01F, 0, 0.03F}};
    struct forecast_oof oof = {.n_horizons = 1, .horizons = {{.hours = 24, .n = 2, .rows = rows}}};
    struct forecast_oof back;
    struct buf bytes = BUF_INIT(1024), odd = BUF_INIT(1024);
    (void)state;
    forecast_oof_write(&oof, &bytes);
    check_ok(forecast_oof_read(buf_slice(&bytes), &back));
    check_i64((int64_t)back.horizons[0].n, 2);
    check_i64(back.horizons[0].rows[1].ts_ns, 2000);
    assert_true(back.horizons[0].rows[1].y == -0.01F && back.horizons[0].rows[1].sigma == 0.03F);
    forecast_oof_deinit(&back);
    for (size_t len = 0; len < bytes.len; len++)
        check_err(forecast_oof_read((struct slice){bytes.ptr, len}, &back), AL_EVERIFY);
    rows[1].ts_ns = 1000; /* time must rise */
    forecast_oof_write(&oof, &odd);
    check_err(forecast_oof_read(buf_slice(&odd), &back), AL_EVERIFY);
    buf_deinit(&bytes);
    buf_deinit(&odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_back_the_same),
        cmocka_unit_test(test_every_field_is_asked_for),
        cmocka_unit_test(test_a_file_is_held_against_its_hash),
        cmocka_unit_test(test_names_are_folders_that_stay_inside),
        cmocka_unit_test(test_out_of_fold_forecasts_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
