/* The same facts for people and for programs. */
#include "why_i.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/base/timestamp.h"

#define TEXT_MAX (4U << 20)

static const char *kind_of(const struct why *why)
{
    if (why->is_abstention)
        return "abstention";
    return why->decision.kind == DECISION_EXIT ? "exit" : "entry";
}

static const char *status_of(const struct why *why)
{
    return why->is_signal ? signal_status_name(why->status) : "not sent";
}

static const char *check_name(enum why_check check)
{
    static const char *const names[] = {
        [WHY_NOTHING_TO_CHECK] = "nothing", [WHY_AGREES] = "agrees", [WHY_DIFFERS] = "differs"};
    return names[check];
}

/* metadata of the message that was sent; gives *root: json_put(). NULL for an abstention. */
static struct json_node *metadata_of(const struct why *why, struct json_node **root)
{
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    *root = NULL;
    if (why->body.len > 0 && json_read(reader, buf_slice(&why->body), root) != AL_OK)
        *root = NULL;
    json_reader_destroy(reader);
    return json_get(*root, "metadata");
}

/* ---- for people ---- */

static void print_time(const char *label, int64_t ts_ns)
{
    char text[TIMESTAMP_TEXT_MAX];
    if (ts_ns == TIMESTAMP_NONE)
        return;
    timestamp_format(ts_ns, text);
    printf("  %-12s %s\n", label, text);
}

static void print_text(const char *label, const char *text)
{
    if (text[0] != '\0')
        printf("  %-12s %s\n", label, text);
}

static void print_number(const char *label, double value)
{
    if (isfinite(value))
        printf("  %-12s %.10g\n", label, value);
}

/* Confidence, value and interval of an abstention are of the action it leant to. */
static void print_leaning(const struct decision *d)
{
    if (d->side == SIDE_NONE)
        print_text("leant to", side_name(d->leaning));
    print_number(d->is_warmup ? "strength" : "confidence", d->confidence);
    print_number("value", d->expected_value);
    if (isfinite(d->interval.lower) && isfinite(d->interval.upper))
        printf("  %-12s %.10g to %.10g holds %.4g %%\n", "interval", d->interval.lower,
               d->interval.upper, d->interval.coverage * 100);
}

static void print_head(const struct why *why)
{
    const struct decision *d = &why->decision;
    char id[UUID_TEXT_MAX], amount[DECIMAL_TEXT_MAX];
    uuid_format(why->id, id);
    decimal_format(d->amount, amount);
    printf("%s %s of %s for %s\n", kind_of(why), id, d->asset.text, d->strategy_id.text);
    print_time("decided", d->decided_at_ns);
    print_text("action", side_name(d->side));
    if (why->is_signal)
        print_text("amount", amount);
    if (d->reason != REASON_NONE)
        printf("  %-12s %s: %s\n", "reason", reason_name(d->reason), reason_text(d->reason));
    print_number("propensity", d->propensity);
    print_leaning(d);
    print_text("heuristic", d->heuristic);
    print_text("status", status_of(why));
    print_time("published", why->published_at_ns);
    print_text("trace", d->trace_id.text);
}

static void print_snapshot(const struct snapshot *s)
{
    if (!(s->mid > 0))
        return;
    puts("market");
    print_time("as of", s->ts_event_ns);
    print_number("mid", s->mid);
    print_number("bid", s->bid);
    print_number("ask", s->ask);
    print_number("last", s->last_price);
    print_number("spread", s->spread);
    print_number("volume 24 h", s->volume_24h);
    print_number("volatility", s->volatility);
    print_number("bid depth", s->bid_depth);
    print_number("ask depth", s->ask_depth);
}

static void print_model(const struct why *why)
{
    const struct model_version_row *v = &why->version;
    struct json_reader *reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    struct json_node *verdict = NULL;
    if (why->decision.model_version.text[0] == '\0')
        return;
    printf("model %s\n", why->decision.model_version.text);
    if (why->has_version) {
        print_text("kind", v->model_type);
        print_text("state now", version_state_name(v->state));
        print_time("trained", v->trained_at_ns);
        if (why->verdict.len > 0 && json_read(reader, buf_slice(&why->verdict), &verdict) == AL_OK)
            print_text("gate", json_text(json_get(verdict, "reason")).ptr);
    }
    json_put(verdict);
    json_reader_destroy(reader);
}

static void print_reasons(const struct why *why)
{
    struct json_node *root;
    struct json_node *reasons = json_get(metadata_of(why, &root), "reasons");
    if (json_length(reasons) > 0)
        puts("reasons, as published");
    for (size_t i = 0; i < json_length(reasons); i++)
        printf("  %s\n", json_text(json_at(reasons, i)).ptr);
    json_put(root);
}

static void print_value(float value)
{
    if (isnan(value))
        printf("%14s", "missing");
    else
        printf("%14.7g", (double)value);
}

static void print_action(const struct why *why, const struct why_action *action)
{
    const struct feature_set *set = why->set;
    const struct prediction *p = &action->prediction;
    printf("%s%s: probability of a gain %.4f, expected %+.4f %% net, at least %+.4f %%\n",
           side_name(action->side), action->side == why->decision.side ? ", chosen" : "", p->q,
           p->v * 100, p->v_low * 100);
    printf("  %-40s %14s %+12.6f\n", "log-odds before calibration", "", action->log_odds);
    printf("  %-40s %14s %+12.6f\n", "mean of what it was taught on", "", action->bias);
    for (size_t i = 0; i < set->n_columns; i++) {
        size_t column = action->order[i];
        if (!(fabs(action->contributions[column]) > 0))
            break;
        printf("  %-40s ", set->columns[column].name);
        print_value(why->decision.features[column]);
        printf(" %+12.6f%s\n", action->contributions[column],
               set->columns[column].is_oriented && action->side == SIDE_SELL ? "  (mirrored)" : "");
    }
}

static void print_features(const struct why *why)
{
    char name[FEATURE_NAME_MAX];
    if (why->decision.n_features > 0)
        puts("features");
    for (size_t i = 0; i < why->decision.n_features; i++) {
        snprintf(name, sizeof name, "column %zu", i);
        printf("  %-40s ", why->set != NULL ? why->set->columns[i].name : name);
        print_value(why->decision.features[i]);
        putchar('\n');
    }
}

static void print_executions(const struct why *why)
{
    if (why->n_executions > 0)
        puts("executions");
    for (size_t i = 0; i < why->n_executions; i++) {
        const struct execution_view *e = &why->executions[i];
        char at[TIMESTAMP_TEXT_MAX];
        timestamp_format(e->executed_at_ns, at);
        printf("  %s  %.10g at %.10g, fees %.10g, order %s\n", at, e->quantity, e->price, e->fees,
               e->order_id.text);
    }
}

static void print_outcomes(const struct why *why)
{
    printf("outcome: %s\n", why->outcome[0] != '\0' ? why->outcome : "still open");
    for (size_t i = 0; i < why->n_outcomes; i++) {
        const struct outcome_view *o = &why->outcomes[i];
        printf("  %-4s %+.4f %% net (%+.4f %% gross, %.4f %% cost), %s barrier, by %s%s\n",
               o->action, o->net_return * 100, o->gross_return * 100, o->cost_return * 100,
               o->barrier, o->is_own_fill ? "own fills" : "the market",
               o->policy_took ? ", the action taken" : "");
    }
}

void why_print(const struct why *why)
{
    print_head(why);
    print_snapshot(&why->decision.snapshot);
    print_model(why);
    print_reasons(why);
    for (size_t i = 0; why->is_explained && i < COUNT_OF(why->actions); i++)
        print_action(why, &why->actions[i]);
    if (why->check != WHY_NOTHING_TO_CHECK)
        printf("check: %s\n", why->check_text);
    print_features(why);
    print_executions(why);
    print_outcomes(why);
}

/* ---- for programs ---- */

static void put_json(struct json_writer *w, const char *key, const struct buf *json)
{
    json_w_key(w, key);
    if (json->len > 0)
        json_w_raw(w, buf_slice(json));
    else
        json_w_null(w);
}

static void put_head(struct json_writer *w, const struct why *why)
{
    const struct decision *d = &why->decision;
    char id[UUID_TEXT_MAX];
    uuid_format(why->id, id);
    json_m_text(w, "decision_id", id);
    json_m_text(w, "kind", kind_of(why));
    json_m_text(w, "strategy_id", d->strategy_id.text);
    json_m_text(w, "asset", d->asset.text);
    json_m_text(w, "action", side_name(d->side));
    json_m_number(w, "amount", decimal_to_double(d->amount));
    json_m_time(w, "decided_at", d->decided_at_ns);
    json_m_text(w, "reason", d->reason == REASON_NONE ? "" : reason_name(d->reason));
    json_m_number(w, "propensity", d->propensity);
    json_m_number(w, "confidence", d->confidence);
    json_m_number(w, "expected_value", d->expected_value);
    json_m_text(w, "leaning", side_name(d->leaning));
    json_m_number(w, "interval_lower", d->interval.lower);
    json_m_number(w, "interval_upper", d->interval.upper);
    json_m_number(w, "interval_coverage", d->interval.coverage);
    json_m_bool(w, "is_warmup", d->is_warmup);
    json_m_text(w, "heuristic", d->heuristic);
    json_m_text(w, "status", status_of(why));
    json_m_time(w, "published_at", why->published_at_ns);
    json_m_text(w, "trace_id", d->trace_id.text);
}

static void put_snapshot(struct json_writer *w, const struct snapshot *s)
{
    json_w_key(w, "snapshot");
    if (!(s->mid > 0)) {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    json_m_time(w, "timestamp", s->ts_event_ns);
    json_m_number(w, "mid", s->mid);
    json_m_number(w, "bid", s->bid);
    json_m_number(w, "ask", s->ask);
    json_m_number(w, "last_price", s->last_price);
    json_m_number(w, "spread", s->spread);
    json_m_number(w, "volume_24h", s->volume_24h);
    json_m_number(w, "volatility", s->volatility);
    json_m_number(w, "bid_depth", s->bid_depth);
    json_m_number(w, "ask_depth", s->ask_depth);
    json_w_end_object(w);
}

static void put_model(struct json_writer *w, const struct why *why)
{
    const struct model_version_row *v = &why->version;
    json_m_text(w, "model_version", why->decision.model_version.text);
    json_w_key(w, "model");
    if (!why->has_version) {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    json_m_text(w, "version", v->version.text);
    json_m_text(w, "model_type", v->model_type);
    json_m_text(w, "state", version_state_name(v->state));
    json_m_time(w, "trained_at", v->trained_at_ns);
    put_json(w, "verdict", &why->verdict);
    json_w_end_object(w);
}

static void put_features(struct json_writer *w, const struct why *why)
{
    json_w_key(w, "features");
    json_w_array(w);
    for (size_t i = 0; i < why->decision.n_features; i++) {
        json_w_object(w);
        json_m_text(w, "feature", why->set != NULL ? why->set->columns[i].name : "");
        json_m_number(w, "value", (double)why->decision.features[i]);
        json_m_bool(w, "oriented", why->set != NULL && why->set->columns[i].is_oriented);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void put_action(struct json_writer *w,
                       const struct why *why,
                       const struct why_action *action)
{
    json_w_object(w);
    json_m_text(w, "action", side_name(action->side));
    json_m_bool(w, "chosen", action->side == why->decision.side);
    json_m_number(w, "q", action->prediction.q);
    json_m_number(w, "v", action->prediction.v);
    json_m_number(w, "v_low", action->prediction.v_low);
    json_m_number(w, "log_odds", action->log_odds);
    json_m_number(w, "bias", action->bias);
    json_w_key(w, "contributions");
    json_w_array(w);
    for (size_t i = 0; i < why->set->n_columns; i++) {
        json_w_object(w);
        json_m_text(w, "feature", why->set->columns[action->order[i]].name);
        json_m_number(w, "contribution", action->contributions[action->order[i]]);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static void put_explanation(struct json_writer *w, const struct why *why)
{
    json_m_bool(w, "explained", why->is_explained);
    json_m_text(w, "unexplained", why->unexplained);
    json_w_key(w, "actions");
    json_w_array(w);
    for (size_t i = 0; why->is_explained && i < COUNT_OF(why->actions); i++)
        put_action(w, why, &why->actions[i]);
    json_w_end_array(w);
    json_m_text(w, "check", check_name(why->check));
    json_m_text(w, "check_text", why->check_text);
}

static void put_executions(struct json_writer *w, const struct why *why)
{
    json_w_key(w, "executions");
    json_w_array(w);
    for (size_t i = 0; i < why->n_executions; i++) {
        const struct execution_view *e = &why->executions[i];
        json_w_object(w);
        json_m_text(w, "order_id", e->order_id.text);
        json_m_number(w, "price", e->price);
        json_m_number(w, "quantity", e->quantity);
        json_m_number(w, "fees", e->fees);
        json_m_time(w, "executed_at", e->executed_at_ns);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void put_outcomes(struct json_writer *w, const struct why *why)
{
    json_m_text(w, "outcome", why->outcome);
    json_w_key(w, "outcomes");
    json_w_array(w);
    for (size_t i = 0; i < why->n_outcomes; i++) {
        const struct outcome_view *o = &why->outcomes[i];
        json_w_object(w);
        json_m_text(w, "action", o->action);
        json_m_bool(w, "policy_took", o->policy_took);
        json_m_text(w, "evidence", o->is_own_fill ? "own_fill" : "market");
        json_m_text(w, "barrier", o->barrier);
        json_m_number(w, "gross_return", o->gross_return);
        json_m_number(w, "cost_return", o->cost_return);
        json_m_number(w, "net_return", o->net_return);
        json_m_number(w, "fill_fraction", o->fill_fraction);
        json_m_time(w, "reached_at", o->t1_ns);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

void why_print_json(const struct why *why)
{
    struct buf out = BUF_INIT(TEXT_MAX), pretty = BUF_INIT(TEXT_MAX);
    struct json_writer w;
    json_w_init(&w, &out);
    json_w_object(&w);
    put_head(&w, why);
    put_snapshot(&w, &why->decision.snapshot);
    put_model(&w, why);
    put_features(&w, why);
    put_explanation(&w, why);
    put_executions(&w, why);
    put_outcomes(&w, why);
    put_json(&w, "message", &why->body);
    json_w_end_object(&w);
    json_pretty(buf_slice(&out), &pretty);
    puts(buf_str(&pretty));
    buf_deinit(&out);
    buf_deinit(&pretty);
}
