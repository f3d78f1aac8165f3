/* Bytes to frames and methods to bytes, through librabbitmq, with a guard in front of it.
 *
 * The library trusts its peer: it makes a buffer for any channel number a frame names and decodes
 * nested tables by recursion without a limit. So every 7-byte frame header is checked here first (type,
 * channel, size), and the properties of every message are vetted (props_i.h) before it sees them.
 */
#ifndef ALPHALOOP_IO_AMQP_CODEC_I_H
#define ALPHALOOP_IO_AMQP_CODEC_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amqp.h>
#include <amqp_framing.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

enum {
    FRAME_HEAD = 7,             /* type, channel, size */
    FRAME_OVERHEAD = 8,         /* and the end mark */
    FRAME_MAX_LOWEST = 4096,    /* the protocol's own minimum */
    FRAME_MAX_GREETING = 65536, /* before tuning */
    METHOD_SIZE_MAX = 16384,    /* no method a broker sends comes near this */
};

struct codec {
    amqp_connection_state_t lib;
    uint32_t frame_max;
    uint8_t head[FRAME_HEAD];
    size_t n_head;   /* bytes of `head` that are there */
    size_t n_left;   /* of the frame after its head, end mark included */
    struct buf kept; /* a message header is gathered here and vetted whole */
    bool broken;     /* after an error nothing more is accepted until codec_reset() */
};

struct codec_events {
    bool (*is_open)(void *ctx, uint16_t channel);           /* may the peer use this channel now? */
    bool (*on_frame)(void *ctx, const amqp_frame_t *frame); /* false: take no more of these bytes */
};

MUST_CHECK enum al_err codec_init(struct codec *codec);
void codec_deinit(struct codec *codec);
MUST_CHECK enum al_err codec_reset(struct codec *codec); /* a new connection begins */
MUST_CHECK enum al_err codec_tune(struct codec *codec, uint32_t frame_max);

/* AL_EPARSE with err_text() when the peer breaks the rules: the connection cannot go on. */
MUST_CHECK enum al_err codec_feed(struct codec *codec,
                                  struct slice bytes,
                                  const struct codec_events *events,
                                  void *ctx);
/* Everything decoded on this channel so far is no longer needed. */
void codec_release(struct codec *codec, uint16_t channel);

/* Appending frames. A frame that does not fit leaves `out` as it was and returns AL_EFULL. */
void codec_put_greeting(struct buf *out);
void codec_put_heartbeat(struct buf *out);
MUST_CHECK enum al_err codec_put_method(struct buf *out,
                                        uint16_t channel,
                                        amqp_method_number_t id,
                                        void *decoded);
MUST_CHECK enum al_err codec_put_content(struct buf *out,
                                         uint16_t channel,
                                         const amqp_basic_properties_t *properties,
                                         struct slice body,
                                         uint32_t frame_max);

/* Strings between the two worlds. */
amqp_bytes_t amqp_bytes_of(const char *text); /* NULL: empty */
amqp_bytes_t amqp_bytes_of_slice(struct slice text);
struct slice slice_of_amqp(amqp_bytes_t bytes);

#endif
