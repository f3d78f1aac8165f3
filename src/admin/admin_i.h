/* Inside admin: the handlers of routes.def, and what they share.
 *
 *   routes.c    the table          openapi.c, docs.c  the table described
 *   web.c       the pages
 *   query.c     answers that wait for the database
 *   action.c    answers that wait for the program
 *   write.c     pieces of JSON that several areas write
 * Every other file is one area of the table.
 */
#ifndef ALPHALOOP_SRC_ADMIN_ADMIN_I_H
#define ALPHALOOP_SRC_ADMIN_ADMIN_I_H

#include "alphaloop/admin/admin.h"
#include "alphaloop/base/json.h"
#include "alphaloop/io/http.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/store/granularity.h"

#define ROUTE(method, path, handler, ...)                                                          \
    enum http_answer admin_##handler(struct http_request *request, void *ctx);
#include "alphaloop/tbl/routes.def"
#undef ROUTE

/* Whether no row of routes.def before this one has its path. */
bool admin_is_first_of_path(size_t index);

/* ---- schemas.def ---- */

struct admin_field {
    const char *name; /* NULL ends a list; "" takes over all fields of the schema named by `type` */
    const char *type, *help, *example;
};

struct admin_schema {
    const char *name; /* NULL ends the list */
    const char *help;
    const struct admin_field *fields;
};

extern const struct admin_schema admin_schemas[];
const struct admin_schema *admin_schema_find(struct slice name); /* NULL when unknown */

/* ---- series.c: the time parameters of contract section 6 ---- */

#define ADMIN_SERIES_MAX 20000 /* points in one answer; ask the database for one more */

struct admin_window {
    enum granularity granularity;
    int64_t start_ns, end_ns;
};

/* False when the parameters do not make sense together; the request is then answered with 422. */
bool admin_window_read(struct http_request *request, struct admin_window *out);

/* ---- web.c ---- */

/* Answers with a page of web/, which must be there. */
enum http_answer admin_page(struct http_request *request, const char *name);

/* ---- query.c: a question to the database on behalf of a request ---- */

struct admin_query;

struct admin_query_ops {
    /* The result of one statement, in order; only while the request lives. Writes into query->w. */
    void (*on_result)(struct admin_query *, size_t index, const struct pg_result *);
    /* Everything is there: finish the answer (or answer something else). NULL: it is finished. */
    void (*on_done)(struct admin_query *, struct http_request *);
};

struct admin_query {
    const struct admin_context *admin;
    const struct admin_query_ops *ops;
    struct http_later later;
    struct http_request *request; /* during callbacks */
    struct pg_batch *batch;       /* append the statements here before admin_query_run */
    struct json_writer *w;        /* of the answer, begun with 200 */
    enum al_err err;              /* set by on_result when a row cannot be read: 500 */
    bool found;                   /* for the ops: 404 is decided by them */
    size_t limit, offset;
    struct admin_window window;
    bool overfull; /* the series has more points than one answer takes: 422 */
    struct strategy_id strategy_id;
    struct model_version_id version;
};

/* granularity, start_time, end_time, and the beginning of data_points. */
void admin_series_begin(struct admin_query *query);
/* False when there are more points than one answer takes: they are not written, the request is refused at the end. */
bool admin_series_fits(struct admin_query *query, size_t n_points);
void admin_series_refuse(struct http_request *request);

/* NULL when out of memory or without a database; the request is then answered. */
struct admin_query *admin_query_create(struct http_request *request,
                                       const struct admin_context *admin,
                                       const struct admin_query_ops *ops);
/* Takes the query. HTTP_LATER, or HTTP_ANSWERED when the database cannot be asked. */
enum http_answer admin_query_run(struct admin_query *query, struct http_request *request);

/* ---- action.c ---- */

struct admin_action {
    const struct admin_context *admin;
    struct http_later later;
    struct strategy_id strategy_id;
    struct model_version_id version;
    bool only_reads; /* not worth a line in the log */
    /* Writes the answer of an action that was DONE; may go on asking (HTTP_LATER). NULL `on_other`
     * answers other outcomes by their usual codes. */
    enum http_answer (*on_done)(struct admin_action *,
                                struct http_request *,
                                const struct admin_result *);
    bool (*on_other)(struct admin_action *, struct http_request *, const struct admin_result *);
};

/* NULL when out of memory; the request is then answered. To be handed to the action with
 * admin_action_result, which ends it. */
struct admin_action *admin_action_create(struct http_request *request,
                                         const struct admin_context *admin);
void admin_action_result(void *ctx, const struct admin_result *result);

/* ---- write.c ---- */

/* One row of memory for the live view; freed by the caller. NULL when out of memory: answered. */
struct admin_live *admin_live_take(struct http_request *request, const struct admin_context *admin);

enum admin_health { ADMIN_HEALTHY, ADMIN_DEGRADED, ADMIN_UNHEALTHY };
enum admin_health admin_health_of(const struct admin_live *live);
const char *admin_health_name(enum admin_health health);
size_t admin_n_active(const struct admin_live *live);
bool admin_schema_ok(const struct admin_live *live);

void admin_write_consumers(struct json_writer *w, const struct admin_live *live);
void admin_write_training(struct json_writer *w,
                          const char *key,
                          const struct strategy_id *strategy_id,
                          const struct admin_training *training);

int64_t admin_now_ns(void); /* the wall clock */
/* A declared parameter as a name; "" when it is absent. */
struct strategy_id admin_strategy_param(const struct http_request *request);
struct model_version_id admin_version_param(const struct http_request *request);
bool admin_knows_strategy(const struct admin_live *live, const struct strategy_id *id);

#endif
