/* The nodes of a model between its formats: as the library's JSON has them, before the walker's layout. */
#ifndef ALPHALOOP_MODEL_TREES_I_H
#define ALPHALOOP_MODEL_TREES_I_H

#include <stdbool.h>

#include "alphaloop/model/trees.h"

#define TREE_LEAF         UINT32_C(0x7fffffff)
#define TREE_DEFAULT_LEFT UINT32_C(0x80000000)

struct tree_node {
    uint32_t feature;     /* | TREE_DEFAULT_LEFT; TREE_LEAF for a leaf */
    float value;          /* threshold, or what the leaf adds */
    uint32_t left, right; /* index within the tree, larger than their parent's; 0 in a leaf */
    float cover;          /* sum of the Hessians of the teachers that came here, >= 0 */
};

struct tree_list {
    uint32_t n_trees, n_features, n_nodes;
    float base_margin;
    bool has_covers;         /* a file of format 1 has none: every cover is 0 */
    uint32_t *tree_nodes;    /* [n_trees] nodes of each */
    struct tree_node *nodes; /* [n_nodes], tree after tree */
};

void tree_list_deinit(struct tree_list *list);
void tree_list_write(const struct tree_list *list, struct buf *out);
MUST_CHECK enum al_err tree_list_read(struct slice bytes,
                                      struct tree_list *out); /* checks every bound */

/* The same trees laid out for explanations (shap.c). The list has covers, and no tree is deeper than TREES_DEPTH_MAX. */
struct shap;
MUST_CHECK enum al_err shap_create(const struct tree_list *list, struct shap **out);
void shap_destroy(struct shap *shap); /* NULL is fine */
double shap_bias(const struct shap *shap);
void shap_contributions(const struct shap *shap, const float *row, double *contributions);

#endif
