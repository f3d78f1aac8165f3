/* The walker.
 *
 * One row walks eight trees at a time. The eight are padded to perfect trees of the same depth and stored interleaved in heap
 * order: node i of all eight lies in one run of memory, its children are 2i + 1 and 2i + 2, so a step is a compare and an
 * addition without a branch, and the eight steps of a level do not wait for each other. Below a leaf of a shallow tree the
 * padding repeats the leaf, so whichever way it is walked the answer is the same.
 *
 * `v < threshold` goes left. A missing value goes where its node says, without asking: the row is copied twice, once with
 * -infinity for what is missing and once with +infinity, and a node looks into the copy that sends it its way. Thresholds
 * are finite, so no comparison changes. Leaves are added in float in the order of the trees: any other order would round
 * differently from the library.
 */
#include "trees_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES 8U

struct split {
    float threshold;
    uint32_t
        column; /* of the row's two copies: the feature, plus n_features where missing goes right */
};

struct lane_group {
    uint32_t depth, n_features;
    uint32_t n_trees;     /* 1..LANES; the other lanes hold leaves that are not added */
    struct split *splits; /* [2^depth - 1][LANES] */
    float *leaves;        /* [2^depth][LANES] */
};

struct trees {
    uint32_t n_trees, n_features, n_nodes, n_groups;
    float base_margin;
    struct lane_group *groups;
    struct shap *shap; /* NULL without covers */
};

/* Splits between root and the deepest leaf; TREES_DEPTH_MAX + 1 when there are more, or when two ways lead to one node, so
 * that it is no tree. Children come after parents, so one pass from the root fills in every depth. */
static uint32_t tree_depth(const struct tree_node *nodes, uint32_t n_nodes, uint8_t *depths)
{
    uint32_t deepest = 0;
    memset(depths, 0, n_nodes);
    for (uint32_t i = 0; i < n_nodes; i++) {
        if (depths[i] > deepest)
            deepest = depths[i];
        if (nodes[i].feature == TREE_LEAF)
            continue;
        uint8_t *left = &depths[nodes[i].left], *right = &depths[nodes[i].right];
        if (depths[i] >= TREES_DEPTH_MAX || left == right || *left != 0 || *right != 0)
            return TREES_DEPTH_MAX + 1;
        *left = *right = (uint8_t)(depths[i] + 1);
    }
    return deepest;
}

static struct split split_of(const struct tree_node *node, uint32_t n_features)
{
    bool missing_left = (node->feature & TREE_DEFAULT_LEFT) != 0;
    uint32_t feature = node->feature & ~TREE_DEFAULT_LEFT;
    return (struct split){node->value, missing_left ? feature : n_features + feature};
}

/* Node `at` of the tree becomes node `heap` of the lane, and so on below it: at most TREES_DEPTH_MAX deep. */
static void pad(const struct lane_group *group,
                uint32_t lane,
                const struct tree_node *nodes,
                uint32_t at,
                uint32_t heap,
                uint32_t depth_left)
{
    const struct tree_node *node = &nodes[at];
    bool is_leaf = node->feature == TREE_LEAF;
    if (depth_left == 0) {
        uint32_t first_leaf = (1U << group->depth) - 1;
        group->leaves[(heap - first_leaf) * LANES + lane] = node->value;
        return;
    }
    if (!is_leaf)
        group->splits[heap * LANES + lane] = split_of(node, group->n_features);
    pad(group, lane, nodes, is_leaf ? at : node->left, 2 * heap + 1, depth_left - 1);
    pad(group, lane, nodes, is_leaf ? at : node->right, 2 * heap + 2, depth_left - 1);
}

static enum al_err group_fill(struct lane_group *group,
                              const struct tree_node *nodes,
                              const uint32_t *tree_nodes)
{
    size_t n_leaves = (size_t)1 << group->depth;
    group->splits = calloc((n_leaves - 1) * LANES + 1, sizeof *group->splits);
    group->leaves = calloc(n_leaves * LANES, sizeof *group->leaves);
    if (group->splits == NULL || group->leaves == NULL)
        return err_set(AL_ENOMEM, "trees");
    for (uint32_t lane = 0; lane < group->n_trees; lane++) {
        pad(group, lane, nodes, 0, 0, group->depth);
        nodes += tree_nodes[lane];
    }
    return AL_OK;
}

/* The deepest of a group's trees, and how many nodes they have together. */
static enum al_err group_measure(struct lane_group *group,
                                 const struct tree_node *nodes,
                                 const uint32_t *tree_nodes,
                                 uint8_t *depths,
                                 size_t *n_nodes)
{
    *n_nodes = 0;
    for (uint32_t lane = 0; lane < group->n_trees; lane++) {
        uint32_t depth = tree_depth(nodes + *n_nodes, tree_nodes[lane], depths);
        if (depth > TREES_DEPTH_MAX)
            return err_set(AL_ERANGE, "a tree is deeper than %d, or none", TREES_DEPTH_MAX);
        if (depth > group->depth)
            group->depth = depth;
        *n_nodes += tree_nodes[lane];
    }
    return AL_OK;
}

static enum al_err build_groups(struct trees *trees, const struct tree_list *list, uint8_t *depths)
{
    const struct tree_node *nodes = list->nodes;
    for (uint32_t g = 0; g < trees->n_groups; g++) {
        struct lane_group *group = &trees->groups[g];
        const uint32_t *tree_nodes = &list->tree_nodes[g * LANES];
        size_t n_nodes;
        group->n_features = trees->n_features;
        group->n_trees = list->n_trees - g * LANES < LANES ? list->n_trees - g * LANES : LANES;
        enum al_err err = group_measure(group, nodes, tree_nodes, depths, &n_nodes);
        if (err == AL_OK)
            err = group_fill(group, nodes, tree_nodes);
        if (err != AL_OK)
            return err;
        nodes += n_nodes;
    }
    return AL_OK;
}

static enum al_err trees_build(const struct tree_list *list, struct trees **out)
{
    struct trees *trees = calloc(1, sizeof *trees);
    uint8_t *depths = malloc(list->n_nodes);
    enum al_err err = AL_OK;
    if (trees != NULL) {
        trees->n_trees = list->n_trees;
        trees->n_features = list->n_features;
        trees->n_nodes = list->n_nodes;
        trees->base_margin = list->base_margin;
        trees->groups = calloc((list->n_trees + LANES - 1) / LANES, sizeof *trees->groups);
    }
    if (trees == NULL || depths == NULL || trees->groups == NULL) {
        err = err_set(AL_ENOMEM, "trees");
    } else {
        trees->n_groups = (list->n_trees + LANES - 1) / LANES;
        err = build_groups(trees, list, depths);
    }
    if (err == AL_OK && list->has_covers)
        err = shap_create(list, &trees->shap);
    free(depths);
    if (err != AL_OK)
        trees_destroy(trees);
    else
        *out = trees;
    return err;
}

enum al_err trees_load(struct slice bytes, struct trees **out)
{
    struct tree_list list;
    enum al_err err = tree_list_read(bytes, &list);
    if (err != AL_OK)
        return err;
    err = trees_build(&list, out);
    tree_list_deinit(&list);
    return err;
}

void trees_destroy(struct trees *trees)
{
    if (trees == NULL)
        return;
    for (uint32_t g = 0; g < trees->n_groups; g++) {
        free(trees->groups[g].splits);
        free(trees->groups[g].leaves);
    }
    free(trees->groups);
    shap_destroy(trees->shap);
    free(trees);
}

size_t trees_count(const struct trees *trees)
{
    return trees->n_trees;
}

size_t trees_n_features(const struct trees *trees)
{
    return trees->n_features;
}

size_t trees_n_nodes(const struct trees *trees)
{
    return trees->n_nodes;
}

/* The row with what is missing below every threshold, then the row with it above. */
static void copy_twice(const float *row, size_t n_features, float *twice)
{
    for (size_t i = 0; i < n_features; i++) {
        bool is_missing = isnan(row[i]);
        twice[i] = is_missing ? -INFINITY : row[i];
        twice[n_features + i] = is_missing ? INFINITY : row[i];
    }
}

static inline float group_add(const struct lane_group *group, const float *twice, float margin)
{
    uint32_t at[LANES] = {0}; /* within the level */
    const struct split *level = group->splits;
    for (uint32_t depth = 0; depth < group->depth; depth++) {
#pragma GCC unroll 8
        for (uint32_t lane = 0; lane < LANES; lane++) {
            const struct split *split = &level[at[lane] * LANES + lane];
            at[lane] = 2 * at[lane] + !(twice[split->column] < split->threshold);
        }
        level += (size_t)LANES << depth;
    }
    for (uint32_t lane = 0; lane < group->n_trees; lane++)
        margin += group->leaves[at[lane] * LANES + lane];
    return margin;
}

static float score(const struct trees *trees, const float *row, float *twice)
{
    float margin = trees->base_margin;
    copy_twice(row, trees->n_features, twice);
    for (uint32_t g = 0; g < trees->n_groups; g++)
        margin = group_add(&trees->groups[g], twice, margin);
    return margin;
}

float trees_score(const struct trees *trees, const float *row)
{
    float twice[2 * TREES_FEATURES_MAX];
    return score(trees, row, twice);
}

void trees_score_rows(const struct trees *trees, const float *x, size_t n_rows, float *margins)
{
    for (size_t i = 0; i < n_rows; i++)
        margins[i] = trees_score(trees, x + i * trees->n_features);
}

bool trees_has_contributions(const struct trees *trees)
{
    return trees->shap != NULL;
}

double trees_bias(const struct trees *trees)
{
    return trees->shap == NULL ? 0 : shap_bias(trees->shap);
}

bool trees_contributions(const struct trees *trees, const float *row, double *contributions)
{
    if (trees->shap == NULL)
        return false;
    shap_contributions(trees->shap, row, contributions);
    return true;
}
