#include "alphaloop/forecast/forecaster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/forecast/rows.h"

#define RETURN_MAX 10.0F /* log: a price times or by 22 000 is no forecast */

struct forecaster {
    const struct forecast_kind *kind;
    struct forecast_manifest manifest;
    struct feature_set set;
    struct forecast_model *models[FORECAST_HORIZONS_MAX];
};

void forecaster_destroy(struct forecaster *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->manifest.n_horizons; i++)
        f->kind->destroy(f->models[i]);
    free(f);
}

const struct forecast_manifest *forecaster_manifest(const struct forecaster *f)
{
    return &f->manifest;
}

size_t forecaster_n_bars(const struct forecaster *f)
{
    return forecast_rows_wanted(&f->set, f->manifest.interval_ns, f->kind->n_lookback);
}

static enum al_err resolve(struct forecaster *f)
{
    const struct forecast_manifest *m = &f->manifest;
    struct slice names[FEATURES_MAX];
    for (size_t i = 0; i < m->n_features; i++)
        names[i] = slice_of(m->features[i]);
    enum al_err err = feature_set_resolve(names, m->n_features, m->interval_ns, &f->set);
    if (err != AL_OK || !sha256_eq(&f->set.schema_hash, &m->schema_hash))
        return err_set(AL_EVERSION, "forecast %s %llu: the catalogue no longer gives its features",
                       m->name.text, (unsigned long long)m->version);
    return AL_OK;
}

enum al_err forecaster_create(const struct forecast_manifest *manifest,
                              const struct slice *models,
                              struct forecaster **out)
{
    struct forecaster *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(AL_ENOMEM, "a forecaster");
    f->kind = forecast_kind_find(slice_of(manifest->kind));
    f->manifest = *manifest;
    enum al_err err = resolve(f);
    for (size_t i = 0; i < manifest->n_horizons && err == AL_OK; i++) {
        err = forecast_file_check(&manifest->horizons[i].file, models[i]);
        if (err == AL_OK)
            err = f->kind->load(models[i], &f->models[i]);
    }
    if (err != AL_OK) {
        forecaster_destroy(f);
        return err;
    }
    *out = f;
    return AL_OK;
}

static void fill_point(const struct forecast_horizon *horizon,
                       const struct forecast_rows *rows,
                       double coverage,
                       float mean,
                       float spread,
                       struct forecast_point *out)
{
    size_t last = rows->n_rows - 1;
    double bars = (double)(horizon->hours * NS_PER_H) / (double)rows->interval_ns;
    double sigma = (double)rows->sigma[last] * sqrt(bars), base = rows->close[last];
    double radius = horizon->conformal.n_rows > 0
                        ? conformal_radius(&horizon->conformal, coverage) * sigma
                        : (double)NAN;
    bool has_interval = isfinite(radius);
    *out = (struct forecast_point){
        .hours = horizon->hours,
        .base_ns = rows->ts_ns[last],
        .target_ns = rows->ts_ns[last] + horizon->hours * NS_PER_H,
        .base_price = base,
        .price = base * exp((double)mean),
        .low = has_interval ? base * exp((double)mean - radius) : (double)NAN,
        .high = has_interval ? base * exp((double)mean + radius) : (double)NAN,
        .sigma = sigma,
        .spread = (double)spread,
        .naive_scale = base * horizon->measures.mase_scale,
    };
}

static enum al_err predict_rows(const struct forecaster *f,
                                const struct forecast_rows *rows,
                                struct forecast_point *points)
{
    const struct forecast_manifest *m = &f->manifest;
    struct forecast_series series = forecast_rows_series(rows, NULL);
    if (rows->n_rows <= f->kind->n_lookback)
        return err_set(AL_ESHORT, "%zu bars, %zu are needed", rows->n_rows,
                       f->kind->n_lookback + 1);
    size_t last = rows->n_rows - 1;
    for (size_t i = 0; i < m->n_horizons; i++) {
        float mean, spread;
        enum al_err err = f->kind->predict(f->models[i], &series, &last, 1, &mean, &spread);
        if (err != AL_OK)
            return err;
        if (!(fabsf(mean) <= RETURN_MAX))
            return err_set(AL_EMODEL, "the forecast of %u hours is out of all bounds",
                           m->horizons[i].hours);
        fill_point(&m->horizons[i], rows, m->coverage, mean, spread, &points[i]);
    }
    return AL_OK;
}

enum al_err forecaster_predict(const struct forecaster *f,
                               const struct candle *candles,
                               size_t n_candles,
                               struct forecast_point *points)
{
    struct forecast_rows rows;
    enum al_err err = forecast_rows_make(&f->set, &f->manifest.asset, f->manifest.interval_ns,
                                         candles, n_candles, &rows);
    if (err != AL_OK)
        return err;
    err = predict_rows(f, &rows, points);
    forecast_rows_deinit(&rows);
    return err;
}
