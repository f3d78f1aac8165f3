/* Make an allocation fail, to see that nothing leaks and nothing half-done stays.
 *
 * Test programs are linked so that malloc, calloc and realloc called by our own code (not by libraries) come through here.
 *
 *     for (size_t n = 0; alloc_fails_at(n); n++) { run the code; assert it reports AL_ENOMEM; }
 */
#ifndef ALPHALOOP_TESTS_HARNESS_ALLOC_H
#define ALPHALOOP_TESTS_HARNESS_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* The n-th allocation from now on fails (0 is the next one), once. Returns false when the loop above is done: the round
 * before made fewer than n allocations, so nothing failed in it. */
bool alloc_fails_at(size_t n);
void alloc_never_fails(void);
size_t alloc_count(void); /* allocations since the last call of the functions above */

#endif
