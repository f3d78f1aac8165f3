/* The answers of the admin port and of the simulator, as the two structs that are drawn. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "watch_i.h"

static void read_text(struct json_node *object, const char *key, char *out, size_t size)
{
    struct json_node *node = json_get(object, key);
    struct slice text = json_is_string(node) ? json_text(node) : (struct slice){"", 0};
    size_t len = text.len < size ? text.len : size - 1;
    for (size_t i = 0; i < len; i++) /* what a terminal obeys does not get there */
        out[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
    out[len] = '\0';
}

static double read_number(struct json_node *object, const char *key, double fallback)
{
    double value;
    return json_double(json_get(object, key), &value) == AL_OK ? value : fallback;
}

/* A training that ended without a version had no verdict of the gate either: it says itself why. */
static void read_last_training(struct json_node *last, struct watch_strategy *out)
{
    char outcome[32], version[32], detail[WATCH_TEXT_MAX - 64];
    read_text(last, "outcome", outcome, sizeof(outcome));
    read_text(last, "version", version, sizeof(version));
    read_text(last, "detail", detail, sizeof(detail));
    if (version[0] == '\0' && detail[0] != '\0')
        snprintf(out->no_version, sizeof(out->no_version), "%s: %s", outcome, detail);
}

static void read_strategy(struct json_node *node, struct watch_strategy *out)
{
    struct json_node *samples = json_get(node, "samples"), *training = json_get(node, "training");
    read_text(node, "strategy_id", out->id, sizeof(out->id));
    read_text(node, "mode", out->mode, sizeof(out->mode));
    read_text(node, "active_version", out->version, sizeof(out->version));
    read_text(node, "active_type", out->kind, sizeof(out->kind));
    out->n_samples = read_number(samples, "samples", 0);
    out->n_eff = read_number(samples, "n_eff", 0);
    out->n_needed = read_number(samples, "needed", 0);
    out->is_training = json_is_object(training);
    read_text(training, "stage", out->stage, sizeof(out->stage));
    read_text(training, "trigger", out->trigger, sizeof(out->trigger));
    out->progress = read_number(training, "progress", 0);
    out->signals_per_minute = read_number(node, "signals_per_minute", 0);
    out->n_signals = read_number(node, "signals", 0);
    out->n_settled = read_number(node, "settled", 0);
    out->pnl = read_number(node, "pnl", 0);
    out->win_rate = read_number(node, "win_rate", NAN);
    read_text(json_get(node, "last_verdict"), "text", out->verdict, sizeof(out->verdict));
    read_last_training(json_get(node, "last_training"), out);
}

/* The first part that is not well, with why. */
static void find_problem(struct json_node *root, struct watch_status *out)
{
    static const char *const parts[] = {"database", "consume_connection", "publish_connection",
                                        "model_storage"};
    char state[32], detail[WATCH_TEXT_MAX - 64];
    for (size_t i = 0; i < COUNT_OF(parts) && out->problem[0] == '\0'; i++) {
        struct json_node *part = json_get(root, parts[i]);
        if (json_is_true(json_get(part, "ok")) || part == NULL)
            continue;
        read_text(part, "state", state, sizeof(state));
        read_text(part, "detail", detail, sizeof(detail));
        snprintf(out->problem, sizeof(out->problem), "%s %s %s", parts[i], state, detail);
    }
    struct json_node *consumers = json_get(root, "consumers");
    for (size_t i = 0; i < json_length(consumers) && out->problem[0] == '\0'; i++) {
        char queue[64];
        read_text(json_at(consumers, i), "state", state, sizeof(state));
        read_text(json_at(consumers, i), "queue", queue, sizeof(queue));
        if (strcmp(state, "active") != 0 && strcmp(state, "paused") != 0)
            snprintf(out->problem, sizeof(out->problem), "queue %s %s", queue, state);
    }
}

void watch_read_status(struct json_node *root, struct watch_status *out)
{
    struct json_node *strategies = json_get(root, "strategies");
    *out = (struct watch_status){.is_reached = true};
    read_text(root, "service", out->service, sizeof(out->service));
    read_text(root, "version", out->version, sizeof(out->version));
    read_text(root, "status", out->health, sizeof(out->health));
    read_text(root, "mode", out->mode, sizeof(out->mode));
    read_text(json_get(root, "database"), "state", out->database, sizeof(out->database));
    read_text(json_get(root, "consume_connection"), "state", out->broker, sizeof(out->broker));
    out->publishing = json_is_true(json_get(root, "publishing"));
    out->stopping = json_is_true(json_get(root, "stopping"));
    out->uptime_s = read_number(root, "uptime_seconds", 0);
    out->outbox = read_number(root, "outbox_pending", 0);
    out->quarantined = read_number(root, "quarantined", 0);
    out->loop_lag_s = read_number(root, "loop_lag_p99_seconds", NAN);
    out->signals_per_minute = read_number(root, "signals_per_minute", 0);
    out->pnl = read_number(root, "pnl", 0);
    for (size_t i = 0; i < json_length(strategies) && i < WATCH_STRATEGIES_MAX; i++)
        read_strategy(json_at(strategies, i), &out->strategies[out->n_strategies++]);
    find_problem(root, out);
}

void watch_read_market(struct json_node *root, struct watch_market *out)
{
    *out = (struct watch_market){.is_known = json_is_object(root)};
    read_text(root, "phase", out->phase, sizeof(out->phase));
    read_text(root, "market_time", out->time, sizeof(out->time));
    out->speed = read_number(root, "speed", 0);
    out->lag_s = read_number(root, "lag_seconds", NAN);
    out->n_events = read_number(root, "events", 0);
    out->n_signals = read_number(root, "signals", 0);
    out->n_filled = read_number(root, "filled", 0);
    out->pnl = read_number(root, "pnl", NAN);
}
