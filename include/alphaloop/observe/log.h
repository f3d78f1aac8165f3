/* Log lines: one JSON object a line on a sink (standard error in the program).
 *
 *   {"ts":"...Z","level":"info","service":"model-service","room":"amqp","step":"connect","event":"connected",
 *    "trace_id":"...","host":"127.0.0.1","port":5672}
 *
 *     log_info("amqp", "connect", trace, EV("connected"), F_STR("host", host), F_I64("port", port));
 *
 * Log changes, not repetition: the first failure warns, repeats are debug, recovery is info. Never a secret, never a whole
 * payload. Lines longer than 4096 bytes are cut and marked. The time of a line comes from log_now(), set once per turn.
 * Only the thread that called log_init() may log: work in the thread pool hands back what there is to say.
 */
#ifndef ALPHALOOP_OBSERVE_LOG_H
#define ALPHALOOP_OBSERVE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_F64, LOG_FIELD_BOOL } type;
    union {
        const char *str; /* NULL is null */
        int64_t i64;
        double f64; /* not finite is null */
        bool flag;
    };
};

#define EV(name)     ((struct log_field){.key = "event", .type = LOG_FIELD_STR, .str = (name)})
#define F_STR(k, v)  ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .str = (v)})
#define F_I64(k, v)  ((struct log_field){.key = (k), .type = LOG_FIELD_I64, .i64 = (int64_t)(v)})
#define F_F64(k, v)  ((struct log_field){.key = (k), .type = LOG_FIELD_F64, .f64 = (v)})
#define F_BOOL(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_BOOL, .flag = (v)})

typedef void (*log_sink_fn)(void *ctx, struct slice line); /* line ends with \n */

void log_init(const char *service_name,
              enum log_level level,
              log_sink_fn sink,
              void *ctx); /* NULL sink: stderr */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level); /* for callers whose fields cost something to make */
bool log_level_parse(struct slice text,
                     enum log_level *out); /* DEBUG, INFO, WARNING/WARN, ERROR/CRITICAL, any case */
void log_set_now(int64_t now_ns); /* wall clock, once per loop turn; 0 = read the clock per line */

void log_fields(enum log_level level,
                const char *room,
                const char *step,
                const char *trace_id,
                const struct log_field *fields);

#define log_at(level, room, step, trace, ...)                                                      \
    log_fields((level), (room), (step), (trace),                                                   \
               (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
#define log_debug(room, step, trace, ...) log_at(LOG_DEBUG, room, step, trace, __VA_ARGS__)
#define log_info(room, step, trace, ...)  log_at(LOG_INFO, room, step, trace, __VA_ARGS__)
#define log_warn(room, step, trace, ...)  log_at(LOG_WARN, room, step, trace, __VA_ARGS__)
#define log_error(room, step, trace, ...) log_at(LOG_ERROR, room, step, trace, __VA_ARGS__)

#endif
