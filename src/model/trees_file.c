/* The file format of trees.h. Reading trusts nothing: a file that passes cannot make a walk leave its tree or run for ever. */
#include "trees_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"

#define HEAD_BYTES 24
#define NODE_BYTES 20 /* of format 1, which has no covers: 16 */

static const char magic[4] = {'A', 'L', 'T', 'R'};

void tree_list_deinit(struct tree_list *list)
{
    free(list->tree_nodes);
    free(list->nodes);
    *list = (struct tree_list){0};
}

void tree_list_write(const struct tree_list *list, struct buf *out)
{
    size_t start = out->len;
    struct sha256 hash;
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, TREES_VERSION);
    buf_put_u32le(out, list->n_trees);
    buf_put_u32le(out, list->n_features);
    buf_put_f32le(out, list->base_margin);
    buf_put_u32le(out, list->n_nodes);
    for (uint32_t i = 0; i < list->n_trees; i++)
        buf_put_u32le(out, list->tree_nodes[i]);
    for (uint32_t i = 0; i < list->n_nodes; i++) {
        buf_put_u32le(out, list->nodes[i].feature);
        buf_put_f32le(out, list->nodes[i].value);
        buf_put_u32le(out, list->nodes[i].left);
        buf_put_u32le(out, list->nodes[i].right);
        buf_put_f32le(out, list->nodes[i].cover);
    }
    if (!buf_ok(out))
        return;
    sha256_of(out->ptr + start, out->len - start, &hash);
    buf_append(out, hash.bytes, sizeof hash.bytes);
}

static enum al_err check_sum(struct slice bytes)
{
    struct sha256 hash;
    if (bytes.len < HEAD_BYTES + sizeof hash.bytes || memcmp(bytes.ptr, magic, sizeof magic) != 0)
        return err_set(AL_EVERIFY, "not a file of trees");
    uint32_t version = u32le_at(bytes.ptr + 4);
    if (version != 1 && version != TREES_VERSION)
        return err_set(AL_EVERSION, "trees of format %u, this program reads 1 and %d", version,
                       TREES_VERSION);
    sha256_of(bytes.ptr, bytes.len - sizeof hash.bytes, &hash);
    if (memcmp(hash.bytes, bytes.ptr + bytes.len - sizeof hash.bytes, sizeof hash.bytes) != 0)
        return err_set(AL_EVERIFY, "the checksum of the trees does not hold");
    return AL_OK;
}

static size_t node_bytes(const struct tree_list *list)
{
    return list->has_covers ? NODE_BYTES : NODE_BYTES - 4;
}

static enum al_err read_head(struct slice bytes, struct tree_list *list)
{
    list->has_covers = u32le_at(bytes.ptr + 4) > 1;
    list->n_trees = u32le_at(bytes.ptr + 8);
    list->n_features = u32le_at(bytes.ptr + 12);
    list->base_margin = f32le_at(bytes.ptr + 16);
    list->n_nodes = u32le_at(bytes.ptr + 20);
    if (list->n_trees == 0 || list->n_trees > TREES_MAX || list->n_nodes > TREES_NODES_MAX ||
        list->n_features == 0 || list->n_features > TREES_FEATURES_MAX ||
        !isfinite(list->base_margin))
        return err_set(AL_EVERIFY, "the head of the trees is out of bounds");
    size_t n_bytes =
        HEAD_BYTES + 4 * (size_t)list->n_trees + node_bytes(list) * (size_t)list->n_nodes + 32;
    if (bytes.len != n_bytes)
        return err_set(AL_EVERIFY, "the trees have %zu bytes instead of %zu", bytes.len, n_bytes);
    list->tree_nodes = malloc(list->n_trees * sizeof *list->tree_nodes);
    list->nodes = malloc((list->n_nodes + (size_t)1) * sizeof *list->nodes);
    return list->tree_nodes != NULL && list->nodes != NULL ? AL_OK : err_set(AL_ENOMEM, "trees");
}

static bool node_is_sound(const struct tree_list *list,
                          const struct tree_node *node,
                          uint32_t index,
                          uint32_t n_nodes)
{
    if (!isfinite(node->value) || !isfinite(node->cover) || node->cover < 0)
        return false;
    if (node->feature == TREE_LEAF)
        return true;
    return (node->feature & ~TREE_DEFAULT_LEFT) < list->n_features && node->left > index &&
           node->left < n_nodes && node->right > index && node->right < n_nodes;
}

static enum al_err read_nodes(const char *at, struct tree_list *list)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < list->n_trees; i++, at += 4) {
        list->tree_nodes[i] = u32le_at(at);
        total += list->tree_nodes[i];
        if (list->tree_nodes[i] == 0)
            return err_set(AL_EVERIFY, "tree %u is empty", i);
    }
    if (total != list->n_nodes)
        return err_set(AL_EVERIFY, "the trees' nodes do not add up");
    struct tree_node *node = list->nodes;
    for (uint32_t i = 0; i < list->n_trees; i++) {
        for (uint32_t k = 0; k < list->tree_nodes[i]; k++, node++, at += node_bytes(list)) {
            *node = (struct tree_node){u32le_at(at), f32le_at(at + 4), u32le_at(at + 8),
                                       u32le_at(at + 12), list->has_covers ? f32le_at(at + 16) : 0};
            if (!node_is_sound(list, node, k, list->tree_nodes[i]))
                return err_set(AL_EVERIFY, "node %u of tree %u is out of bounds", k, i);
        }
    }
    return AL_OK;
}

enum al_err tree_list_read(struct slice bytes, struct tree_list *out)
{
    *out = (struct tree_list){0};
    enum al_err err = check_sum(bytes);
    if (err == AL_OK)
        err = read_head(bytes, out);
    if (err == AL_OK)
        err = read_nodes(bytes.ptr + HEAD_BYTES, out);
    if (err != AL_OK)
        tree_list_deinit(out);
    return err;
}
