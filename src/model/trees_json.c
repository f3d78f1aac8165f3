/* From the library's JSON to a list of nodes. Thresholds and leaves are printed there as the shortest text of a float, so
 * they are read with strtof: through double they could be rounded twice. */
#include "trees_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/json.h"

#define MODEL_JSON_MAX   (1024U * 1024 * 1024)
#define MODEL_JSON_DEPTH 32

static enum al_err read_u32(struct json_node *node, const char *field, uint32_t max, uint32_t *out)
{
    char text[24];
    struct slice source = json_text(node);
    char *end;
    if (node == NULL || source.len == 0 || source.len >= sizeof text)
        return err_set(AL_EPARSE, "model JSON: %s is missing or no number", field);
    memcpy(text, source.ptr, source.len);
    text[source.len] = '\0';
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || value < 0 || value > (long long)max)
        return err_set(AL_ERANGE, "model JSON: %s is %s, allowed is 0 to %u", field, text, max);
    *out = (uint32_t)value;
    return AL_OK;
}

/* A number, or text of one, in later versions of the library also text of a list of one ("[5E-1]"). */
static enum al_err read_float(struct json_node *node, const char *field, float *out)
{
    char text[40];
    struct slice source = json_text(node);
    char *end;
    if (node != NULL && source.len >= 2 && source.ptr[0] == '[' &&
        source.ptr[source.len - 1] == ']')
        source = (struct slice){source.ptr + 1, source.len - 2};
    if (node == NULL || source.len == 0 || source.len >= sizeof text)
        return err_set(AL_EPARSE, "model JSON: %s is missing or no number", field);
    memcpy(text, source.ptr, source.len);
    text[source.len] = '\0';
    *out = strtof(text, &end);
    if (*end != '\0' || !isfinite(*out))
        return err_set(AL_EPARSE, "model JSON: %s is %s, not a finite number", field, text);
    return AL_OK;
}

static struct json_node *member(struct json_node *node, const char *path)
{
    char name[64];
    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        memcpy(name, path, length);
        name[length] = '\0';
        node = json_get(node, name);
        path += length + (path[length] == '.');
    }
    return node;
}

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
    enum al_err err = read_float(json_at(arrays->values, index), "split_conditions", &out->value);
    if (err == AL_OK)
        err = read_float(json_at(arrays->covers, index), "sum_hessian", &out->cover);
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
    err = read_u32(json_at(arrays->left, index), "left_children", n_nodes - 1, &out->left);
    if (err == AL_OK)
        err = read_u32(json_at(arrays->right, index), "right_children", n_nodes - 1, &out->right);
    if (err == AL_OK)
        err = read_u32(json_at(arrays->features, index), "split_indices", n_features - 1,
                       &out->feature);
    if (err == AL_OK && is_true(json_at(arrays->default_left, index)))
        out->feature |= TREE_DEFAULT_LEFT;
    return err;
}

static enum al_err read_tree(struct json_node *tree, struct tree_list *list, uint32_t tree_index)
{
    struct tree_arrays arrays;
    uint32_t n_nodes = 0, n_deleted = 0;
    enum al_err err =
        read_u32(member(tree, "tree_param.num_nodes"), "num_nodes", TREES_NODES_MAX, &n_nodes);
    if (err == AL_OK)
        err = read_u32(member(tree, "tree_param.num_deleted"), "num_deleted", 0, &n_deleted);
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

static enum al_err check_head(struct json_node *learner)
{
    uint32_t n_class = 0, n_target = 1;
    struct slice booster = json_text(member(learner, "gradient_booster.name"));
    if (!slice_is(booster, "gbtree"))
        return err_set(AL_EVERSION, "model JSON: booster '%.*s' is not known to the walker",
                       (int)booster.len, booster.ptr);
    enum al_err err =
        read_u32(member(learner, "learner_model_param.num_class"), "num_class", 1, &n_class);
    if (err == AL_OK && member(learner, "learner_model_param.num_target") != NULL)
        err =
            read_u32(member(learner, "learner_model_param.num_target"), "num_target", 1, &n_target);
    return err;
}

/* The margin of a probability, in float, as the library computes it. */
static enum al_err read_base_margin(struct json_node *learner, float *out)
{
    float p;
    enum al_err err =
        read_float(member(learner, "learner_model_param.base_score"), "base_score", &p);
    if (err == AL_OK && !(p > 0 && p < 1))
        err = err_set(AL_ERANGE, "model JSON: base_score is not between 0 and 1");
    if (err == AL_OK)
        *out = -logf(1.0F / p - 1.0F);
    return err;
}

static enum al_err read_learner(struct json_node *learner, struct tree_list *list)
{
    struct json_node *trees = member(learner, "gradient_booster.model.trees");
    enum al_err err = check_head(learner);
    if (err == AL_OK)
        err = read_base_margin(learner, &list->base_margin);
    if (err == AL_OK)
        err = read_u32(member(learner, "learner_model_param.num_feature"), "num_feature",
                       TREES_FEATURES_MAX, &list->n_features);
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
