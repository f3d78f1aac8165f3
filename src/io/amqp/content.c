/* Putting messages together. See content_i.h. */
#include "content_i.h"

#include <string.h>

enum { NAMES_MAX = 2 << 20, BODY_IDLE_MAX = 128 << 10 };

void content_init(struct content *content)
{
    *content = (struct content){.body = BUF_INIT(AMQP_BODY_KEEP_MAX), .names = BUF_INIT(NAMES_MAX)};
}

void content_deinit(struct content *content)
{
    content_reset(content);
    buf_deinit(&content->body);
    buf_deinit(&content->names);
}

static void empty(struct buf *buf, size_t max)
{
    if (buf->cap > BODY_IDLE_MAX) { /* one large message must not cost memory for ever */
        buf_deinit(buf);
        *buf = BUF_INIT(max);
    }
    buf_reset(buf);
}

void content_reset(struct content *content)
{
    if (content->is_copied)
        empty_amqp_pool(&content->pool);
    content->is_copied = false;
    content->expects = CONTENT_NONE;
    empty(&content->body, AMQP_BODY_KEEP_MAX);
    empty(&content->names, NAMES_MAX);
}

void content_begin(struct content *content, const amqp_method_t *method)
{
    struct amqp_delivery *delivery = &content->delivery;
    *delivery = (struct amqp_delivery){0};
    if (method->id == AMQP_BASIC_DELIVER_METHOD) {
        const amqp_basic_deliver_t *deliver = method->decoded;
        delivery->tag.number = deliver->delivery_tag;
        delivery->redelivered = deliver->redelivered;
        delivery->exchange = slice_of_amqp(deliver->exchange);
        delivery->routing_key = slice_of_amqp(deliver->routing_key);
    } else {
        const amqp_basic_return_t *returned = method->decoded;
        delivery->exchange = slice_of_amqp(returned->exchange);
        delivery->routing_key = slice_of_amqp(returned->routing_key);
    }
    content->n_body_seen = 0;
    content->expects = CONTENT_HEADER;
}

static struct slice text_if(const amqp_basic_properties_t *p, amqp_flags_t flag, amqp_bytes_t value)
{
    return (p->_flags & flag) != 0 ? slice_of_amqp(value) : (struct slice){"", 0};
}

static void take_properties(struct amqp_delivery *delivery, const amqp_basic_properties_t *p)
{
    delivery->content_type = text_if(p, AMQP_BASIC_CONTENT_TYPE_FLAG, p->content_type);
    delivery->message_id = text_if(p, AMQP_BASIC_MESSAGE_ID_FLAG, p->message_id);
    delivery->type = text_if(p, AMQP_BASIC_TYPE_FLAG, p->type);
    delivery->app_id = text_if(p, AMQP_BASIC_APP_ID_FLAG, p->app_id);
    bool has_time = (p->_flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0 && p->timestamp <= INT64_MAX;
    delivery->timestamp_s = has_time ? (int64_t)p->timestamp : 0;
    delivery->headers = (p->_flags & AMQP_BASIC_HEADERS_FLAG) != 0 ? &p->headers : NULL;
}

static enum content_step add_header(struct content *content, const amqp_frame_t *frame)
{
    struct amqp_delivery *delivery = &content->delivery;
    take_properties(delivery, frame->payload.properties.decoded);
    content->raw_properties = slice_of_amqp(frame->payload.properties.raw);
    delivery->body_size = frame->payload.properties.body_size;
    delivery->body = (struct slice){"", 0};
    content->expects = CONTENT_BODY;
    return delivery->body_size == 0 ? CONTENT_DONE : CONTENT_MORE;
}

/* The body comes in parts: move everything out of the codec's memory. */
static bool copy_out(struct content *content)
{
    struct amqp_delivery *delivery = &content->delivery;
    size_t n_exchange = delivery->exchange.len, n_key = delivery->routing_key.len;
    struct buf *names = &content->names;
    buf_append(names, delivery->exchange.ptr, n_exchange);
    buf_append(names, delivery->routing_key.ptr, n_key);
    buf_append(names, content->raw_properties.ptr, content->raw_properties.len);
    if (!buf_ok(names))
        return false;
    delivery->exchange = (struct slice){names->ptr, n_exchange};
    delivery->routing_key = (struct slice){names->ptr + n_exchange, n_key};
    amqp_bytes_t encoded = {.len = content->raw_properties.len,
                            .bytes = names->ptr + n_exchange + n_key};
    void *decoded = NULL;
    init_amqp_pool(&content->pool, 4096);
    content->is_copied = true;
    if (amqp_decode_properties(AMQP_BASIC_CLASS, &content->pool, encoded, &decoded) < 0)
        return false;
    take_properties(delivery, decoded);
    return true;
}

static bool add_copy(struct content *content, struct slice part)
{
    if (!content->is_copied && !copy_out(content))
        return false;
    size_t room = AMQP_BODY_KEEP_MAX - content->body.len;
    buf_append(&content->body, part.ptr, part.len < room ? part.len : room);
    content->delivery.body = (struct slice){buf_str(&content->body), content->body.len};
    return buf_ok(&content->body);
}

static enum content_step add_body(struct content *content, struct slice part)
{
    struct amqp_delivery *delivery = &content->delivery;
    if (part.len > delivery->body_size - content->n_body_seen)
        return CONTENT_BAD;
    content->n_body_seen += part.len;
    if (part.len == delivery->body_size && part.len <= AMQP_BODY_KEEP_MAX && !content->is_copied)
        delivery->body = part;
    else if (!add_copy(content, part))
        return CONTENT_BAD;
    return content->n_body_seen == delivery->body_size ? CONTENT_DONE : CONTENT_MORE_COPIED;
}

enum content_step content_add(struct content *content, const amqp_frame_t *frame)
{
    if (frame->frame_type == AMQP_FRAME_HEADER && content->expects == CONTENT_HEADER)
        return add_header(content, frame);
    if (frame->frame_type == AMQP_FRAME_BODY && content->expects == CONTENT_BODY)
        return add_body(content, slice_of_amqp(frame->payload.body_fragment));
    return CONTENT_BAD;
}
