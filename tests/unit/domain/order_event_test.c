/* Order events: every rule of contract 3.1 as a vector, and what vectors cannot say. */
#include <dirent.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check.h"
#include "harness/order_event_text.h"

#define RECEIVED_NS (1769853600LL * NS_PER_S) /* 2026-01-31T10:00:00Z */
#define VECTORS     "tests/vectors/order_event"

static const char *const good_nested =
    "{\"event_id\":\"0b8f0d5e-6c5f-4f5e-9a3e-2f6b0f7f1a11\",\"event_type\":\"filled\","
    "\"timestamp\":\"2026-01-31T09:59:52\",\"trace_id\":\"trace-1\","
    "\"order\":{\"id\":\"0c0c0c0c-0000-4000-8000-000000000001\",\"order_id\":\"ord-1\","
    "\"signal_id\":\"5d2c0a3e-7f44-4c57-8f52-0d8a5a0b7c22\",\"asset\":\"BTCUSDT\",\"side\":\"buy\","
    "\"order_type\":\"market\",\"quantity\":\"0.01500000\",\"price\":null,\"status\":\"filled\","
    "\"filled_quantity\":\"0.01500000\",\"average_price\":\"42000.50\",\"fees\":\"0.6300075\","
    "\"created_at\":\"2026-01-31T09:59:49\",\"updated_at\":\"2026-01-31T09:59:51\","
    "\"executed_at\":\"2026-01-31T09:59:50.123456\",\"is_dry_run\":false},"
    "\"execution_details\":{\"execution_latency_seconds\":1.1,\"fill_percentage\":100,\"remaining_"
    "quantity\":\"0\"},"
    "\"market_conditions\":{\"price\":null,\"timestamp\":null,\"spread\":0.1,\"volume_24h\":1000,"
    "\"volatility\":0.02},"
    "\"signal\":{\"signal_id\":\"5d2c0a3e-7f44-4c57-8f52-0d8a5a0b7c22\",\"signal_type\":\"buy\","
    "\"asset\":\"BTCUSDT\","
    "\"amount\":\"630\",\"confidence\":0.6,\"strategy_id\":\"momentum_v1\",\"model_version\":null,"
    "\"is_warmup\":true,"
    "\"price\":\"41999.5\",\"timestamp\":\"2026-01-31T09:59:49Z\"}}";

static const char *const good_flat =
    "{\"order_id\":\"ord-9\",\"signal_id\":\"5d2c0a3e-7f44-4c57-8f52-0d8a5a0b7c22\",\"strategy_"
    "id\":\"mean_v1\","
    "\"asset\":\"ETHUSDT\",\"side\":\"sell\",\"execution_price\":2500.10,\"execution_quantity\":"
    "\"1.25\","
    "\"execution_fees\":\"1.25\",\"executed_at\":\"2026-01-31T09:59:40Z\",\"signal_price\":"
    "\"2501\","
    "\"signal_timestamp\":\"2026-01-31T09:59:39Z\","
    "\"market_conditions\":{\"spread\":0.05,\"volume_24h\":5000,\"volatility\":0.01},"
    "\"performance\":{\"slippage\":\"-0.9\",\"slippage_percent\":\"-0.036\",\"realized_pnl\":null,"
    "\"return_percent\":null}}";

static struct json_reader *reader;

static int create_reader(void **state)
{
    (void)state;
    reader = json_reader_create(JSON_BYTES_MAX, JSON_DEPTH_MAX);
    return 0;
}

static int destroy_reader(void **state)
{
    (void)state;
    json_reader_destroy(reader);
    return 0;
}

/* ---- vectors ---- */

static void merge(struct json_object *into, struct json_object *patch)
{
    json_object_object_foreach(patch, key, value)
    {
        struct json_object *old = NULL;
        bool both = json_object_object_get_ex(into, key, &old) &&
                    json_object_is_type(old, json_type_object) &&
                    json_object_is_type(value, json_type_object);
        if (both)
            merge(old, value);
        else if (json_object_is_type(value, json_type_string) &&
                 strcmp(json_object_get_string(value), "<absent>") == 0)
            json_object_object_del(into, key);
        else
            json_object_object_add(into, key, json_object_get(value));
    }
}

static void message_of(const char *line, struct buf *out)
{
    buf_reset(out);
    if (strncmp(line, "raw ", 4) == 0) {
        buf_puts(out, line + 4);
        return;
    }
    bool is_flat = strncmp(line, "flat ", 5) == 0;
    struct json_object *message = json_tokener_parse(is_flat ? good_flat : good_nested);
    struct json_object *patch = json_tokener_parse(strchr(line, '{'));
    assert_non_null(message);
    assert_non_null(patch);
    merge(message, patch);
    buf_puts(out, json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN));
    json_object_put(message);
    json_object_put(patch);
}

/* Each word of `expected` must be one of `actual`. */
static void check_words(const char *expected, const char *actual, const char *title)
{
    char words[4096], wanted[4200], *rest = words;
    snprintf(words, sizeof words, "%s", expected);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        snprintf(wanted, sizeof wanted, " %s ", word);
        if (strstr(actual, wanted) == NULL)
            fail_msg("%s: expected %s in\n%s", title, word, actual);
    }
}

static size_t walk_vectors(const char *path)
{
    char line[4096], title[512] = "";
    size_t n_cases = 0;
    struct buf body = BUF_INIT(65536), out = BUF_INIT(65536);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#') {
            snprintf(title, sizeof title, "%s: %.300s", path, line);
        } else if (strncmp(line, "ok", 2) == 0 || strncmp(line, "refused", 7) == 0) {
            buf_reset(&out);
            buf_puts(&out, " ");
            order_event_text(reader, buf_slice(&body), SLICE("header-trace"), RECEIVED_NS, &out);
            buf_puts(&out, " ");
            check_words(line, buf_str(&out), title);
            n_cases++;
        } else if (line[0] != '\0') {
            message_of(line, &body);
        }
    }
    fclose(file);
    buf_deinit(&body);
    buf_deinit(&out);
    return n_cases;
}

static void test_order_event_reads_every_vector(void **state)
{
    (void)state;
    size_t n_cases = 0;
    char path[512];
    DIR *directory = opendir(VECTORS);
    struct dirent *entry;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (strstr(entry->d_name, ".txt") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", VECTORS, entry->d_name);
        n_cases += walk_vectors(path);
    }
    closedir(directory);
    assert_true(n_cases > 100);
}

/* ---- single behaviours ---- */

static bool parse(const char *body, struct order_event *event, struct order_event_refusal *refusal)
{
    struct json_node *doc;
    bool done =
        order_event_parse(reader, slice_of(body), SLICE(""), RECEIVED_NS, event, &doc, refusal);
    assert_true(done == (doc != NULL));
    json_put(doc);
    return done;
}

static void test_order_event_refusal_says_what_was_expected_and_found(void **state)
{
    (void)state;
    struct order_event event;
    struct order_event_refusal refusal;
    assert_false(parse("{\"order_id\":\"a\",\"signal_id\":\"nope\"}", &event, &refusal));
    check_str(refusal.field, "signal_id");
    check_str(refusal.detail, "expected a UUID as text, found \"nope\"");
}

static void test_order_event_refusal_shows_no_more_than_a_printable_excerpt(void **state)
{
    (void)state;
    struct order_event event;
    struct order_event_refusal refusal;
    char body[400];
    snprintf(body, sizeof body, "{\"order_id\":\"a\",\"signal_id\":\"\\u0007\xc3\xa9%0200d\"}", 0);
    assert_false(parse(body, &event, &refusal));
    check_has(refusal.detail, "\"???0000");
    check_has(refusal.detail, "...\"");
    assert_true(strlen(refusal.detail) < 120);
}

static struct uuid flat_id(const char *format, const char *value)
{
    char body[1024];
    struct order_event event;
    struct order_event_refusal refusal;
    snprintf(body, sizeof body, format, value);
    if (!parse(body, &event, &refusal))
        fail_msg("%s: %s", refusal.field, refusal.detail);
    return event.event_id;
}

#define FLAT_HEAD                                                                                  \
    "{\"order_id\":\"o\",\"signal_id\":\"5d2c0a3e-7f44-4c57-8f52-0d8a5a0b7c22\",\"asset\":"        \
    "\"BTCUSDT\",\"side\":\"buy\","

static void test_order_event_derives_the_same_id_from_the_same_content(void **state)
{
    (void)state;
    struct uuid one =
        flat_id(FLAT_HEAD "\"execution_quantity\":%s,\"execution_price\":\"2\"}", "\"1.5\"");
    struct uuid two =
        flat_id("{\"execution_price\":2.0,\"execution_quantity\":%s,\"trace_id\":\"t\",\"side\":"
                "\"BUY\",\"asset\":\"btcusdt\","
                "\"signal_id\":\"5D2C0A3E-7f44-4c57-8f52-0d8a5a0b7c22\",\"order_id\":\"o\"}",
                "1.50");
    assert_true(uuid_eq(one, two));
}

static void test_order_event_derives_another_id_from_other_content(void **state)
{
    (void)state;
    struct uuid base = flat_id(FLAT_HEAD "\"execution_price\":2,\"execution_quantity\":%s}", "1");
    assert_false(uuid_eq(
        base, flat_id(FLAT_HEAD "\"execution_price\":2,\"execution_quantity\":%s}", "1.1")));
    assert_false(
        uuid_eq(base, flat_id(FLAT_HEAD "\"execution_quantity\":1,\"execution_price\":%s}", "3")));
    assert_false(uuid_eq(
        base,
        flat_id(FLAT_HEAD "\"execution_price\":2,\"execution_quantity\":1,\"execution_fees\":%s}",
                "1")));
    assert_false(
        uuid_eq(base, flat_id(FLAT_HEAD
                              "\"execution_price\":2,\"execution_quantity\":1,\"executed_at\":%s}",
                              "\"2026-01-31T09:00:00Z\"")));
}

static void refuse_with(const char *body, size_t len, enum reason reason)
{
    struct order_event event;
    struct order_event_refusal refusal;
    struct json_node *doc;
    assert_false(order_event_parse(reader, (struct slice){body, len}, SLICE(""), RECEIVED_NS,
                                   &event, &doc, &refusal));
    check_str(reason_name(refusal.reason), reason_name(reason));
    assert_null(doc);
}

static void test_order_event_over_a_mebibyte_is_too_large(void **state)
{
    (void)state;
    size_t len = JSON_BYTES_MAX + 1;
    char *body = malloc(len);
    assert_non_null(body);
    memset(body, ' ', len);
    memcpy(body, "{}", 2);
    refuse_with(body, len, REASON_too_large);
    refuse_with(body, len - 1, REASON_field_missing);
    free(body);
}

static void test_order_event_nested_too_deep_is_refused(void **state)
{
    (void)state;
    char body[400] = "{\"x\":";
    memset(body + 5, '[', 64);
    memset(body + 69, ']', 64);
    strcpy(body + 133, "}");
    refuse_with(body, strlen(body), REASON_too_deep);
    memcpy(body + 5, "  ", 1);
    body[132] = ' ';
    refuse_with(body, strlen(body), REASON_field_missing);
}

static void test_order_event_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    refuse_with("{\"order_id\":\"\xff\"}", 16, REASON_not_utf8);
}

static void test_order_event_type_names_are_the_table(void **state)
{
    (void)state;
    check_str(order_event_type_name(ORDER_EVENT_partially_filled), "partially_filled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_event_reads_every_vector),
        cmocka_unit_test(test_order_event_refusal_says_what_was_expected_and_found),
        cmocka_unit_test(test_order_event_refusal_shows_no_more_than_a_printable_excerpt),
        cmocka_unit_test(test_order_event_derives_the_same_id_from_the_same_content),
        cmocka_unit_test(test_order_event_derives_another_id_from_other_content),
        cmocka_unit_test(test_order_event_over_a_mebibyte_is_too_large),
        cmocka_unit_test(test_order_event_nested_too_deep_is_refused),
        cmocka_unit_test(test_order_event_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_order_event_type_names_are_the_table),
    };
    return cmocka_run_group_tests(tests, create_reader, destroy_reader);
}
