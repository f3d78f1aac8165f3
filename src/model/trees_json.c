/* From the library's JSON to a list of nodes. */
#include "trees_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_json_i.h"

struct tree_arrays {
    struct json_node *left, *right, *features, *values, *default_left, *split_type, *covers;
};

static enum al_err find_arrays(struct json_node *tree, uint32_t n_nodes, struct tree_arrays *out)
{
    const struct {
        const char *name;
        struct json_node **into;
    } wanted[] = {
        {"left_children", &out->left},        {"right_children", &out->right},
        {"split_indices", &out->features},    {"split_conditions", &out->values},
        {"default_left", &out->default_left}, {"split_type", &out->split_type},
        {"sum_hessian", &out->covers},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        *wanted[i].into = json_get(tree, wanted[i].name);
        if (!json_is_array(*wanted[i].into) || json_length(*wanted[i].into) != n_nodes)
            return err_set(AL_EPARSE, "model JSON: %s is not a list of %u", wanted[i].name,
                           n_nodes);
    }
    return AL_OK;
}

/* Whether default_left says left: 1, true, or 0, false. */
static bool is_true(struct json_node *node)
{
    return json_is_true(node) || slice_is(json_text(node), "1");
}

static enum al_err read_node(const struct tree_arrays *arrays,
                             uint32_t index,
                             uint32_t n_nodes,
                             uint32_t n_features,
                             struct tree_node *out)
{
    enum al_err err =
        model_json_float(json_at(arrays->values, index), "split_conditions", &out->value);
    if (err == AL_OK)
        err = model_json_float(json_at(arrays->covers, index), "sum_hessian", &out->cover);
    if (err != AL_OK)
        return err;
    if (out->cover < 0)
        return err_set(AL_ERANGE, "model JSON: a sum_hessian below 0");
    if (slice_is(json_text(json_at(arrays->left, index)), "-1")) {
        *out = (struct tree_node){.feature = TREE_LEAF, .value = out->value, .cover = out->cover};
        return AL_OK;
    }
    if (!slice_is(json_text(json_at(arrays->split_type, index)), "0"))
        return err_set(AL_EVERSION, "model JSON: a split by category is not known to the walker");
    err = model_json_u32(json_at(arrays->left, index), "left_children", n_nodes - 1, &out->left);
    if (err == AL_OK)
        err = model_json_u32(json_at(arrays->right, index), "right_children", n_nodes - 1,
                             &out->right);
    if (err == AL_OK)
        err = model_json_u32(json_at(arrays->features, index), "split_indices", n_features - 1,
                             &out->feature);
    if (err == AL_OK && is_true(json_at(arrays->default_left, index)))
        out->feature |= TREE_DEFAULT_LEFT;
    return err;
}

static enum al_err read_tree(struct json_node *tree, struct tree_list *list, uint32_t tree_index)
{
    struct tree_arrays arrays;
    uint32_t n_nodes = 0, n_deleted = 0;
    enum al_err err = model_json_u32(model_json_member(tree, "tree_param.num_nodes"), "num_nodes",
                                     TREES_NODES_MAX, &n_nodes);
    if (err == AL_OK)
        err = model_json_u32(model_json_member(tree, "tree_param.num_deleted"), "num_deleted", 0,
                             &n_deleted);
    if (err == AL_OK && (n_nodes == 0 || n_nodes > TREES_NODES_MAX - list->n_nodes))
        err = err_set(AL_ERANGE, "model JSON: over %u nodes", TREES_NODES_MAX);
    if (err == AL_OK)
        err = find_arrays(tree, n_nodes, &arrays);
    if (err != AL_OK)
        return err;
    struct tree_node *nodes =
        realloc(list->nodes, (list->n_nodes + (size_t)n_nodes) * sizeof *nodes);
    if (nodes == NULL)
        return err_set(AL_ENOMEM, "%u nodes", n_nodes);
    list->nodes = nodes;
    for (uint32_t i = 0; i < n_nodes && err == AL_OK; i++)
        err = read_node(&arrays, i, n_nodes, list->n_features, &nodes[list->n_nodes + i]);
    list->tree_nodes[tree_index] = n_nodes;
    list->n_nodes += n_nodes;
    return err;
}

static enum al_err read_learner(struct json_node *learner, struct tree_list *list)
{
    struct json_node *trees = model_json_member(learner, "gradient_booster.model.trees");
    enum al_err err = model_json_check(learner, "gbtree");
    if (err == AL_OK)
        err = model_json_base_margin(learner, &list->base_margin);
    if (err == AL_OK)
        err = model_json_u32(model_json_member(learner, "learner_model_param.num_feature"),
                             "num_feature", TREES_FEATURES_MAX, &list->n_features);
    if (err != AL_OK)
        return err;
    if (!json_is_array(trees) || json_length(trees) == 0 || json_length(trees) > TREES_MAX)
        return err_set(AL_ERANGE, "model JSON: not 1 to %u trees", TREES_MAX);
    list->n_trees = (uint32_t)json_length(trees);
    list->tree_nodes = calloc(list->n_trees, sizeof *list->tree_nodes);
    if (list->tree_nodes == NULL)
        return err_set(AL_ENOMEM, "%u trees", list->n_trees);
    struct json_cursor tree = {0};
    for (uint32_t i = 0; err == AL_OK && json_walk(trees, &tree); i++)
        err = read_tree(tree.value, list, i);
    return err;
}

enum al_err trees_flatten(struct slice model_json, struct buf *out)
{
    struct json_node *root = NULL;
    struct tree_list list = {0};
    struct json_reader *reader = json_reader_create(MODEL_JSON_MAX, MODEL_JSON_DEPTH);
    enum al_err err = json_read(reader, model_json, &root);
    if (err == AL_OK)
        err = read_learner(json_get(root, "learner"), &list);
    if (err == AL_OK) {
        tree_list_write(&list, out);
        if (!buf_ok(out))
            err = err_set(AL_ERANGE, "the trees take more bytes than allowed");
    }
    tree_list_deinit(&list);
    json_put(root);
    json_reader_destroy(reader);
    return err;
}
