/* The guard and the codec. See codec_i.h for the idea.
 *
 * Invariant: librabbitmq is only ever given whole frame heads that passed check_head(), followed by
 * exactly the bytes that head announced; message headers are given to it only after vetting.
 */
#include "codec_i.h"

#include <assert.h>
#include <string.h>

#include "props_i.h"

enum {
    METHOD_ROOM = 6 * 1024, /* our longest method: queue.declare with every argument */
    CONTENT_FIXED = 12,     /* class, weight and body size, before the properties */
};

static uint32_t get_u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void set_frame_head(char *at, uint8_t type, uint16_t channel, size_t size)
{
    uint8_t head[FRAME_HEAD] = {type,
                                (uint8_t)(channel >> 8),
                                (uint8_t)channel,
                                (uint8_t)(size >> 24),
                                (uint8_t)(size >> 16),
                                (uint8_t)(size >> 8),
                                (uint8_t)size};
    memcpy(at, head, sizeof(head));
}

amqp_bytes_t amqp_bytes_of(const char *text)
{
    return amqp_bytes_of_slice(slice_of(text));
}

amqp_bytes_t amqp_bytes_of_slice(struct slice text)
{
    return (amqp_bytes_t){.len = text.len, .bytes = (void *)(uintptr_t)text.ptr};
}

struct slice slice_of_amqp(amqp_bytes_t bytes)
{
    return (struct slice){bytes.bytes, bytes.len};
}

/* ---- life ---- */

enum al_err codec_init(struct codec *codec)
{
    *codec = (struct codec){.kept = BUF_INIT(1U << 24)};
    return codec_reset(codec);
}

void codec_deinit(struct codec *codec)
{
    if (codec->lib != NULL)
        amqp_destroy_connection(codec->lib);
    buf_deinit(&codec->kept);
    codec->lib = NULL;
}

enum al_err codec_reset(struct codec *codec)
{
    if (codec->lib != NULL)
        amqp_destroy_connection(codec->lib);
    codec->lib = amqp_new_connection();
    codec->n_head = codec->n_left = 0;
    codec->frame_max = FRAME_MAX_GREETING;
    codec->broken = codec->lib == NULL;
    buf_reset(&codec->kept);
    return codec->broken ? err_set(AL_ENOMEM, "AMQP codec") : AL_OK;
}

enum al_err codec_tune(struct codec *codec, uint32_t frame_max)
{
    if (frame_max < FRAME_MAX_LOWEST)
        return err_set(AL_EPARSE, "broker wants frames of at most %u bytes", frame_max);
    if (amqp_tune_connection(codec->lib, 0, (int)frame_max, 0) != AMQP_STATUS_OK)
        return err_set(AL_ENOMEM, "AMQP frame buffer");
    codec->frame_max = frame_max;
    return AL_OK;
}

void codec_release(struct codec *codec, uint16_t channel)
{
    amqp_maybe_release_buffers_on_channel(codec->lib, channel);
}

/* ---- bytes in ---- */

static enum al_err check_size(const struct codec *codec, uint8_t type, uint32_t size)
{
    if (size > codec->frame_max - FRAME_OVERHEAD)
        return err_set(AL_EPARSE, "broker sent a frame of %u bytes, allowed are %u", size,
                       codec->frame_max);
    if (type == AMQP_FRAME_METHOD && (size < 4 || size > METHOD_SIZE_MAX))
        return err_set(AL_EPARSE, "broker sent a method of %u bytes", size);
    if (type == AMQP_FRAME_HEADER && size < CONTENT_FIXED + 2)
        return err_set(AL_EPARSE, "broker sent a message header of %u bytes", size);
    if (type == AMQP_FRAME_HEARTBEAT && size != 0)
        return err_set(AL_EPARSE, "broker sent a heartbeat of %u bytes", size);
    return AL_OK;
}

static enum al_err check_head(const struct codec *codec,
                              const struct codec_events *events,
                              void *ctx)
{
    uint8_t type = codec->head[0];
    uint16_t channel = (uint16_t)(codec->head[1] << 8 | codec->head[2]);
    bool is_content = type == AMQP_FRAME_HEADER || type == AMQP_FRAME_BODY;
    if (memcmp(codec->head, "AMQP", 4) == 0)
        return err_set(AL_EVERSION, "broker does not speak AMQP 0-9-1");
    if (type != AMQP_FRAME_METHOD && type != AMQP_FRAME_HEARTBEAT && !is_content)
        return err_set(AL_EPARSE, "broker sent a frame of unknown type %u", type);
    if (channel == 0 ? is_content : type == AMQP_FRAME_HEARTBEAT || !events->is_open(ctx, channel))
        return err_set(AL_EPARSE, "broker sent a frame of type %u on channel %u", type, channel);
    return check_size(codec, type, get_u32be(codec->head + 3));
}

/* Give bytes to the library, which takes one frame at most. */
static enum al_err decode(struct codec *codec,
                          const void *bytes,
                          size_t n_bytes,
                          amqp_frame_t *frame)
{
    amqp_bytes_t in = {.len = n_bytes, .bytes = (void *)(uintptr_t)bytes};
    int n_taken = amqp_handle_input(codec->lib, in, frame);
    if (n_taken < 0)
        return err_set(AL_EPARSE, "AMQP frame: %s", amqp_error_string2(n_taken));
    assert((size_t)n_taken == n_bytes);
    return AL_OK;
}

/* A message header without any property, for one whose properties cannot be trusted. */
static void blank_properties(struct buf *kept)
{
    char fixed[CONTENT_FIXED];
    memcpy(fixed, kept->ptr, sizeof(fixed));
    buf_reset(kept);
    buf_append(kept, fixed, sizeof(fixed));
    buf_append(kept, "\0\0\xce", 3);
}

/* A whole message header is here: vet it, then let the library decode it. */
static enum al_err decode_kept(struct codec *codec, amqp_frame_t *frame)
{
    struct buf *kept = &codec->kept;
    if (!buf_ok(kept))
        return err_set(AL_ENOMEM, "AMQP message header");
    if (memcmp(kept->ptr, "\0\x3c", 2) != 0 || (uint8_t)kept->ptr[kept->len - 1] != AMQP_FRAME_END)
        return err_set(AL_EPARSE, "broker sent a damaged message header");
    struct slice encoded = {kept->ptr + CONTENT_FIXED, kept->len - CONTENT_FIXED - 1};
    if (!props_are_sound(encoded)) {
        blank_properties(kept);
        if (!buf_ok(kept))
            return err_set(AL_ENOMEM, "AMQP message header");
        uint16_t channel = (uint16_t)(codec->head[1] << 8 | codec->head[2]);
        set_frame_head((char *)codec->head, AMQP_FRAME_HEADER, channel, kept->len - 1);
    }
    enum al_err err = decode(codec, codec->head, FRAME_HEAD, frame);
    if (err == AL_OK)
        err = decode(codec, kept->ptr, kept->len, frame);
    buf_reset(kept);
    return err;
}

static enum al_err begin_frame(struct codec *codec,
                               struct slice *bytes,
                               const struct codec_events *events,
                               void *ctx)
{
    size_t n = FRAME_HEAD - codec->n_head;
    n = n < bytes->len ? n : bytes->len;
    memcpy(codec->head + codec->n_head, bytes->ptr, n);
    codec->n_head += n;
    *bytes = (struct slice){bytes->ptr + n, bytes->len - n};
    if (codec->n_head < FRAME_HEAD)
        return AL_OK;
    enum al_err err = check_head(codec, events, ctx);
    if (err != AL_OK)
        return err;
    codec->n_left = (size_t)get_u32be(codec->head + 3) + 1;
    amqp_frame_t none;
    bool is_header = codec->head[0] == AMQP_FRAME_HEADER;
    return is_header ? AL_OK : decode(codec, codec->head, FRAME_HEAD, &none);
}

/* Take what belongs to the current frame; `frame` has type 0 until it is complete. */
static enum al_err continue_frame(struct codec *codec, struct slice *bytes, amqp_frame_t *frame)
{
    size_t n = codec->n_left < bytes->len ? codec->n_left : bytes->len;
    struct slice part = {bytes->ptr, n};
    *bytes = (struct slice){bytes->ptr + n, bytes->len - n};
    codec->n_left -= n;
    bool is_whole = codec->n_left == 0;
    if (is_whole)
        codec->n_head = 0;
    if (codec->head[0] != AMQP_FRAME_HEADER)
        return decode(codec, part.ptr, part.len, frame);
    buf_append(&codec->kept, part.ptr, part.len);
    return is_whole ? decode_kept(codec, frame) : AL_OK;
}

static enum al_err feed(struct codec *codec,
                        struct slice bytes,
                        const struct codec_events *events,
                        void *ctx)
{
    while (bytes.len > 0) {
        amqp_frame_t frame = {0};
        enum al_err err = codec->n_head < FRAME_HEAD ? begin_frame(codec, &bytes, events, ctx)
                                                     : continue_frame(codec, &bytes, &frame);
        if (err != AL_OK)
            return err;
        if (frame.frame_type != 0 && !events->on_frame(ctx, &frame))
            return AL_OK;
    }
    return AL_OK;
}

enum al_err codec_feed(struct codec *codec,
                       struct slice bytes,
                       const struct codec_events *events,
                       void *ctx)
{
    if (codec->broken)
        return err_set(AL_ESTATE, "AMQP stream is broken");
    enum al_err err = feed(codec, bytes, events, ctx);
    codec->broken = err != AL_OK;
    return err;
}

/* ---- frames out ---- */

void codec_put_greeting(struct buf *out)
{
    buf_append(out, "AMQP\0\0\x09\x01", 8);
}

void codec_put_heartbeat(struct buf *out)
{
    buf_append(out, "\x08\0\0\0\0\0\0\xce", 8);
}

static void close_frame(struct buf *out, char *at, uint8_t type, uint16_t channel, size_t size)
{
    set_frame_head(at, type, channel, size);
    at[FRAME_HEAD + size] = (char)AMQP_FRAME_END;
    buf_added(out, size + FRAME_OVERHEAD);
}

enum al_err codec_put_method(struct buf *out,
                             uint16_t channel,
                             amqp_method_number_t id,
                             void *decoded)
{
    char *at = buf_reserve(out, METHOD_ROOM);
    if (at == NULL) {
        out->failed = false;
        return err_set(AL_EFULL, "AMQP output");
    }
    amqp_bytes_t room = {.len = METHOD_ROOM - FRAME_OVERHEAD - 4, .bytes = at + FRAME_HEAD + 4};
    int n = amqp_encode_method(id, decoded, room);
    assert(n >= 0); /* lengths were checked where they came in */
    uint8_t number[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    memcpy(at + FRAME_HEAD, number, sizeof(number));
    close_frame(out, at, AMQP_FRAME_METHOD, channel, (size_t)n + 4);
    return AL_OK;
}

static enum al_err put_content_header(struct buf *out,
                                      uint16_t channel,
                                      const amqp_basic_properties_t *properties,
                                      uint64_t body_size,
                                      uint32_t frame_max)
{
    char *at = buf_reserve(out, frame_max);
    if (at == NULL)
        return err_set(AL_EFULL, "AMQP output");
    char *payload = at + FRAME_HEAD;
    memset(payload, 0, CONTENT_FIXED);
    payload[1] = AMQP_BASIC_CLASS;
    for (int i = 0; i < 8; i++)
        payload[4 + i] = (char)(uint8_t)(body_size >> (56 - 8 * i));
    amqp_bytes_t room = {.len = frame_max - FRAME_OVERHEAD - CONTENT_FIXED,
                         .bytes = payload + CONTENT_FIXED};
    amqp_basic_properties_t copy = *properties;
    int n = amqp_encode_properties(AMQP_BASIC_CLASS, &copy, room);
    if (n < 0)
        return err_set(AL_EINVAL, "message headers are longer than a frame");
    close_frame(out, at, AMQP_FRAME_HEADER, channel, (size_t)n + CONTENT_FIXED);
    return AL_OK;
}

enum al_err codec_put_content(struct buf *out,
                              uint16_t channel,
                              const amqp_basic_properties_t *properties,
                              struct slice body,
                              uint32_t frame_max)
{
    size_t before = out->len;
    enum al_err err = put_content_header(out, channel, properties, body.len, frame_max);
    size_t chunk_max = frame_max - FRAME_OVERHEAD;
    for (size_t at = 0; err == AL_OK && at < body.len;) {
        size_t n = body.len - at < chunk_max ? body.len - at : chunk_max;
        char *frame = buf_reserve(out, n + FRAME_OVERHEAD);
        if (frame == NULL) {
            err = err_set(AL_EFULL, "AMQP output");
            break;
        }
        memcpy(frame + FRAME_HEAD, body.ptr + at, n);
        close_frame(out, frame, AMQP_FRAME_BODY, channel, n);
        at += n;
    }
    if (err != AL_OK) {
        out->len = before;
        out->failed = false;
    }
    return err;
}
