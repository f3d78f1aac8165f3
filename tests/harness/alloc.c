#include "harness/alloc.h"

#include <stdint.h>
#include <stdlib.h>

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n_items, size_t item_bytes);
void *__real_realloc(void *old, size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n_items, size_t item_bytes);
void *__wrap_realloc(void *old, size_t n_bytes);

/* Thread-local: a test counts the allocations of the thread it runs in. */
static _Thread_local size_t n_made;
static _Thread_local size_t fail_at = SIZE_MAX;
static _Thread_local bool has_failed;

static bool fails_now(void)
{
    if (n_made++ != fail_at)
        return false;
    has_failed = true;
    return true;
}

bool alloc_fails_at(size_t n)
{
    bool go_on = n == 0 || has_failed;
    n_made = 0;
    has_failed = false;
    fail_at = go_on ? n : SIZE_MAX;
    return go_on;
}

void alloc_never_fails(void)
{
    n_made = 0;
    has_failed = false;
    fail_at = SIZE_MAX;
}

size_t alloc_count(void)
{
    return n_made;
}

void *__wrap_malloc(size_t n_bytes)
{
    return fails_now() ? NULL : __real_malloc(n_bytes);
}

void *__wrap_calloc(size_t n_items, size_t item_bytes)
{
    return fails_now() ? NULL : __real_calloc(n_items, item_bytes);
}

void *__wrap_realloc(void *old, size_t n_bytes)
{
    return fails_now() ? NULL : __real_realloc(old, n_bytes);
}
