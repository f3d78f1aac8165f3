/* routes.def and schemas.def as arrays, and the formats their rows name. */
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/market.h"

static bool accepts_version(struct slice text)
{
    struct model_version_id id;
    return model_version_id_parse(text, &id);
}

static bool accepts_strategy(struct slice text)
{
    struct strategy_id id;
    return strategy_id_parse(text, &id);
}

static bool accepts_asset(struct slice text)
{
    struct asset asset;
    return asset_parse(text, &asset) && slice_is(text, asset.text);
}

static bool accepts_forecast(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-')
            return false;
    }
    return text.len > 0 && text.len <= 100;
}

static bool accepts_interval(struct slice text)
{
    return candle_interval_parse(text) >= NS_PER_S;
}

static bool accepts_metric(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return text.len > 0 && text.len < 64;
}

static const struct http_format format_version = {"version", "^v[0-9]+(\\.[0-9]+)?$",
                                                  accepts_version};
static const struct http_format format_strategy = {"strategy", "^[A-Za-z0-9_.-]{1,100}$",
                                                   accepts_strategy};
static const struct http_format format_asset = {"asset", "^[A-Z0-9]{3,20}$", accepts_asset};
static const struct http_format format_metric = {"metric", "^[a-z0-9_]{1,63}$", accepts_metric};

static const struct http_format format_forecast = {"forecast", "^[A-Za-z0-9_-]{1,100}$",
                                                   accepts_forecast};
static const struct http_format format_symbol = {"symbol", "^[A-Za-z0-9_-]{1,100}$",
                                                 accepts_forecast};
static const struct http_format format_interval = {"interval", "^[0-9]*[A-Za-z]?$",
                                                   accepts_interval};

#define NO_PARAMS                                                                                  \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#define ROUTE(method, path, handler, auth, area, summary, answer, errors, ...)                     \
    static const struct http_param params_of_##handler[] = {__VA_ARGS__, {.name = NULL}};
#include "alphaloop/tbl/routes.def"
#undef ROUTE

static const struct http_route routes[] = {
#define ROUTE(method, path, handler, auth, area, summary, answer, errors, ...)                     \
    {HTTP_##method,       path,   admin_##handler, HTTP_##auth, area, summary,                     \
     params_of_##handler, answer, errors},
#include "alphaloop/tbl/routes.def"
#undef ROUTE
};

const struct http_route *admin_routes(size_t *n_routes)
{
    *n_routes = COUNT_OF(routes);
    return routes;
}

#define FIELD(name, type, help, example) {name, type, help, example},
#define EXTENDS(name)                    {"", #name, NULL, NULL},
#define SCHEMA(name, help, ...)                                                                    \
    static const struct admin_field fields_of_##name[] = {__VA_ARGS__{NULL, NULL, NULL, NULL}};
#include "alphaloop/tbl/schemas.def"
#undef SCHEMA

const struct admin_schema admin_schemas[] = {
#define SCHEMA(name, help, ...) {#name, help, fields_of_##name},
#include "alphaloop/tbl/schemas.def"
#undef SCHEMA
    {NULL, NULL, NULL},
};

const struct admin_schema *admin_schema_find(struct slice name)
{
    for (const struct admin_schema *schema = admin_schemas; schema->name != NULL; schema++) {
        if (slice_is(name, schema->name))
            return schema;
    }
    return NULL;
}

bool admin_is_first_of_path(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(routes[i].path, routes[index].path) == 0)
            return false;
    }
    return true;
}
