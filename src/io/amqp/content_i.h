/* A message under construction on one channel.
 *
 * One that comes in a single body frame is read in place, in the codec's memory; the parts of any other
 * are copied, so that the codec's memory can be released frame by frame and a body of gigabytes takes no
 * more than AMQP_BODY_KEEP_MAX.
 */
#ifndef ALPHALOOP_IO_AMQP_CONTENT_I_H
#define ALPHALOOP_IO_AMQP_CONTENT_I_H

#include "alphaloop/io/amqp.h"
#include "codec_i.h"

struct content {
    enum { CONTENT_NONE, CONTENT_HEADER, CONTENT_BODY } expects;
    struct amqp_delivery delivery;
    struct slice raw_properties; /* in the codec's memory */
    uint64_t n_body_seen;
    bool is_copied;
    amqp_pool_t pool; /* of copied properties; in use while is_copied */
    struct buf body, names;
};

enum content_step { CONTENT_MORE, CONTENT_MORE_COPIED, CONTENT_DONE, CONTENT_BAD };

void content_init(struct content *content);
void content_deinit(struct content *content);
void content_reset(struct content *content);
/* With the method of a delivery or of a return. */
void content_begin(struct content *content, const amqp_method_t *method);
/* CONTENT_MORE_COPIED: nothing in the codec's memory is needed any more. CONTENT_DONE: `delivery` is
 * complete until content_reset(). CONTENT_BAD: a frame that does not belong here. */
enum content_step content_add(struct content *content, const amqp_frame_t *frame);

#endif
