/* A network as bytes: back as it was, and refused when anything in it does not hold. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/forecast/lstm.h"

#define N_COLS 2
#define SCALES (13 * 4) /* where the columns begin */

static const struct lstm_shape shape = {.n_steps = 5,
                                        .n_inputs = N_COLS + 1,
                                        .n_hidden = 4,
                                        .n_layers = 2,
                                        .has_attention = true,
                                        .dropout = 0.25F};

static struct lstm_model make_model(void)
{
    static const float x[] = {1, 2, 3, 5, 9, 7};
    struct lstm_model model = {.target_mean = 0.5F,
                               .target_deviation = 2,
                               .n_samples = 30,
                               .seed = UINT64_C(0x123456789abcdef0)};
    struct rng rng;
    rng_seed(&rng, 1);
    check_ok(lstm_create(&shape, &model.net));
    lstm_start(model.net, &rng);
    check_ok(scaler_fit(x, 3, N_COLS, &model.scaler));
    return model;
}

static struct buf written(void)
{
    struct lstm_model model = make_model();
    struct buf bytes = BUF_INIT(1U << 20);
    lstm_model_write(&model, &bytes);
    assert_true(buf_ok(&bytes));
    lstm_model_deinit(&model);
    return bytes;
}

static void test_it_is_read_as_it_was_written(void **state)
{
    struct lstm_model model = make_model(), read;
    struct buf bytes = written();
    (void)state;
    check_ok(lstm_model_read(buf_slice(&bytes), &read));
    const struct lstm_shape *got = lstm_shape(read.net);
    assert_true(got->n_steps == 5 && got->n_inputs == 3 && got->n_hidden == 4 &&
                got->n_layers == 2 && got->has_attention && got->dropout == 0.25F);
    assert_memory_equal(lstm_weights(read.net), lstm_weights(model.net),
                        lstm_n_weights(&shape) * sizeof(float));
    assert_memory_equal(read.scaler->columns, model.scaler->columns,
                        N_COLS * sizeof model.scaler->columns[0]);
    assert_true(read.target_mean == 0.5F && read.target_deviation == 2 && read.n_samples == 30);
    assert_true(read.seed == UINT64_C(0x123456789abcdef0));
    lstm_model_deinit(&model);
    lstm_model_deinit(&read);
    buf_deinit(&bytes);
}

static void test_a_changed_byte_is_noticed(void **state)
{
    struct buf bytes = written();
    struct lstm_model read;
    (void)state;
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.ptr[i] ^= 4;
        enum al_err err = lstm_model_read(buf_slice(&bytes), &read);
        assert_true(err == AL_EVERIFY || (err == AL_EVERSION && i >= 4 && i < 8));
        assert_null(read.net);
        assert_null(read.scaler);
        bytes.ptr[i] ^= 4;
    }
    buf_deinit(&bytes);
}

/* Put the checksum of what is there at the end. */
static void sign(struct buf *bytes)
{
    struct sha256 hash;
    sha256_of(bytes->ptr, bytes->len - sizeof hash, &hash);
    memcpy(bytes->ptr + bytes->len - sizeof hash, hash.bytes, sizeof hash.bytes);
}

static void test_another_length_is_refused(void **state)
{
    struct buf bytes = written();
    struct lstm_model read;
    (void)state;
    buf_append(&bytes, "more", 4);
    sign(&bytes);
    check_err(lstm_model_read(buf_slice(&bytes), &read), AL_EVERIFY);
    bytes.len -= 4;
    sign(&bytes);
    check_ok(lstm_model_read(buf_slice(&bytes), &read));
    lstm_model_deinit(&read);
    bytes.len -= 4;
    sign(&bytes);
    check_err(lstm_model_read(buf_slice(&bytes), &read), AL_EVERIFY);
    buf_deinit(&bytes);
}

/* The checksum holds, what it covers does not. */
static void test_what_is_out_of_bounds_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint32_t value;
    } cases[] = {
        {8, 0},
        {8, 3},
        {8, LSTM_COLS_MAX + 1},
        {8, UINT32_MAX},
        {12, 0},
        {12, 61},
        {16, 6},
        {16, UINT32_MAX},
        {20, 0},
        {20, 4},
        {24, 2},
        {28, 0x7fc00000}, /* NaN */
        {32, 1},
        {32, LSTM_SAMPLES_MAX + 1},
        {44, 0x7f800000}, /* infinity */
        {48, 0xbf800000}, /* -1 */
        {SCALES, 0x7fc00000},
        {SCALES + 4, 0xbf800000},
        {SCALES + 8 * N_COLS, 0x7fc00000},
        {SCALES + 8 * N_COLS + 40, 0x4b000000}, /* 8e6 */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf bytes = written(), number = BUF_INIT(4);
        struct lstm_model read;
        buf_put_u32le(&number, cases[i].value);
        memcpy(bytes.ptr + cases[i].at, number.ptr, 4);
        sign(&bytes);
        check_err(lstm_model_read(buf_slice(&bytes), &read), AL_EVERIFY);
        assert_null(read.net);
        buf_deinit(&bytes);
        buf_deinit(&number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_read_as_it_was_written),
        cmocka_unit_test(test_a_changed_byte_is_noticed),
        cmocka_unit_test(test_another_length_is_refused),
        cmocka_unit_test(test_what_is_out_of_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
