/* What went wrong since the start, grouped: the error book as an answer. */
#include "admin_i.h"

#include "alphaloop/observe/error_book.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* What a group and a breadcrumb tell alike, without the braces around it. */
static void write_names(struct json_writer *w, const struct error_crumb *crumb)
{
    json_m_str(w, "level", level_names[crumb->level]);
    json_m_str(w, "room", crumb->room);
    json_m_str(w, "step", crumb->step);
    json_m_str(w, "event", crumb->event);
    json_m_text(w, "trace_id", crumb->trace_id);
}

static void write_crumb(struct json_writer *w, const struct error_crumb *crumb)
{
    json_w_object(w);
    json_m_time(w, "timestamp", crumb->at_ns);
    write_names(w, crumb);
    json_w_end_object(w);
}

static void write_group(struct json_writer *w, const struct error_group *group)
{
    json_w_object(w);
    write_names(w, &group->newest);
    json_m_i64(w, "count", (int64_t)group->count);
    json_m_time(w, "first_at", group->first_ns);
    json_m_time(w, "last_at", group->newest.at_ns);
    json_w_key(w, "line");
    if (group->line != NULL)
        json_w_raw(w, slice_of(group->line));
    else
        json_w_null(w);
    json_w_key(w, "breadcrumbs");
    json_w_array(w);
    for (size_t i = 0; i < group->n_crumbs; i++)
        write_crumb(w, &group->crumbs[i]);
    json_w_end_array(w);
    json_w_end_object(w);
}

static bool is_asked_for(struct http_request *request, const struct error_group *group)
{
    return !http_given(request, "level") ||
           slice_is(http_text(request, "level"), level_names[group->newest.level]);
}

enum http_answer admin_errors_list(struct http_request *request, void *ctx)
{
    (void)ctx;
    int64_t limit = http_i64(request, "limit"), offset = http_i64(request, "offset"), total = 0;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "items");
    json_w_array(w);
    for (size_t i = 0; i < error_book_count(); i++) {
        const struct error_group *group = error_book_at(i);
        if (!is_asked_for(request, group))
            continue;
        if (total >= offset && total < offset + limit)
            write_group(w, group);
        total++;
    }
    json_w_end_array(w);
    json_m_i64(w, "total", total);
    json_m_i64(w, "limit", limit);
    json_m_i64(w, "offset", offset);
    json_m_i64(w, "forgotten", (int64_t)error_book_n_forgotten());
    json_w_end_object(w);
    return HTTP_ANSWERED;
}
