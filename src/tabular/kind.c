#include "kind_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/linear.h"

#define TABULAR_KIND(name) extern const struct tabular_kind tabular_kind_##name;
#include "alphaloop/tbl/tabular_kinds.def"
#undef TABULAR_KIND

static const struct tabular_kind *const kinds[] = {
#define TABULAR_KIND(name) &tabular_kind_##name,
#include "alphaloop/tbl/tabular_kinds.def"
#undef TABULAR_KIND
};

const char *tabular_task_name(enum tabular_task task)
{
    return task == TABULAR_REGRESSION ? "regression" : "classification";
}

const struct tabular_kind *tabular_kind_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (slice_is(name, kinds[i]->name))
            return kinds[i];
    }
    return NULL;
}

size_t tabular_kind_count(void)
{
    return COUNT_OF(kinds);
}

const struct tabular_kind *tabular_kind_at(size_t index)
{
    assert(index < COUNT_OF(kinds));
    return kinds[index];
}

/* ---- parameters ---- */

static enum al_err unknown_param(const struct tabular_kind *kind, const char *name)
{
    struct buf known = BUF_INIT(400);
    for (size_t i = 0; i < kind->n_params; i++)
        buf_printf(&known, "%s%s", i > 0 ? ", " : "", kind->params[i].name);
    err_set(AL_EINVAL, "parameters: %s has no '%.64s'; it has: %s", kind->name, name,
            kind->n_params > 0 ? buf_str(&known) : "none");
    buf_deinit(&known);
    return AL_EINVAL;
}

static enum al_err read_param(const struct tabular_kind *kind,
                              const char *name,
                              struct json_node *node,
                              struct model_params *out)
{
    for (size_t i = 0; i < kind->n_params; i++) {
        const struct model_param_spec *spec = &kind->params[i];
        double value = spec->value_default;
        if (strcmp(spec->name, name) != 0)
            continue;
        if (node != NULL && (json_is_bool(node) || json_number_or_text(node, &value) != AL_OK))
            return err_set(AL_EINVAL, "parameters: '%s' is not a number", name);
        if (value < spec->min || value > spec->max || (spec->is_integer && value != floor(value)))
            return err_set(AL_ERANGE, "parameters: '%s' is %g: allowed is %s%g to %g", name, value,
                           spec->is_integer ? "a whole number from " : "", spec->min, spec->max);
        out->values[i] = value;
        return AL_OK;
    }
    return unknown_param(kind, name);
}

enum al_err tabular_params_read(const struct tabular_kind *kind,
                                struct json_node *object,
                                struct model_params *out)
{
    struct json_cursor member = {0};
    enum al_err err = AL_OK;
    *out = (struct model_params){0};
    for (size_t i = 0; i < kind->n_params; i++)
        out->values[i] = kind->params[i].value_default;
    if (object != NULL && !json_is_object(object))
        return err_set(AL_EINVAL, "parameters: must be an object");
    while (err == AL_OK && json_walk(object, &member))
        err = read_param(kind, member.key, member.value, out);
    return err;
}

/* ---- fitting ---- */

enum al_err tabular_boost(const struct booster_recipe *recipe,
                          const struct tabular_fit *fit,
                          struct buf *walker)
{
    const struct model_fit call = {
        .train = {.n_rows = fit->n_rows, .n_cols = fit->n_cols, .x = fit->x, .labels = fit->labels},
        .params = fit->params,
        .seed = fit->seed,
    };
    return booster_fit_flat(recipe, &call, walker);
}

enum al_err tabular_constant(size_t n_cols, float score, struct buf *walker)
{
    linear_write_constant(n_cols, score, walker);
    return buf_ok(walker) ? AL_OK : err_set(AL_ERANGE, "a model of %zu columns", n_cols);
}
