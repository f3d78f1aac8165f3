/* The journal: what the core was told, in order, and what it decided. `alphaloop replay` tells it to a core again.
 *
 * A file of lines, each one JSON object with the same few members, all but `call` left out when empty:
 *
 *     {"call":"market","now":"1700000000000000000","wall":"...","number":"2","texts":["..."],"bytes":["hex"]}
 *
 * `now` is the decision clock at the call, `wall` when a message came, both in nanoseconds. What came as text stays the text
 * that came; what came from the database or was worked out before is the bytes of the core's own structs, so a journal is
 * read by the same version of the program on the same kind of machine: the first line says which, and replay holds it
 * against its own. Checklist for a change of the core's doors (pipeline.h): a row in journal_calls.def, a call of journal_add() where
 * the app goes through the door, a case in replay.c; raise JOURNAL_FORMAT when a row changes its meaning.
 *
 * Writing never holds up the loop: lines gather in memory, the thread pool writes them. When the disk cannot keep up or is full, or the
 * file has its bound, recording ends with a log line and the metric journal_recording at 0, and the worker goes on.
 */
#ifndef ALPHALOOP_APP_JOURNAL_I_H
#define ALPHALOOP_APP_JOURNAL_I_H

#include <uv.h>

#include "alphaloop/io/file.h"
#include "alphaloop/pipeline/pipeline.h"

#define JOURNAL_FORMAT    2
#define JOURNAL_LINE_MAX  ((size_t)4 << 20)
#define JOURNAL_WAITS_MAX ((size_t)32 << 20) /* bytes that may wait for the disk */
#define JOURNAL_PARTS     4

enum journal_call {
#define JOURNAL(name, meaning) JOURNAL_##name,
#include "alphaloop/tbl/journal_calls.def"
#undef JOURNAL
    JOURNAL_CALL_COUNT
};
const char *journal_call_name(enum journal_call call);

struct journal_line {
    enum journal_call call;
    int64_t now_ns, wall_ns; /* TIMESTAMP_NONE: not said */
    int64_t number;
    size_t n_texts, n_bytes;
    struct slice texts[JOURNAL_PARTS]; /* borrow */
    struct slice bytes[JOURNAL_PARTS]; /* borrow */
};

/* ---- lines ---- */

/* Append it with its line break; check buf_ok(). */
void journal_line_write(const struct journal_line *line, struct buf *out);

/* What a line says. AL_EPARSE names the member. `doc` and `hold` own what *out borrows: json_put(), buf_deinit().  gives */
MUST_CHECK enum al_err journal_line_read(struct json_reader *reader,
                                         struct slice text,
                                         struct json_node **doc,
                                         struct buf *hold,
                                         struct journal_line *out);

/* The first line: what a replay must have too. */
struct journal_start {
    char version[32];
    struct sha256 shape; /* of the structs' sizes */
    struct sha256 settings, strategies;
    uint64_t seed;
};
void journal_start_of(const struct settings *settings,
                      const struct strategy_config *strategies,
                      size_t n_strategies,
                      uint64_t seed,
                      struct journal_start *out);
void journal_start_line(const struct journal_start *start, struct buf *out);
MUST_CHECK enum al_err journal_start_read(const struct journal_line *line,
                                          struct journal_start *out);

/* Settings and strategies as they are after a reload; the seed stays that of the start. */
struct journal_settings {
    struct buf text; /* NAME=value, one a line: those the core reads, none of them secret */
    struct sha256 hash;
};
void journal_settings_of(const struct settings *settings,
                         struct journal_settings *out); /* gives text */
/* Take over what a line `reload` says. AL_EPARSE; AL_EVERIFY when that does not make the settings there were then. */
MUST_CHECK enum al_err journal_reload_read(const struct journal_line *line,
                                           struct settings *settings,
                                           struct strategy_config *strategies,
                                           size_t n_strategies);

/* What the core reads of an order event besides the state that follows from it. */
struct journal_told {
    struct decimal filled_quantity;
    int64_t executed_at_ns;
};

/* Of a decision that has no body: all that was decided, and what with. 16 hex digits. */
#define JOURNAL_DIGEST_MAX 17
void journal_digest(const struct decision *decision, char out[JOURNAL_DIGEST_MAX]);

/* ---- recording ---- */

struct journal;

/* `path` is written from its beginning; what was there becomes path.1. *out is NULL when path is "".   gives */
MUST_CHECK enum al_err journal_open(uv_loop_t *loop,
                                    const char *path,
                                    uint64_t bytes_max,
                                    const struct journal_start *start,
                                    struct journal **out);
/* Writes what waits, blocking; after the loop has ended. NULL is fine, here and below: nothing is recorded. */
void journal_close(struct journal *journal);
/* Hand on what has gathered. Now and then. */
void journal_run(struct journal *journal);
void journal_add(struct journal *journal, const struct journal_line *line);

void journal_add_pause(struct journal *journal, bool paused); /* only changes are lines */
void journal_add_market(struct journal *journal,
                        const struct market_event *event,
                        struct slice body,
                        int64_t wall_ns,
                        int64_t now_ns);
void journal_add_position(struct journal *journal,
                          const struct position_update *update,
                          int64_t now_ns);
void journal_add_order(struct journal *journal, const struct order_fact *fact, int64_t now_ns);
void journal_add_reload(struct journal *journal,
                        const struct settings *settings,
                        const struct strategy_config *strategies,
                        size_t n_strategies,
                        int64_t now_ns);
void journal_add_tick(struct journal *journal, int64_t now_ns);
/* Calls about one strategy and a number. */
void journal_add_of(struct journal *journal,
                    enum journal_call call,
                    const struct strategy_id *strategy_id,
                    int64_t now_ns,
                    int64_t number);
void journal_add_model(struct journal *journal,
                       enum journal_call call, /* activate or promote */
                       const struct strategy_id *strategy_id,
                       const struct scorer *scorer, /* NULL: warm-up */
                       int64_t now_ns);
void journal_add_shadow(struct journal *journal,
                        const struct strategy_id *strategy_id,
                        const struct scorer *scorer,
                        const struct rollout_start *start);
void journal_add_block(struct journal *journal,
                       const struct strategy_id *strategy_id,
                       const struct model_version_id *version,
                       const struct asset *asset,
                       const struct paired_block *block);
void journal_add_training_end(struct journal *journal,
                              const struct strategy_id *strategy_id,
                              bool had_result,
                              uint64_t n_needed,
                              int64_t now_ns);
void journal_add_cost(struct journal *journal,
                      const struct execution *execution,
                      double signal_price,
                      int64_t decided_at_ns);
void journal_add_candle(struct journal *journal,
                        const struct asset *asset,
                        const struct candle *candle);
void journal_add_training(struct journal *journal,
                          const struct strategy_id *strategy_id,
                          const struct restored_training *training,
                          int64_t now_ns);
void journal_add_neighbours(struct journal *journal, const struct neighbours *neighbours);
void journal_add_decision(struct journal *journal, const struct effect *effect);
/* Calls that are one struct and a number. */
void journal_add_struct(struct journal *journal,
                        enum journal_call call,
                        int64_t now_ns,
                        int64_t number,
                        const void *bytes,
                        size_t n_bytes);

#endif
