#include "alphaloop/forecast/oof.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERSION   1
#define ROW_BYTES 20

static const char magic[4] = {'A', 'L', 'F', 'O'};

static void put_i64(struct buf *out, int64_t value)
{
    buf_put_u32le(out, (uint32_t)((uint64_t)value & 0xffffffffU));
    buf_put_u32le(out, (uint32_t)((uint64_t)value >> 32));
}

static int64_t i64_at(const char *bytes)
{
    return (int64_t)((uint64_t)u32le_at(bytes + 4) << 32 | u32le_at(bytes));
}

void forecast_oof_write(const struct forecast_oof *oof, struct buf *out)
{
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, VERSION);
    buf_put_u32le(out, (uint32_t)oof->n_horizons);
    for (size_t h = 0; h < oof->n_horizons; h++) {
        const struct forecast_oof_horizon *horizon = &oof->horizons[h];
        buf_put_u32le(out, horizon->hours);
        buf_put_u32le(out, (uint32_t)horizon->n);
        for (size_t i = 0; i < horizon->n; i++) {
            put_i64(out, horizon->rows[i].ts_ns);
            buf_put_f32le(out, horizon->rows[i].y);
            buf_put_f32le(out, horizon->rows[i].mean);
            buf_put_f32le(out, horizon->rows[i].sigma);
        }
    }
}

static enum al_err read_rows(const char *at, struct forecast_oof_horizon *out)
{
    for (size_t i = 0; i < out->n; i++, at += ROW_BYTES) {
        out->rows[i] = (struct forecast_oof_row){i64_at(at), f32le_at(at + 8), f32le_at(at + 12),
                                                 f32le_at(at + 16)};
        const struct forecast_oof_row *row = &out->rows[i];
        if (!isfinite(row->y) || !isfinite(row->mean) || !(row->sigma > 0) ||
            (i > 0 && row->ts_ns <= out->rows[i - 1].ts_ns))
            return err_set(AL_EVERIFY, "out-of-fold row %zu is out of bounds", i);
    }
    return AL_OK;
}

static enum al_err read_horizon(struct slice *rest, struct forecast_oof_horizon *out)
{
    if (rest->len < 8)
        return err_set(AL_EVERIFY, "out-of-fold forecasts end too soon");
    uint32_t hours = u32le_at(rest->ptr), n = u32le_at(rest->ptr + 4);
    size_t n_bytes = 8 + (size_t)n * ROW_BYTES;
    if (hours == 0 || hours > FORECAST_HOURS_MAX || n > FORECAST_OOF_ROWS_MAX ||
        rest->len < n_bytes)
        return err_set(AL_EVERIFY, "out-of-fold forecasts of %u hours are out of bounds", hours);
    out->hours = hours;
    out->n = n;
    out->rows = malloc((n + 1) * sizeof *out->rows);
    if (out->rows == NULL)
        return err_set(AL_ENOMEM, "%u out-of-fold forecasts", n);
    enum al_err err = read_rows(rest->ptr + 8, out);
    *rest = (struct slice){rest->ptr + n_bytes, rest->len - n_bytes};
    return err;
}

enum al_err forecast_oof_read(struct slice bytes, struct forecast_oof *out)
{
    *out = (struct forecast_oof){0};
    if (bytes.len < 12 || memcmp(bytes.ptr, magic, sizeof magic) != 0)
        return err_set(AL_EVERIFY, "not out-of-fold forecasts");
    if (u32le_at(bytes.ptr + 4) != VERSION)
        return err_set(AL_EVERSION, "out-of-fold forecasts of format %u, this program reads %d",
                       u32le_at(bytes.ptr + 4), VERSION);
    uint32_t n = u32le_at(bytes.ptr + 8);
    struct slice rest = {bytes.ptr + 12, bytes.len - 12};
    enum al_err err = n > FORECAST_HORIZONS_MAX
                          ? err_set(AL_EVERIFY, "out-of-fold forecasts of %u horizons", n)
                          : AL_OK;
    while (err == AL_OK && out->n_horizons < n)
        err = read_horizon(&rest, &out->horizons[out->n_horizons++]);
    if (err == AL_OK && rest.len > 0)
        err = err_set(AL_EVERIFY, "there is more behind the out-of-fold forecasts");
    if (err != AL_OK)
        forecast_oof_deinit(out);
    return err;
}

void forecast_oof_deinit(struct forecast_oof *oof)
{
    for (size_t i = 0; i < FORECAST_HORIZONS_MAX; i++)
        free(oof->horizons[i].rows);
    *oof = (struct forecast_oof){0};
}
