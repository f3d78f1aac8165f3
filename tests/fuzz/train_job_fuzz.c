/* Any bytes as what parent and child of a training tell each other: a job, and a line of progress. What is accepted is
 * written anew and must read back to the same text. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/train/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void read_job(struct slice text, struct buf *out, struct buf *again)
{
    struct train_job *job = malloc(sizeof *job);
    if (train_job_read(text, job) == AL_OK) {
        train_job_write(job, out);
        enum al_err err = train_job_read(buf_slice(out), job);
        assert(err == AL_OK);
        train_job_write(job, again);
    }
    free(job);
}

static void read_line(struct slice text, struct buf *out, struct buf *again)
{
    struct train_line line;
    if (train_line_read(text, &line) != AL_OK)
        return;
    train_line_write(&line, out);
    enum al_err err = train_line_read(buf_slice(out), &line);
    assert(err == AL_OK);
    train_line_write(&line, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct slice text = {(const char *)bytes, n_bytes};
    struct buf out = BUF_INIT(4 * TRAIN_JOB_BYTES_MAX), again = BUF_INIT(4 * TRAIN_JOB_BYTES_MAX);
    read_job(text, &out, &again);
    assert(buf_ok(&out) && buf_ok(&again) && slice_eq(buf_slice(&out), buf_slice(&again)));
    buf_reset(&out);
    buf_reset(&again);
    read_line(text, &out, &again);
    assert(buf_ok(&out) && buf_ok(&again) && slice_eq(buf_slice(&out), buf_slice(&again)));
    buf_deinit(&out);
    buf_deinit(&again);
    return 0;
}
