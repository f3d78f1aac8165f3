#include "alphaloop/observe/sentry.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/base/json.h"

#define EVENT_BYTES_MAX 65536
#define CLIENT          "alphaloop"

/* ---- the address ---- */

static bool is_one_of(struct slice text, const char *more)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || strchr(more, c) == NULL))
            return false;
    }
    return text.len > 0;
}

/* The first or last place of a byte; text.len when it is not there. */
static size_t place_of(struct slice text, char byte, bool last)
{
    size_t found = text.len;
    for (size_t i = 0; i < text.len && (last || found == text.len); i++) {
        if (text.ptr[i] == byte)
            found = i;
    }
    return found;
}

static struct slice head(struct slice text, size_t n)
{
    return (struct slice){text.ptr, n};
}

static struct slice tail(struct slice text, size_t begin)
{
    return (struct slice){text.ptr + begin, text.len - begin};
}

static size_t scheme_length(struct slice dsn)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (dsn.len > n && memcmp(dsn.ptr, schemes[i], n) == 0)
            return n;
    }
    return 0;
}

enum al_err sentry_dsn_parse(struct slice dsn, struct sentry_address *out)
{
    size_t n_scheme = scheme_length(dsn);
    if (n_scheme == 0)
        return err_set(AL_EPARSE, "it does not begin with https:// or http://");
    struct slice rest = tail(dsn, n_scheme);
    size_t at = place_of(rest, '@', false), slash = place_of(rest, '/', true);
    if (at == rest.len || slash == rest.len || slash < at)
        return err_set(AL_EPARSE, "it is not https://key@host/project");
    struct slice user = head(rest, at), project = tail(rest, slash + 1);
    struct slice key = head(user, place_of(user, ':', false));
    struct slice where = {rest.ptr + at + 1, slash - at - 1};
    size_t n_host = place_of(where, '/', false);
    struct slice host = head(where, n_host), path = tail(where, n_host);
    if (!is_one_of(key, "-_"))
        return err_set(AL_EPARSE, "its key is missing, or has other bytes than letters and digits");
    if (!is_one_of(host, ".-:[]"))
        return err_set(AL_EPARSE, "its host is missing, or has bytes that no host has");
    if (path.len > 0 && !is_one_of(path, "/.-_~"))
        return err_set(AL_EPARSE, "its path has bytes that need escapes");
    if (!is_one_of(project, "-_"))
        return err_set(AL_EPARSE,
                       "its project is missing, or has other bytes than letters and digits");
    int n_url = snprintf(out->url, sizeof out->url, "%.*s%.*s%.*s/api/%.*s/envelope/",
                         (int)n_scheme, dsn.ptr, (int)host.len, host.ptr, (int)path.len, path.ptr,
                         (int)project.len, project.ptr);
    int n_auth = snprintf(out->auth, sizeof out->auth,
                          "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=" CLIENT
                          ", sentry_key=%.*s",
                          (int)key.len, key.ptr);
    if ((size_t)n_url >= sizeof out->url || (size_t)n_auth >= sizeof out->auth)
        return err_set(AL_EPARSE, "it is too long");
    return AL_OK;
}

/* ---- the envelope ---- */

static const char *level_of(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    return names[level];
}

static void write_id(struct json_writer *w, struct uuid id)
{
    char text[33];
    for (size_t i = 0; i < sizeof id.bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", id.bytes[i]);
    json_m_str(w, "event_id", text);
}

static void write_crumb(struct json_writer *w, const struct error_crumb *crumb)
{
    char category[2 * ERROR_NAME_MAX];
    snprintf(category, sizeof category, "%s.%s", crumb->room, crumb->step);
    json_w_object(w);
    json_m_time(w, "timestamp", crumb->at_ns);
    json_m_str(w, "type", "default");
    json_m_str(w, "category", category);
    json_m_str(w, "level", level_of(crumb->level));
    json_m_str(w, "message", crumb->event);
    json_w_end_object(w);
}

static void write_crumbs(struct json_writer *w, const struct error_group *group)
{
    json_w_key(w, "breadcrumbs");
    json_w_object(w);
    json_w_key(w, "values");
    json_w_array(w);
    for (size_t i = 0; i < group->n_crumbs; i++)
        write_crumb(w, &group->crumbs[i]);
    json_w_end_array(w);
    json_w_end_object(w);
}

/* What groups it there is what groups it here. */
static void write_fingerprint(struct json_writer *w, const struct error_crumb *newest)
{
    json_w_key(w, "fingerprint");
    json_w_array(w);
    json_w_str(w, newest->room);
    json_w_str(w, newest->step);
    json_w_str(w, newest->event);
    json_w_end_array(w);
}

static void write_tags(struct json_writer *w, const struct error_crumb *newest, const char *service)
{
    json_w_key(w, "tags");
    json_w_object(w);
    json_m_str(w, "service", service);
    json_m_str(w, "room", newest->room);
    json_m_str(w, "step", newest->step);
    if (newest->trace_id[0] != '\0')
        json_m_str(w, "trace_id", newest->trace_id);
    json_w_end_object(w);
}

static void write_extra(struct json_writer *w, const struct error_group *group)
{
    json_w_key(w, "extra");
    json_w_object(w);
    json_m_count(w, "count", group->count);
    json_m_time(w, "first_at", group->first_ns);
    if (group->line != NULL)
        json_m_raw(w, "line", slice_of(group->line));
    json_w_end_object(w);
}

static void write_event(struct json_writer *w,
                        const struct error_group *group,
                        const struct sentry_origin *origin,
                        struct uuid event_id)
{
    const struct error_crumb *newest = &group->newest;
    char message[3 * ERROR_NAME_MAX + 4];
    snprintf(message, sizeof message, "%s %s: %s", newest->room, newest->step, newest->event);
    json_w_object(w);
    write_id(w, event_id);
    json_m_time(w, "timestamp", newest->at_ns);
    json_m_str(w, "platform", "c");
    json_m_str(w, "level", level_of(newest->level));
    json_m_str(w, "logger", newest->room);
    json_m_str(w, "environment", origin->environment);
    json_m_str(w, "release", origin->release);
    json_w_key(w, "logentry");
    json_w_object(w);
    json_m_str(w, "formatted", message);
    json_w_end_object(w);
    write_fingerprint(w, newest);
    write_tags(w, newest, origin->service);
    write_extra(w, group);
    write_crumbs(w, group);
    json_w_end_object(w);
}

void sentry_envelope_write(const struct error_group *group,
                           const struct sentry_origin *origin,
                           struct uuid event_id,
                           int64_t now_ns,
                           struct buf *out)
{
    struct buf event = BUF_INIT(EVENT_BYTES_MAX);
    struct json_writer w;
    json_w_init(&w, &event);
    write_event(&w, group, origin, event_id);
    json_w_init(&w, out);
    json_w_object(&w);
    write_id(&w, event_id);
    json_m_time(&w, "sent_at", now_ns);
    json_w_end_object(&w);
    buf_putc(out, '\n');
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "type", "event");
    json_m_str(&w, "content_type", "application/json");
    json_m_count(&w, "length", event.len);
    json_w_end_object(&w);
    buf_putc(out, '\n');
    buf_append(out, event.ptr, event.len);
    buf_putc(out, '\n');
    buf_deinit(&event);
}
