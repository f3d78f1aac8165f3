/* Walks the table of indicators: each against its reference file, in chunks, poisoned, flat, short and empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/feature/feature_catalog.h"
#include "harness/check.h"

#define VECTORS    "tests/vectors/indicator/"
#define INPUTS_MAX 400
#define TEXT_MAX   (1 << 20)
#define SIGMA      0.0005

struct series { /* the inputs of one feed, and the moment after each */
    enum indicator_feed feed;
    size_t n;
    struct candle candles[INPUTS_MAX];
    struct trade trades[INPUTS_MAX];
    struct market_quote quotes[INPUTS_MAX]; /* of the moment; for FEED_QUOTE also the inputs */
    struct order_book *books;
    struct position_features positions[INPUTS_MAX];
    int64_t now_ns[INPUTS_MAX];
};

static struct series all[FEED_COUNT];

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s: cannot be opened (run from the top of the source; a new indicator needs its "
                 "vectors)",
                 path);
    char *text = calloc(1, TEXT_MAX);
    size_t n = fread(text, 1, TEXT_MAX - 1, file);
    assert_true(n > 0 && n < TEXT_MAX - 1);
    fclose(file);
    return text;
}

static void read_candle(struct series *s, size_t i, const char *line)
{
    struct candle *c = &s->candles[i];
    *c = (struct candle){.ts_open_ns = (int64_t)i * NS_PER_MIN, .interval_ns = NS_PER_MIN};
    assert_int_equal(
        sscanf(line, "%lf %lf %lf %lf %lf", &c->open, &c->high, &c->low, &c->close, &c->volume), 5);
    s->now_ns[i] = c->ts_open_ns + NS_PER_MIN;
}

static void read_trade(struct series *s, size_t i, const char *line)
{
    struct trade *t = &s->trades[i];
    long long ts_ms;
    int side;
    double mid;
    assert_int_equal(sscanf(line, "%lld %lf %lf %d %lf", &ts_ms, &t->price, &t->qty, &side, &mid),
                     5);
    t->ts_event_ns = ts_ms * NS_PER_MS;
    t->side = side > 0 ? SIDE_BUY : side < 0 ? SIDE_SELL : SIDE_NONE;
    s->now_ns[i] = t->ts_event_ns + 500 * NS_PER_MS;
    s->quotes[i] = (struct market_quote){t->ts_event_ns, mid, mid, mid, 1, 1};
}

static void read_quote(struct series *s, size_t i, const char *line)
{
    struct market_quote *q = &s->quotes[i];
    long long ts_ms;
    assert_int_equal(
        sscanf(line, "%lld %lf %lf %lf %lf", &ts_ms, &q->bid, &q->ask, &q->bid_qty, &q->ask_qty),
        5);
    q->ts_event_ns = ts_ms * NS_PER_MS;
    q->mid = (q->bid + q->ask) / 2;
    s->now_ns[i] = q->ts_event_ns + 250 * NS_PER_MS;
}

static void read_book(struct series *s, size_t i, const char *line)
{
    struct order_book *book = &s->books[i];
    bool asks = false;
    order_book_init(book);
    for (const char *at = line; *at != '\0';) {
        int used = 0;
        double price, qty;
        if (*at == '|' || *at == ' ') {
            asks = asks || *at == '|';
            at++;
            continue;
        }
        assert_int_equal(sscanf(at, "%lf:%lf%n", &price, &qty, &used), 2);
        struct book_level level = {price, qty};
        if (asks)
            book->asks[book->n_asks++] = level;
        else
            book->bids[book->n_bids++] = level;
        at += used;
    }
    book->has_snapshot = true;
}

static void read_position(struct series *s, size_t i, const char *line)
{
    struct position_features *p = &s->positions[i];
    int known;
    assert_int_equal(sscanf(line, "%d %lf %lf %lf", &known, &p->size_fraction,
                            &p->unrealized_pnl_pct, &p->n_open_orders),
                     4);
    p->is_known = known != 0;
}

static void read_clock(struct series *s, size_t i, const char *line)
{
    s->now_ns[i] = strtoll(line, NULL, 10) * NS_PER_S;
}

static void series_read(enum indicator_feed feed)
{
    static void (*const readers[FEED_COUNT])(struct series *, size_t, const char *) = {
        read_candle, read_trade, read_quote, read_book, read_position, read_clock};
    struct series *s = &all[feed];
    char path[200];
    snprintf(path, sizeof(path), VECTORS "input_%s.txt", indicator_feed_name(feed));
    char *text = slurp(path);
    s->feed = feed;
    s->books = calloc(INPUTS_MAX, sizeof(*s->books));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(s->n < INPUTS_MAX);
        readers[feed](s, s->n, line);
        s->n++;
    }
    free(text);
}

static int group_setup(void **state)
{
    (void)state;
    for (int feed = 0; feed < FEED_COUNT; feed++)
        series_read((enum indicator_feed)feed);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    for (int feed = 0; feed < FEED_COUNT; feed++)
        free(all[feed].books);
    return 0;
}

static void feed_inputs(struct indicator_run *run, const struct series *s, size_t from, size_t n)
{
    if (s->feed == FEED_CANDLE)
        indicator_run_candles(run, &s->candles[from], n);
    else if (s->feed == FEED_TRADE)
        indicator_run_trades(run, &s->trades[from], n);
    else if (s->feed == FEED_QUOTE)
        indicator_run_quotes(run, &s->quotes[from], n);
}

static double value_after(const struct indicator_run *run, const struct series *s, size_t i)
{
    struct feature_moment moment = {
        .now_ns = s->now_ns[i],
        .sigma = SIGMA,
        .quote = s->feed == FEED_TRADE || s->feed == FEED_QUOTE ? &s->quotes[i] : NULL,
        .book = s->feed == FEED_BOOK ? &s->books[i] : NULL,
        .position = s->feed == FEED_POSITION ? &s->positions[i] : NULL,
    };
    return indicator_run_value(run, &moment);
}

/* All values of a series, fed in chunks of `chunk`; NaN where a chunk does not end. */
static void run_series(const struct indicator *indicator,
                       const double *options,
                       const struct series *s,
                       size_t chunk,
                       double *out)
{
    struct indicator_run *run;
    assert_int_equal(indicator_run_create(indicator, options, &run), AL_OK);
    for (size_t i = 0; i < s->n; i += chunk) {
        size_t n = s->n - i < chunk ? s->n - i : chunk;
        for (size_t k = 0; k + 1 < n; k++)
            out[i + k] = NAN;
        feed_inputs(run, s, i, n);
        out[i + n - 1] = value_after(run, s, i + n - 1);
    }
    indicator_run_destroy(run);
}

static void defaults_of(const struct indicator *indicator, double options[INDICATOR_OPTIONS_MAX])
{
    memset(options, 0, INDICATOR_OPTIONS_MAX * sizeof(double));
    for (size_t i = 0; i < indicator_n_options(indicator); i++)
        options[i] = indicator->options[i].value;
}

/* What is walked: every indicator with its defaults, then every row of the catalogue with its own options. */
struct subject {
    char name[FEATURE_NAME_MAX + 16];
    const struct indicator *indicator;
    double options[INDICATOR_OPTIONS_MAX];
};

static size_t subject_count(void)
{
    return indicator_count() + feature_row_count();
}

static struct subject subject_at(size_t index)
{
    struct subject subject = {0};
    if (index < indicator_count()) {
        subject.indicator = indicator_at(index);
        defaults_of(subject.indicator, subject.options);
        snprintf(subject.name, sizeof(subject.name), "%s()", subject.indicator->name);
        return subject;
    }
    const struct feature_row *row = feature_row_at(index - indicator_count());
    subject.indicator = indicator_find(slice_of(row->indicator));
    assert_non_null(subject.indicator);
    defaults_of(subject.indicator, subject.options);
    for (size_t i = 0; i < indicator_n_options(subject.indicator); i++)
        subject.options[i] = isnan(row->options[i]) ? subject.options[i] : row->options[i];
    snprintf(subject.name, sizeof(subject.name), "%s", row->name);
    return subject;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static void parse_case(const struct indicator *indicator,
                       char *line,
                       double options[INDICATOR_OPTIONS_MAX])
{
    char *at = line + strlen("case");
    defaults_of(indicator, options);
    for (size_t i = 0; i < indicator_n_options(indicator); i++) {
        size_t n_name = strlen(indicator->options[i].name);
        assert_int_equal(*at, ' ');
        assert_memory_equal(at + 1, indicator->options[i].name, n_name);
        options[i] = strtod(at + n_name + 2, &at);
    }
}

static void compare(const struct indicator *indicator,
                    const char *line,
                    const double *got,
                    const double *wanted,
                    size_t n)
{
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++) {
        double tolerance = 1e-9 * fabs(wanted[i]) + 1e-9;
        n_known += isnan(wanted[i]) ? 0 : 1;
        if (isnan(got[i]) != isnan(wanted[i]) || fabs(got[i] - wanted[i]) > tolerance)
            fail_msg("%s, %s: after input %zu got %.15g, the reference says %.15g", indicator->name,
                     line, i + 1, got[i], wanted[i]);
    }
    if (n_known == 0)
        fail_msg("%s, %s: the reference never gets past its warm-up", indicator->name, line);
}

typedef void (*case_fn)(const struct indicator *indicator,
                        const double *options,
                        const char *line,
                        const double *wanted,
                        void *ctx);

static void each_case(const struct indicator *indicator, case_fn fn, void *ctx)
{
    char path[200];
    snprintf(path, sizeof(path), VECTORS "%s.txt", indicator->name);
    char *text = slurp(path), *rest = NULL;
    size_t n_cases = 0, n = all[indicator->feed].n;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        double options[INDICATOR_OPTIONS_MAX], wanted[INPUTS_MAX];
        if (strncmp(line, "case", 4) != 0)
            continue;
        parse_case(indicator, line, options);
        char *at = rest;
        for (size_t i = 0; i < n; i++)
            wanted[i] = strtod(at, &at);
        rest = at;
        fn(indicator, options, line, wanted, ctx);
        n_cases++;
    }
    assert_true(n_cases > 0);
    free(text);
}

static void check_reference(const struct indicator *indicator,
                            const double *options,
                            const char *line,
                            const double *wanted,
                            void *ctx)
{
    double got[INPUTS_MAX];
    (void)ctx;
    run_series(indicator, options, &all[indicator->feed], 1, got);
    compare(indicator, line, got, wanted, all[indicator->feed].n);
}

static void test_indicator_matches_its_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < indicator_count(); i++)
        each_case(indicator_at(i), check_reference, NULL);
}

struct wanted_case {
    const double *options;
    size_t n_options;
    bool found;
};

static void look_for_case(const struct indicator *indicator,
                          const double *options,
                          const char *line,
                          const double *wanted,
                          void *ctx)
{
    struct wanted_case *looked_for = ctx;
    (void)indicator, (void)line, (void)wanted;
    looked_for->found |=
        memcmp(options, looked_for->options, looked_for->n_options * sizeof(double)) == 0;
}

static void test_indicator_reference_covers_every_subject(void **state)
{
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        struct wanted_case looked_for = {subject.options, indicator_n_options(subject.indicator),
                                         false};
        each_case(subject.indicator, look_for_case, &looked_for);
        if (!looked_for.found)
            fail_msg("%s: no reference values with its options", subject.name);
    }
}

static void test_indicator_gives_the_same_in_any_chunks(void **state)
{
    static const size_t chunks[] = {2, 3, 5, 7, 13};
    double one[INPUTS_MAX], many[INPUTS_MAX];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct series *s = &all[subject.indicator->feed];
        run_series(subject.indicator, subject.options, s, 1, one);
        for (size_t k = 0; k < COUNT_OF(chunks); k++) {
            run_series(subject.indicator, subject.options, s, chunks[k], many);
            for (size_t t = chunks[k] - 1; t < s->n; t += chunks[k])
                if (!same_bits(one[t], many[t]))
                    fail_msg("%s: chunks of %zu differ after input %zu", subject.name, chunks[k],
                             t + 1);
        }
    }
}

/* Everything after input t is ruined. */
static void poison(struct series *s, size_t t)
{
    for (size_t i = t + 1; i < s->n; i++) {
        s->candles[i] =
            (struct candle){s->candles[i].ts_open_ns, NS_PER_MIN, NAN, 1e300, -5, NAN, -1};
        s->trades[i] = (struct trade){s->trades[i].ts_event_ns, NAN, 1e300, SIDE_SELL};
        s->quotes[i] = (struct market_quote){s->quotes[i].ts_event_ns, NAN, -1, NAN, 1e300, NAN};
        s->positions[i] = (struct position_features){true, NAN, 1e300, -1};
        order_book_init(&s->books[i]);
    }
}

static void test_indicator_does_not_look_ahead(void **state)
{
    static struct series poisoned;
    static const size_t cuts[] = {5, 31, 47, 77, 120, 175};
    double clean[INPUTS_MAX], ruined[INPUTS_MAX];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct series *s = &all[subject.indicator->feed];
        run_series(subject.indicator, subject.options, s, 1, clean);
        for (size_t k = 0; k < COUNT_OF(cuts) && s->feed <= FEED_QUOTE; k++) {
            poisoned = *s;
            poison(&poisoned, cuts[k]);
            run_series(subject.indicator, subject.options, &poisoned, 1, ruined);
            for (size_t t = 0; t <= cuts[k]; t++)
                if (!same_bits(clean[t], ruined[t]))
                    fail_msg("%s: the value after input %zu knows of input %zu", subject.name,
                             t + 1, cuts[k] + 2);
        }
    }
}

static void test_indicator_stays_in_its_range(void **state)
{
    double values[INPUTS_MAX];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        size_t n_known = 0;
        run_series(indicator, subject.options, &all[indicator->feed], 1, values);
        for (size_t t = 0; t < all[indicator->feed].n; t++) {
            n_known += isnan(values[t]) ? 0 : 1;
            assert_true(isnan(values[t]) ||
                        (values[t] >= indicator->min && values[t] <= indicator->max));
        }
        if (n_known == 0)
            fail_msg("%s: never known", subject.name);
    }
}

static void flat_series(enum indicator_feed feed, struct series *flat)
{
    *flat = (struct series){.feed = feed, .n = INPUTS_MAX};
    for (size_t t = 0; t < INPUTS_MAX; t++) {
        int64_t ts_ns = (int64_t)t * 5 * NS_PER_S;
        flat->candles[t] = (struct candle){ts_ns, 5 * NS_PER_S, 7.3, 7.3, 7.3, 7.3, 1.1};
        flat->trades[t] = (struct trade){ts_ns, 7.3, 1.1, SIDE_NONE};
        flat->quotes[t] = (struct market_quote){ts_ns, 7.2, 7.4, 7.3, 3, 3};
        flat->now_ns[t] = ts_ns;
    }
}

/* What the descriptor's text says a case gives: the number behind the next colon; NaN when it does not speak of it. */
static double claimed(const struct indicator *indicator, const char *about)
{
    const char *at = strstr(indicator->edge_cases, about);
    at = at == NULL ? NULL : strstr(at, ": ");
    return at == NULL ? NAN : strtod(at + 2, NULL);
}

/* A market that never moves: no NaN, a directional column says neither up nor down, and the two sides of a one-sided one
 * say the same. */
static void test_indicator_flat_market_is_neutral(void **state)
{
    static struct series flat;
    double values[INPUTS_MAX];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        if (indicator->feed > FEED_QUOTE)
            continue;
        flat_series(indicator->feed, &flat);
        run_series(indicator, subject.options, &flat, 1, values);
        double last = values[INPUTS_MAX - 1];
        if (isnan(last))
            fail_msg("%s: NaN in a flat market", subject.name);
        if (indicator->is_directional && fabs(last - indicator->neutral) > 1e-9)
            fail_msg("%s: %g in a flat market, neutral is %g", subject.name, last,
                     indicator->neutral);
        double said = claimed(indicator, indicator->feed == FEED_TRADE ? "no side" : "flat");
        if (fabs(last - said) > 1e-9)
            fail_msg("%s: %g in a flat market, its text says %g", subject.name, last, said);
        subject.options[0] *= indicator->is_one_sided ? -1 : 1;
        run_series(indicator, subject.options, &flat, 1, values);
        if (fabs(last - values[INPUTS_MAX - 1]) > 1e-9)
            fail_msg("%s: %g in a flat market, %g from the other side", subject.name, last,
                     values[INPUTS_MAX - 1]);
    }
}

/* A price far above all differences, so that a mirrored market has mirrored returns. */
#define MIRROR_BASE 1e6

static double reflect(double price, double sign)
{
    return MIRROR_BASE + sign * (price - 100);
}

static void reflect_candle(struct candle *c, double sign)
{
    double high = reflect(c->high, sign), low = reflect(c->low, sign);
    c->open = reflect(c->open, sign), c->close = reflect(c->close, sign);
    c->high = fmax(high, low), c->low = fmin(high, low);
}

static void reflect_quote(struct market_quote *q, double sign)
{
    double bid = reflect(q->bid, sign), ask = reflect(q->ask, sign);
    q->bid = fmin(bid, ask), q->ask = fmax(bid, ask), q->mid = reflect(q->mid, sign);
    double bid_qty = q->bid_qty, ask_qty = q->ask_qty;
    q->bid_qty = sign > 0 ? bid_qty : ask_qty, q->ask_qty = sign > 0 ? ask_qty : bid_qty;
}

static void reflect_book(struct order_book *book, double sign)
{
    struct order_book was = *book;
    for (size_t i = 0; i < BOOK_DEPTH_MAX; i++) {
        was.bids[i].price = reflect(was.bids[i].price, sign);
        was.asks[i].price = reflect(was.asks[i].price, sign);
    }
    memcpy(book->bids, sign > 0 ? was.bids : was.asks, sizeof(was.bids));
    memcpy(book->asks, sign > 0 ? was.asks : was.bids, sizeof(was.asks));
    book->n_bids = sign > 0 ? was.n_bids : was.n_asks;
    book->n_asks = sign > 0 ? was.n_asks : was.n_bids;
}

/* The same market (sign 1) or the one in which every rise is a fall and every buyer a seller (-1). */
static void reflected_series(const struct series *s, double sign, struct series *out)
{
    struct order_book *books = out->books;
    *out = *s;
    out->books = books;
    for (size_t t = 0; t < s->n; t++) {
        reflect_candle(&out->candles[t], sign);
        reflect_quote(&out->quotes[t], sign);
        out->books[t] = s->books[t];
        reflect_book(&out->books[t], sign);
        out->trades[t].price = reflect(s->trades[t].price, sign);
        if (sign < 0 && s->trades[t].side != SIDE_NONE)
            out->trades[t].side = s->trades[t].side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
        out->positions[t].size_fraction *= sign;
    }
}

/* In the mirrored market a column says what feature_orient() makes of it: mirrored around its neutral value, or what the
 * column of the other side said. So a model learns one thing from both sides. */
static void test_indicator_mirrored_market_is_the_oriented_vector(void **state)
{
    static struct series up, down;
    double here[INPUTS_MAX], there[INPUTS_MAX];
    (void)state;
    up.books = calloc(INPUTS_MAX, sizeof(*up.books));
    down.books = calloc(INPUTS_MAX, sizeof(*down.books));
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        if (indicator->feed == FEED_CLOCK)
            continue;
        reflected_series(&all[indicator->feed], 1, &up);
        reflected_series(&all[indicator->feed], -1, &down);
        run_series(indicator, subject.options, &up, 1, here);
        subject.options[0] *= indicator->is_one_sided ? -1 : 1;
        run_series(indicator, subject.options, &down, 1, there);
        for (size_t t = 0; t < up.n; t++) {
            double wanted = indicator->is_directional ? 2 * indicator->neutral - here[t] : here[t];
            double tolerance = 1e-4 * fmax(fabs(wanted), fabs(indicator->neutral)) + 1e-9;
            if (isnan(wanted) != isnan(there[t]) || fabs(wanted - there[t]) > tolerance)
                fail_msg("%s: after input %zu of the mirrored market %.9g, %.9g expected",
                         subject.name, t + 1, there[t], wanted);
        }
    }
    free(up.books);
    free(down.books);
}

/* First volumes that are not known, then none at all: a number again, and neither up nor down. */
static void test_indicator_without_volume_says_what_it_promises(void **state)
{
    static struct series empty;
    double values[INPUTS_MAX];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        if (indicator->feed != FEED_CANDLE)
            continue;
        flat_series(FEED_CANDLE, &empty);
        for (size_t t = 0; t < INPUTS_MAX; t++)
            empty.candles[t].volume = t < 20 ? NAN : 0;
        run_series(indicator, subject.options, &empty, 1, values);
        double last = values[INPUTS_MAX - 1], said = claimed(indicator, "no volume");
        if (isnan(last) || (indicator->is_directional && fabs(last - indicator->neutral) > 1e-9) ||
            fabs(last - said) > 1e-9)
            fail_msg("%s: %g without any volume", subject.name, last);
    }
}

/* The newest volume is not known: missing where the text says so, and only there. */
static void test_indicator_unknown_volume_is_missing_where_it_counts(void **state)
{
    static struct series unknown;
    double values[INPUTS_MAX];
    size_t n_missing = 0;
    (void)state;
    unknown = all[FEED_CANDLE];
    unknown.candles[unknown.n - 1].volume = NAN;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        if (subject.indicator->feed != FEED_CANDLE)
            continue;
        run_series(subject.indicator, subject.options, &unknown, 1, values);
        bool said = strstr(subject.indicator->edge_cases, "not known inside the window: missing");
        if (isnan(values[unknown.n - 1]) != said)
            fail_msg("%s: %g with a volume not known", subject.name, values[unknown.n - 1]);
        n_missing += said;
    }
    assert_true(n_missing > 10);
}

/* A day without a message: forgotten or kept, as the text says; without a quote nothing that needs one. */
static void test_indicator_after_a_long_silence_says_what_it_promises(void **state)
{
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        const struct series *s = &all[indicator->feed];
        struct indicator_run *run;
        if (indicator->feed != FEED_TRADE && indicator->feed != FEED_QUOTE)
            continue;
        assert_int_equal(indicator_run_create(indicator, subject.options, &run), AL_OK);
        feed_inputs(run, s, 0, s->n);
        struct feature_moment later = {
            .now_ns = s->now_ns[s->n - 1] + NS_PER_DAY,
            .sigma = SIGMA,
            .quote = &s->quotes[s->n - 1],
        };
        double before = value_after(run, s, s->n - 1), after = indicator_run_value(run, &later);
        later.quote = NULL;
        double blind = indicator_run_value(run, &later);
        if (strstr(indicator->edge_cases, "long silence: towards 0") != NULL)
            check_near(after, 0, 1e-6);
        if (strstr(indicator->edge_cases, "no trade for long: the last") != NULL)
            check_near(after, before, 1e-9);
        if (strstr(indicator->edge_cases, "no quote") != NULL && !isnan(blind))
            fail_msg("%s: %g without a quote", subject.name, blind);
        indicator_run_destroy(run);
    }
}

/* Until the inputs are as many and span as much as it asks for, there is no value; a candle column then has one. */
static void test_indicator_is_silent_before_its_warmup(void **state)
{
    double values[INPUTS_MAX];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        const struct series *s = &all[indicator->feed];
        if (indicator->feed > FEED_QUOTE)
            continue;
        size_t warmup = indicator->warmup_inputs(subject.options);
        int64_t span_ns = indicator->warmup_ns == NULL ? 0 : indicator->warmup_ns(subject.options);
        int64_t first_ns = indicator->feed == FEED_TRADE   ? s->trades[0].ts_event_ns
                           : indicator->feed == FEED_QUOTE ? s->quotes[0].ts_event_ns
                                                           : 0;
        assert_true(warmup < s->n);
        run_series(indicator, subject.options, s, 1, values);
        for (size_t t = 0; t < s->n; t++)
            if ((t + 1 < warmup || s->now_ns[t] - first_ns < span_ns) && !isnan(values[t]))
                fail_msg("%s: a value after %zu inputs", subject.name, t + 1);
        if (indicator->feed == FEED_CANDLE && isnan(values[warmup - 1]) && warmup < 111)
            fail_msg("%s: no value after its warm-up of %zu inputs", subject.name, warmup);
    }
}

static void test_indicator_empty_input_is_missing(void **state)
{
    struct feature_moment moment = {.now_ns = 1000 * NS_PER_S, .sigma = SIGMA};
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        struct indicator_run *run;
        assert_int_equal(indicator_run_create(subject.indicator, subject.options, &run), AL_OK);
        if (subject.indicator->feed != FEED_CLOCK && !isnan(indicator_run_value(run, &moment)))
            fail_msg("%s: a value from nothing", subject.name);
        indicator_run_destroy(run);
    }
}

/* After `memory_inputs` what came before no longer shows in a float. */
static void test_indicator_forgets_what_it_says_it_forgets(void **state)
{
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        struct indicator_run *with_past, *without;
        const struct series *s = &all[FEED_CANDLE];
        if (indicator->feed != FEED_CANDLE)
            continue;
        size_t memory = indicator->memory_inputs == NULL
                            ? indicator->warmup_inputs(subject.options)
                            : indicator->memory_inputs(subject.options);
        assert_int_equal(indicator_run_create(indicator, subject.options, &with_past), AL_OK);
        assert_int_equal(indicator_run_create(indicator, subject.options, &without), AL_OK);
        indicator_run_candles(with_past, s->candles, 55);
        for (size_t t = 0; t < memory; t++) {
            indicator_run_candles(with_past, &s->candles[t % 50], 1);
            indicator_run_candles(without, &s->candles[t % 50], 1);
        }
        float a = (float)value_after(with_past, s, 149), b = (float)value_after(without, s, 149);
        if (fabsf(a - b) > 1e-6f * fabsf(a) + 1e-7f)
            fail_msg("%s: after %zu inputs the past still shows: %.9g, %.9g", subject.name, memory,
                     (double)a, (double)b);
        indicator_run_destroy(with_past);
        indicator_run_destroy(without);
    }
}

/* Rounding of a long and violent past does not stay in running sums. */
static void test_indicator_windows_do_not_drift(void **state)
{
    const struct series *s = &all[FEED_CANDLE];
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        const struct indicator *indicator = subject.indicator;
        struct indicator_run *old, *young;
        if (indicator->feed != FEED_CANDLE || indicator->memory_inputs != NULL)
            continue;
        assert_int_equal(indicator_run_create(indicator, subject.options, &old), AL_OK);
        assert_int_equal(indicator_run_create(indicator, subject.options, &young), AL_OK);
        for (size_t t = 0; t < 20000; t++) {
            struct candle wild = s->candles[t % 100];
            double scale = t % 7 == 0 ? 1e9 : 1e3;
            wild.open *= scale, wild.high *= scale, wild.low *= scale, wild.close *= scale,
                wild.volume *= scale;
            indicator_run_candles(old, &wild, 1);
        }
        for (size_t t = 0; t < 2 * 200; t++) { /* two turns of the longest window */
            indicator_run_candles(old, &s->candles[t % 50], 1);
            indicator_run_candles(young, &s->candles[t % 50], 1);
        }
        double a = value_after(old, s, 149), b = value_after(young, s, 149);
        if (fabs(a - b) > 1e-7 * fabs(b) + 1e-9)
            fail_msg("%s: %.15g after a violent past, %.15g without", subject.name, a, b);
        indicator_run_destroy(old);
        indicator_run_destroy(young);
    }
}

/* What the text must speak of: a flat and a short past for candles, a missing value for all that can miss. */
static void check_edge_cases(const struct indicator *indicator)
{
    const char *text = indicator->edge_cases;
    bool is_candle = indicator->feed == FEED_CANDLE;
    if (is_candle && (strstr(text, "flat") == NULL || strstr(text, "short: warming up") == NULL))
        fail_msg("%s: what do a flat and a short past give? '%s'", indicator->name, text);
    if (!is_candle && indicator->feed != FEED_CLOCK && strstr(text, "missing") == NULL)
        fail_msg("%s: when is it missing? '%s'", indicator->name, text);
}

static void check_range(const struct indicator *indicator, const double *options)
{
    static struct series extreme;
    static const double qtys[] = {5e-324, 1e18, 1e-300, 1, 1e18, 5e-324};
    double values[INPUTS_MAX];
    for (size_t start = 0; start < COUNT_OF(qtys); start++) {
        extreme = all[FEED_TRADE];
        for (size_t t = 0; t < extreme.n; t++)
            extreme.trades[t].qty = qtys[(start + t / 40) % COUNT_OF(qtys)];
        run_series(indicator, options, &extreme, 1, values);
        for (size_t t = 0; t < extreme.n; t++)
            assert_true(isnan(values[t]) ||
                        (values[t] >= indicator->min && values[t] <= indicator->max));
    }
}

/* The smallest and the largest quantities a market may report, by turns, also to the smallest options: no value leaves its
 * range, and nothing counts for ever. */
static void test_indicator_survives_extreme_trades(void **state)
{
    (void)state;
    for (size_t i = 0; i < subject_count(); i++) {
        struct subject subject = subject_at(i);
        if (subject.indicator->feed != FEED_TRADE)
            continue;
        check_range(subject.indicator, subject.options);
        for (size_t k = 0; k < indicator_n_options(subject.indicator); k++)
            subject.options[k] = subject.indicator->options[k].min;
        check_range(subject.indicator, subject.options);
    }
}

static void test_indicator_table_is_sorted_and_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < indicator_count(); i++) {
        const struct indicator *indicator = indicator_at(i);
        assert_true(i == 0 || strcmp(indicator_at(i - 1)->name, indicator->name) < 0);
        assert_ptr_equal(indicator_find(slice_of(indicator->name)), indicator);
        assert_true(indicator->summary[0] && indicator->formula[0] && indicator->source[0] &&
                    indicator->edge_cases[0]);
        assert_true(indicator->min < indicator->max && indicator->version > 0 &&
                    indicator->value != NULL);
        assert_true(indicator->neutral >= indicator->min && indicator->neutral <= indicator->max);
        assert_false(indicator->is_directional && indicator->is_one_sided);
        assert_true(!indicator->is_one_sided || strcmp(indicator->options[0].name, "side") == 0);
        check_edge_cases(indicator);
    }
}

static void test_indicator_options_are_checked(void **state)
{
    double options[INDICATOR_OPTIONS_MAX];
    (void)state;
    for (size_t i = 0; i < indicator_count(); i++) {
        const struct indicator *indicator = indicator_at(i);
        for (size_t k = 0; k < indicator_n_options(indicator); k++) {
            const struct indicator_option *option = &indicator->options[k];
            double bad[] = {option->min - 1, option->max + 1, NAN, option->min + 0.5};
            for (size_t b = 0; b < (option->is_integer ? 4 : 3); b++) {
                defaults_of(indicator, options);
                assert_int_equal(indicator_check(indicator, options), AL_OK);
                options[k] = bad[b];
                assert_int_equal(indicator_check(indicator, options), AL_EINVAL);
                assert_non_null(strstr(err_text(), option->name));
            }
        }
    }
    double equal[INDICATOR_OPTIONS_MAX] = {9, 9};
    assert_int_equal(indicator_check(indicator_find(SLICE("ema_cross")), equal), AL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indicator_matches_its_reference),
        cmocka_unit_test(test_indicator_reference_covers_every_subject),
        cmocka_unit_test(test_indicator_gives_the_same_in_any_chunks),
        cmocka_unit_test(test_indicator_does_not_look_ahead),
        cmocka_unit_test(test_indicator_stays_in_its_range),
        cmocka_unit_test(test_indicator_flat_market_is_neutral),
        cmocka_unit_test(test_indicator_mirrored_market_is_the_oriented_vector),
        cmocka_unit_test(test_indicator_without_volume_says_what_it_promises),
        cmocka_unit_test(test_indicator_unknown_volume_is_missing_where_it_counts),
        cmocka_unit_test(test_indicator_after_a_long_silence_says_what_it_promises),
        cmocka_unit_test(test_indicator_is_silent_before_its_warmup),
        cmocka_unit_test(test_indicator_empty_input_is_missing),
        cmocka_unit_test(test_indicator_forgets_what_it_says_it_forgets),
        cmocka_unit_test(test_indicator_windows_do_not_drift),
        cmocka_unit_test(test_indicator_survives_extreme_trades),
        cmocka_unit_test(test_indicator_table_is_sorted_and_complete),
        cmocka_unit_test(test_indicator_options_are_checked),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
