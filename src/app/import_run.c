/* One pass over the file. Each row is checked; candles go on as they are, trades and quotes through the maker of bars. Bars
 * wait until there is a batch of them, which is stored in one transaction with the line it goes up to, so that an import
 * that was interrupted reads (and checks) the same file again but stores only what comes after that line.
 *
 * Invariant: every bar made of rows up to `line` is stored or waits. A bar of trades ends with the row that begins the next
 * one, so its line is the one before that row. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alphaloop/market/replay.h"
#include "alphaloop/store/candles.h"

#include "import_i.h"

enum { WAITING_MAX = 20000, BATCH_BYTES = 4 << 20 };

/* ---- before ---- */

static enum al_err hash_file(struct import *import)
{
    const char *path = import->options->path;
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size == 0) {
        if (fd >= 0)
            close(fd);
        return err_set(AL_EINVAL, "%s: a file with something in it is expected", path);
    }
    void *bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return err_set(AL_EIO, "%s: it cannot be read", path);
    sha256_of(bytes, (size_t)stat.st_size, &import->key.file);
    munmap(bytes, (size_t)stat.st_size);
    import->n_file_bytes = stat.st_size;
    return AL_OK;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The middle one of the first distances between rows is what the file is of, whatever gaps and stray rows it has. */
static enum al_err check_interval(const struct import *import)
{
    struct csv_file file;
    struct csv_row row;
    enum csv_step step = CSV_REFUSED;
    int64_t distances_ns[REPLAY_LOOK_AHEAD], last_ns = TIMESTAMP_NONE;
    size_t n = 0;
    enum al_err err = csv_file_open(&file, import->options->path);
    while (err == AL_OK && step != CSV_DONE && n < REPLAY_LOOK_AHEAD) {
        err = csv_file_next(&file, &row, &step);
        if (err != AL_OK || step != CSV_ROW || row.kind != CSV_CANDLES)
            continue;
        if (last_ns != TIMESTAMP_NONE)
            distances_ns[n++] = row.ts_ns - last_ns;
        last_ns = row.ts_ns;
    }
    csv_file_close(&file);
    if (err != AL_OK || n < 3)
        return err;
    qsort(distances_ns, n, sizeof(distances_ns[0]), compare_i64);
    int64_t median_ns = distances_ns[n / 2];
    if (median_ns == import->options->interval_ns)
        return AL_OK;
    return err_set(AL_EINVAL, "%s: its candles are %.9g s apart, not %.9g s as --interval says",
                   import->options->path, (double)median_ns / 1e9,
                   (double)import->options->interval_ns / 1e9);
}

static void on_resumed(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    *(uint64_t *)ctx = candle_imports_read(result);
}

static enum al_err open_database(struct import *import, const struct pg_options *database)
{
    import->waiting = calloc(WAITING_MAX, sizeof(import->waiting[0]));
    import->batch = pg_batch_create(BATCH_BYTES);
    if (import->waiting == NULL || import->batch == NULL)
        return err_set(AL_ENOMEM, "rows that wait");
    enum al_err err = pg_sync_open(database, &import->sync);
    if (err != AL_OK)
        return err;
    candle_imports_find(import->batch, &import->key);
    return pg_sync_run(import->sync, import->batch, on_resumed, &import->resumed_line);
}

enum al_err import_open(struct import *import,
                        const struct import_options *options,
                        const struct pg_options *database)
{
    *import = (struct import){
        .options = options, .phase_ns = -1, .key = {options->asset, options->interval_ns, {{0}}}};
    gap_finder_init(&import->gaps, options->interval_ns);
    bar_maker_init(&import->maker, options->interval_ns, 0, TIMESTAMP_NONE);
    enum al_err err = hash_file(import);
    if (err == AL_OK)
        err = check_interval(import);
    if (err == AL_OK)
        err = csv_file_open(&import->file, options->path);
    if (err == AL_OK && database != NULL)
        err = open_database(import, database);
    return err;
}

void import_close(struct import *import)
{
    csv_file_close(&import->file);
    pg_sync_close(import->sync);
    pg_batch_destroy(import->batch);
    free(import->waiting);
}

/* ---- storing ---- */

static void on_stored(void *ctx, size_t index, const struct pg_result *result)
{
    struct import *import = ctx;
    if (index > 0)
        return;
    struct candles_imported imported = candles_read_imported(result);
    import->n_new += imported.n_new;
    import->n_changed += imported.n_changed;
}

static enum al_err store_waiting(struct import *import, bool is_end)
{
    if (import->sync == NULL)
        return AL_OK;
    pg_batch_reset(import->batch);
    candles_import(import->batch, &import->options->asset, import->options->interval_ns,
                   import->waiting, import->n_waiting);
    if (is_end)
        candle_imports_delete(import->batch, &import->key);
    else
        candle_imports_put(import->batch, &import->key, import->line);
    import->n_waiting = 0;
    return pg_sync_run(import->sync, import->batch, on_stored, import);
}

/* A bar made of rows up to `line`. */
static enum al_err take_bar(struct import *import, const struct candle *candle, uint64_t line)
{
    struct gap gap;
    if (gap_finder_add(&import->gaps, candle->ts_open_ns, &gap) &&
        import->n_listed < import->options->n_listed_max)
        import->listed[import->n_listed++] = gap;
    if (import->sync == NULL || line <= import->resumed_line)
        return AL_OK;
    import->waiting[import->n_waiting++] = *candle;
    import->line = line;
    return import->n_waiting < WAITING_MAX ? AL_OK : store_waiting(import, false);
}

/* ---- rows ---- */

static enum al_err refuse(struct import *import)
{
    import->n_refused++;
    import_show_refusal(import);
    if (import->options->skips_bad)
        return AL_OK;
    import->has_stopped = true;
    snprintf(import->stopped_by, sizeof(import->stopped_by), "%s", err_text());
    return AL_OK;
}

static enum al_err take_candle(struct import *import, const struct csv_row *row)
{
    int64_t phase_ns = row->ts_ns % import->options->interval_ns;
    char text[TIMESTAMP_TEXT_MAX];
    if (import->phase_ns < 0)
        import->phase_ns = phase_ns;
    if (phase_ns == import->phase_ns)
        return take_bar(import, &row->candle, row->line);
    timestamp_format(row->ts_ns - phase_ns + import->phase_ns, text);
    err_set(AL_ERANGE, "line %llu: ts_ms: no candle opens then; one would at %s, as the first did",
            (unsigned long long)row->line, text);
    return refuse(import);
}

static enum al_err take_trade(struct import *import, const struct csv_row *row)
{
    struct bars_out out;
    bool is_trade = row->kind == CSV_TRADES;
    double price = is_trade ? row->trade.price : (row->quote.bid + row->quote.ask) / 2;
    if (import->n_rows == 0)
        import->maker.since_ns = row->ts_ns; /* of the bar it lies in the file may have a part */
    (void)bar_maker_on_trade(&import->maker, row->ts_ns, price,
                             is_trade ? row->trade.qty : (double)NAN, &out);
    enum al_err err = AL_OK;
    for (size_t i = 0; err == AL_OK && i < out.n_candles; i++)
        err = take_bar(import, &out.candles[i], row->line - 1);
    return err;
}

static enum al_err take_row(struct import *import, const struct csv_row *row)
{
    uint64_t n_refused = import->n_refused;
    enum al_err err = row->kind == CSV_CANDLES ? take_candle(import, row) : take_trade(import, row);
    import->n_rows += import->n_refused == n_refused;
    return err;
}

static enum al_err read_rows(struct import *import)
{
    struct csv_row row;
    enum csv_step step;
    enum al_err err = csv_file_next(&import->file, &row, &step);
    while (err == AL_OK && step != CSV_DONE && !import->has_stopped) {
        err = step == CSV_ROW ? take_row(import, &row) : refuse(import);
        import_show_progress(import);
        if (err == AL_OK && !import->has_stopped)
            err = csv_file_next(&import->file, &row, &step);
    }
    return err;
}

enum al_err import_run(struct import *import)
{
    enum al_err err = read_rows(import);
    import->n_left_out = import->maker.n_partial + import->maker.n_open;
    if (err == AL_OK && (!import->has_stopped || import->n_waiting > 0))
        err = store_waiting(import, !import->has_stopped);
    import_end_progress(import);
    if (err != AL_OK || !import->has_stopped)
        return err;
    return err_set(AL_EPARSE, "%s: stopped at %s", import->options->path, import->stopped_by);
}
