/* One synthetic market, from its first warm-up decision to a rollback: what the pictures of docs/learning.md show.
 *
 *   0 h     warm-up trades; the price of the first asset is kept second by second for a while
 *   8 h     v1 is taught; warm-up goes on, and on its decisions v1 and someone who sees alpha are held beside it
 *  14 h     v1 decides
 *  18 h     the edge grows to 2.5 times what it was
 *  24 h     v2 is taught on the rows since then and takes over; v1 is its guard
 *  24.8 h   the edge is gone; the guard's CUSUM is read until it rings
 */
#ifndef ALPHALOOP_TESTS_PICTURES_STORY_H
#define ALPHALOOP_TESTS_PICTURES_STORY_H

#include "harness/desk_train.h"

#define STORY_TAUGHT_H 8.0
#define STORY_ACTIVE_H 14.0
#define STORY_STRONG_H 18.0
#define STORY_AGAIN_H  24.0
#define STORY_GONE_H   24.8
#define STORY_END_H    36.0 /* at the latest */
#define STORY_STRONG   2.5
#define STORY_COVERAGE 0.9
#define STORY_MIDS     1200

/* A decision the outcome of both of whose actions is known; buy, then sell. */
struct story_decision {
    const struct sample *rows; /* [2] */
    double margin[2];          /* of the trees */
    struct prediction said[2];
    double u_model, u_best, u_logged; /* net return of what each did; 0: it abstained */
};

struct story_cusum { /* of the guard, when its newest block closed */
    double hour, level, threshold;
};

struct story {
    struct desk_run desk;
    int64_t start_ns;
    struct train_result v1, v2;
    struct scorer *scorer; /* of v1 */
    int64_t mids_ns;       /* of mids[0]; one a second, of the first asset */
    double mids[STORY_MIDS];
    struct story_cusum *cusum;
    size_t n_cusum;
    double rang_hour; /* NAN: it did not */
};

void story_play(struct story *story);
void story_end(struct story *story);

double story_hour(const struct story *story, int64_t ts_ns);
int64_t story_ns(const struct story *story, double hour);

/* Decisions made in [from, until) hours, in order of time, as v1 sees them.   gives: free() */
struct story_decision *story_decisions(struct story *story, double from, double until, size_t *n);

#endif
