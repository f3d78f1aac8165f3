/* Any bytes are a strategy file; what is accepted is written and read again and must be the same. Schedules are asked for
 * their next time, which must be later. */
#include <assert.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/settings/strategy_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const char *nothing(void *ctx, const char *name, const char **origin)
{
    (void)ctx;
    (void)name;
    (void)origin;
    return NULL;
}

static void check_again(struct json_reader *reader,
                        const struct settings *settings,
                        const struct strategy_config *config)
{
    static struct strategy_config again;
    struct buf out = BUF_INIT(STRATEGY_FILE_BYTES_MAX);
    struct json_writer w;
    json_w_init(&w, &out);
    strategy_config_write(config, &w);
    assert(buf_ok(&out));
    enum al_err err = strategy_config_parse(reader, &config->strategy_id, buf_slice(&out), settings,
                                            &again, NULL);
    assert(err == AL_OK && config->n_assets == again.n_assets &&
           config->n_features == again.n_features);
    assert(config->horizon_ns == again.horizon_ns &&
           strcmp(config->training.schedule, again.training.schedule) == 0);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct settings settings;
    static struct json_reader *reader;
    static struct strategy_config config;
    const struct settings_source source = {nothing, NULL, NULL, false};
    const struct strategy_id id = {"fuzz"};
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    if (reader == NULL) {
        reader = json_reader_create(STRATEGY_FILE_BYTES_MAX, 16);
        enum al_err read = settings_read(&source, 0, &settings, NULL);
        assert(read == AL_OK);
    }
    enum al_err err = strategy_config_parse(
        reader, &id, (struct slice){(const char *)bytes, n_bytes}, &settings, &config, &problems);
    assert((err == AL_OK) == (problems.len == 0 && buf_ok(&problems)));
    if (err == AL_OK)
        check_again(reader, &settings, &config);
    if (err == AL_OK && config.training.has_schedule) {
        int64_t next_ns = cron_next_after(&config.training.cron, NS_PER_DAY);
        assert(next_ns == TIMESTAMP_NONE || next_ns > NS_PER_DAY);
    }
    buf_deinit(&problems);
    return 0;
}
