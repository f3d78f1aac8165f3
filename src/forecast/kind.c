/* The table of kinds. Parameters are read, checked and written by the functions for kinds of model: what those need of a kind
 * is its name and its table of parameters. */
#include "alphaloop/forecast/kind.h"

#include <assert.h>

#define FORECAST_KIND(name) extern const struct forecast_kind forecast_kind_##name;
#include "alphaloop/tbl/forecast_kinds.def"
#undef FORECAST_KIND

static const struct forecast_kind *const kinds[] = {
#define FORECAST_KIND(name) &forecast_kind_##name,
#include "alphaloop/tbl/forecast_kinds.def"
#undef FORECAST_KIND
};

const struct forecast_kind *forecast_kind_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (slice_is(name, kinds[i]->name))
            return kinds[i];
    }
    return NULL;
}

size_t forecast_kind_count(void)
{
    return COUNT_OF(kinds);
}

const struct forecast_kind *forecast_kind_at(size_t index)
{
    assert(index < COUNT_OF(kinds));
    return kinds[index];
}

static struct model_kind named(const struct forecast_kind *kind)
{
    return (struct model_kind){
        .name = kind->name, .params = kind->params, .n_params = kind->n_params};
}

void forecast_params_default(const struct forecast_kind *kind, struct model_params *out)
{
    struct model_kind of = named(kind);
    model_params_default(&of, out);
}

enum al_err forecast_params_read(const struct forecast_kind *kind,
                                 struct json_node *object,
                                 struct model_params *out)
{
    struct model_kind of = named(kind);
    return model_params_read(&of, object, out);
}

void forecast_params_write(const struct forecast_kind *kind,
                           const struct model_params *params,
                           struct json_writer *w)
{
    struct model_kind of = named(kind);
    model_params_write(&of, params, w);
}
