#include "training_trials_i.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/store/training_trials.h"

#define FILE_BYTES_MAX ((size_t)TRIAL_BYTES_MAX * (TRIAL_NUMBER_MAX + 2))

/* ---- the log ---- */

void trial_log_deinit(struct trial_log *log)
{
    free(log->items);
    *log = (struct trial_log){0};
}

void trial_log_clear(struct trial_log *log)
{
    log->n = 0;
}

void trial_log_add(struct trial_log *log, const struct train_trial *trial)
{
    for (size_t i = 0; i < log->n; i++) {
        if (log->items[i].number == trial->number) {
            log->items[i] = *trial;
            return;
        }
    }
    if (log->n == log->cap) {
        size_t cap = log->cap == 0 ? 4 : 2 * log->cap;
        struct train_trial *grown = log->n > TRIAL_NUMBER_MAX + TRIAL_TEACHERS_MAX
                                        ? NULL
                                        : realloc(log->items, cap * sizeof *grown);
        if (grown == NULL)
            return;
        log->items = grown;
        log->cap = cap;
    }
    log->items[log->n++] = *trial;
}

/* One member of a trial as it is written, which is what the table keeps of it. */
static struct slice member(struct json_node *root, const char *name, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_node(&w, json_get(root, name));
    return buf_slice(out);
}

static void insert_row(struct pg_batch *batch,
                       const struct train_trial *trial,
                       struct json_node *root,
                       struct training_trial_row *row)
{
    struct buf parameters = BUF_INIT(TRIAL_BYTES_MAX), folds = BUF_INIT(TRIAL_BYTES_MAX);
    row->trial = (int32_t)trial->number;
    row->kind = slice_of(trial->kind);
    row->parameters = member(root, "parameters", &parameters);
    row->folds = member(root, "folds", &folds);
    row->seed = json_text(json_get(root, "seed"));
    row->verdict = slice_of(trial_verdict_name(trial->verdict));
    row->log_loss = trial->loss;
    row->sharpe_ratio = trial->sharpe;
    row->seconds = trial->seconds;
    row->tries = slice_of(trial_tries_name(trial->tries));
    row->window_scale = trial->teachers.window_scale;
    row->return_attribution = trial->teachers.return_attribution;
    training_trials_insert(batch, row);
    buf_deinit(&parameters);
    buf_deinit(&folds);
}

void trial_log_insert(const struct trial_log *log,
                      struct pg_batch *batch,
                      struct uuid run_id,
                      const struct strategy_id *strategy_id)
{
    struct json_reader *reader = json_reader_create(TRIAL_BYTES_MAX, 8);
    for (size_t i = 0; i < log->n && reader != NULL; i++) {
        struct training_trial_row row = {.run_id = run_id, .strategy_id = *strategy_id};
        struct buf text = BUF_INIT(TRIAL_BYTES_MAX);
        struct json_writer w;
        struct json_node *root = NULL;
        json_w_init(&w, &text);
        trial_write(&log->items[i], &w);
        if (json_read(reader, buf_slice(&text), &root) == AL_OK) {
            insert_row(batch, &log->items[i], root, &row);
            json_put(root);
        }
        buf_deinit(&text);
    }
    json_reader_destroy(reader);
}

/* ---- the file ---- */

void search_file_init(struct search_file *search, const struct train_job *job)
{
    char folder[FILE_PATH_MAX], name[FILE_PATH_MAX];
    *search = (struct search_file){.path = ""};
    snprintf(folder, sizeof folder, "%s", job->output);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(name, sizeof name, ".search-%s", job->strategy_id.text);
    if (file_join(slash == NULL ? "." : folder, name, search->path) != AL_OK)
        search->path[0] = '\0';
}

/* What lies before the next end of a line; false when there is none. */
static bool next_line(struct slice *rest, struct slice *line)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    if (end == NULL)
        return false;
    *line = (struct slice){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (struct slice){end + 1, rest->len - line->len - 1};
    return true;
}

/* The first line that is no trial, or not the next one, ends it: a crash may have cut it short. */
static size_t read_trials(struct slice text,
                          const struct sha256 *key,
                          struct train_trial *trials,
                          size_t n_max)
{
    char wanted[SHA256_TEXT_MAX];
    struct slice line;
    struct train_line read;
    size_t n = 0;
    sha256_format(key, wanted);
    if (!next_line(&text, &line) || !slice_is(line, wanted))
        return 0;
    while (n < n_max && next_line(&text, &line)) {
        if (train_line_read(line, &read) != AL_OK || read.kind != TRAIN_LINE_TRIAL ||
            read.trial.number != n)
            break;
        trials[n++] = read.trial;
    }
    return n;
}

size_t search_file_open(struct search_file *search,
                        const struct sha256 *key,
                        struct train_trial *trials,
                        size_t n_max)
{
    struct buf text = BUF_INIT(FILE_BYTES_MAX);
    char name[SHA256_TEXT_MAX];
    size_t n = 0;
    if (search->path[0] == '\0')
        return 0;
    if (file_read(search->path, FILE_BYTES_MAX, &text) == AL_OK)
        n = read_trials(buf_slice(&text), key, trials, n_max);
    buf_deinit(&text);
    sha256_format(key, name);
    search->file = fopen(search->path, "we");
    if (search->file != NULL)
        fprintf(search->file, "%s\n", name);
    for (size_t i = 0; i < n; i++)
        search_file_add(search, &trials[i]);
    return n;
}

void search_file_add(struct search_file *search, const struct train_trial *trial)
{
    struct train_line line = {.kind = TRAIN_LINE_TRIAL, .trial = *trial};
    struct buf text = BUF_INIT(TRIAL_BYTES_MAX);
    if (search->file == NULL)
        return;
    train_line_write(&line, &text);
    if (buf_ok(&text))
        fwrite(text.ptr, 1, text.len, search->file);
    fflush(search->file);
    buf_deinit(&text);
}

void search_file_close(struct search_file *search, bool is_done)
{
    if (search->file == NULL)
        return;
    fclose(search->file);
    search->file = NULL;
    if (is_done)
        remove(search->path);
}
