#include "probe_i.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 16

static const char magic[4] = {'A', 'L', 'P', 'R'};

static void put_floats(struct buf *out, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_put_f32le(out, values[i]);
}

void probe_write(
    const float *x, size_t n_rows, size_t n_cols, const float *margins, struct buf *out)
{
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, PROBE_VERSION);
    buf_put_u32le(out, (uint32_t)n_rows);
    buf_put_u32le(out, (uint32_t)n_cols);
    put_floats(out, x, n_rows * n_cols);
    put_floats(out, margins, n_rows);
}

enum al_err probe_read(struct slice bytes, size_t n_cols, struct probe *out)
{
    if (bytes.len < HEAD_BYTES || memcmp(bytes.ptr, magic, sizeof magic) != 0 ||
        u32le_at(bytes.ptr + 4) != PROBE_VERSION)
        return err_set(AL_EVERIFY, "%s is no probe of format %d", PROBE_FILE_NAME, PROBE_VERSION);
    out->n_rows = u32le_at(bytes.ptr + 8);
    out->n_cols = u32le_at(bytes.ptr + 12);
    if (out->n_rows == 0 || out->n_rows > PROBE_ROWS_MAX || out->n_cols != n_cols)
        return err_set(AL_EVERIFY, "%s has %zu rows of %zu", PROBE_FILE_NAME, out->n_rows,
                       out->n_cols);
    size_t n_floats = out->n_rows * (out->n_cols + 1);
    if (bytes.len != HEAD_BYTES + 4 * n_floats)
        return err_set(AL_EVERIFY, "%s has %zu bytes", PROBE_FILE_NAME, bytes.len);
    out->x = malloc(n_floats * sizeof *out->x);
    if (out->x == NULL)
        return err_set(AL_ENOMEM, "probe");
    for (size_t i = 0; i < n_floats; i++) {
        uint32_t bits = u32le_at(bytes.ptr + HEAD_BYTES + 4 * i);
        memcpy(&out->x[i], &bits, sizeof bits);
    }
    out->margins = out->x + out->n_rows * out->n_cols;
    return AL_OK;
}

void probe_deinit(struct probe *probe)
{
    free(probe->x);
    *probe = (struct probe){0};
}
