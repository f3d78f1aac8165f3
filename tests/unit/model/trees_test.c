#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/model/trees.h"
#include "harness/model_folder.h"

/* Two small trees by hand: x0 < 1 (missing goes right) ? 0.25 : (x1 < -2 (missing goes left) ? 0.5 : 1), and a lone leaf. */
static const char json_text_of_two[] =
    "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"trees\":["
    "{\"tree_param\":{\"num_nodes\":\"5\",\"num_deleted\":\"0\"},\"left_children\":[1,-1,3,-1,-1],"
    "\"right_children\":[2,-1,4,-1,-1],\"split_indices\":[0,0,1,0,0],\"split_conditions\":[1E0,2."
    "5E-1,-2E0,5E-1,1E0],"
    "\"default_left\":[0,0,1,0,0],\"split_type\":[0,0,0,0,0],"
    "\"sum_hessian\":[10E0,4E0,6E0,1.5E0,4.5E0]},"
    "{\"tree_param\":{\"num_nodes\":\"1\",\"num_deleted\":\"0\"},\"left_children\":[-1],\"right_"
    "children\":[-1],"
    "\"split_indices\":[0],\"split_conditions\":[1.25E-1],\"default_left\":[0],\"split_type\":[0],"
    "\"sum_hessian\":[10E0]}]"
    "}},"
    "\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"0\",\"num_feature\":\"2\","
    "\"num_target\":\"1\"}}}";

static struct trees *two_trees(void)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *trees = NULL;
    check_ok(trees_flatten(slice_of(json_text_of_two), &bytes));
    check_ok(trees_load(buf_slice(&bytes), &trees));
    buf_deinit(&bytes);
    return trees;
}

static void test_a_walk_goes_where_the_nodes_say(void **state)
{
    static const struct {
        float x[2], margin;
    } cases[] = {
        {{0.5F, 0}, 0.375F},   {{1.0F, -3}, 0.625F}, {{1.0F, -2}, 1.125F},  {{NAN, 0}, 1.125F},
        {{2.0F, NAN}, 0.625F}, {{NAN, NAN}, 0.625F}, {{-1e30F, 5}, 0.375F},
    };
    struct trees *trees = two_trees();
    (void)state;
    check_i64((int64_t)trees_count(trees), 2);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_near((double)trees_score(trees, cases[i].x), (double)cases[i].margin, 0);
    trees_destroy(trees);
}

static void test_what_the_walker_does_not_know_is_refused(void **state)
{
    static const struct {
        const char *from, *to;
        enum al_err expected;
    } cases[] = {
        {"gbtree", "darttt", AL_EVERSION},
        {"\"split_type\":[0,", "\"split_type\":[1,", AL_EVERSION},
        {"\"num_class\":\"0\"", "\"num_class\":\"3\"", AL_ERANGE},
        {"\"num_target\":\"1\"", "\"num_target\":\"2\"", AL_ERANGE},
        {"\"split_indices\":[0,0,1", "\"split_indices\":[0,0,2", AL_ERANGE},
        {"\"left_children\":[1,", "\"left_children\":[9,", AL_ERANGE},
        {"\"default_left\":[0,0,1,0,0]", "\"default_left\":[0,0,1,0]  ", AL_EPARSE},
        {"2.5E-1", "2.5E99", AL_EPARSE},
        {"\"5E-1\"", "\"2E00\"", AL_ERANGE},
        {"\"sum_hessian\":[10E0,", "\"sum_hessian\":[-1E0,", AL_ERANGE},
        {"sum_hessian", "sum_hissian", AL_EPARSE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = BUF_INIT(TREES_BYTES_MAX);
        char text[sizeof json_text_of_two];
        memcpy(text, json_text_of_two, sizeof text);
        char *at = strstr(text, cases[i].from);
        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        check_err(trees_flatten(slice_of(text), &out), cases[i].expected);
        buf_deinit(&out);
    }
}

/* Put a right checksum under changed bytes, so that the checks behind it are reached. */
static void sign(struct buf *bytes)
{
    struct sha256 hash;
    sha256_of(bytes->ptr, bytes->len - 32, &hash);
    memcpy(bytes->ptr + bytes->len - 32, hash.bytes, 32);
}

static void test_two_ways_to_one_node_are_no_tree(void **state)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *trees = NULL;
    (void)state;
    check_ok(trees_flatten(slice_of(json_text_of_two), &bytes));
    bytes.ptr[24 + 2 * 4 + 8] = 3; /* the root's left child, which the second split has already */
    sign(&bytes);
    check_err(trees_load(buf_slice(&bytes), &trees), AL_ERANGE);
    buf_deinit(&bytes);
}

static void test_a_base_score_in_a_list_is_read(void **state)
{
    struct buf a = BUF_INIT(TREES_BYTES_MAX), b = BUF_INIT(TREES_BYTES_MAX), text = BUF_INIT(4096);
    (void)state;
    const char *at = strstr(json_text_of_two, "5E-1\"");
    buf_append(&text, json_text_of_two, (size_t)(at - json_text_of_two));
    buf_puts(&text, "[5E-1]");
    buf_puts(&text, at + 4);
    check_ok(trees_flatten(slice_of(json_text_of_two), &a));
    check_ok(trees_flatten(buf_slice(&text), &b));
    assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
    buf_deinit(&a);
    buf_deinit(&b);
    buf_deinit(&text);
}

static void test_every_changed_byte_is_refused(void **state)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *trees = NULL;
    (void)state;
    check_ok(trees_flatten(slice_of(json_text_of_two), &bytes));
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.ptr[i] ^= 1;
        enum al_err err = trees_load(buf_slice(&bytes), &trees);
        assert_true(err == AL_EVERIFY || err == AL_EVERSION);
        bytes.ptr[i] ^= 1;
    }
    for (size_t length = 0; length < bytes.len; length++)
        check_err(trees_load((struct slice){bytes.ptr, length}, &trees), AL_EVERIFY);
    buf_deinit(&bytes);
}

static void test_a_signed_file_cannot_leave_its_bounds(void **state)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *trees = NULL;
    const size_t first_node = 24 + 2 * 4;
    const struct {
        size_t at;
        unsigned char value;
    } cases[] = {
        {8, 9},                  /* trees */
        {12, 0},                 /* features */
        {20, 200},               /* nodes */
        {24, 6},                 /* nodes of the first tree */
        {first_node, 7},         /* feature of the root */
        {first_node + 8, 0},     /* its left child: itself */
        {first_node + 12, 5},    /* its right child: in the next tree */
        {first_node + 7, 0x7f},  /* a threshold that is not finite, with the byte below */
        {first_node + 19, 0xc1}, /* a cover below 0 */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&bytes);
        check_ok(trees_flatten(slice_of(json_text_of_two), &bytes));
        bytes.ptr[cases[i].at] = (char)cases[i].value;
        sign(&bytes);
        check_err(trees_load(buf_slice(&bytes), &trees), AL_EVERIFY);
    }
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_walk_goes_where_the_nodes_say),
        cmocka_unit_test(test_what_the_walker_does_not_know_is_refused),
        cmocka_unit_test(test_two_ways_to_one_node_are_no_tree),
        cmocka_unit_test(test_a_base_score_in_a_list_is_read),
        cmocka_unit_test(test_every_changed_byte_is_refused),
        cmocka_unit_test(test_a_signed_file_cannot_leave_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
