/* Counters only ever grow, so a minute is the difference of two readings of them. */
#include "vitals_i.h"

#include <math.h>
#include <stdlib.h>

#include <uv.h>

#include "alphaloop/base/ring.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"

#define MINUTE_NS  (60 * NS_PER_S)
#define POINTS_MAX (ADMIN_TREND_HOURS_MAX * 60)

struct reading {
    int64_t at_ns;
    double cpu_seconds;
    double order_events, signals, warnings, outbox_pending;
    struct metric_summary lag, http, database, publish;
};

struct vitals {
    struct reading last;
    double cpu_share, disk_free_bytes, disk_total_bytes;
    struct ring points; /* of struct admin_trend_point */
};

static double cpu_seconds(void)
{
    uv_rusage_t usage;
    if (uv_getrusage(&usage) != 0)
        return NAN;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct reading read_counters(int64_t wall_ns, size_t outbox_pending)
{
    return (struct reading){
        .at_ns = wall_ns,
        .outbox_pending = (double)outbox_pending,
        .cpu_seconds = cpu_seconds(),
        .order_events = metric_summarise(METRIC_order_events_total).sum,
        .signals = metric_value(METRIC_signal_publishes_total, "confirmed", NULL),
        .warnings = metric_value(METRIC_log_lines_total, "warn", NULL) +
                    metric_value(METRIC_log_lines_total, "error", NULL),
        .lag = metric_summarise(METRIC_loop_lag_seconds),
        .http = metric_summarise(METRIC_http_request_duration_seconds),
        .database = metric_summarise(METRIC_pg_job_seconds),
        .publish = metric_summarise(METRIC_signal_publish_seconds),
    };
}

enum al_err vitals_create(struct vitals **out)
{
    struct vitals *vitals = calloc(1, sizeof(*vitals));
    *out = vitals;
    if (vitals == NULL)
        return err_set(AL_ENOMEM, "vitals");
    vitals->cpu_share = vitals->disk_free_bytes = vitals->disk_total_bytes = NAN;
    return ring_init(&vitals->points, sizeof(struct admin_trend_point), POINTS_MAX);
}

void vitals_destroy(struct vitals *vitals)
{
    if (vitals == NULL)
        return;
    ring_deinit(&vitals->points);
    free(vitals);
}

void vitals_set_disk(struct vitals *vitals, double free_bytes, double total_bytes)
{
    vitals->disk_free_bytes = free_bytes;
    vitals->disk_total_bytes = total_bytes;
}

static double resident_bytes(void)
{
    size_t bytes;
    return uv_resident_set_memory(&bytes) == 0 ? (double)bytes : NAN;
}

struct admin_vitals vitals_now(const struct vitals *vitals)
{
    double load[3];
    uv_loadavg(load);
    return (struct admin_vitals){
        .cpu_share = vitals->cpu_share,
        .load_1m = load[0],
        .memory_resident_bytes = resident_bytes(),
        .memory_available_bytes = (double)uv_get_free_memory(),
        .memory_total_bytes = (double)uv_get_total_memory(),
        .disk_free_bytes = vitals->disk_free_bytes,
        .disk_total_bytes = vitals->disk_total_bytes,
    };
}

static double mean_between(const struct metric_summary *from, const struct metric_summary *to)
{
    return to->count > from->count ? (to->sum - from->sum) / (double)(to->count - from->count)
                                   : NAN;
}

static void add_point(struct vitals *vitals, const struct reading *from, const struct reading *to)
{
    double seconds = (double)(to->at_ns - from->at_ns) / 1e9;
    vitals->cpu_share = (to->cpu_seconds - from->cpu_seconds) / seconds;
    struct admin_vitals now = vitals_now(vitals);
    const double values[] = {
        [ADMIN_TREND_cpu_share] = now.cpu_share,
        [ADMIN_TREND_memory_resident_bytes] = now.memory_resident_bytes,
        [ADMIN_TREND_memory_available_bytes] = now.memory_available_bytes,
        [ADMIN_TREND_disk_free_bytes] = now.disk_free_bytes,
        [ADMIN_TREND_load_1m] = now.load_1m,
        [ADMIN_TREND_loop_lag_seconds] = mean_between(&from->lag, &to->lag),
        [ADMIN_TREND_http_requests_per_second] =
            (double)(to->http.count - from->http.count) / seconds,
        [ADMIN_TREND_http_seconds] = mean_between(&from->http, &to->http),
        [ADMIN_TREND_database_jobs_per_second] =
            (double)(to->database.count - from->database.count) / seconds,
        [ADMIN_TREND_database_seconds] = mean_between(&from->database, &to->database),
        [ADMIN_TREND_order_events_per_second] = (to->order_events - from->order_events) / seconds,
        [ADMIN_TREND_signals_per_second] = (to->signals - from->signals) / seconds,
        [ADMIN_TREND_publish_seconds] = mean_between(&from->publish, &to->publish),
        [ADMIN_TREND_outbox_pending] = to->outbox_pending,
        [ADMIN_TREND_warnings_per_second] = (to->warnings - from->warnings) / seconds,
    };
    _Static_assert(COUNT_OF(values) == ADMIN_TREND_COUNT,
                   "a value for every row of health_trends.def");
    struct admin_trend_point *point = ring_push_over(&vitals->points);
    point->at_ns = to->at_ns;
    for (size_t i = 0; i < ADMIN_TREND_COUNT; i++)
        point->values[i] = (float)values[i];
}

void vitals_run(struct vitals *vitals, int64_t wall_ns, size_t outbox_pending)
{
    int64_t since_ns = wall_ns - vitals->last.at_ns;
    if (vitals->last.at_ns != 0 && since_ns >= 0 && since_ns < MINUTE_NS)
        return;
    struct reading now = read_counters(wall_ns, outbox_pending);
    if (vitals->last.at_ns != 0 && since_ns > 0) /* not when the wall clock was set back */
        add_point(vitals, &vitals->last, &now);
    vitals->last = now;
}

bool vitals_trend(const struct vitals *vitals, size_t index, struct admin_trend_point *out)
{
    if (index >= vitals->points.count)
        return false;
    *out = *(const struct admin_trend_point *)ring_at(&vitals->points, index);
    return true;
}
