/* The table of kinds, and parameters by name: the library takes any name and any value without a word, so a typing mistake
 * would silently train another model. */
#include "alphaloop/model/kind.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_KIND(name) extern const struct model_kind model_kind_##name;
#include "alphaloop/tbl/model_kinds.def"
#undef MODEL_KIND

static const struct model_kind *const kinds[] = {
#define MODEL_KIND(name) &model_kind_##name,
#include "alphaloop/tbl/model_kinds.def"
#undef MODEL_KIND
};

const struct model_kind *model_kind_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (slice_is(name, kinds[i]->name))
            return kinds[i];
    }
    return NULL;
}

size_t model_kind_param(const struct model_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->n_params; i++) {
        if (strcmp(kind->params[i].name, name) == 0)
            return i;
    }
    abort(); /* a kind's own tables name it */
}

size_t model_kind_count(void)
{
    return COUNT_OF(kinds);
}

const struct model_kind *model_kind_at(size_t index)
{
    assert(index < COUNT_OF(kinds));
    return kinds[index];
}

void model_params_default(const struct model_kind *kind, struct model_params *out)
{
    assert(kind->n_params <= MODEL_PARAMS_MAX);
    *out = (struct model_params){0};
    for (size_t i = 0; i < kind->n_params; i++)
        out->values[i] = kind->params[i].value_default;
}

static enum al_err check_value(const struct model_kind *kind,
                               const struct model_param_spec *spec,
                               double value)
{
    bool fits = isfinite(value) && value >= spec->min && value <= spec->max;
    if (fits && (!spec->is_integer || value == floor(value)))
        return AL_OK;
    return err_set(AL_ERANGE, "model.parameters.%s of %s is %g: allowed is %s%g to %g", spec->name,
                   kind->name, value, spec->is_integer ? "a whole number from " : "", spec->min,
                   spec->max);
}

enum al_err model_params_check(const struct model_kind *kind, const struct model_params *params)
{
    for (size_t i = 0; i < kind->n_params; i++) {
        enum al_err err = check_value(kind, &kind->params[i], params->values[i]);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static enum al_err read_param(const struct model_kind *kind,
                              const char *name,
                              struct json_node *node,
                              struct model_params *out)
{
    for (size_t i = 0; i < kind->n_params; i++) {
        if (strcmp(kind->params[i].name, name) != 0)
            continue;
        if (node == NULL || json_double(node, &out->values[i]) != AL_OK)
            return err_set(AL_EINVAL, "model.parameters.%s of %s is not a number", name,
                           kind->name);
        return check_value(kind, &kind->params[i], out->values[i]);
    }
    return err_set(AL_EINVAL, "model.parameters.%.64s: %s has no such parameter", name, kind->name);
}

enum al_err model_params_read(const struct model_kind *kind,
                              struct json_node *object,
                              struct model_params *out)
{
    model_params_default(kind, out);
    if (object == NULL)
        return AL_OK;
    if (!json_is_object(object))
        return err_set(AL_EINVAL, "model.parameters is not an object");
    struct json_cursor cursor = {0};
    while (json_walk(object, &cursor)) {
        enum al_err err = read_param(kind, cursor.key, cursor.value, out);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

void model_params_write(const struct model_kind *kind,
                        const struct model_params *params,
                        struct json_writer *w)
{
    json_w_object(w);
    for (size_t i = 0; i < kind->n_params; i++) {
        json_w_key(w, kind->params[i].name);
        if (kind->params[i].is_integer)
            json_w_i64(w, (int64_t)params->values[i]);
        else
            json_w_double(w, params->values[i]);
    }
    json_w_end_object(w);
}
