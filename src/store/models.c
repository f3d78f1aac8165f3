/* Table models. */
#include "alphaloop/store/models.h"
#include "row_i.h"

static const struct pg_statement register_statement = {
    "models_register",
    "INSERT INTO models (name, type, description, class_name, features_ok, pipeline_ok)"
    " SELECT n, t, d, c, true, true"
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS kind (n, t, d, c)"
    " ON CONFLICT (name) DO NOTHING",
};

static const struct pg_statement pipeline_statement = {
    "models_set_pipeline_ok",
    "UPDATE models SET pipeline_ok = (name = ANY ($1::text[]))"
    " WHERE pipeline_ok <> (name = ANY ($1::text[]))",
};

static const struct pg_statement find_statement = {
    "models_find",
    "SELECT id::bigint FROM models WHERE name = $1::text",
};

static const struct pg_statement list_statement = {
    "models_list",
    "SELECT coalesce(m.name, k.name)::text, m.type::text, m.description::text, m.name IS NOT NULL,"
    " k.name IS NOT NULL"
    " FROM models m FULL JOIN unnest($1::text[]) AS k (name) ON m.name = k.name ORDER BY 1",
};

void models_register(struct pg_batch *batch, const struct model_row *rows, size_t n_rows)
{
    pg_batch_statement(batch, &register_statement);
    PUT_COLUMN(batch, PG_TEXT, n_rows, pg_put_str(batch, rows[i].name));
    PUT_COLUMN(batch, PG_TEXT, n_rows, pg_put_str(batch, rows[i].type));
    PUT_COLUMN(batch, PG_TEXT, n_rows, pg_put_str(batch, rows[i].description));
    PUT_COLUMN(batch, PG_TEXT, n_rows, pg_put_str(batch, rows[i].class_name));
}

void models_set_pipeline_ok(struct pg_batch *batch, const char *const *names, size_t n_names)
{
    pg_batch_statement(batch, &pipeline_statement);
    PUT_COLUMN(batch, PG_TEXT, n_names, pg_put_str(batch, names[i]));
}

void models_find(struct pg_batch *batch, struct slice name)
{
    pg_batch_statement(batch, &find_statement);
    store_put_text(batch, name);
}

void models_list(struct pg_batch *batch, const char *const *names, size_t n_names)
{
    pg_batch_statement(batch, &list_statement);
    PUT_COLUMN(batch, PG_TEXT, n_names, pg_put_str(batch, names[i]));
}

enum al_err models_read_listed(const struct pg_result *result,
                               size_t index,
                               struct model_listed *out)
{
    struct row row = row_at(result, index);
    out->name = row_text(&row);
    out->type = row_text(&row);
    out->description = row_text(&row);
    out->is_registered = row_bool(&row);
    out->is_known = row_bool(&row);
    return row.err;
}
