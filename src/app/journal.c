/* Recording. Two buffers: lines gather in one while the thread pool writes the other. One write at a time; when it ends, what
 * has gathered since is next. Invariant: a journal that says `recording` has every line so far, in order. */
#include "journal_i.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alphaloop/observe/log.h"
#include "alphaloop/observe/metric.h"

struct journal {
    uv_loop_t *loop;
    int file;
    char path[FILE_PATH_MAX];
    struct buf gathering, writing;
    uint64_t n_bytes, bytes_max; /* of the file, with what waits */
    uv_work_t work;
    bool is_writing, is_recording;
    bool was_paused;
    int error; /* of the write under way */
};

/* ---- the disk ---- */

static int write_all(int file, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(file, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

/* The last line says why there are no more; `is_whole`: because nothing more happened. */
static void write_end(struct journal *j, const char *why, bool is_whole)
{
    struct journal_line line = {.call = JOURNAL_end,
                                .now_ns = TIMESTAMP_NONE,
                                .wall_ns = TIMESTAMP_NONE,
                                .number = is_whole,
                                .n_texts = 1};
    line.texts[0] = slice_of(why);
    journal_line_write(&line, &j->gathering);
}

static void stop(struct journal *j, const char *why)
{
    j->is_recording = false;
    write_end(j, why, false);
    metric_set(METRIC_journal_recording, 0, NULL, NULL);
    log_error("app", "journal", NULL, EV("journal_stopped"), F_STR("path", j->path),
              F_STR("why", why));
}

static void write_off_loop(uv_work_t *work)
{
    struct journal *j = work->data;
    j->error = write_all(j->file, buf_slice(&j->writing));
}

static void on_written(uv_work_t *work, int status)
{
    struct journal *j = work->data;
    (void)status;
    j->is_writing = false;
    buf_reset(&j->writing);
    if (j->error != 0 && j->is_recording)
        stop(j, strerror(j->error));
}

void journal_run(struct journal *j)
{
    if (j == NULL || j->is_writing || j->gathering.len == 0 || j->error != 0)
        return;
    struct buf full = j->gathering;
    j->gathering = j->writing;
    j->writing = full;
    j->is_writing = uv_queue_work(j->loop, &j->work, write_off_loop, on_written) == 0;
    if (!j->is_writing)
        stop(j, "the thread pool refused the work");
}

/* ---- life ---- */

static enum al_err open_file(struct journal *j)
{
    char old[FILE_PATH_MAX + 2];
    snprintf(old, sizeof(old), "%s.1", j->path);
    struct stat about;
    bool is_file = lstat(j->path, &about) == 0 && S_ISREG(about.st_mode); /* a device stays */
    if (is_file && rename(j->path, old) != 0)
        return err_set(AL_EIO, "journal: %s: %s", old, strerror(errno));
    j->file = open(j->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return j->file >= 0 ? AL_OK : err_set(AL_EIO, "journal: %s: %s", j->path, strerror(errno));
}

enum al_err journal_open(uv_loop_t *loop,
                         const char *path,
                         uint64_t bytes_max,
                         const struct journal_start *start,
                         struct journal **out)
{
    *out = NULL;
    if (path[0] == '\0')
        return AL_OK;
    struct journal *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return err_set(AL_ENOMEM, "journal");
    j->loop = loop;
    j->work.data = j;
    j->bytes_max = bytes_max;
    j->gathering = BUF_INIT(JOURNAL_WAITS_MAX);
    j->writing = BUF_INIT(JOURNAL_WAITS_MAX);
    (void)chars_set(j->path, sizeof(j->path), path);
    enum al_err err = open_file(j);
    if (err != AL_OK) {
        free(j);
        return err;
    }
    j->is_recording = true;
    metric_set(METRIC_journal_recording, 1, NULL, NULL);
    journal_start_line(start, &j->gathering);
    *out = j;
    return AL_OK;
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    assert(!j->is_writing); /* the loop has ended */
    if (j->is_recording)
        write_end(j, "the worker stopped", true);
    if (j->error == 0)
        j->error = write_all(j->file, buf_slice(&j->gathering));
    if (close(j->file) != 0 || j->error != 0)
        fprintf(stderr, "alphaloop: the journal %s is not complete\n", j->path);
    buf_deinit(&j->gathering);
    buf_deinit(&j->writing);
    free(j);
}

/* ---- lines ---- */

void journal_add(struct journal *j, const struct journal_line *line)
{
    if (j == NULL || !j->is_recording)
        return;
    size_t before = j->gathering.len;
    journal_line_write(line, &j->gathering);
    j->n_bytes += j->gathering.len - before;
    if (!buf_ok(&j->gathering)) {
        j->gathering.len = before; /* whole lines only */
        j->gathering.failed = false;
        stop(j, "the disk cannot keep up");
    }
    if (j->is_recording && j->n_bytes >= j->bytes_max)
        stop(j, "it has the size of JOURNAL_MAX_MB");
}

static struct journal_line line_at(enum journal_call call, int64_t now_ns)
{
    return (struct journal_line){.call = call, .now_ns = now_ns, .wall_ns = TIMESTAMP_NONE};
}

static void add_text(struct journal_line *line, const char *text)
{
    line->texts[line->n_texts++] = slice_of(text);
}

static void add_bytes(struct journal_line *line, const void *bytes, size_t n_bytes)
{
    line->bytes[line->n_bytes++] = (struct slice){bytes, n_bytes};
}

void journal_add_pause(struct journal *j, bool paused)
{
    if (j == NULL || j->was_paused == paused)
        return;
    struct journal_line line = line_at(JOURNAL_pause, TIMESTAMP_NONE);
    j->was_paused = paused;
    line.number = paused;
    journal_add(j, &line);
}

void journal_add_market(struct journal *j,
                        const struct market_event *event,
                        struct slice body,
                        int64_t wall_ns,
                        int64_t now_ns)
{
    struct journal_line line = line_at(JOURNAL_market, now_ns);
    if (j == NULL)
        return;
    line.wall_ns = wall_ns;
    line.number = event->kind;
    line.texts[line.n_texts++] = body;
    add_text(&line, event->trace_id.text);
    add_text(&line, event->traceparent);
    journal_add(j, &line);
}

void journal_add_position(struct journal *j, const struct position_update *update, int64_t now_ns)
{
    journal_add_struct(j, JOURNAL_position, now_ns, 0, update, sizeof(*update));
}

void journal_add_order(struct journal *j, const struct order_fact *fact, int64_t now_ns)
{
    struct journal_line line = line_at(JOURNAL_order, now_ns);
    const struct journal_told told = {fact->event->filled_quantity, fact->event->executed_at_ns};
    line.number = fact->event->is_dry_run;
    add_bytes(&line, fact->state, sizeof(*fact->state));
    add_bytes(&line, &told, sizeof(told));
    if (fact->execution != NULL)
        add_bytes(&line, fact->execution, sizeof(*fact->execution));
    journal_add(j, &line);
}

void journal_add_reload(struct journal *j,
                        const struct settings *settings,
                        const struct strategy_config *strategies,
                        size_t n_strategies,
                        int64_t now_ns)
{
    struct journal_line line = line_at(JOURNAL_reload, now_ns);
    struct journal_settings now;
    if (j == NULL)
        return;
    journal_settings_of(settings, &now);
    line.texts[line.n_texts++] = buf_slice(&now.text);
    add_bytes(&line, &now.hash, sizeof(now.hash));
    add_bytes(&line, strategies, n_strategies * sizeof(*strategies));
    journal_add(j, &line);
    buf_deinit(&now.text);
}

void journal_add_tick(struct journal *j, int64_t now_ns)
{
    struct journal_line line = line_at(JOURNAL_tick, now_ns);
    journal_add(j, &line);
}

static void add_model(struct journal_line *line,
                      const struct scorer *scorer,
                      char hash[SHA256_TEXT_MAX])
{
    const struct manifest *manifest = scorer_manifest(scorer);
    const struct manifest_file *trees = manifest_find_file(manifest, TREES_FILE_NAME);
    sha256_format(trees != NULL ? &trees->hash : &manifest->data.hash, hash);
    add_text(line, manifest->version.text);
    add_text(line, hash);
}

void journal_add_of(struct journal *j,
                    enum journal_call call,
                    const struct strategy_id *strategy_id,
                    int64_t now_ns,
                    int64_t number)
{
    struct journal_line line = line_at(call, now_ns);
    add_text(&line, strategy_id->text);
    line.number = number;
    journal_add(j, &line);
}

void journal_add_model(struct journal *j,
                       enum journal_call call,
                       const struct strategy_id *strategy_id,
                       const struct scorer *scorer,
                       int64_t now_ns)
{
    struct journal_line line = line_at(call, now_ns);
    char hash[SHA256_TEXT_MAX];
    add_text(&line, strategy_id->text);
    if (scorer != NULL)
        add_model(&line, scorer, hash);
    journal_add(j, &line);
}

void journal_add_shadow(struct journal *j,
                        const struct strategy_id *strategy_id,
                        const struct scorer *scorer,
                        const struct rollout_start *start)
{
    struct journal_line line = line_at(JOURNAL_shadow, TIMESTAMP_NONE);
    char hash[SHA256_TEXT_MAX];
    add_text(&line, strategy_id->text);
    add_model(&line, scorer, hash);
    add_bytes(&line, start, sizeof(*start));
    journal_add(j, &line);
}

void journal_add_block(struct journal *j,
                       const struct strategy_id *strategy_id,
                       const struct model_version_id *version,
                       const struct asset *asset,
                       const struct paired_block *block)
{
    struct journal_line line = line_at(JOURNAL_restore_block, TIMESTAMP_NONE);
    add_text(&line, strategy_id->text);
    add_text(&line, version->text);
    add_text(&line, asset->text);
    add_bytes(&line, block, sizeof(*block));
    journal_add(j, &line);
}

void journal_add_training_end(struct journal *j,
                              const struct strategy_id *strategy_id,
                              bool had_result,
                              uint64_t n_needed,
                              int64_t now_ns)
{
    struct journal_line line = line_at(JOURNAL_training_end, now_ns);
    char needed[32];
    snprintf(needed, sizeof(needed), "%" PRIu64, n_needed);
    add_text(&line, strategy_id->text);
    add_text(&line, needed);
    line.number = had_result;
    journal_add(j, &line);
}

void journal_add_cost(struct journal *j,
                      const struct execution *execution,
                      double signal_price,
                      int64_t decided_at_ns)
{
    struct journal_line line = line_at(JOURNAL_restore_cost, TIMESTAMP_NONE);
    line.number = decided_at_ns;
    add_bytes(&line, execution, sizeof(*execution));
    add_bytes(&line, &signal_price, sizeof(signal_price));
    journal_add(j, &line);
}

void journal_add_candle(struct journal *j, const struct asset *asset, const struct candle *candle)
{
    struct journal_line line = line_at(JOURNAL_restore_candle, TIMESTAMP_NONE);
    add_text(&line, asset->text);
    add_bytes(&line, candle, sizeof(*candle));
    journal_add(j, &line);
}

void journal_add_training(struct journal *j,
                          const struct strategy_id *strategy_id,
                          const struct restored_training *training,
                          int64_t now_ns)
{
    struct journal_line line = line_at(JOURNAL_restore_training, now_ns);
    add_text(&line, strategy_id->text);
    add_bytes(&line, training, sizeof(*training));
    journal_add(j, &line);
}

void journal_add_neighbours(struct journal *j, const struct neighbours *n)
{
    struct journal_line line = line_at(JOURNAL_neighbours, TIMESTAMP_NONE);
    add_bytes(&line, n->balances, n->n_balances * sizeof(*n->balances));
    add_bytes(&line, n->orders, n->n_orders * sizeof(*n->orders));
    add_bytes(&line, n->positions, n->n_positions * sizeof(*n->positions));
    line.number = n->positions_known;
    journal_add(j, &line);
}

void journal_add_decision(struct journal *j, const struct effect *effect)
{
    struct journal_line line = line_at(JOURNAL_decision, TIMESTAMP_NONE);
    char digest[JOURNAL_DIGEST_MAX];
    if (j == NULL || effect->kind != EFFECT_store_decision)
        return;
    line.number = effect->decision->side != SIDE_NONE;
    journal_digest(effect->decision, digest);
    if (line.number != 0)
        line.texts[line.n_texts++] = buf_slice(&effect->body);
    else
        add_text(&line, digest);
    journal_add(j, &line);
}

void journal_add_struct(struct journal *j,
                        enum journal_call call,
                        int64_t now_ns,
                        int64_t number,
                        const void *bytes,
                        size_t n_bytes)
{
    struct journal_line line = line_at(call, now_ns);
    line.number = number;
    add_bytes(&line, bytes, n_bytes);
    journal_add(j, &line);
}
