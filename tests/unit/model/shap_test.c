/* Contributions against Shapley's own definition: every coalition of features is played, with the value function of Lundberg
 * et al. (2020), algorithm 1, on trees of this test's making. Nothing of the program's is used for the expected numbers. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/model/trees.h"

#define N_FEATURES 7
#define NODES_MAX  127
#define N_TREES    5

struct node {
    int feature; /* -1: a leaf */
    float value, cover;
    bool missing_left;
    int left, right;
};

struct tree {
    int n;
    struct node nodes[NODES_MAX];
};

/* ---- by definition ---- */

static bool is_left(const struct node *node, const float *x)
{
    return isnan(x[node->feature]) ? node->missing_left : x[node->feature] < node->value;
}

/* E[f(x) | x_S], S the features whose bit is set. */
static double value_of(const struct tree *tree, int at, unsigned coalition, const float *x)
{
    const struct node *node = &tree->nodes[at];
    if (node->feature < 0)
        return (double)node->value;
    if (coalition >> node->feature & 1)
        return value_of(tree, is_left(node, x) ? node->left : node->right, coalition, x);
    double left = (double)tree->nodes[node->left].cover,
           right = (double)tree->nodes[node->right].cover;
    return (left * value_of(tree, node->left, coalition, x) +
            right * value_of(tree, node->right, coalition, x)) /
           (left + right);
}

static double factorial(int n)
{
    return n <= 1 ? 1 : n * factorial(n - 1);
}

static double shapley(const struct tree *trees, int n_trees, int feature, const float *x)
{
    double phi = 0;
    for (unsigned s = 0; s < 1U << N_FEATURES; s++) {
        if (s >> feature & 1)
            continue;
        int size = __builtin_popcount(s);
        double weight = factorial(size) * factorial(N_FEATURES - size - 1) / factorial(N_FEATURES),
               gain = 0;
        for (int t = 0; t < n_trees; t++)
            gain += value_of(&trees[t], 0, s | 1U << feature, x) - value_of(&trees[t], 0, s, x);
        phi += weight * gain;
    }
    return phi;
}

/* ---- trees ---- */

/* Grows below node `at`, which has its cover. A feature may come back further down. */
static void grow(struct tree *tree, int at, int depth, struct rng *rng)
{
    struct node *node = &tree->nodes[at];
    double share = 0.02 + 0.96 * rng_uniform(rng);
    if (depth == 0 || (at > 0 && rng_below(rng, 6) == 0)) {
        *node = (struct node){
            .feature = -1, .value = (float)rng_uniform(rng) - 0.5F, .cover = node->cover};
        return;
    }
    node->feature = (int)rng_below(rng, N_FEATURES);
    node->value = (float)rng_uniform(rng);
    node->missing_left = rng_below(rng, 2) == 0;
    node->left = tree->n++;
    node->right = tree->n++;
    tree->nodes[node->left].cover = node->cover * (float)share;
    tree->nodes[node->right].cover = node->cover * (float)(1 - share);
    grow(tree, node->left, depth - 1, rng);
    grow(tree, node->right, depth - 1, rng);
}

static void write_array(struct buf *out, const char *name, const struct tree *tree, char what)
{
    buf_printf(out, ",\"%s\":[", name);
    for (int i = 0; i < tree->n; i++) {
        const struct node *node = &tree->nodes[i];
        bool leaf = node->feature < 0;
        const double values[] = {
            ['l' - 'a'] = leaf ? -1 : node->left,
            ['r' - 'a'] = leaf ? -1 : node->right,
            ['f' - 'a'] = leaf ? 0 : node->feature,
            ['v' - 'a'] = (double)node->value,
            ['m' - 'a'] = node->missing_left,
            ['c' - 'a'] = (double)node->cover,
            ['z' - 'a'] = 0,
        };
        buf_printf(out, "%s%.9g", i > 0 ? "," : "", values[what - 'a']);
    }
    buf_puts(out, "]");
}

/* As the library would write them; the base score's margin is log(0.6 / 0.4). */
static struct trees *load(const struct tree *trees, int n_trees)
{
    struct buf json = BUF_INIT(1U << 20), bytes = BUF_INIT(TREES_BYTES_MAX);
    struct trees *out = NULL;
    buf_puts(&json,
             "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"trees\":[");
    for (int t = 0; t < n_trees; t++) {
        buf_printf(&json, "%s{\"tree_param\":{\"num_nodes\":\"%d\",\"num_deleted\":\"0\"}",
                   t > 0 ? "," : "", trees[t].n);
        write_array(&json, "left_children", &trees[t], 'l');
        write_array(&json, "right_children", &trees[t], 'r');
        write_array(&json, "split_indices", &trees[t], 'f');
        write_array(&json, "split_conditions", &trees[t], 'v');
        write_array(&json, "default_left", &trees[t], 'm');
        write_array(&json, "sum_hessian", &trees[t], 'c');
        write_array(&json, "split_type", &trees[t], 'z');
        buf_puts(&json, "}");
    }
    buf_printf(&json,
               "]}},\"learner_model_param\":{\"base_score\":\"6E-1\",\"num_class\":\"0\","
               "\"num_feature\":\"%d\",\"num_target\":\"1\"}}}",
               N_FEATURES);
    check_ok(trees_flatten(buf_slice(&json), &bytes));
    check_ok(trees_load(buf_slice(&bytes), &out));
    buf_deinit(&json);
    buf_deinit(&bytes);
    return out;
}

static void random_row(struct rng *rng, float x[N_FEATURES])
{
    for (int k = 0; k < N_FEATURES; k++)
        x[k] = rng_below(rng, 5) == 0 ? NAN : (float)rng_uniform(rng);
}

/* ---- tests ---- */

static void check_rows(const struct tree *grown, int n_trees, struct rng *rng, int n_rows)
{
    struct trees *trees = load(grown, n_trees);
    double mean = log(0.6 / 0.4);
    for (int t = 0; t < n_trees; t++)
        mean += value_of(&grown[t], 0, 0, NULL);
    check_near(trees_bias(trees), mean, 1e-6); /* the base margin is a float */
    for (int i = 0; i < n_rows; i++) {
        float x[N_FEATURES];
        double got[N_FEATURES], sum = trees_bias(trees);
        random_row(rng, x);
        assert_true(trees_contributions(trees, x, got));
        for (int k = 0; k < N_FEATURES; k++) {
            check_near(got[k], shapley(grown, n_trees, k, x), 1e-12);
            sum += got[k];
        }
        check_near(sum, (double)trees_score(trees, x), 1e-5);
    }
    trees_destroy(trees);
}

static void test_contributions_are_shapley_values(void **state)
{
    static struct tree grown[N_TREES];
    struct rng rng;
    (void)state;
    rng_seed(&rng, 5);
    for (int depth = 1; depth <= 6; depth++) {
        for (int t = 0; t < N_TREES; t++) {
            grown[t].n = 1;
            grown[t].nodes[0].cover = 1000;
            grow(&grown[t], 0, depth, &rng);
        }
        check_rows(grown, N_TREES, &rng, 20);
    }
}

/* A chain of TREES_DEPTH_MAX splits that go on the same few features again and again. */
static void test_a_feature_may_come_back_on_the_way_down(void **state)
{
    static struct tree chain;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 6);
    for (int round = 0; round < 10; round++) {
        chain.n = 1;
        chain.nodes[0].cover = 4096;
        for (int d = 0, at = 0; d < TREES_DEPTH_MAX; d++, at = chain.n - 1) {
            struct node *node = &chain.nodes[at];
            *node = (struct node){(int)rng_below(&rng, 3),
                                  (float)rng_uniform(&rng),
                                  node->cover,
                                  rng_below(&rng, 2) == 0,
                                  chain.n,
                                  chain.n + 1};
            for (int side = 0; side < 2; side++)
                chain.nodes[chain.n++] =
                    (struct node){-1, (float)rng_uniform(&rng), node->cover / 2, false, 0, 0};
        }
        check_rows(&chain, 1, &rng, 20);
    }
}

/* x0 < 0.5 ? (nobody was ever here) 7 : 1, and 2 below it, where the row may go all the same. */
static void test_a_way_nobody_went_counts_for_who_goes_it(void **state)
{
    static const struct tree tree = {
        5,
        {{0, 0.5F, 10, false, 1, 2},
         {-1, 7, 0, false, 0, 0},
         {0, 0.25F, 10, true, 3, 4},
         {-1, 2, 0, false, 0, 0},
         {-1, 1, 10, false, 0, 0}},
    };
    static const float rows[][N_FEATURES] = {{0.1F}, {0.4F}, {0.9F}, {NAN}};
    static const double expected[] = {6, 6, 0, 1};
    struct trees *trees = load(&tree, 1);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double got[N_FEATURES];
        assert_true(trees_contributions(trees, rows[i], got));
        check_near(got[0], expected[i], 1e-12);
        for (int k = 1; k < N_FEATURES; k++)
            check_near(got[k], 0, 0);
    }
    trees_destroy(trees);
}

static void test_a_split_without_any_teacher_is_even(void **state)
{
    static const struct tree tree = {
        3, {{0, 0.5F, 0, false, 1, 2}, {-1, 1, 0, false, 0, 0}, {-1, 3, 0, false, 0, 0}}};
    struct trees *trees = load(&tree, 1);
    const float row[N_FEATURES] = {0.1F};
    double got[N_FEATURES];
    (void)state;
    assert_true(trees_contributions(trees, row, got));
    check_near(got[0], -1, 1e-12);
    trees_destroy(trees);
}

static void put_u32(struct buf *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        buf_putc(out, (char)(v >> 8 * i));
}

/* Format 1, as folders of older versions have it: one split, no covers. */
static void test_a_file_without_covers_scores_and_is_not_explained(void **state)
{
    static const uint32_t words[] = {
        1,          1,          2, 0, 3,          3, /* version, trees, features, base 0, nodes, of the tree */
        0x80000001, 0,          1, 2, 0x7fffffff, 0x3f800000, 0, 0, /* x1 < 0, missing left; 1 */
        0x7fffffff, 0x40000000, 0, 0,                               /* 2 */
    };
    struct buf bytes = BUF_INIT(4096);
    struct trees *trees = NULL;
    struct sha256 hash;
    double got[2] = {9, 9};
    (void)state;
    buf_puts(&bytes, "ALTR");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        put_u32(&bytes, words[i]);
    sha256_of(bytes.ptr, bytes.len, &hash);
    buf_append(&bytes, hash.bytes, sizeof hash.bytes);
    check_ok(trees_load(buf_slice(&bytes), &trees));
    check_near((double)trees_score(trees, (float[]){0, 1}), 2, 0);
    check_near((double)trees_score(trees, (float[]){0, NAN}), 1, 0);
    assert_false(trees_has_contributions(trees));
    assert_false(trees_contributions(trees, (float[]){0, 1}, got));
    check_near(got[0], 9, 0);
    trees_destroy(trees);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contributions_are_shapley_values),
        cmocka_unit_test(test_a_feature_may_come_back_on_the_way_down),
        cmocka_unit_test(test_a_way_nobody_went_counts_for_who_goes_it),
        cmocka_unit_test(test_a_split_without_any_teacher_is_even),
        cmocka_unit_test(test_a_file_without_covers_scores_and_is_not_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
