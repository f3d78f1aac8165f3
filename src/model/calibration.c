#include "alphaloop/model/calibration.h"

#include <math.h>
#include <stdlib.h>

#define NEWTON_STEPS_MAX 100
#define NEWTON_RIDGE     1e-12 /* keeps the Hessian invertible */
#define NEWTON_STEP_MIN  1e-10
#define GRADIENT_SMALL   1e-6 /* per unit of weight: the loss can fall no further in doubles */

static double weight_at(const float *weights, size_t i)
{
    return weights == NULL ? 1.0 : (double)weights[i];
}

/* ---- q ---- */

/* Rows and the smoothed targets of the two classes (Platt 1999: the posterior mean under a uniform prior). */
struct platt_rows {
    const float *margins, *labels, *weights;
    size_t n;
    double target[2];
    double weight;
};

static double platt_loss(const struct platt_rows *rows, const struct platt *p)
{
    double loss = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double z = p->a * (double)rows->margins[i] + p->b;
        double t = rows->target[rows->labels[i] > 0];
        /* Both forms are -(t log q + (1 - t) log(1 - q)); each is exact where the other overflows. */
        double l = z >= 0 ? t * z + log1p(exp(-z)) : (t - 1.0) * z + log1p(exp(z));
        loss += weight_at(rows->weights, i) * l;
    }
    return loss;
}

struct newton {
    double g_a, g_b, h_aa, h_ab, h_bb;
};

static struct newton platt_derivatives(const struct platt_rows *rows, const struct platt *p)
{
    struct newton d = {.h_aa = NEWTON_RIDGE, .h_bb = NEWTON_RIDGE};
    for (size_t i = 0; i < rows->n; i++) {
        double f = (double)rows->margins[i], w = weight_at(rows->weights, i);
        double q = platt_apply(p, f);
        double slope = w * (rows->target[rows->labels[i] > 0] - q), bend = w * q * (1.0 - q);
        d.g_a += f * slope;
        d.g_b += slope;
        d.h_aa += f * f * bend;
        d.h_ab += f * bend;
        d.h_bb += bend;
    }
    return d;
}

/* Halve the step until the loss falls enough (Armijo). False when no step does. */
static bool platt_step(const struct platt_rows *rows,
                       const struct newton *d,
                       struct platt *p,
                       double *loss)
{
    double det = d->h_aa * d->h_bb - d->h_ab * d->h_ab;
    double da = -(d->h_bb * d->g_a - d->h_ab * d->g_b) / det,
           db = -(d->h_aa * d->g_b - d->h_ab * d->g_a) / det;
    double downhill = d->g_a * da + d->g_b * db;
    for (double step = 1.0; step >= NEWTON_STEP_MIN; step /= 2) {
        struct platt next = {p->a + step * da, p->b + step * db};
        double next_loss = platt_loss(rows, &next);
        if (next_loss < *loss + 1e-4 * step * downhill) {
            *p = next;
            *loss = next_loss;
            return true;
        }
    }
    return false;
}

static enum al_err platt_rows_init(struct platt_rows *rows)
{
    double class_weight[2] = {0, 0};
    for (size_t i = 0; i < rows->n; i++)
        class_weight[rows->labels[i] > 0] += weight_at(rows->weights, i);
    if (!(class_weight[0] > 0 && class_weight[1] > 0))
        return err_set(AL_ESHORT, "calibration: all %zu outcomes are the same", rows->n);
    rows->target[0] = 1.0 / (class_weight[0] + 2.0);
    rows->target[1] = (class_weight[1] + 1.0) / (class_weight[1] + 2.0);
    rows->weight = class_weight[0] + class_weight[1];
    return AL_OK;
}

/* The log-odds that no model would give: of the smoothed base rate. */
static double platt_base(const struct platt_rows *rows)
{
    double good = 0;
    for (size_t i = 0; i < rows->n; i++)
        good += weight_at(rows->weights, i) * rows->target[rows->labels[i] > 0];
    return log((rows->weight - good) / good);
}

enum al_err platt_fit(
    const float *margins, const float *labels, const float *weights, size_t n, struct platt *out)
{
    struct platt_rows rows = {.margins = margins, .labels = labels, .weights = weights, .n = n};
    enum al_err err = platt_rows_init(&rows);
    if (err != AL_OK)
        return err;
    struct platt p = {0, platt_base(&rows)};
    double loss = platt_loss(&rows, &p);
    for (int i = 0; i < NEWTON_STEPS_MAX; i++) {
        struct newton d = platt_derivatives(&rows, &p);
        double small = GRADIENT_SMALL * rows.weight;
        bool is_flat = fabs(d.g_a) < small && fabs(d.g_b) < small;
        if (is_flat || !platt_step(&rows, &d, &p, &loss)) {
            if (!isfinite(p.a) || !isfinite(p.b))
                break;
            /* Out of fold a higher margin meant less: the model knows nothing, so it says the base rate. */
            *out = p.a > 0 ? (struct platt){0, platt_base(&rows)} : p;
            return AL_OK;
        }
    }
    return err_set(AL_EMODEL, "calibration does not converge");
}

double platt_apply(const struct platt *platt, double margin)
{
    double z = platt->a * margin + platt->b;
    return z >= 0 ? exp(-z) / (1.0 + exp(-z)) : 1.0 / (1.0 + exp(z));
}

/* ---- v ---- */

struct moments {
    double w, q, net, qq, q_net; /* weighted means but for w */
};

static struct moments value_moments(const double *q,
                                    const float *net,
                                    const float *weights,
                                    size_t n)
{
    struct moments m = {0};
    for (size_t i = 0; i < n; i++) {
        double w = weight_at(weights, i);
        m.w += w;
        m.q += w * q[i];
        m.net += w * (double)net[i];
    }
    m.q /= m.w;
    m.net /= m.w;
    for (size_t i = 0; i < n; i++) {
        double w = weight_at(weights, i), dq = q[i] - m.q;
        m.qq += w * dq * dq / m.w;
        m.q_net += w * dq * ((double)net[i] - m.net) / m.w;
    }
    return m;
}

/* White's covariance of (mean, slope) around the mean of q, then moved to (alpha, beta). */
static void value_covariance(const double *q,
                             const float *net,
                             const float *weights,
                             size_t n,
                             const struct moments *m,
                             double widen,
                             struct value_line *line)
{
    double s_mm = 0, s_mb = 0, s_bb = 0;
    for (size_t i = 0; i < n; i++) {
        double w = weight_at(weights, i) / m->w, dq = q[i] - m->q;
        double e = w * ((double)net[i] - line->alpha - line->beta * q[i]);
        double slope = line->beta > 0 ? dq / m->qq : 0;
        s_mm += e * e;
        s_mb += e * e * slope;
        s_bb += e * e * slope * slope;
    }
    line->var_beta = widen * s_bb;
    line->cov = widen * (s_mb - m->q * s_bb);
    line->var_alpha = widen * (s_mm - 2 * m->q * s_mb + m->q * m->q * s_bb);
}

enum al_err value_line_fit(const double *q,
                           const float *net,
                           const float *weights,
                           size_t n,
                           double n_independent,
                           double z,
                           struct value_line *out)
{
    if (n < 3)
        return err_set(AL_ESHORT, "calibration: %zu rows", n);
    struct moments m = value_moments(q, net, weights, n);
    double slope = m.qq > 1e-12 ? m.q_net / m.qq : 0;
    *out = (struct value_line){.beta = slope > 0 ? slope : 0, .z = z, .q_min = q[0], .q_max = q[0]};
    out->alpha = m.net - out->beta * m.q;
    for (size_t i = 1; i < n; i++) {
        out->q_min = q[i] < out->q_min ? q[i] : out->q_min;
        out->q_max = q[i] > out->q_max ? q[i] : out->q_max;
    }
    double independent =
        n_independent >= 1 && n_independent < (double)n ? n_independent : (double)n;
    value_covariance(q, net, weights, n, &m, (double)n / independent, out);
    return AL_OK;
}

enum al_err calibration_fit(const float *margins,
                            const float *labels,
                            const float *net,
                            const float *weights,
                            size_t n,
                            double n_independent,
                            double z,
                            struct calibration *out)
{
    *out = (struct calibration){.n_rows = n, .n_independent = n_independent};
    enum al_err err = platt_fit(margins, labels, weights, n, &out->platt);
    if (err != AL_OK)
        return err;
    double *q = malloc(n * sizeof *q);
    if (q == NULL)
        return err_set(AL_ENOMEM, "calibration");
    for (size_t i = 0; i < n; i++)
        q[i] = platt_apply(&out->platt, (double)margins[i]);
    err = value_line_fit(q, net, weights, n, n_independent, z, &out->value);
    free(q);
    return err;
}

struct prediction calibration_apply(const struct calibration *calibration, double margin)
{
    const struct value_line *line = &calibration->value;
    double q = platt_apply(&calibration->platt, margin);
    double inside = fmin(fmax(q, line->q_min), line->q_max);
    double variance = line->var_alpha + 2 * inside * line->cov + inside * inside * line->var_beta;
    double v = line->alpha + line->beta * inside;
    return (struct prediction){.q = q, .v = v, .v_low = v - line->z * sqrt(fmax(variance, 0))};
}

/* ---- JSON ---- */

/* CALIBRATION_FIELD(name, member, min, max): one truth for writing and reading. */
#define CALIBRATION_FIELDS(FIELD)                                                                  \
    FIELD("platt_a", platt.a, -1e6, 0)                                                             \
    FIELD("platt_b", platt.b, -1e6, 1e6)                                                           \
    FIELD("value_alpha", value.alpha, -1e3, 1e3)                                                   \
    FIELD("value_beta", value.beta, 0, 1e3)                                                        \
    FIELD("value_var_alpha", value.var_alpha, -1e-12, 1e9)                                         \
    FIELD("value_cov", value.cov, -1e9, 1e9)                                                       \
    FIELD("value_var_beta", value.var_beta, -1e-12, 1e9)                                           \
    FIELD("value_z", value.z, 0, 100)                                                              \
    FIELD("q_min", value.q_min, 0, 1)                                                              \
    FIELD("q_max", value.q_max, 0, 1)                                                              \
    FIELD("n_independent", n_independent, 0, 1e12)

void calibration_write(const struct calibration *calibration, struct json_writer *w)
{
    json_w_object(w);
    json_w_key(w, "method");
    json_w_str(w, "platt");
    json_w_key(w, "n_rows");
    json_w_i64(w, (int64_t)calibration->n_rows);
#define WRITE(name, member, min, max)                                                              \
    json_w_key(w, name);                                                                           \
    json_w_double(w, calibration->member);
    CALIBRATION_FIELDS(WRITE)
#undef WRITE
    json_w_end_object(w);
}

static enum al_err read_number(
    struct json_node *object, const char *name, double min, double max, double *out)
{
    struct json_node *node = json_get(object, name);
    if (node == NULL || json_double(node, out) != AL_OK)
        return err_set(AL_EPARSE, "calibration.%s is missing or no number", name);
    if (!(*out >= min && *out <= max))
        return err_set(AL_EPARSE, "calibration.%s is %g: allowed is %g to %g", name, *out, min,
                       max);
    return AL_OK;
}

enum al_err calibration_read(struct json_node *object, struct calibration *out)
{
    int64_t n_rows = 0;
    enum al_err err = AL_OK;
    *out = (struct calibration){0};
    if (!json_is_object(object) || !slice_is(json_text(json_get(object, "method")), "platt"))
        return err_set(AL_EPARSE, "calibration is missing, or its method is not platt");
    if (json_get(object, "n_rows") == NULL ||
        json_i64(json_get(object, "n_rows"), &n_rows) != AL_OK || n_rows < 0)
        return err_set(AL_EPARSE, "calibration.n_rows is not a whole number from 0 on");
    out->n_rows = (size_t)n_rows;
#define READ(name, member, min, max)                                                               \
    if (err == AL_OK)                                                                              \
        err = read_number(object, name, min, max, &out->member);
    CALIBRATION_FIELDS(READ)
#undef READ
    return err;
}
