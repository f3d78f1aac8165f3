/* Groups are few, so they are found by walking; the newest one stands first, which is the order they are read in. */
#include "alphaloop/observe/error_book.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct {
    size_t n_groups;
    struct error_group *groups[ERROR_GROUPS_MAX]; /* newest first */
    uint64_t n_forgotten;
    struct error_crumb
        crumbs[ERROR_CRUMBS_MAX]; /* round, n_crumbs % ERROR_CRUMBS_MAX is the next place */
    size_t n_crumbs;
    error_book_fn fn;
    void *ctx;
    bool is_telling;
} self;

void error_book_crumb(const struct error_crumb *crumb)
{
    self.crumbs[self.n_crumbs++ % ERROR_CRUMBS_MAX] = *crumb;
}

static bool is_same(const struct error_crumb *a, const struct error_crumb *b)
{
    return strcmp(a->event, b->event) == 0 && strcmp(a->step, b->step) == 0 &&
           strcmp(a->room, b->room) == 0;
}

static void forget(struct error_group *group)
{
    free(group->line);
    free(group);
}

/* The place of a group, or of the one that makes room for it: a new one, or the one quiet longest. */
static size_t place_of(const struct error_crumb *what)
{
    for (size_t i = 0; i < self.n_groups; i++) {
        if (is_same(&self.groups[i]->newest, what))
            return i;
    }
    if (self.n_groups == ERROR_GROUPS_MAX) {
        forget(self.groups[--self.n_groups]);
        self.n_forgotten++;
    }
    struct error_group *group = calloc(1, sizeof *group);
    if (group == NULL)
        return self.n_groups;
    group->first_ns = what->at_ns;
    self.groups[self.n_groups] = group;
    return self.n_groups++;
}

static void take_crumbs(struct error_group *group)
{
    size_t begin = self.n_crumbs > ERROR_CRUMBS_MAX ? self.n_crumbs - ERROR_CRUMBS_MAX : 0;
    group->n_crumbs = self.n_crumbs - begin;
    for (size_t i = 0; i < group->n_crumbs; i++)
        group->crumbs[i] = self.crumbs[(begin + i) % ERROR_CRUMBS_MAX];
}

static void tell(const struct error_group *group)
{
    if (self.fn == NULL || self.is_telling)
        return;
    self.is_telling = true;
    self.fn(self.ctx, group);
    self.is_telling = false;
}

void error_book_note(const struct error_crumb *what, struct slice line)
{
    size_t place = place_of(what);
    if (place == self.n_groups)
        return; /* no memory: the log has the line */
    struct error_group *group = self.groups[place];
    for (size_t i = place; i > 0; i--)
        self.groups[i] = self.groups[i - 1];
    self.groups[0] = group;
    group->newest = *what;
    group->count++;
    free(group->line);
    group->line = strndup(line.ptr, line.len);
    take_crumbs(group);
    tell(group);
}

size_t error_book_count(void)
{
    return self.n_groups;
}

const struct error_group *error_book_at(size_t index)
{
    assert(index < self.n_groups);
    return self.groups[index];
}

uint64_t error_book_n_forgotten(void)
{
    return self.n_forgotten;
}

void error_book_on_note(error_book_fn fn, void *ctx)
{
    self.fn = fn;
    self.ctx = ctx;
}

void error_book_reset(void)
{
    for (size_t i = 0; i < self.n_groups; i++)
        forget(self.groups[i]);
    memset(&self, 0, sizeof self);
}
