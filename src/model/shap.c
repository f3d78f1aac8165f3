/* Exact Shapley values of a sum of trees.
 *
 * A leaf of value y is reached through splits on features 1..d. Let z_j be the share of teachers that follow the leaf's way
 * at the splits on j (by cover, all splits on j multiplied) and o_j be 1 when the row goes that way at all of them, else 0.
 * With the features of S known and the others averaged out, the leaf is worth y prod(j in S) o_j prod(j not in S) z_j. Owen
 * (1972) writes the Shapley value of such a game as an integral over the chance t with which each other player has joined:
 *
 *     phi_j = y (o_j - z_j) integral 0..1 of prod(k != j) f_k(t) dt,    f_k(t) = o_k t + z_k (1 - t)
 *
 * The integrand is a polynomial of degree d - 1, and Gauss and Legendre's rule with n points is exact up to degree 2 n - 1:
 * six points do for TREES_DEPTH_MAX features, three for a depth of six. Every term is positive before it meets o_j - z_j, so
 * nothing cancels. One walk through a tree carries the product of the f_k down and brings sums over the leaves back up, as
 * Linear TreeSHAP does with its polynomials (Yu et al. 2022), so a tree costs its nodes times n: the quadratic work for each
 * leaf of Lundberg's recursion (2018, algorithm 2) falls away, and the numbers are the same.
 *
 * A second split on the same feature replaces the first one's factor: below it, what the upper edge will count for these
 * leaves is taken off again, because their integral without j is the lower edge's. A feature not met yet has o = z = 1, so
 * its factor is 1 and it counts for nothing; no case is special.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trees_i.h"

#define POINTS_MAX (TREES_DEPTH_MAX / 2)

struct shap_node {
    uint32_t feature; /* as tree_node's */
    float value;
    uint32_t left, right; /* index within all nodes */
    double left_share;    /* of the cover of both children */
};

/* Gauss and Legendre's points and weights on 0..1. */
struct rule {
    double t[POINTS_MAX], weight[POINTS_MAX];
};

struct shap {
    uint32_t n_trees, n_features;
    double bias;
    uint32_t n_points[TREES_MAX]; /* that a tree needs */
    uint32_t roots[TREES_MAX];
    struct shap_node *nodes;
    struct rule rules[POINTS_MAX + 1]; /* by number of points */
};

/* Legendre's polynomial of degree n at x, and its derivative: (k + 1) P(k + 1) = (2 k + 1) x P(k) - k P(k - 1). */
static double legendre(uint32_t n, double x, double *derivative)
{
    double before = 1, p = x;
    for (uint32_t k = 1; k < n; k++) {
        double next = ((2.0 * k + 1) * x * p - k * before) / (k + 1);
        before = p;
        p = next;
    }
    *derivative = n * (x * p - before) / (x * x - 1);
    return p;
}

/* Its roots by Newton's method from the usual first guess (Abramowitz and Stegun 25.4.30, 22.16.6). */
static void rule_of(uint32_t n, struct rule *out)
{
    for (uint32_t i = 0; i < n; i++) {
        double x = cos(acos(-1.0) * (i + 0.75) / (n + 0.5)), derivative = 1;
        for (int k = 0; k < 20; k++)
            x -= legendre(n, x, &derivative) / derivative;
        (void)legendre(n, x, &derivative);
        out->t[i] = (1 + x) / 2;
        out->weight[i] = 1 / ((1 - x * x) * derivative * derivative);
    }
}

/* ---- laying out ---- */

/* How a teacher gets to a node: its chance, and over how many splits. */
struct reach {
    double share;
    uint32_t depth;
};

static double left_share(const struct tree_node *nodes, const struct tree_node *node)
{
    double left = (double)nodes[node->left].cover, right = (double)nodes[node->right].cover;
    return left + right > 0 ? left / (left + right) : 0.5;
}

/* One tree from its first node on; children come after their parents. gives its depth and adds its mean to the bias. */
static uint32_t lay_out(struct shap *shap,
                        const struct tree_node *nodes,
                        uint32_t n,
                        uint32_t root,
                        struct reach *reach)
{
    uint32_t deepest = 0;
    reach[0] = (struct reach){1, 0};
    for (uint32_t i = 0; i < n; i++) {
        const struct tree_node *node = &nodes[i];
        struct shap_node *to = &shap->nodes[root + i];
        *to = (struct shap_node){.feature = node->feature, .value = node->value};
        if (reach[i].depth > deepest)
            deepest = reach[i].depth;
        if (node->feature == TREE_LEAF) {
            shap->bias += reach[i].share * (double)node->value;
            continue;
        }
        to->left = root + node->left;
        to->right = root + node->right;
        to->left_share = left_share(nodes, node);
        reach[node->left] = (struct reach){reach[i].share * to->left_share, reach[i].depth + 1};
        reach[node->right] =
            (struct reach){reach[i].share * (1 - to->left_share), reach[i].depth + 1};
    }
    return deepest;
}

static void lay_out_all(struct shap *shap, const struct tree_list *list, struct reach *reach)
{
    uint32_t root = 0;
    shap->n_trees = list->n_trees;
    shap->n_features = list->n_features;
    shap->bias = (double)list->base_margin;
    for (uint32_t i = 0; i < list->n_trees; i++) {
        uint32_t n = list->tree_nodes[i];
        uint32_t depth = lay_out(shap, list->nodes + root, n, root, reach);
        shap->n_points[i] = (depth + 1) / 2;
        shap->roots[i] = root;
        root += n;
    }
}

enum al_err shap_create(const struct tree_list *list, struct shap **out)
{
    struct shap *shap = calloc(1, sizeof *shap);
    struct reach *reach = calloc(list->n_nodes, sizeof *reach);
    if (shap != NULL)
        shap->nodes = calloc(list->n_nodes, sizeof *shap->nodes);
    if (shap == NULL || reach == NULL || shap->nodes == NULL) {
        free(reach);
        shap_destroy(shap);
        return err_set(AL_ENOMEM, "trees to explain");
    }
    for (uint32_t n = 1; n <= POINTS_MAX; n++)
        rule_of(n, &shap->rules[n]);
    lay_out_all(shap, list, reach);
    free(reach);
    *out = shap;
    return AL_OK;
}

void shap_destroy(struct shap *shap)
{
    if (shap == NULL)
        return;
    free(shap->nodes);
    free(shap);
}

double shap_bias(const struct shap *shap)
{
    return shap->bias;
}

/* ---- explaining ---- */

/* What the splits met so far say of one feature. */
struct factor {
    bool follows;               /* o */
    double share;               /* z */
    double inverse[POINTS_MAX]; /* 1 / f(t) */
};

struct walk {
    const struct shap_node *nodes;
    const float *row;
    uint32_t n_points;
    const struct rule *rule;
    double *contributions;
    struct factor factors[TREES_FEATURES_MAX];
};

/* A way that neither the row nor any teacher goes counts for nothing, and its factor is not to be divided by. */
#define SHARE_MIN 1e-280

static bool goes_left(const struct shap_node *node, float value)
{
    return isnan(value) ? (node->feature & TREE_DEFAULT_LEFT) != 0 : value < node->value;
}

static void descend(struct walk *walk, uint32_t at, const double *product, double *sum);

/* Into one child: `share` of its parent's cover, the row goes there or not. Adds the child's sum to the parent's. */
static void follow(struct walk *walk,
                   uint32_t child,
                   uint32_t feature,
                   double share,
                   bool row_goes,
                   const double *product,
                   double *sum)
{
    struct factor *factor = &walk->factors[feature];
    const struct factor upper = *factor;
    double below[POINTS_MAX] = {0}, child_sum[POINTS_MAX] = {0}, gain = 0;
    factor->follows = upper.follows && row_goes;
    factor->share = upper.share * share;
    double o = factor->follows, z = factor->share, upper_gap = upper.follows - upper.share;
    if (!factor->follows && z < SHARE_MIN) {
        *factor = upper;
        return;
    }
    for (uint32_t q = 0; q < walk->n_points; q++) {
        double f = o * walk->rule->t[q] + z * (1 - walk->rule->t[q]);
        factor->inverse[q] = 1 / f;
        below[q] = product[q] * f * upper.inverse[q];
    }
    descend(walk, child, below, child_sum);
    for (uint32_t q = 0; q < walk->n_points; q++) {
        gain += walk->rule->weight[q] * child_sum[q] *
                ((o - z) * factor->inverse[q] - upper_gap * upper.inverse[q]);
        sum[q] += child_sum[q];
    }
    walk->contributions[feature] += gain;
    *factor = upper;
}

/* sum += the leaves below, each times the product of its factors at every point. At most TREES_DEPTH_MAX deep. */
static void descend(struct walk *walk, uint32_t at, const double *product, double *sum)
{
    const struct shap_node *node = &walk->nodes[at];
    if (node->feature == TREE_LEAF) {
        for (uint32_t q = 0; q < walk->n_points; q++)
            sum[q] += (double)node->value * product[q];
        return;
    }
    uint32_t feature = node->feature & ~TREE_DEFAULT_LEFT;
    bool left = goes_left(node, walk->row[feature]);
    follow(walk, node->left, feature, node->left_share, left, product, sum);
    follow(walk, node->right, feature, 1 - node->left_share, !left, product, sum);
}

void shap_contributions(const struct shap *shap, const float *row, double *contributions)
{
    static const double ones[POINTS_MAX] = {1, 1, 1, 1, 1, 1};
    struct walk walk;
    walk.nodes = shap->nodes;
    walk.row = row;
    walk.contributions = contributions;
    for (uint32_t i = 0; i < shap->n_features; i++) {
        contributions[i] = 0;
        walk.factors[i] = (struct factor){.follows = true, .share = 1};
        memcpy(walk.factors[i].inverse, ones, sizeof ones);
    }
    for (uint32_t i = 0; i < shap->n_trees; i++) {
        double sum[POINTS_MAX] = {0};
        walk.n_points = shap->n_points[i];
        walk.rule = &shap->rules[walk.n_points];
        descend(&walk, shap->roots[i], ones, sum);
    }
}
