/* Short names that identify things, as fixed arrays: copied, compared and hashed as plain bytes (always zero-padded). */
#ifndef ALPHALOOP_DOMAIN_NAMES_H
#define ALPHALOOP_DOMAIN_NAMES_H

#include <stdbool.h>

#include "alphaloop/base/buf.h"

#define ASSET_TEXT_MAX 24 /* 3..20 of A-Z0-9, NUL padding */
#define TRADED_ASSET_LEN_MIN                                                                       \
    4 /* what is traded: a signal's rule (contract 4) is stricter than an event's */
#define STRATEGY_TEXT_MAX    104 /* 1..100 bytes */
#define ORDER_ID_TEXT_MAX    132 /* 1..128 bytes */
#define TRACE_TEXT_MAX       132
#define VERSION_TEXT_MAX     24 /* "v12", "v2.1" */
#define TRACEPARENT_TEXT_MAX 64 /* W3C Trace Context, version 00: 55 bytes; "" when none came in */

struct asset {
    char text[ASSET_TEXT_MAX];
};
struct strategy_id {
    char text[STRATEGY_TEXT_MAX];
};
struct order_id {
    char text[ORDER_ID_TEXT_MAX];
};
struct trace_id {
    char text[TRACE_TEXT_MAX]; /* "" when none */
};
struct model_version_id {
    char text[VERSION_TEXT_MAX]; /* "" in warm-up */
};

/* Upper-cases; false unless 3 to 20 of A-Z0-9 remain. */
bool asset_parse(struct slice text, struct asset *out);
/* 1..100 bytes of [A-Za-z0-9_.-]. */
bool strategy_id_parse(struct slice text, struct strategy_id *out);
/* 1..128 bytes without control characters. */
bool order_id_parse(struct slice text, struct order_id *out);
bool trace_id_parse(struct slice text, struct trace_id *out);
/* "00-<32 hex>-<16 hex>-<2 hex>", lower case, neither id all zeros; *out is "" when it is not. */
bool traceparent_parse(struct slice text, char out[TRACEPARENT_TEXT_MAX]);
/* The trace id inside a traceparent that parsed. */
struct trace_id traceparent_trace_id(const char traceparent[TRACEPARENT_TEXT_MAX]);
/* v digits, optionally . digits */
bool model_version_id_parse(struct slice text, struct model_version_id *out);
/* "BTCUSDT" into "BTC" and "USDT", by the known quote currencies, longest first; false when none fits. */
bool asset_split(const struct asset *asset, char base[ASSET_TEXT_MAX], char quote[ASSET_TEXT_MAX]);
bool asset_eq(const struct asset *a, const struct asset *b);
bool strategy_id_eq(const struct strategy_id *a, const struct strategy_id *b);

enum side { SIDE_NONE = 0, SIDE_BUY = 1, SIDE_SELL = 2 };
const char *side_name(enum side side);              /* "buy", "sell", "" */
bool side_parse(struct slice text, enum side *out); /* any case */
int side_sign(enum side side);                      /* +1, -1, 0 */
enum side side_opposite(enum side side);

#endif
