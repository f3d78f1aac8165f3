/* A map owns the decisions; a binary heap of (time, id) orders them. Rescheduling pushes a second entry and leaves the old
 * one to be recognised as stale, so the heap may hold up to HEAP_SLACK entries a decision and is rebuilt past that. */
#include "open_decisions_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

#define HEAP_SLACK 4

enum al_err open_decisions_init(struct open_decisions *open, size_t max)
{
    *open = (struct open_decisions){.max = max, .heap_cap = HEAP_SLACK * max};
    map_init(&open->by_id, sizeof(struct uuid), max);
    open->heap = calloc(open->heap_cap, sizeof(struct due_entry));
    return open->heap == NULL ? err_set(AL_ENOMEM, "%zu open decisions", max) : AL_OK;
}

void open_decisions_deinit(struct open_decisions *open)
{
    size_t cursor = 0;
    for (struct open_decision *item = map_next(&open->by_id, &cursor, NULL); item != NULL;
         item = map_next(&open->by_id, &cursor, NULL)) {
        free(item->scores);
        free(item);
    }
    map_deinit(&open->by_id);
    free(open->heap);
}

static void heap_swap(struct due_entry *a, struct due_entry *b)
{
    struct due_entry kept = *a;
    *a = *b;
    *b = kept;
}

static void heap_rise(struct open_decisions *open, size_t i)
{
    while (i > 0 && open->heap[i].due_ns < open->heap[(i - 1) / 2].due_ns) {
        heap_swap(&open->heap[i], &open->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void heap_sink(struct open_decisions *open, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < open->n_heap; child++) {
            if (open->heap[child].due_ns < open->heap[least].due_ns)
                least = child;
        }
        if (least == i)
            return;
        heap_swap(&open->heap[i], &open->heap[least]);
        i = least;
    }
}

static void heap_push(struct open_decisions *open, int64_t due_ns, struct uuid decision_id)
{
    assert(open->n_heap < open->heap_cap);
    open->heap[open->n_heap++] = (struct due_entry){due_ns, decision_id};
    heap_rise(open, open->n_heap - 1);
}

static void heap_pop(struct open_decisions *open)
{
    open->heap[0] = open->heap[--open->n_heap];
    heap_sink(open, 0);
}

static void heap_rebuild(struct open_decisions *open)
{
    size_t cursor = 0;
    open->n_heap = 0;
    const struct open_decision *item;
    while ((item = map_next(&open->by_id, &cursor, NULL)) != NULL)
        heap_push(open, item->due_ns, item->decision.decision_id);
}

struct open_decision *open_decisions_add(struct open_decisions *open,
                                         const struct decision *decision,
                                         int64_t due_ns,
                                         int64_t give_up_ns)
{
    if (map_count(&open->by_id) >= open->max)
        return NULL;
    struct open_decision *item = calloc(1, sizeof(*item));
    if (item == NULL)
        return NULL;
    item->decision = *decision;
    item->last_fill_ns = item->last_fill_recv_ns = item->news_ns = TIMESTAMP_NONE;
    item->give_up_ns = give_up_ns;
    if (map_put(&open->by_id, &decision->decision_id, item) != AL_OK) {
        free(item);
        return NULL;
    }
    open_decisions_reschedule(open, item, due_ns);
    return item;
}

struct open_decision *open_decisions_find(struct open_decisions *open, struct uuid decision_id)
{
    return map_get(&open->by_id, &decision_id);
}

void open_decisions_reschedule(struct open_decisions *open,
                               struct open_decision *item,
                               int64_t due_ns)
{
    item->due_ns = due_ns;
    if (open->n_heap == open->heap_cap)
        heap_rebuild(open);
    else
        heap_push(open, due_ns, item->decision.decision_id);
}

void open_decisions_remove(struct open_decisions *open, struct open_decision *item)
{
    void *removed = map_remove(&open->by_id, &item->decision.decision_id);
    assert(removed == item);
    free(item->scores);
    free(item);
}

bool open_decisions_move(struct open_decisions *from,
                         struct open_decisions *to,
                         struct open_decision *item,
                         int64_t due_ns)
{
    const struct uuid *id = &item->decision.decision_id;
    if (map_count(&to->by_id) >= to->max || map_put(&to->by_id, id, item) != AL_OK)
        return false;
    void *removed = map_remove(&from->by_id, id);
    assert(removed == item);
    open_decisions_reschedule(to, item, due_ns);
    return true;
}

struct open_decision *open_decisions_due(struct open_decisions *open, int64_t now_ns)
{
    while (open->n_heap > 0 && open->heap[0].due_ns <= now_ns) {
        struct due_entry entry = open->heap[0];
        struct open_decision *item = map_get(&open->by_id, &entry.decision_id);
        heap_pop(open);
        if (item != NULL && item->due_ns == entry.due_ns)
            return item;
    }
    return NULL;
}

int64_t open_decisions_next_ns(const struct open_decisions *open)
{
    return open->n_heap > 0 ? open->heap[0].due_ns : INT64_MAX;
}

size_t open_decisions_count(const struct open_decisions *open)
{
    return map_count(&open->by_id);
}
