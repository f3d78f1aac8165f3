/* The signal's rules are one list of checks, each naming the field it guards; the writer follows the same order. */
#include "alphaloop/domain/signal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "alphaloop/base/json.h"

/* ---- checks ---- */

typedef bool (*check_fn)(const struct decision *d, const struct signal_extra *x);

static bool within(double value, double low, double high)
{
    return value >= low && value <= high; /* false for NaN */
}

static bool check_signal_id(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return !uuid_is_nil(d->decision_id);
}

static bool check_signal_type(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return d->side == SIDE_BUY || d->side == SIDE_SELL;
}

static bool check_asset(const struct decision *d, const struct signal_extra *x)
{
    struct asset same;
    struct slice text = slice_of(d->asset.text);
    (void)x;
    return text.len >= TRADED_ASSET_LEN_MIN && asset_parse(text, &same) &&
           asset_eq(&same, &d->asset);
}

static bool check_amount(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return d->amount.units % SIGNAL_AMOUNT_STEP == 0 &&
           within(decimal_to_double(d->amount), SIGNAL_AMOUNT_MIN, SIGNAL_AMOUNT_MAX);
}

static bool check_confidence(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return within(d->confidence, 0, 1);
}

static bool check_timestamp(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return d->decided_at_ns >= 0;
}

static bool check_strategy_id(const struct decision *d, const struct signal_extra *x)
{
    struct strategy_id same;
    (void)x;
    return strategy_id_parse(slice_of(d->strategy_id.text), &same);
}

/* In warm-up there is no version. An exit may come from rules alone: then there is none either. */
static bool check_model_version(const struct decision *d, const struct signal_extra *x)
{
    struct model_version_id same;
    bool has_version = d->model_version.text[0] != '\0';
    (void)x;
    if (has_version && !model_version_id_parse(slice_of(d->model_version.text), &same))
        return false;
    return d->kind == DECISION_EXIT || has_version != d->is_warmup;
}

static bool check_snapshot(const struct decision *d, const struct signal_extra *x)
{
    const struct snapshot *s = &d->snapshot;
    (void)x;
    return s->mid > 0 && isfinite(s->mid) && within(s->spread, 0, 1e300) &&
           within(s->volume_24h, 0, 1e300) && within(s->volatility, 0, 1e300);
}

static bool check_propensity(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return d->propensity > 0 && d->propensity <= 1;
}

static bool check_risk_score(const struct decision *d, const struct signal_extra *x)
{
    (void)d;
    return within(x->risk_score, 0, 1);
}

static bool check_reasons(const struct decision *d, const struct signal_extra *x)
{
    (void)d;
    return x->n_reasons <= REASONS_MAX && (x->n_reasons == 0 || x->reasons != NULL);
}

static bool check_explanation(const struct decision *d, const struct signal_extra *x)
{
    const struct explanation *e = x->explanation;
    (void)d;
    if (e == NULL)
        return true;
    bool good = e->n <= EXPLANATION_TOP && isfinite(e->bias) && isfinite(e->rest);
    for (size_t i = 0; i < e->n && good; i++)
        good = e->top[i].feature != NULL && isfinite(e->top[i].log_odds);
    return good;
}

static bool check_indicators(const struct decision *d, const struct signal_extra *x)
{
    return x->indicator_names == NULL || x->n_indicators <= d->n_features;
}

static bool check_exit(const struct decision *d, const struct signal_extra *x)
{
    return d->kind != DECISION_EXIT ||
           (x->exit_fraction > 0 && x->exit_fraction <= 1 && d->reason != REASON_NONE);
}

static bool check_trace_id(const struct decision *d, const struct signal_extra *x)
{
    (void)x;
    return d->trace_id.text[0] != '\0';
}

static const struct {
    const char *field;
    check_fn check;
} checks[] = {
    {"signal_id", check_signal_id},
    {"signal_type", check_signal_type},
    {"asset", check_asset},
    {"amount", check_amount},
    {"confidence", check_confidence},
    {"timestamp", check_timestamp},
    {"strategy_id", check_strategy_id},
    {"model_version", check_model_version},
    {"market_data_snapshot", check_snapshot},
    {"propensity", check_propensity},
    {"risk_score", check_risk_score},
    {"reasons", check_reasons},
    {"contributions", check_explanation},
    {"technical_indicators", check_indicators},
    {"exit_fraction", check_exit},
    {"trace_id", check_trace_id},
};

bool signal_is_valid(const struct decision *decision,
                     const struct signal_extra *extra,
                     const char **field)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if (checks[i].check(decision, extra))
            continue;
        *field = checks[i].field;
        return false;
    }
    return true;
}

/* ---- writing ---- */

static void write_finite(struct json_writer *w, const char *key, double value)
{
    if (isfinite(value))
        json_m_double(w, key, value);
}

static void write_uuid(struct json_writer *w, const char *key, struct uuid id)
{
    char text[UUID_TEXT_MAX];
    uuid_format(id, text);
    json_m_str(w, key, text);
}

/* "123.40": the digits of the decimal itself, cut after the two that may be other than 0. */
static void write_amount(struct json_writer *w, struct decimal amount)
{
    char text[DECIMAL_TEXT_MAX];
    size_t len = decimal_format(amount, text);
    json_m_raw(w, "amount", (struct slice){text, len - 6});
}

static void write_depth(struct json_writer *w, const struct snapshot *snapshot)
{
    json_w_key(w, "orderbook_depth");
    if (!isfinite(snapshot->bid_depth) || !isfinite(snapshot->ask_depth)) {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    json_m_double(w, "bid_depth", snapshot->bid_depth);
    json_m_double(w, "ask_depth", snapshot->ask_depth);
    json_w_end_object(w);
}

static void write_indicators(struct json_writer *w,
                             const struct decision *d,
                             const struct signal_extra *x)
{
    json_w_key(w, "technical_indicators");
    if (x->indicator_names == NULL || x->n_indicators == 0) {
        json_w_null(w);
        return;
    }
    json_w_object(w);
    for (size_t i = 0; i < x->n_indicators; i++)
        write_finite(w, x->indicator_names[i], (double)d->features[i]);
    json_w_end_object(w);
}

static void write_snapshot(struct json_writer *w,
                           const struct decision *d,
                           const struct signal_extra *x)
{
    json_w_key(w, "market_data_snapshot");
    json_w_object(w);
    json_m_double(w, "price", d->snapshot.mid);
    json_m_double(w, "spread", d->snapshot.spread);
    json_m_double(w, "volume_24h", d->snapshot.volume_24h);
    json_m_double(w, "volatility", d->snapshot.volatility);
    write_depth(w, &d->snapshot);
    write_indicators(w, d, x);
    json_w_end_object(w);
}

static void write_reasoning(struct json_writer *w,
                            const struct decision *d,
                            const struct signal_extra *x)
{
    struct buf text = BUF_INIT(512);
    if (x->reasoning != NULL)
        buf_puts(&text, x->reasoning);
    else if (d->kind == DECISION_EXIT)
        buf_printf(&text, "%s: %s", side_name(d->side), reason_text(d->reason));
    else if (d->is_warmup)
        buf_printf(&text, "%s in warm-up, led by %s", side_name(d->side),
                   d->heuristic[0] != '\0' ? d->heuristic : "chance");
    else
        buf_printf(&text, "%s: expected %.4f %% net with probability %.3f of a gain by model %s",
                   side_name(d->side), d->expected_value * 100, d->confidence,
                   d->model_version.text);
    json_m_string(w, "reasoning", buf_slice(&text));
    buf_deinit(&text);
}

static void write_exit(struct json_writer *w,
                       const struct decision *d,
                       const struct signal_extra *x)
{
    json_m_str(w, "exit_reason", reason_name(d->reason));
    json_m_double(w, "exit_fraction", x->exit_fraction);
    json_m_str(w, "position_id", x->position_id);
}

static void write_entry(struct json_writer *w, const struct decision *d)
{
    write_finite(w, "expected_value", d->expected_value);
    if (isfinite(d->interval.lower) && isfinite(d->interval.upper)) {
        json_m_double(w, "interval_lower", d->interval.lower);
        json_m_double(w, "interval_upper", d->interval.upper);
        json_m_double(w, "interval_coverage", d->interval.coverage);
    }
    write_finite(w, "horizon_seconds", (double)d->horizon_ns / (double)NS_PER_S);
    if (d->heuristic[0] != '\0')
        json_m_str(w, "heuristic", d->heuristic);
}

/* The short words, then the features that weighed most. */
static void write_reasons(struct json_writer *w, const struct signal_extra *x)
{
    json_w_key(w, "reasons");
    json_w_array(w);
    for (size_t i = 0; i < x->n_reasons; i++)
        json_w_str(w, x->reasons[i]);
    for (size_t i = 0; x->explanation != NULL && i < x->explanation->n; i++) {
        const struct contribution *c = &x->explanation->top[i];
        struct buf text = BUF_INIT(256);
        buf_printf(&text, "%s speaks %s it", c->feature, c->log_odds > 0 ? "for" : "against");
        json_w_string(w, buf_slice(&text));
        buf_deinit(&text);
    }
    json_w_end_array(w);
}

static void write_explanation(struct json_writer *w, const struct explanation *e)
{
    json_w_key(w, "contributions");
    json_w_array(w);
    for (size_t i = 0; i < e->n; i++) {
        json_w_object(w);
        json_m_str(w, "feature", e->top[i].feature);
        json_m_number(w, "value", e->top[i].value);
        json_m_bool(w, "oriented", e->top[i].is_oriented);
        json_m_double(w, "contribution", e->top[i].log_odds);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_m_double(w, "contribution_rest", e->rest);
    json_m_double(w, "contribution_bias", e->bias);
}

static void write_metadata(struct json_writer *w,
                           const struct decision *d,
                           const struct signal_extra *x)
{
    json_w_key(w, "metadata");
    json_w_object(w);
    write_reasoning(w, d, x);
    json_m_double(w, "risk_score", x->risk_score);
    write_uuid(w, "decision_id", d->decision_id);
    json_m_double(w, "propensity", d->propensity);
    write_reasons(w, x);
    json_m_str(w, "kind", d->kind == DECISION_EXIT ? "exit" : "entry");
    if (d->kind == DECISION_EXIT)
        write_exit(w, d, x);
    else
        write_entry(w, d);
    if (x->explanation != NULL)
        write_explanation(w, x->explanation);
    json_w_end_object(w);
}

void signal_body_write(const struct decision *decision,
                       const struct signal_extra *extra,
                       struct buf *out)
{
    const char *field;
    struct json_writer w;
    assert(signal_is_valid(decision, extra, &field));
    json_w_init(&w, out);
    json_w_object(&w);
    write_uuid(&w, "signal_id", decision->decision_id);
    json_m_str(&w, "signal_type", side_name(decision->side));
    json_m_str(&w, "asset", decision->asset.text);
    write_amount(&w, decision->amount);
    json_m_double(&w, "confidence", decision->confidence);
    json_m_time(&w, "timestamp", decision->decided_at_ns);
    json_m_str(&w, "strategy_id", decision->strategy_id.text);
    json_m_str(&w, "model_version",
               decision->model_version.text[0] != '\0' ? decision->model_version.text : NULL);
    json_m_bool(&w, "is_warmup", decision->is_warmup);
    write_snapshot(&w, decision, extra);
    write_metadata(&w, decision, extra);
    json_m_str(&w, "trace_id", decision->trace_id.text);
    json_w_end_object(&w);
}
