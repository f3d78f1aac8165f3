/* The parameters every time series takes, and the head of its answer. */
#include "admin_i.h"

#include "alphaloop/base/timestamp.h"

static const int64_t bucket_ns[GRANULARITY_COUNT] = {
    [GRANULARITY_HOUR] = NS_PER_H,
    [GRANULARITY_DAY] = NS_PER_DAY,
    [GRANULARITY_WEEK] = 7 * NS_PER_DAY,
};

bool admin_window_read(struct http_request *request, struct admin_window *out)
{
    int64_t now_ns = admin_now_ns();
    if (!granularity_parse(http_text(request, "granularity"), &out->granularity))
        out->granularity = GRANULARITY_HOUR; /* the row's choices are these names */
    out->end_ns = http_given(request, "end_time") ? http_time_ns(request, "end_time") : now_ns;
    out->start_ns = http_given(request, "start_time") ? http_time_ns(request, "start_time")
                                                      : now_ns - 7 * NS_PER_DAY;
    if (out->start_ns >= out->end_ns) {
        http_refuse(request, "start_time", "value_error", "must be before end_time");
        return false;
    }
    if ((out->end_ns - out->start_ns) / bucket_ns[out->granularity] > ADMIN_POINTS_MAX) {
        http_refuse(request, "start_time", "value_error", "more than %d points of this granularity",
                    ADMIN_POINTS_MAX);
        return false;
    }
    return true;
}

void admin_series_begin(struct admin_query *query)
{
    struct json_writer *w = query->w;
    admin_write_str(w, "granularity", granularity_name(query->window.granularity));
    admin_write_time(w, "start_time", query->window.start_ns);
    admin_write_time(w, "end_time", query->window.end_ns);
    json_w_key(w, "data_points");
    json_w_array(w);
}
