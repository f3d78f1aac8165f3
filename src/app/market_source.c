/* Market sources. Each stream (the files of one asset, or the made-up market) keeps a short queue of events; the source hands out
 * the earliest head. The rows of an asset's files meet in one replay, in order of time: its books are those of the quotes and its
 * trades those of the trades. Reading blocks, for the short time a chunk of a local file takes.
 *
 * Invariant: a stream's queue is empty only when the stream has ended, after fill().
 */
#include "market_source_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/market/replay.h"

#include "csv_file_i.h"

enum { QUEUE_MAX = 4096, QUEUE_FIRST = 64 };

struct lane { /* one file */
    struct csv_file file;
    bool has_row, has_ended;
    struct csv_row row; /* the next one */
};

struct stream {
    struct asset asset;
    struct lane *lanes[SOURCE_FILES_MAX]; /* the source's */
    size_t n_lanes;
    struct replay *replay;       /* of the lanes */
    struct synthetic *synthetic; /* the made-up market, which has no lanes */
    bool has_ended, has_failed;
    struct market_event *events;
    size_t at, n_events, n_slots;
};

struct poison {
    bool is_on;
    int64_t from_ns;
    struct rng rng;
};

struct source {
    struct poison poison;
    struct lane lanes[SOURCE_FILES_MAX];
    size_t n_lanes;
    struct stream streams[SOURCE_FILES_MAX];
    size_t n_streams;
    struct stream *head; /* whose event was peeked */
};

/* ---- one file ---- */

/* Make the lane have a row, unless its file has ended. Refused rows are counted by the reader. */
static enum al_err lane_fill(struct lane *lane)
{
    enum al_err err = AL_OK;
    while (err == AL_OK && !lane->has_row && !lane->has_ended) {
        enum csv_step step;
        err = csv_file_next(&lane->file, &lane->row, &step);
        if (err == AL_OK) {
            lane->has_row = step == CSV_ROW;
            lane->has_ended = step == CSV_DONE;
        }
    }
    return err;
}

/* ---- one stream ---- */

static void on_event(void *ctx, const struct market_event *event)
{
    struct stream *s = ctx;
    if (s->n_events == s->n_slots) {
        size_t n_slots = s->n_slots == 0 ? QUEUE_FIRST : 2 * s->n_slots;
        struct market_event *grown =
            n_slots > QUEUE_MAX ? NULL : realloc(s->events, n_slots * sizeof(*grown));
        if (grown == NULL) {
            s->has_failed = true;
            return;
        }
        s->events = grown;
        s->n_slots = n_slots;
    }
    s->events[s->n_events++] = *event;
}

/* ---- poison ---- */

static double spoiled(struct rng *rng)
{
    return exp(fmin(fmax(rng_normal(rng), -3), 3));
}

/* Another row of the same kind and time: what holds within a row still does. */
static void spoil(struct poison *poison, struct csv_row *row)
{
    double price = spoiled(&poison->rng), qty = spoiled(&poison->rng);
    if (row->kind == CSV_CANDLES) {
        row->candle.open *= price;
        row->candle.high *= price;
        row->candle.low *= price;
        row->candle.close *= price;
        row->candle.volume *= qty;
    } else if (row->kind == CSV_TRADES) {
        row->trade.price *= price;
        row->trade.qty *= qty;
        row->trade.side = side_opposite(row->trade.side);
    } else {
        row->quote.bid *= price;
        row->quote.ask *= price;
        row->quote.bid_qty *= qty;
        row->quote.ask_qty *= spoiled(&poison->rng);
    }
}

/* A candle that begins at an instant is news after it; a trade or a quote of that instant is not. */
static bool is_later(const struct csv_row *row, int64_t from_ns)
{
    return row->kind == CSV_CANDLES ? row->ts_ns >= from_ns : row->ts_ns > from_ns;
}

/* Of two rows of one instant a quote comes first. */
static bool is_before(const struct csv_row *a, const struct csv_row *b)
{
    return a->ts_ns != b->ts_ns ? a->ts_ns < b->ts_ns
                                : a->kind == CSV_QUOTES && b->kind != CSV_QUOTES;
}

/* The lane with the earliest row; NULL at the end. A candle is walked as a whole, so nothing can come in between. */
static enum al_err choose_lane(struct stream *s, struct lane **out)
{
    *out = NULL;
    for (size_t i = 0; i < s->n_lanes; i++) {
        struct lane *lane = s->lanes[i];
        enum al_err err = lane_fill(lane);
        if (err != AL_OK)
            return err;
        if (!lane->has_row)
            continue;
        if (*out != NULL && (lane->row.kind == CSV_CANDLES) != ((*out)->row.kind == CSV_CANDLES))
            return err_set(AL_EINVAL, "%s and %s: candles of an asset beside its trades or quotes",
                           (*out)->file.path, lane->file.path);
        if (*out == NULL || is_before(&lane->row, &(*out)->row))
            *out = lane;
    }
    return AL_OK;
}

static enum al_err read_row(struct stream *s, struct poison *poison)
{
    struct lane *lane;
    enum al_err err = choose_lane(s, &lane);
    if (err != AL_OK)
        return err;
    if (lane == NULL) {
        replay_end(s->replay, on_event, s);
        s->has_ended = true;
        return AL_OK;
    }
    lane->has_row = false;
    if (poison->is_on && is_later(&lane->row, poison->from_ns))
        spoil(poison, &lane->row);
    replay_row(s->replay, &lane->row, on_event, s);
    return AL_OK;
}

/* Make the queue hold an event, unless the stream has ended. */
static enum al_err fill(struct stream *s, struct poison *poison)
{
    if (s->at < s->n_events)
        return AL_OK;
    s->at = s->n_events = 0;
    enum al_err err = AL_OK;
    while (err == AL_OK && s->n_events == 0 && !s->has_ended) {
        if (s->n_lanes > 0)
            err = read_row(s, poison);
        else
            synthetic_step(s->synthetic, on_event, s);
        if (s->has_failed)
            err = err_set(AL_ENOMEM, "market events");
    }
    return err;
}

static void close_stream(struct stream *s)
{
    if (s->replay != NULL)
        replay_destroy(s->replay);
    if (s->synthetic != NULL)
        synthetic_destroy(s->synthetic);
    free(s->events);
}

/* ---- the source ---- */

enum al_err source_open_synthetic(const struct synthetic_options *options, struct source **out)
{
    struct source *source = calloc(1, sizeof(*source));
    if (source == NULL)
        return err_set(AL_ENOMEM, "market source");
    source->n_streams = 1;
    enum al_err err = synthetic_create(options, &source->streams[0].synthetic);
    if (err != AL_OK) {
        source_close(source);
        return err;
    }
    *out = source;
    return AL_OK;
}

/* The stream of the asset, a new one for its first file. */
static enum al_err stream_of(struct source *source,
                             const struct asset *asset,
                             double half_spread_bps,
                             struct stream **out)
{
    const struct replay_options options = {.asset = *asset, .half_spread_bps = half_spread_bps};
    for (size_t i = 0; i < source->n_streams; i++) {
        *out = &source->streams[i];
        if (asset_eq(&(*out)->asset, asset))
            return AL_OK;
    }
    *out = &source->streams[source->n_streams++];
    (*out)->asset = *asset;
    return replay_create(&options, &(*out)->replay);
}

static enum al_err open_file(struct source *source,
                             const char *path,
                             const struct asset *asset,
                             double half_spread_bps)
{
    struct lane *lane = &source->lanes[source->n_lanes++];
    struct stream *stream;
    enum al_err err = csv_file_open(&lane->file, path);
    if (err == AL_OK)
        err = stream_of(source, asset, half_spread_bps, &stream);
    if (err == AL_OK)
        stream->lanes[stream->n_lanes++] = lane;
    return err;
}

enum al_err source_open_files(const char *const *paths,
                              const struct asset *assets,
                              size_t n_files,
                              double half_spread_bps,
                              struct source **out)
{
    struct source *source = calloc(1, sizeof(*source));
    if (source == NULL)
        return err_set(AL_ENOMEM, "market source");
    enum al_err err = n_files <= SOURCE_FILES_MAX
                          ? AL_OK
                          : err_set(AL_EFULL, "at most %d files", SOURCE_FILES_MAX);
    for (size_t i = 0; err == AL_OK && i < n_files; i++)
        err = open_file(source, paths[i], &assets[i], half_spread_bps);
    if (err != AL_OK) {
        source_close(source);
        return err;
    }
    *out = source;
    return AL_OK;
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    for (size_t i = 0; i < source->n_streams; i++)
        close_stream(&source->streams[i]);
    for (size_t i = 0; i < source->n_lanes; i++)
        csv_file_close(&source->lanes[i].file);
    free(source);
}

enum al_err source_peek(struct source *source, const struct market_event **event)
{
    *event = NULL;
    source->head = NULL;
    for (size_t i = 0; i < source->n_streams; i++) {
        struct stream *s = &source->streams[i];
        enum al_err err = fill(s, &source->poison);
        if (err != AL_OK)
            return err;
        if (s->at == s->n_events)
            continue;
        const struct market_event *next = &s->events[s->at];
        if (*event == NULL || next->ts_event_ns < (*event)->ts_event_ns) {
            *event = next;
            source->head = s;
        }
    }
    return AL_OK;
}

void source_take(struct source *source)
{
    source->head->at++;
}

void source_poison(struct source *source, int64_t from_ns, uint64_t seed)
{
    source->poison = (struct poison){.is_on = true, .from_ns = from_ns};
    rng_seed(&source->poison.rng, seed);
}

/* ---- summary ---- */

struct summing {
    struct source_summary *out;
    int64_t smallest_ns;
};

static void sum_row(struct summing *sum, const struct csv_row *row)
{
    struct source_summary *out = sum->out;
    int64_t distance_ns = row->ts_ns - out->to_ns;
    if (out->n_rows == 0)
        out->from_ns = row->ts_ns;
    else if (out->n_rows < REPLAY_LOOK_AHEAD && distance_ns > 0 && distance_ns < sum->smallest_ns)
        sum->smallest_ns = distance_ns; /* as replay.c finds it */
    out->kind = row->kind;
    out->to_ns = row->ts_ns;
    out->n_rows++;
}

static enum al_err sum_rows(struct lane *lane, struct summing *sum)
{
    for (;;) {
        enum al_err err = lane_fill(lane);
        if (err != AL_OK || !lane->has_row)
            return err;
        sum_row(sum, &lane->row);
        lane->has_row = false;
    }
}

enum al_err source_summarize(const char *path, struct source_summary *out)
{
    struct lane lane = {0};
    struct summing sum = {.out = out, .smallest_ns = INT64_MAX};
    *out = (struct source_summary){0};
    enum al_err err = csv_file_open(&lane.file, path);
    if (err == AL_OK)
        err = sum_rows(&lane, &sum);
    if (err == AL_OK && out->n_rows == 0)
        err = err_set(AL_ESHORT, "%s: no row of market data", path);
    if (err == AL_OK) {
        out->n_refused = csv_reader_refused(lane.file.reader);
        if (out->kind == CSV_CANDLES)
            out->interval_ns = sum.smallest_ns == INT64_MAX ? NS_PER_MIN : sum.smallest_ns;
    }
    csv_file_close(&lane.file);
    return err;
}

uint64_t source_n_refused(const struct source *source)
{
    uint64_t n = 0;
    for (size_t i = 0; i < source->n_lanes; i++)
        n += csv_reader_refused(source->lanes[i].file.reader);
    return n;
}

bool source_asset_of_path(const char *path, struct asset *out)
{
    const char *name = strrchr(path, '/');
    name = name == NULL ? path : name + 1;
    const char *first = strchr(name, '_');
    const char *second = first == NULL ? NULL : strchr(first + 1, '_');
    char word[ASSET_TEXT_MAX];
    if (second == NULL || (size_t)(second - first - 1) >= sizeof(word))
        return false;
    int length = (int)(second - first - 1);
    snprintf(word, sizeof(word), "%.*s%s", length, first + 1,
             length > 0 && length < TRADED_ASSET_LEN_MIN ? "USD" : "");
    return asset_parse(slice_of(word), out);
}
