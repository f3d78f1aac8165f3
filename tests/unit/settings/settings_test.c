#include "harness/check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/settings/env_file.h"
#include "alphaloop/settings/settings.h"

#define GOOD_KEY "0123456789abcdef"

/* A source made of the lines of an env file; files are named "ok", "nul", "empty" or missing. */
static struct env_file file;

static const char *get(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    *origin = "test";
    return env_file_get(&file, name);
}

static enum al_err read_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx;
    if (strcmp(path, "ok") == 0)
        buf_puts(out, "from-a-file-1234\r\n");
    else if (strcmp(path, "nul") == 0)
        buf_append(out, "a\0b", 3);
    else if (strcmp(path, "empty") != 0)
        return err_set(AL_EIO, "no such file");
    return AL_OK;
}

static struct settings settings;
static struct buf problems = {.max = SETTINGS_PROBLEMS_MAX};

static enum al_err read_lines(const char *lines, unsigned needs)
{
    const struct settings_source source = {get, read_file, NULL, false};
    env_file_deinit(&file);
    check_ok(env_file_parse(slice_of(lines), &file, NULL));
    buf_reset(&problems);
    return settings_read(&source, needs, &settings, &problems);
}

static int teardown(void **state)
{
    (void)state;
    env_file_deinit(&file);
    buf_deinit(&problems);
    return 0;
}

static void test_defaults_are_those_of_the_contract(void **state)
{
    (void)state;
    check_ok(read_lines("", 0));
    check_i64(settings.model_service_port, 4500);
    check_str(settings.model_service_host, "127.0.0.1");
    check_i64(settings.model_service_log_level, SETTING_INFO);
    check_str(settings.model_service_service_name, "model-service");
    check_str(settings.postgres_schema, "alphaloop");
    check_str(settings.rabbitmq_vhost, "/");
    check_str(settings.model_storage_path, "models");
    check_i64(settings.model_training_min_dataset_size, 1000);
    check_i64(settings.model_training_max_duration_seconds, 1800);
    check_near(settings.model_quality_threshold_accuracy, 0.75, 0);
    check_str(settings.model_retraining_schedule, "");
    check_i64(settings.signal_generation_rate_limit, 60);
    check_i64(settings.signal_generation_burst_allowance, 10);
    assert_true(settings.warmup_mode_enabled);
    check_i64(settings.warmup_signal_frequency, 60);
    check_near(settings.warmup_min_amount, 100, 0);
    check_near(settings.warmup_max_amount, 1000, 0);
    check_near(settings.warmup_randomness_level, 0.5, 0);
    check_i64((int64_t)settings.trading_strategies.count, 1);
    check_str(settings.trading_strategies.items[0], "momentum_v1");
    check_i64((int64_t)settings.trading_assets.count, 2);
    check_str(settings.trading_assets.items[1], "ETHUSDT");
    assert_true(settings.auto_migrate);
    check_i64(settings.model_gate, SETTING_GATE_EVIDENCE);
    check_str(settings.order_events_queue, "order-manager.order_events");
    check_str(settings.signals_queue, "model-service.trading_signals");
}

static void test_host_is_open_in_a_container_only(void **state)
{
    const struct settings_source source = {get, NULL, NULL, true};
    (void)state;
    check_ok(read_lines("MODEL_SERVICE_HOST=10.0.0.1", 0));
    check_str(settings.model_service_host, "10.0.0.1");
    env_file_deinit(&file);
    check_ok(settings_read(&source, 0, &settings, NULL));
    check_str(settings.model_service_host, "0.0.0.0");
}

static void test_values_are_read_by_their_kind(void **state)
{
    (void)state;
    check_ok(read_lines(
        "MODEL_SERVICE_PORT=80\nMODEL_SERVICE_LOG_LEVEL=warning\nWARMUP_MODE_ENABLED=No\nWARMUP_"
        "RANDOMNESS_LEVEL=1e-1\n"
        "TRADING_ASSETS=SOLUSDT , XRPUSDT\nMODEL_RETRAINING_SCHEDULE='0 3 * * *'\nPOSTGRES_HOST=",
        0));
    check_i64(settings.model_service_port, 80);
    check_i64(settings.model_service_log_level, SETTING_WARNING);
    assert_false(settings.warmup_mode_enabled);
    check_near(settings.warmup_randomness_level, 0.1, 0);
    check_str(settings.trading_assets.items[1], "XRPUSDT");
    check_str(settings.postgres_host, "localhost");
    check_str(settings.origins[SETTING_ID_model_service_port], "test");
    check_str(settings.origins[SETTING_ID_postgres_host], "default");
}

static void test_every_problem_is_listed_with_name_value_and_range(void **state)
{
    (void)state;
    check_err(read_lines("MODEL_SERVICE_PORT=70000\nCLOCK=sundial\nWARMUP_RANDOMNESS_LEVEL="
                         "nan\nAUTO_MIGRATE=maybe\n"
                         "TRADING_ASSETS=BTC-USD\nTRADING_STRATEGIES=../"
                         "x\nMODEL_RETRAINING_SCHEDULE=often\nWARMUP_MIN_AMOUNT=2000\n"
                         "POSTGRES_SCHEMA=Robert\"; "
                         "drop\nPREFETCH=-1\nORDER_EVENTS_BATCH=5.0\nSIGNALS_QUEUE=\"a\\nb\"",
                         SETTINGS_NEED_API_KEY),
              AL_EINVAL);
    check_str(err_text(), "13 settings are wrong");
    const char *text = buf_str(&problems);
    check_has(text, "MODEL_SERVICE_PORT=70000: allowed is 1..65535, port\n");
    check_has(text, "CLOCK=sundial: allowed is wall|market\n");
    check_has(text, "WARMUP_RANDOMNESS_LEVEL=nan: allowed is 0..1, probability\n");
    check_has(text, "AUTO_MIGRATE=maybe: allowed is true|false\n");
    check_has(text, "TRADING_ASSETS=...BTC-USD...");
    check_has(text, "TRADING_STRATEGIES=...../x...");
    check_has(text, "MODEL_RETRAINING_SCHEDULE=often: ");
    check_has(text, "WARMUP_MIN_AMOUNT=2000: must not be above WARMUP_MAX_AMOUNT=1000\n");
    check_has(text, "POSTGRES_SCHEMA=Robert");
    check_has(text, "PREFETCH=-1: ");
    check_has(text, "ORDER_EVENTS_BATCH=5.0: ");
    check_has(text, "SIGNALS_QUEUE=");
    check_has(text, "MODEL_SERVICE_API_KEY is not set: it is required, at least 16 characters\n");
}

static void test_api_key_is_checked_and_never_shown(void **state)
{
    struct buf out = BUF_INIT(1 << 20);
    (void)state;
    check_err(read_lines("MODEL_SERVICE_API_KEY=too-short", SETTINGS_NEED_API_KEY), AL_EINVAL);
    check_has(buf_str(&problems),
              "MODEL_SERVICE_API_KEY=(secret): allowed is 16..255 characters\n");
    assert_null(strstr(buf_str(&problems), "too-short"));
    check_ok(read_lines("MODEL_SERVICE_API_KEY=" GOOD_KEY "\nPOSTGRES_PASSWORD=hunter2",
                        SETTINGS_NEED_API_KEY));
    settings_print(&settings, &out);
    settings_print_json(&settings, &out);
    assert_null(strstr(buf_str(&out), GOOD_KEY));
    assert_null(strstr(buf_str(&out), "hunter2"));
    buf_deinit(&out);
}

static void test_values_may_stand_in_files(void **state)
{
    (void)state;
    check_ok(read_lines("MODEL_SERVICE_API_KEY_FILE=ok", SETTINGS_NEED_API_KEY));
    check_str(settings.model_service_api_key, "from-a-file-1234");
    check_str(settings.origins[SETTING_ID_model_service_api_key], "file");
    check_err(read_lines("POSTGRES_PASSWORD_FILE=gone\nRABBITMQ_PASSWORD_FILE=ok\nRABBITMQ_"
                         "PASSWORD=x\nRABBITMQ_USER_FILE=nul",
                         0),
              AL_EINVAL);
    check_has(buf_str(&problems), "POSTGRES_PASSWORD_FILE=gone: cannot be read: no such file\n");
    check_has(buf_str(&problems), "RABBITMQ_PASSWORD_FILE: given together with RABBITMQ_PASSWORD");
    check_has(buf_str(&problems), "RABBITMQ_USER_FILE=nul: the file holds a NUL byte\n");
}

static void test_reload_takes_over_what_can_change(void **state)
{
    struct settings running, fresh;
    struct buf changes = BUF_INIT(4096);
    (void)state;
    check_ok(read_lines("MODEL_SERVICE_API_KEY=" GOOD_KEY, 0));
    running = settings;
    check_ok(read_lines(
        "MODEL_SERVICE_API_KEY=fedcba9876543210\nSIGNAL_TTL_SECONDS=5\nMODEL_SERVICE_PORT=81", 0));
    fresh = settings;
    check_i64((int64_t)settings_reload(&running, &fresh, &changes), 2);
    check_i64(running.signal_ttl_seconds, 5);
    check_str(running.model_service_api_key, "fedcba9876543210");
    check_i64(running.model_service_port, 4500);
    check_str(
        buf_str(&changes),
        "MODEL_SERVICE_PORT is 81 after the next start\nMODEL_SERVICE_API_KEY is another one now\n"
        "SIGNAL_TTL_SECONDS is 5 now\n");
    check_i64((int64_t)settings_reload(&running, &running, NULL), 0);
    buf_deinit(&changes);
}

static void test_every_row_is_described(void **state)
{
    struct setting_view view, other;
    (void)state;
    check_ok(read_lines("", 0));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        settings_view(&settings, (enum setting_id)i, &view);
        if (strlen(view.help) < 8 || view.help[strlen(view.help) - 1] != '.' ||
            view.range[0] == '\0' || view.group[0] == '\0')
            fail_msg("%s is not described", view.name);
        for (const char *c = view.name; *c != '\0'; c++)
            assert_true(isupper((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
        for (size_t k = 0; k < i; k++) {
            settings_view(NULL, (enum setting_id)k, &other);
            assert_string_not_equal(view.name, other.name);
        }
    }
}

/* The field of a row is its name in small letters. */
static void test_fields_are_called_like_their_names(void **state)
{
    static const struct {
        const char *field, *name;
    } rows[] = {
#define SETTING(kind, field, name, def, min, max, unit, when, help) {#field, name},
#include "alphaloop/tbl/settings.def"
#undef SETTING
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_true(slice_is_nocase(slice_of(rows[i].field), rows[i].name));
}

static void test_env_example_reads_back_as_the_defaults(void **state)
{
    struct settings defaults;
    struct buf example = BUF_INIT(1 << 20);
    (void)state;
    check_ok(read_lines("", 0));
    defaults = settings;
    settings_env_example(&example);
    check_ok(read_lines(buf_str(&example), 0));
    memset(defaults.origins, 0, sizeof defaults.origins);
    memset(settings.origins, 0, sizeof settings.origins);
    check_i64((int64_t)settings_reload(&defaults, &settings, NULL), 0);
    assert_memory_equal(&defaults, &settings, sizeof settings);
    buf_deinit(&example);
}

static void test_json_of_settings_is_json(void **state)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json_reader *reader = json_reader_create(1 << 20, 8);
    struct json_node *node;
    (void)state;
    check_ok(read_lines("", 0));
    settings_print_json(&settings, &out);
    check_ok(json_read(reader, buf_slice(&out), &node));
    check_i64((int64_t)json_length(node), SETTING_COUNT);
    check_str(json_text(json_get(json_at(node, 0), "value")).ptr, "4500");
    json_put(node);
    json_reader_destroy(reader);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_those_of_the_contract),
        cmocka_unit_test(test_host_is_open_in_a_container_only),
        cmocka_unit_test(test_values_are_read_by_their_kind),
        cmocka_unit_test(test_every_problem_is_listed_with_name_value_and_range),
        cmocka_unit_test(test_api_key_is_checked_and_never_shown),
        cmocka_unit_test(test_values_may_stand_in_files),
        cmocka_unit_test(test_reload_takes_over_what_can_change),
        cmocka_unit_test(test_every_row_is_described),
        cmocka_unit_test(test_fields_are_called_like_their_names),
        cmocka_unit_test(test_env_example_reads_back_as_the_defaults),
        cmocka_unit_test(test_json_of_settings_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
