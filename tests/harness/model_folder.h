/* The files of a small trained model, as the trainer would write them. */
#ifndef ALPHALOOP_TESTS_HARNESS_MODEL_FOLDER_H
#define ALPHALOOP_TESTS_HARNESS_MODEL_FOLDER_H

#include "alphaloop/model/scorer.h"
#include "harness/learnable.h"

struct model_folder {
    struct learnable rows;
    struct manifest *manifest;
    struct buf manifest_json, trees, probe, model, novelty;
};

void model_folder_init(struct model_folder *folder, const char *kind);
void model_folder_init_wide(struct model_folder *folder, const char *kind, size_t n_cols);
void model_folder_deinit(struct model_folder *folder);
void model_folder_write_manifest(
    struct model_folder *folder); /* again, after the manifest was changed */
struct model_files model_folder_files(const struct model_folder *folder); /* borrows */
struct manifest *manifest_example(void); /* every field filled in; free() */

#endif
