/* The body of a training: checked before it is accepted, and read again by the process that trains. */
#include <stdlib.h>

#include "alphaloop/tabular/train.h"

static enum al_err check_names(const struct tabular_kind *kind, const struct tabular_request *r)
{
    size_t n = 0;
    enum al_err err = AL_OK;
    while (kind->features != NULL && kind->features[n] != NULL)
        n++;
    if (kind->features != NULL)
        err = tabular_table_check_names(&r->features, kind->features, n);
    if (err == AL_OK && kind->label != NULL)
        err = tabular_table_check_names(&r->labels, &kind->label, 1);
    return err;
}

static enum al_err read_tables(struct tabular_request *out)
{
    enum al_err err =
        tabular_table_read(json_get(out->root, "features"), "features", &out->features);
    if (err == AL_OK)
        err = tabular_table_read(json_get(out->root, "labels"), "labels", &out->labels);
    if (err == AL_OK && out->features.n_rows != out->labels.n_rows)
        err = err_set(AL_EINVAL, "there are %zu rows of features and %zu of labels",
                      out->features.n_rows, out->labels.n_rows);
    return err == AL_OK ? check_names(out->kind, out) : err;
}

static enum al_err read_root(struct slice body, struct json_node **out)
{
    struct json_reader *reader = json_reader_create(TABULAR_BODY_BYTES_MAX, JSON_DEPTH_MAX);
    enum al_err err =
        reader != NULL ? json_read(reader, body, out) : err_set(AL_ENOMEM, "the body");
    json_reader_destroy(reader);
    if (err == AL_OK && !json_is_object(*out))
        err = err_set(AL_EINVAL, "the body must be an object");
    return err;
}

enum al_err tabular_request_read(const struct tabular_kind *kind,
                                 struct slice body,
                                 struct tabular_request *out)
{
    *out = (struct tabular_request){.kind = kind};
    enum al_err err = read_root(body, &out->root);
    if (err == AL_OK)
        err = tabular_params_read(kind, json_get(out->root, "parameters"), &out->params);
    if (err == AL_OK)
        err = read_tables(out);
    if (err == AL_OK)
        err = tabular_columns_learn(&out->features, &out->columns);
    if (err != AL_OK)
        return err;
    out->values = malloc((out->labels.n_rows + 1) * sizeof *out->values);
    return out->values != NULL
               ? tabular_target_learn(&out->labels, kind->task == TABULAR_CLASSIFICATION,
                                      &out->target, out->values)
               : err_set(AL_ENOMEM, "%zu labels", out->labels.n_rows);
}

void tabular_request_deinit(struct tabular_request *request)
{
    tabular_table_deinit(&request->features);
    tabular_table_deinit(&request->labels);
    tabular_columns_deinit(&request->columns);
    tabular_target_deinit(&request->target);
    free(request->values);
    json_put(request->root);
}
