#include "error_reports_i.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/hash.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"
#include "alphaloop/observe/sentry.h"

#include "upstreams_i.h"

#define ENVELOPE_BYTES_MAX (128 * 1024)
#define MINUTE_NS          (60 * NS_PER_S)

struct error_reports {
    struct fetch *fetch;
    size_t upstream;
    struct sentry_address address;
    struct sentry_origin origin;
    enum log_level level; /* and above */
    struct rng rng;
    int64_t minute_begins_ns;
    unsigned n_this_minute;
    struct
        told { /* by hash of the names; a group that shares its place with another is only told more often */
        uint64_t names_hash;
        int64_t at_ns;
    } told[ERROR_GROUPS_MAX];
    struct buf envelope;
};

static uint64_t names_hash(const struct error_crumb *newest)
{
    char names[3 * ERROR_NAME_MAX + 4];
    int n = snprintf(names, sizeof(names), "%s\n%s\n%s", newest->room, newest->step, newest->event);
    return fnv1a64(names, (size_t)n);
}

/* Whether a group is to be told now; if so it counts as told. */
static bool is_due(struct error_reports *reports, const struct error_group *group, int64_t now_ns)
{
    uint64_t hash = names_hash(&group->newest);
    struct told *told = &reports->told[hash % COUNT_OF(reports->told)];
    bool is_new_minute =
        now_ns - reports->minute_begins_ns >= MINUTE_NS || now_ns < reports->minute_begins_ns;
    if (group->newest.level < reports->level)
        return false;
    if (told->names_hash == hash && now_ns >= told->at_ns && now_ns - told->at_ns < MINUTE_NS)
        return false;
    if (is_new_minute) {
        reports->minute_begins_ns = now_ns;
        reports->n_this_minute = 0;
    }
    if (reports->n_this_minute == REPORTS_PER_MINUTE) {
        metric_add(METRIC_error_reports_total, 1, "left_out", NULL);
        return false;
    }
    *told = (struct told){hash, now_ns};
    reports->n_this_minute++;
    return true;
}

static void on_sent(void *ctx, const struct fetch_answer *answer)
{
    (void)ctx;
    metric_add(METRIC_error_reports_total, 1, answer->outcome == FETCH_ok ? "sent" : "failed",
               NULL);
}

static void on_note(void *ctx, const struct error_group *group)
{
    struct error_reports *reports = ctx;
    int64_t now_ns = upstreams_wall_ns();
    if (!is_due(reports, group, now_ns))
        return;
    buf_reset(&reports->envelope);
    sentry_envelope_write(group, &reports->origin, uuid_v7(now_ns, &reports->rng), now_ns,
                          &reports->envelope);
    const struct fetch_request request = {
        .upstream = reports->upstream,
        .url = reports->address.url,
        .headers = {reports->address.auth, "Content-Type: application/x-sentry-envelope"},
        .post = buf_slice(&reports->envelope),
        .on_done = on_sent,
    };
    if (!buf_ok(&reports->envelope) || fetch_start(reports->fetch, &request, NULL) != AL_OK)
        metric_add(METRIC_error_reports_total, 1, "failed", NULL);
}

bool error_reports_check(const struct settings *settings, struct buf *problems)
{
    struct sentry_address address;
    if (settings->sentry_dsn[0] == '\0' ||
        sentry_dsn_parse(slice_of(settings->sentry_dsn), &address) == AL_OK)
        return true;
    buf_printf(problems, "SENTRY_DSN: %s\n", err_text());
    return false;
}

enum al_err error_reports_create(struct fetch *fetch,
                                 const struct settings *settings,
                                 uint64_t seed,
                                 struct error_reports **out)
{
    *out = NULL;
    if (settings->sentry_dsn[0] == '\0')
        return AL_OK;
    struct error_reports *reports = calloc(1, sizeof(*reports));
    if (reports == NULL)
        return err_set(AL_ENOMEM, "error reports");
    enum al_err err = sentry_dsn_parse(slice_of(settings->sentry_dsn), &reports->address);
    assert(err == AL_OK && "SENTRY_DSN was checked");
    (void)err;
    reports->fetch = fetch;
    reports->upstream = fetch_upstream_add(fetch, "sentry");
    reports->origin =
        (struct sentry_origin){settings->sentry_environment, "alphaloop@" ALPHALOOP_VERSION,
                               settings->model_service_service_name};
    reports->level = settings->sentry_level == SETTING_SENTRY_LEVEL_ERROR ? LOG_ERROR : LOG_WARN;
    rng_seed(&reports->rng, seed);
    reports->envelope = BUF_INIT(ENVELOPE_BYTES_MAX);
    error_book_on_note(on_note, reports);
    *out = reports;
    return AL_OK;
}

void error_reports_destroy(struct error_reports *reports)
{
    if (reports == NULL)
        return;
    error_book_on_note(NULL, NULL);
    buf_deinit(&reports->envelope);
    free(reports);
}
