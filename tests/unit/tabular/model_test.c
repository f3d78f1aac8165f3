/* The artefact against files that lie, predictions against formulas done by hand, and the messages between worker and child. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/tabular/train.h"

static struct buf trained(const char *kind, const char *body, struct tabular_metrics *metrics)
{
    struct buf model = BUF_INIT(TABULAR_MODEL_BYTES_MAX);
    struct tabular_request request;
    metrics->n = 0;
    check_ok(tabular_request_read(tabular_kind_find(slice_of(kind)), slice_of(body), &request));
    check_ok(tabular_train(&request, 1, &model, metrics));
    tabular_request_deinit(&request);
    return model;
}

static struct tabular_metrics metrics;

static const char body_of_classes[] =
    "{\"features\":[{\"x\":1,\"c\":\"u\"},{\"x\":2,\"c\":\"v\"},{\"x\":3,\"c\":\"w\"},{\"x\":4,"
    "\"c\":\"u\"}],"
    "\"labels\":[{\"y\":\"a\"},{\"y\":\"b\"},{\"y\":\"a\"},{\"y\":\"c\"}]}";

static enum al_err predict(struct slice file, const char *rows, struct buf *out)
{
    struct tabular_model *model = NULL;
    struct json_node *root = NULL;
    struct json_writer w;
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    check_ok(tabular_model_load(file, &model));
    check_ok(json_read(reader, slice_of(rows), &root));
    json_w_init(&w, out);
    json_w_object(&w);
    enum al_err err = tabular_model_predict(model, root, &w);
    json_w_end_object(&w);
    json_put(root);
    json_reader_destroy(reader);
    tabular_model_destroy(model);
    return err;
}

/* Frequencies 2/4, 1/4, 1/4: each output says its own, and they sum to 1 already. */
static void test_probabilities_are_the_frequencies_of_the_baseline(void **state)
{
    struct buf model = trained("most_frequent_classification", body_of_classes, &metrics);
    struct buf answer = BUF_INIT(4096);
    struct json_node *root = NULL;
    static const double wanted[] = {0.5, 0.25, 0.25};
    (void)state;
    check_ok(predict(buf_slice(&model), "[{\"x\":9,\"c\":\"z\"}]", &answer));
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    check_ok(json_read(reader, buf_slice(&answer), &root));
    assert_true(slice_is(json_text(json_at(json_get(root, "predictions"), 0)), "a"));
    for (size_t k = 0; k < 3; k++) {
        double p = 0;
        check_ok(json_double(json_at(json_at(json_get(root, "probabilities"), 0), k), &p));
        check_near(p, wanted[k], 1e-7);
    }
    json_put(root);
    json_reader_destroy(reader);
    buf_deinit(&answer);
    buf_deinit(&model);
}

/* Four points on y = 7 - 2 x: with so small a penalty the line is found. */
static void test_a_line_is_found(void **state)
{
    struct buf model = trained("linear_regression",
                               "{\"parameters\":{\"lambda\":0,\"rounds\":\"1000\"},"
                               "\"features\":[{\"x\":0},{\"x\":1},{\"x\":2},{\"x\":3}],"
                               "\"labels\":[{\"y\":7},{\"y\":5},{\"y\":3},{\"y\":1}]}",
                               &metrics);
    struct buf answer = BUF_INIT(4096);
    (void)state;
    check_ok(predict(buf_slice(&model), "[{\"x\":10}]", &answer));
    const char *said = strstr(buf_str(&answer), "\"predictions\":[");
    assert_non_null(said);
    check_near(strtod(said + strlen("\"predictions\":["), NULL), -13, 1e-3);
    buf_deinit(&answer);
    buf_deinit(&model);
}

/* ---- the file ---- */

static void seal(struct buf *file)
{
    struct sha256 hash;
    sha256_of(file->ptr, file->len - sizeof hash.bytes, &hash);
    memcpy(file->ptr + file->len - sizeof hash.bytes, hash.bytes, sizeof hash.bytes);
}

static void test_a_damaged_file_is_refused(void **state)
{
    struct buf file = trained("most_frequent_classification", body_of_classes, &metrics);
    struct tabular_model *model = NULL;
    (void)state;
    for (size_t i = 0; i < file.len; i++) {
        file.ptr[i] = (char)(file.ptr[i] ^ 1);
        assert_int_not_equal(tabular_model_load(buf_slice(&file), &model), AL_OK);
        file.ptr[i] = (char)(file.ptr[i] ^ 1);
        assert_int_not_equal(tabular_model_load((struct slice){file.ptr, i}, &model), AL_OK);
    }
    check_ok(tabular_model_load(buf_slice(&file), &model));
    tabular_model_destroy(model);
    buf_deinit(&file);
}

/* Lies under a checksum that holds. */
static void test_a_file_that_lies_is_refused(void **state)
{
    static const struct {
        const char *from, *to;
        enum al_err err;
    } cases[] = {
        {"most_frequent_classification", "most_frequent_classificatioN", AL_ENOTFOUND},
        {"\"category\"", "\"katagory\"", AL_EVERIFY},
        {"\"number\"", "\"time\"  ", AL_EVERIFY}, /* one number fewer than the outputs know */
        {"\"is_class\":true", "\"is_class\":null", AL_EVERIFY},
        {"\"is_class\":true", "\"is_klass\":true", AL_EVERIFY},
        {"\"u\",\"v\"", "\"v\",\"u\"", AL_EVERIFY}, /* not sorted */
        {"\\\"a\\\"", "\\\"\\\"a", AL_EVERIFY},     /* a class that is no JSON */
        {"\"mean\":0", "\"mean\":x", AL_EPARSE},
        {"\"deviation\":1", "\"deviation\":0", AL_EVERIFY},
    };
    struct buf file = trained("most_frequent_classification", body_of_classes, &metrics);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf lie = BUF_INIT(TABULAR_MODEL_BYTES_MAX);
        struct tabular_model *model = NULL;
        buf_append(&lie, file.ptr, file.len);
        char *at = memmem(lie.ptr, lie.len, cases[i].from, strlen(cases[i].from));
        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        seal(&lie);
        check_err(tabular_model_load(buf_slice(&lie), &model), cases[i].err);
        buf_deinit(&lie);
    }
    file.ptr[4]++;
    seal(&file);
    struct tabular_model *model = NULL;
    check_err(tabular_model_load(buf_slice(&file), &model), AL_EVERSION);
    buf_deinit(&file);
}

static void test_rows_of_other_columns_are_refused(void **state)
{
    struct buf file = trained("most_frequent_classification", body_of_classes, &metrics);
    struct buf answer = BUF_INIT(4096);
    (void)state;
    check_err(predict(buf_slice(&file), "[{\"x\":1,\"d\":\"u\"}]", &answer), AL_EINVAL);
    check_str(err_text(), "features: column 'c' is missing; column 'd' is not expected");
    check_str(buf_str(&answer), "{}");
    buf_deinit(&answer);
    buf_deinit(&file);
}

/* ---- between worker and child ---- */

static void test_a_job_comes_back(void **state)
{
    struct tabular_job job = {.kind = tabular_kind_find(SLICE("mean_regression")),
                              .artefact = "models/.tmp \"x\".model",
                              .seed = 42,
                              .body = SLICE("{\"features\":\n[]}")};
    struct tabular_job read;
    struct buf text = BUF_INIT(4096);
    (void)state;
    tabular_job_write(&job, &text);
    check_ok(tabular_job_read(buf_slice(&text), &read));
    assert_ptr_equal(read.kind, job.kind);
    check_str(read.artefact, job.artefact);
    check_i64((int64_t)read.seed, 42);
    assert_true(slice_eq(read.body, job.body));
    check_err(tabular_job_read(SLICE("{}"), &read), AL_EPARSE);
    check_err(tabular_job_read(SLICE("{\"model_name\":\"nobody\"}\n"), &read), AL_ENOTFOUND);
    check_err(tabular_job_read(SLICE("{\"model_name\":\"mean_regression\"}\n"), &read), AL_EPARSE);
    buf_deinit(&text);
}

static void test_the_last_line_comes_back(void **state)
{
    static struct tabular_metrics said, heard;
    char error[512];
    struct buf line = BUF_INIT(65536);
    (void)state;
    tabular_metrics_add(&said, "rmse", 0.1);
    tabular_metrics_add(&said, "r2", NAN); /* not finite: not said */
    tabular_metrics_add_text(&said, "why", "a \"word\"");
    tabular_end_write(&said, NULL, &line);
    check_ok(tabular_end_read(buf_slice(&line), &heard, error));
    check_i64((int64_t)heard.n, 2);
    check_str(heard.items[0].value, "0.1");
    check_str(heard.items[1].value, "a \"word\"");
    check_str(error, "");
    buf_reset(&line);
    tabular_end_write(&said, "no memory", &line);
    check_ok(tabular_end_read(buf_slice(&line), &heard, error));
    check_str(error, "no memory");
    check_err(tabular_end_read(SLICE("{\"metrics\":1}"), &heard, error), AL_EPARSE);
    buf_deinit(&line);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    static struct tabular_metrics m;
    char text[400];
    (void)state;
    for (size_t i = 0; i < 200; i++)
        memcpy(text + 2 * i, "\xc3\xa4", 2);
    text[399] = '\0';
    tabular_metrics_add_text(&m, "error", text);
    check_i64((int64_t)strlen(m.items[0].value), 254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities_are_the_frequencies_of_the_baseline),
        cmocka_unit_test(test_a_line_is_found),
        cmocka_unit_test(test_a_damaged_file_is_refused),
        cmocka_unit_test(test_a_file_that_lies_is_refused),
        cmocka_unit_test(test_rows_of_other_columns_are_refused),
        cmocka_unit_test(test_a_job_comes_back),
        cmocka_unit_test(test_the_last_line_comes_back),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
