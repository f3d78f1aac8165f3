/* The parameters every time series takes, and the head of its answer. */
#include "admin_i.h"

#include "alphaloop/base/timestamp.h"

#define WINDOW_NS (7 * NS_PER_DAY)

/* The last seven days; those before an end that lies further back. */
static int64_t default_start_ns(int64_t now_ns, int64_t end_ns)
{
    int64_t start_ns = now_ns - WINDOW_NS;
    return start_ns < end_ns ? start_ns : end_ns - WINDOW_NS;
}

bool admin_window_read(struct http_request *request, struct admin_window *out)
{
    int64_t now_ns = admin_now_ns();
    if (!granularity_parse(http_text(request, "granularity"), &out->granularity))
        out->granularity = GRANULARITY_HOUR; /* the row's choices are these names */
    out->end_ns = http_given(request, "end_time") ? http_time_ns(request, "end_time") : now_ns;
    out->start_ns = default_start_ns(now_ns, out->end_ns);
    if (http_given(request, "start_time"))
        out->start_ns = http_time_ns(request, "start_time");
    if (out->start_ns >= out->end_ns) {
        http_refuse(request, "start_time", "value_error", "must be before end_time");
        return false;
    }
    return true;
}

void admin_series_begin(struct admin_query *query)
{
    struct json_writer *w = query->w;
    json_m_str(w, "granularity", granularity_name(query->window.granularity));
    json_m_time(w, "start_time", query->window.start_ns);
    json_m_time(w, "end_time", query->window.end_ns);
    json_w_key(w, "data_points");
    json_w_array(w);
}

bool admin_series_fits(struct admin_query *query, size_t n_points)
{
    query->overfull = n_points > ADMIN_SERIES_MAX;
    return !query->overfull;
}

void admin_series_refuse(struct http_request *request)
{
    http_refuse(request, "granularity", "value_error",
                "more than %d points: ask for less time, or a coarser granularity",
                ADMIN_SERIES_MAX);
}
