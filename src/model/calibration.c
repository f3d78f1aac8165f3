#include "alphaloop/model/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "calibration_i.h"

#define NEWTON_STEPS_MAX 100
#define NEWTON_RIDGE     1e-12 /* keeps the Hessian invertible */
#define NEWTON_STEP_MIN  1e-10
#define GRADIENT_SMALL   1e-6 /* per unit of weight: the loss can fall no further in doubles */

/* ---- targets ---- */

enum al_err class_targets_of(const struct calibration_rows *rows, struct class_targets *out)
{
    double class_weight[2] = {0, 0};
    for (size_t i = 0; i < rows->n; i++)
        class_weight[rows->labels[i] > 0] += calibration_weight(rows, i);
    if (!(class_weight[0] > 0 && class_weight[1] > 0))
        return err_set(AL_ESHORT, "calibration: all %zu outcomes are the same", rows->n);
    out->target[0] = 1.0 / (class_weight[0] + 2.0);
    out->target[1] = (class_weight[1] + 1.0) / (class_weight[1] + 2.0);
    out->weight = class_weight[0] + class_weight[1];
    double good = class_weight[0] * out->target[0] + class_weight[1] * out->target[1];
    out->base_log_odds = log(good / (out->weight - good));
    return AL_OK;
}

/* ---- platt ---- */

static double platt_loss(const struct calibration_rows *rows,
                         const struct class_targets *targets,
                         const struct platt *p)
{
    double loss = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double z = p->a * (double)rows->margins[i] + p->b;
        loss +=
            calibration_weight(rows, i) * logistic_loss(targets->target[rows->labels[i] > 0], -z);
    }
    return loss;
}

struct newton {
    double g_a, g_b, h_aa, h_ab, h_bb;
};

static struct newton platt_derivatives(const struct calibration_rows *rows,
                                       const struct class_targets *targets,
                                       const struct platt *p)
{
    struct newton d = {.h_aa = NEWTON_RIDGE, .h_bb = NEWTON_RIDGE};
    for (size_t i = 0; i < rows->n; i++) {
        double f = (double)rows->margins[i], w = calibration_weight(rows, i);
        double q = platt_apply(p, f);
        double slope = w * (targets->target[rows->labels[i] > 0] - q), bend = w * q * (1.0 - q);
        d.g_a += f * slope;
        d.g_b += slope;
        d.h_aa += f * f * bend;
        d.h_ab += f * bend;
        d.h_bb += bend;
    }
    return d;
}

/* Halve the step until the loss falls enough (Armijo). False when no step does. */
static bool platt_step(const struct calibration_rows *rows,
                       const struct class_targets *targets,
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
        double next_loss = platt_loss(rows, targets, &next);
        if (next_loss < *loss + 1e-4 * step * downhill) {
            *p = next;
            *loss = next_loss;
            return true;
        }
    }
    return false;
}

enum al_err platt_fit(const struct calibration_rows *rows, struct platt *out)
{
    struct class_targets targets;
    enum al_err err = class_targets_of(rows, &targets);
    if (err != AL_OK)
        return err;
    struct platt p = {0, -targets.base_log_odds};
    double loss = platt_loss(rows, &targets, &p);
    for (int i = 0; i < NEWTON_STEPS_MAX; i++) {
        struct newton d = platt_derivatives(rows, &targets, &p);
        double small = GRADIENT_SMALL * targets.weight;
        bool is_flat = fabs(d.g_a) < small && fabs(d.g_b) < small;
        if (is_flat || !platt_step(rows, &targets, &d, &p, &loss)) {
            if (!isfinite(p.a) || !isfinite(p.b))
                break;
            /* Out of fold a higher margin meant less: the model knows nothing, so it says the base rate. */
            *out = p.a > 0 ? (struct platt){0, -targets.base_log_odds} : p;
            return AL_OK;
        }
    }
    return err_set(AL_EMODEL, "calibration does not converge");
}

double platt_apply(const struct platt *platt, double margin)
{
    return sigmoid(-(platt->a * margin + platt->b));
}

/* ---- v ---- */

struct moments {
    double w, q, net, qq, q_net; /* weighted means but for w */
};

static struct moments value_moments(const double *q, const struct calibration_rows *rows)
{
    struct moments m = {0};
    for (size_t i = 0; i < rows->n; i++) {
        double w = calibration_weight(rows, i);
        m.w += w;
        m.q += w * q[i];
        m.net += w * (double)rows->net[i];
    }
    m.q /= m.w;
    m.net /= m.w;
    for (size_t i = 0; i < rows->n; i++) {
        double w = calibration_weight(rows, i), dq = q[i] - m.q;
        m.qq += w * dq * dq / m.w;
        m.q_net += w * dq * ((double)rows->net[i] - m.net) / m.w;
    }
    return m;
}

/* White's covariance of (mean, slope) around the mean of q, then moved to (alpha, beta). */
static void value_covariance(const double *q,
                             const struct calibration_rows *rows,
                             const struct moments *m,
                             double widen,
                             struct value_line *line)
{
    double s_mm = 0, s_mb = 0, s_bb = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double w = calibration_weight(rows, i) / m->w, dq = q[i] - m->q;
        double e = w * ((double)rows->net[i] - line->alpha - line->beta * q[i]);
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
                           const struct calibration_rows *rows,
                           double z,
                           struct value_line *out)
{
    size_t n = rows->n;
    if (n < 3)
        return err_set(AL_ESHORT, "calibration: %zu rows", n);
    struct moments m = value_moments(q, rows);
    double slope = m.qq > 1e-12 ? m.q_net / m.qq : 0;
    *out = (struct value_line){.beta = slope > 0 ? slope : 0, .z = z, .q_min = q[0], .q_max = q[0]};
    out->alpha = m.net - out->beta * m.q;
    for (size_t i = 1; i < n; i++) {
        out->q_min = q[i] < out->q_min ? q[i] : out->q_min;
        out->q_max = q[i] > out->q_max ? q[i] : out->q_max;
    }
    bool is_fewer = rows->n_independent >= 1 && rows->n_independent < (double)n;
    value_covariance(q, rows, &m, is_fewer ? (double)n / rows->n_independent : 1, out);
    return AL_OK;
}

/* ---- both ---- */

static const char *const method_names[] = {
#define METHOD(name) #name,
    CALIBRATION_METHODS(METHOD)
#undef METHOD
};

const char *calibration_method_name(enum calibration_method method)
{
    return method_names[method];
}

enum al_err calibration_fit_q(enum calibration_method method,
                              const struct calibration_rows *rows,
                              struct calibration *out)
{
    *out = (struct calibration){
        .method = method, .n_rows = rows->n, .n_independent = rows->n_independent};
    switch (method) {
    case CALIBRATION_beta:
        return beta_fit(rows, &out->beta);
    case CALIBRATION_isotonic:
        return isotonic_fit(rows, ISOTONIC_KNOTS_MAX, &out->isotonic);
    default:
        return platt_fit(rows, &out->platt);
    }
}

enum al_err calibration_fit(enum calibration_method method,
                            const struct calibration_rows *rows,
                            double z,
                            struct calibration *out)
{
    enum al_err err = calibration_fit_q(method, rows, out);
    if (err != AL_OK)
        return err;
    double *q = malloc((rows->n + 1) * sizeof *q);
    if (q == NULL)
        return err_set(AL_ENOMEM, "calibration");
    for (size_t i = 0; i < rows->n; i++)
        q[i] = calibration_q(out, (double)rows->margins[i]);
    err = value_line_fit(q, rows, z, &out->value);
    free(q);
    return err;
}

double calibration_q(const struct calibration *calibration, double margin)
{
    switch (calibration->method) {
    case CALIBRATION_beta:
        return beta_apply(&calibration->beta, margin);
    case CALIBRATION_isotonic:
        return isotonic_apply(&calibration->isotonic, margin);
    default:
        return platt_apply(&calibration->platt, margin);
    }
}

struct prediction calibration_apply(const struct calibration *calibration, double margin)
{
    const struct value_line *line = &calibration->value;
    double q = calibration_q(calibration, margin);
    double inside = fmin(fmax(q, line->q_min), line->q_max);
    double variance = line->var_alpha + 2 * inside * line->cov + inside * inside * line->var_beta;
    double v = line->alpha + line->beta * inside;
    return (struct prediction){.q = q, .v = v, .v_low = v - line->z * sqrt(fmax(variance, 0))};
}

/* ---- JSON ---- */

/* FIELD(name, member, min, max): one truth for writing and reading. The first ones belong to a method. */
#define PLATT_FIELDS(FIELD)                                                                        \
    FIELD("platt_a", platt.a, -1e6, 0)                                                             \
    FIELD("platt_b", platt.b, -1e6, 1e6)
#define BETA_FIELDS(FIELD)                                                                         \
    FIELD("beta_a", beta.a, 0, 1e6)                                                                \
    FIELD("beta_b", beta.b, 0, 1e6)                                                                \
    FIELD("beta_c", beta.c, -1e6, 1e6)
#define VALUE_FIELDS(FIELD)                                                                        \
    FIELD("value_alpha", value.alpha, -1e3, 1e3)                                                   \
    FIELD("value_beta", value.beta, 0, 1e3)                                                        \
    FIELD("value_var_alpha", value.var_alpha, -1e-12, 1e9)                                         \
    FIELD("value_cov", value.cov, -1e9, 1e9)                                                       \
    FIELD("value_var_beta", value.var_beta, -1e-12, 1e9)                                           \
    FIELD("value_z", value.z, 0, 100)                                                              \
    FIELD("q_min", value.q_min, 0, 1)                                                              \
    FIELD("q_max", value.q_max, 0, 1)                                                              \
    FIELD("n_independent", n_independent, 0, 1e12)

static void write_numbers(struct json_writer *w, const char *key, const double *values, size_t n)
{
    json_w_key(w, key);
    json_w_array(w);
    for (size_t i = 0; i < n; i++)
        json_w_double(w, values[i]);
    json_w_end_array(w);
}

void calibration_write(const struct calibration *calibration, struct json_writer *w)
{
    json_w_object(w);
    json_m_str(w, "method", calibration_method_name(calibration->method));
    json_m_i64(w, "n_rows", (int64_t)calibration->n_rows);
#define WRITE(name, member, min, max)                                                              \
    json_w_key(w, name);                                                                           \
    json_w_double(w, calibration->member);
    if (calibration->method == CALIBRATION_platt) {
        PLATT_FIELDS(WRITE)
    } else if (calibration->method == CALIBRATION_beta) {
        BETA_FIELDS(WRITE)
    } else {
        const struct isotonic *isotonic = &calibration->isotonic;
        write_numbers(w, "knot_margins", isotonic->margin, isotonic->n_knots);
        write_numbers(w, "knot_q", isotonic->q, isotonic->n_knots);
    }
    VALUE_FIELDS(WRITE)
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

static bool read_numbers(struct json_node *list, double *out, size_t *n)
{
    struct json_cursor cursor = {0};
    *n = 0;
    if (!json_is_array(list) || json_length(list) > ISOTONIC_KNOTS_MAX)
        return false;
    while (json_walk(list, &cursor)) {
        if (cursor.value == NULL || json_double(cursor.value, &out[(*n)++]) != AL_OK)
            return false;
    }
    return *n > 0;
}

static enum al_err read_isotonic(struct json_node *object, struct isotonic *out)
{
    size_t n_margins, n_q;
    bool good = read_numbers(json_get(object, "knot_margins"), out->margin, &n_margins) &&
                read_numbers(json_get(object, "knot_q"), out->q, &n_q) && n_margins == n_q;
    out->n_knots = good ? n_margins : 0;
    for (size_t i = 0; i < out->n_knots && good; i++)
        good = out->q[i] > 0 && out->q[i] < 1 &&
               (i == 0 || (out->margin[i] > out->margin[i - 1] && out->q[i] >= out->q[i - 1]));
    return good ? AL_OK
                : err_set(AL_EPARSE,
                          "calibration.knot_margins and knot_q must be up to %d pairs, "
                          "margins rising, q in (0, 1) and not falling",
                          ISOTONIC_KNOTS_MAX);
}

static enum al_err read_method(struct json_node *object, struct calibration *out)
{
    for (size_t i = 0; i < CALIBRATION_METHOD_COUNT; i++) {
        if (slice_is(json_text(json_get(object, "method")), method_names[i])) {
            out->method = (enum calibration_method)i;
            return AL_OK;
        }
    }
    return err_set(AL_EPARSE, "calibration is missing, or its method is not known");
}

enum al_err calibration_read(struct json_node *object, struct calibration *out)
{
    int64_t n_rows = 0;
    *out = (struct calibration){0};
    enum al_err err = read_method(object, out);
    if (err != AL_OK)
        return err;
    if (json_get(object, "n_rows") == NULL ||
        json_i64(json_get(object, "n_rows"), &n_rows) != AL_OK || n_rows < 0)
        return err_set(AL_EPARSE, "calibration.n_rows is not a whole number from 0 on");
    out->n_rows = (size_t)n_rows;
#define READ(name, member, min, max)                                                               \
    if (err == AL_OK)                                                                              \
        err = read_number(object, name, min, max, &out->member);
    if (out->method == CALIBRATION_platt) {
        PLATT_FIELDS(READ)
    } else if (out->method == CALIBRATION_beta) {
        BETA_FIELDS(READ)
    } else {
        err = read_isotonic(object, &out->isotonic);
    }
    VALUE_FIELDS(READ)
#undef READ
    return err;
}
