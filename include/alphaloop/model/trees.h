/* Boosted trees flattened for scoring: one walk instead of a library.
 *
 * The arithmetic is the library's, bit for bit (measured on 1.7.4): start at the base margin, add one leaf per tree in tree
 * order in float; at a node `value < threshold` goes left, NaN goes where the node says. In memory every tree is padded to
 * a perfect one in heap order, so a walk is `depth` steps without a branch, and eight trees walk side by side.
 *
 * File format "ALTR", little endian, version 2 (version 1 has no covers, and cannot be explained):
 *
 *     magic "ALTR"  u32 version  u32 n_trees  u32 n_features  f32 base_margin  u32 n_nodes (of all trees)
 *     n_trees  x u32 nodes of the tree
 *     n_nodes  x { u32 feature | default_left << 31, or 0x7fffffff for a leaf; f32 threshold or leaf value; u32 left; u32 right;
 *                   f32 cover }
 *     sha256 of all before
 *
 * Children come after their parent within a tree, so no walk can be endless. Checklist for a change: raise TREES_VERSION;
 * keep reading the old one or refuse it by its number; extend trees_test.c and the fuzz corpus; say so in docs/models.md.
 */
#ifndef ALPHALOOP_MODEL_TREES_H
#define ALPHALOOP_MODEL_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define TREES_VERSION      2
#define TREES_MAX          4096
#define TREES_DEPTH_MAX    12 /* a padded tree has 2^depth leaves */
#define TREES_FEATURES_MAX 1024
#define TREES_NODES_MAX    (1U << 22)
#define TREES_BYTES_MAX    (24U + 4U * TREES_MAX + 20U * TREES_NODES_MAX + 32U)

struct trees;

/* From a model in the library's JSON format to the file format. AL_EPARSE, AL_ERANGE (a bound above), AL_EVERSION (something
 * the walker does not know: dart, categories, more than one output). */
MUST_CHECK enum al_err trees_flatten(struct slice model_json, struct buf *out);

/* From the file format. gives *out: trees_destroy(). AL_EVERIFY when the checksum or a bound does not hold. */
MUST_CHECK enum al_err trees_load(struct slice bytes, struct trees **out);
void trees_destroy(struct trees *trees); /* NULL is fine */

size_t trees_count(const struct trees *trees);
size_t trees_n_features(const struct trees *trees);
size_t trees_n_nodes(const struct trees *trees); /* of all trees */

/* Log-odds of one row of trees_n_features() floats; NaN is missing. */
float trees_score(const struct trees *trees, const float *row);
/* float x[n_rows][n_features] -> margins[n_rows]. Every row exactly as trees_score(). */
void trees_score_rows(const struct trees *trees, const float *x, size_t n_rows, float *margins);

/* What each feature adds to the log-odds of one row: Shapley values of the game in which a node whose feature is not in the
 * coalition follows both ways in proportion to their cover (path-dependent TreeSHAP, Lundberg et al. 2018 and 2020). The
 * numbers of the library's pred_contribs, in double.
 *
 *   contributions  out [n_features]; with trees_bias() they sum to trees_score() but for the rounding of its floats
 *   returns        false when the file had no covers (format 1): nothing is written
 */
bool trees_contributions(const struct trees *trees, const float *row, double *contributions);
bool trees_has_contributions(const struct trees *trees);
double trees_bias(
    const struct trees *trees); /* mean log-odds by cover, base margin included; 0 without covers */

#endif
