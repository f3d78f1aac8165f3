/* Any bytes go through the reader of artefacts, under a checksum that holds, so that what lies behind it is reached; what it
 * accepts predicts some rows. Jobs and last lines are read from the same bytes. */
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/tabular/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void predict(const struct tabular_model *model)
{
    static const char rows[] =
        "[{\"x\":1e30,\"c\":\"u\"},{\"x\":null,\"c\":null},{\"c\":\"?\",\"x\":-7}]";
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *root = NULL;
    struct buf answer = BUF_INIT(1 << 20);
    struct json_writer w;
    json_w_init(&w, &answer);
    json_w_object(&w);
    if (json_read(reader, slice_of(rows), &root) == AL_OK &&
        tabular_model_predict(model, root, &w) == AL_OK)
        json_w_end_object(&w);
    json_put(root);
    json_reader_destroy(reader);
    buf_deinit(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct tabular_metrics metrics;
    struct slice text = {(const char *)bytes, n_bytes};
    struct buf file = BUF_INIT(1U << 20);
    struct tabular_model *model = NULL;
    struct tabular_job job;
    struct sha256 hash;
    char error[512];
    sha256_of(bytes, n_bytes, &hash);
    buf_append(&file, bytes, n_bytes);
    buf_append(&file, hash.bytes, sizeof hash.bytes);
    if (buf_ok(&file) && tabular_model_load(buf_slice(&file), &model) == AL_OK)
        predict(model);
    tabular_model_destroy(model);
    (void)!tabular_job_read(text, &job);
    (void)!tabular_end_read(text, &metrics, error);
    buf_deinit(&file);
    return 0;
}
