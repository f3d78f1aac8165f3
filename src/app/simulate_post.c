/* Letters on their way. See simulate_i.h.
 *
 * Invariant: a letter is in exactly one of: the waiting list, the publisher's window (its address is the
 * token), gone.
 */
#include <stdlib.h>
#include <string.h>

#include "alphaloop/domain/names.h"
#include "simulate_i.h"

struct letter {
    struct letter *next;
    struct post *post;
    const char *queue;
    int64_t ts_ns;
    char trace_id[TRACE_TEXT_MAX];
    size_t n_body;
    char body[];
};

void post_init(struct post *post, struct amqp_publisher *publisher)
{
    *post = (struct post){.publisher = publisher};
}

void post_deinit(struct post *post)
{
    while (post->first != NULL) {
        struct letter *next = post->first->next;
        free(post->first);
        post->first = next;
    }
    post->last = NULL;
    post->n_waiting = 0;
}

bool post_is_empty(const struct post *post)
{
    return post->n_waiting == 0 && post->n_in_flight == 0;
}

static void append(struct post *post, struct letter *letter)
{
    letter->next = NULL;
    if (post->last != NULL)
        post->last->next = letter;
    else
        post->first = letter;
    post->last = letter;
    post->n_waiting++;
}

enum al_err post_add(
    struct post *post, const char *queue, struct slice body, const char *trace_id, int64_t ts_ns)
{
    if (post->n_waiting >= POST_WAITING_MAX)
        return err_set(AL_EFULL, "%zu messages of the neighbours are waiting", post->n_waiting);
    struct letter *letter = malloc(sizeof(*letter) + body.len);
    if (letter == NULL)
        return err_set(AL_ENOMEM, "message of a neighbour");
    *letter = (struct letter){.post = post, .queue = queue, .ts_ns = ts_ns, .n_body = body.len};
    strncpy(letter->trace_id, trace_id, sizeof(letter->trace_id) - 1);
    memcpy(letter->body, body.ptr, body.len);
    append(post, letter);
    return AL_OK;
}

static void on_result(void *ctx, uint64_t token, enum amqp_result result)
{
    struct letter *letter = ctx;
    struct post *post = letter->post;
    (void)token;
    post->n_in_flight--;
    if (result == AMQP_CONFIRMED) {
        post->n_confirmed++;
        free(letter);
        return;
    }
    post->n_repeated++;
    append(post, letter);
}

static enum al_err hand_over(struct post *post, struct letter *letter)
{
    struct amqp_header header = {"trace_id", slice_of(letter->trace_id)};
    struct amqp_message message = {.exchange = "",
                                   .routing_key = letter->queue,
                                   .persistent = true,
                                   .content_type = "application/json",
                                   .timestamp_s = letter->ts_ns / NS_PER_S,
                                   .headers = &header,
                                   .n_headers = 1,
                                   .body = {letter->body, letter->n_body}};
    return amqp_publish(post->publisher, &message, 0, on_result, letter);
}

void post_send(struct post *post)
{
    while (post->first != NULL && hand_over(post, post->first) == AL_OK) {
        struct letter *sent = post->first;
        post->first = sent->next;
        if (post->first == NULL)
            post->last = NULL;
        sent->next = NULL;
        post->n_waiting--;
        post->n_in_flight++;
    }
}
