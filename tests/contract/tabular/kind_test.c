/* What every kind of the train/predict routes must do: learn from the same body the same model, byte for byte; predict after
 * it was written and read; take null and levels it never saw; refuse parameters it does not have; and, where it looks at the
 * columns at all, find what is there to be found. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/tabular/train.h"

#define N_ROWS 240

/* y = 10 + 3 a - 2 [c = "hot"], of a class whether that is above its middle; b is noise, with gaps. */
static void write_body(const struct tabular_kind *kind, size_t n_classes, struct buf *out)
{
    struct rng rng;
    struct buf labels = BUF_INIT(1 << 20);
    rng_seed(&rng, 11);
    buf_puts(out, "{\"features\":[");
    for (int i = 0; i < N_ROWS; i++) {
        double a = rng_uniform(&rng) * 2 - 1, b = rng_uniform(&rng);
        bool is_hot = rng_below(&rng, 2) > 0;
        double y = 10 + 3 * a - (is_hot ? 2 : 0);
        buf_printf(out, "%s{\"a\":\"%.6f\",\"b\":", i > 0 ? "," : "", a);
        buf_printf(out, b < 0.1 ? "null" : "%.6f", b);
        buf_printf(out, ",\"c\":\"%s\"}", is_hot ? "hot" : "cold");
        buf_puts(&labels, i > 0 ? "," : "");
        if (kind->task == TABULAR_REGRESSION)
            buf_printf(&labels, "{\"y\":%.6f}", y);
        else
            buf_printf(&labels, "{\"y\":\"%s\"}",
                       y > 10                   ? "high"
                       : n_classes > 2 && y < 8 ? "deep"
                                                : "low");
    }
    buf_printf(out, "],\"labels\":[%s]}", buf_str(&labels));
    buf_deinit(&labels);
}

static void train(const struct tabular_kind *kind,
                  size_t n_classes,
                  struct buf *model,
                  struct tabular_metrics *metrics)
{
    struct buf body = BUF_INIT(1 << 20);
    struct tabular_request request;
    write_body(kind, n_classes, &body);
    check_ok(tabular_request_read(kind, buf_slice(&body), &request));
    metrics->n = 0;
    check_ok(tabular_train(&request, 7, model, metrics));
    tabular_request_deinit(&request);
    buf_deinit(&body);
}

static double metric(const struct tabular_metrics *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->n; i++) {
        if (strcmp(metrics->items[i].name, name) == 0)
            return strtod(metrics->items[i].value, NULL);
    }
    return NAN;
}

static bool is_baseline(const struct tabular_kind *kind)
{
    return kind->n_params == 0;
}

/* Answers to two plain rows and two odd ones. */
static void ask(struct slice file, struct buf *answer)
{
    static const char rows[] =
        "[{\"a\":0.9,\"b\":0.5,\"c\":\"cold\"},{\"c\":\"hot\",\"a\":-0.9,\"b\":0.5},"
        "{\"a\":null,\"b\":null,\"c\":null},{\"a\":1e9,\"b\":0,\"c\":\"new\"}]";
    struct tabular_model *model = NULL;
    struct json_node *root = NULL;
    struct json_writer w;
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    check_ok(tabular_model_load(file, &model));
    check_ok(json_read(reader, slice_of(rows), &root));
    json_w_init(&w, answer);
    json_w_object(&w);
    check_ok(tabular_model_predict(model, root, &w));
    json_w_end_object(&w);
    json_put(root);
    json_reader_destroy(reader);
    tabular_model_destroy(model);
}

static struct json_node *parse(struct buf *text)
{
    struct json_node *root = NULL;
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    check_ok(json_read(reader, buf_slice(text), &root));
    json_reader_destroy(reader);
    return root;
}

static void check_probabilities(struct json_node *answer)
{
    struct json_node *rows = json_get(answer, "probabilities");
    check_i64((int64_t)json_length(rows), 4);
    for (size_t i = 0; i < 4; i++) {
        double sum = 0, p = 0;
        for (size_t k = 0; k < json_length(json_get(answer, "classes")); k++) {
            check_ok(json_double(json_at(json_at(rows, i), k), &p));
            assert_true(p >= 0 && p <= 1);
            sum += p;
        }
        check_near(sum, 1, 1e-9);
    }
}

static void check_answer(const struct tabular_kind *kind, struct json_node *answer)
{
    struct json_node *said = json_get(answer, "predictions");
    double high = 0, low = 0;
    check_i64((int64_t)json_length(said), 4);
    if (kind->task == TABULAR_CLASSIFICATION) {
        check_probabilities(answer);
        assert_true(is_baseline(kind) || slice_is(json_text(json_at(said, 0)), "high"));
        assert_false(slice_is(json_text(json_at(said, 1)), "high"));
        return;
    }
    assert_null(json_get(answer, "probabilities"));
    check_ok(json_double(json_at(said, 0), &high));
    check_ok(json_double(json_at(said, 1), &low));
    if (is_baseline(kind))
        check_near(high, low, 0);
    else
        assert_true(fabs(high - 12.7) < 1.5 &&
                    fabs(low - 5.3) < 1.5); /* a forest says less of extremes */
}

static void check_kind(const struct tabular_kind *kind, size_t n_classes)
{
    static struct tabular_metrics metrics;
    struct buf first = BUF_INIT(TABULAR_MODEL_BYTES_MAX), second = first, answer = BUF_INIT(65536);
    print_message("%s, %zu classes\n", kind->name, n_classes);
    train(kind, n_classes, &first, &metrics);
    train(kind, n_classes, &second, &metrics);
    assert_true(slice_eq(buf_slice(&first), buf_slice(&second)));
    ask(buf_slice(&first), &answer);
    struct json_node *root = parse(&answer);
    check_answer(kind, root);
    json_put(root);
    check_near(metric(&metrics, "heldout_rows"), N_ROWS / 5, 0);
    if (kind->task == TABULAR_REGRESSION && !is_baseline(kind))
        assert_true(metric(&metrics, "heldout_r2") > 0.8);
    if (kind->task == TABULAR_REGRESSION && is_baseline(kind))
        check_near(metric(&metrics, "heldout_r2"), 0, 1e-9);
    if (kind->task == TABULAR_CLASSIFICATION && !is_baseline(kind))
        assert_true(metric(&metrics, "heldout_accuracy") >
                    metric(&metrics, "heldout_baseline_accuracy") + 0.2);
    if (kind->task == TABULAR_CLASSIFICATION && is_baseline(kind))
        check_near(metric(&metrics, "heldout_log_loss"),
                   metric(&metrics, "heldout_baseline_log_loss"), 1e-6);
    buf_deinit(&first);
    buf_deinit(&second);
    buf_deinit(&answer);
}

static void test_every_kind_learns_and_predicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < tabular_kind_count(); i++) {
        const struct tabular_kind *kind = tabular_kind_at(i);
        check_kind(kind, 2);
        if (kind->task == TABULAR_CLASSIFICATION)
            check_kind(kind, 3);
    }
}

static void test_every_row_of_the_table_is_sound(void **state)
{
    struct model_params params;
    (void)state;
    for (size_t i = 0; i < tabular_kind_count(); i++) {
        const struct tabular_kind *kind = tabular_kind_at(i);
        assert_ptr_equal(tabular_kind_find(slice_of(kind->name)), kind);
        assert_true(i == 0 || strcmp(tabular_kind_at(i - 1)->name, kind->name) < 0);
        assert_true(kind->n_params <= MODEL_PARAMS_MAX && kind->description[0] != '\0');
        check_ok(tabular_params_read(kind, NULL, &params));
        for (size_t k = 0; k < kind->n_params; k++) {
            const struct model_param_spec *spec = &kind->params[k];
            check_near(params.values[k], spec->value_default, 0);
            assert_true(spec->min <= spec->value_default && spec->value_default <= spec->max);
        }
    }
    assert_null(tabular_kind_find(SLICE("nobody")));
}

/* What a kind that declares its columns refuses. */
static void test_declared_columns_are_checked(void **state)
{
    static const char *const features[] = {"open", "close", NULL};
    struct tabular_kind kind = *tabular_kind_find(SLICE("mean_regression"));
    struct tabular_request request;
    (void)state;
    kind.features = features;
    kind.label = "move";
    static const struct {
        const char *body, *part;
    } cases[] = {
        {"{\"features\":[{\"open\":1,\"close\":2}],\"labels\":[{\"move\":1}]}", NULL},
        {"{\"features\":[{\"open\":1,\"high\":2}],\"labels\":[{\"move\":1}]}",
         "features: column 'close' is missing; column 'high' is not expected"},
        {"{\"features\":[{\"open\":1,\"close\":2}],\"labels\":[{\"y\":1}]}",
         "labels: column 'move' is missing; column 'y' is not expected"},
        {"{\"features\":[{\"open\":1,\"close\":2}]}", "labels: must be an array"},
        {"{\"parameters\":[],\"features\":[{\"open\":1,\"close\":2}],\"labels\":[{\"move\":1}]}",
         "parameters: must be an object"},
        {"{\"parameters\":{\"x\":1}}", "has no 'x'; it has: none"},
        {"[]", "the body must be an object"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum al_err err = tabular_request_read(&kind, slice_of(cases[i].body), &request);
        check_i64(err == AL_OK, cases[i].part == NULL);
        if (cases[i].part != NULL)
            check_has(err_text(), cases[i].part);
        tabular_request_deinit(&request);
    }
}

/* A class that comes up only in the held-out rows costs their measure, not the training. */
static void test_a_class_that_is_new_in_the_held_out_rows(void **state)
{
    static struct tabular_metrics metrics;
    const struct tabular_kind *kind = tabular_kind_find(SLICE("logistic_classification"));
    struct buf body = BUF_INIT(65536), model = BUF_INIT(TABULAR_MODEL_BYTES_MAX);
    struct tabular_request request;
    (void)state;
    buf_puts(&body, "{\"features\":[{\"x\":0}");
    for (int i = 1; i < 20; i++)
        buf_printf(&body, ",{\"x\":%d}", i);
    buf_puts(&body, "],\"labels\":[{\"y\":0}");
    for (int i = 1; i < 20; i++)
        buf_printf(&body, ",{\"y\":%d}", i > 16);
    buf_puts(&body, "]}");
    check_ok(tabular_request_read(kind, buf_slice(&body), &request));
    check_ok(tabular_train(&request, 1, &model, &metrics));
    check_near(metric(&metrics, "heldout_accuracy"), NAN, 0);
    assert_true(metric(&metrics, "fitted_accuracy") > 0.8);
    tabular_request_deinit(&request);
    buf_deinit(&body);
    buf_deinit(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_learns_and_predicts),
        cmocka_unit_test(test_every_row_of_the_table_is_sound),
        cmocka_unit_test(test_declared_columns_are_checked),
        cmocka_unit_test(test_a_class_that_is_new_in_the_held_out_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
