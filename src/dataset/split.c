#include "alphaloop/dataset/split.h"

#include <assert.h>

#define EMBARGO_SHARE 0.01 /* of the time the rows cover */

struct split split_at(const struct label_span *spans, size_t begin, size_t end, int64_t embargo_ns)
{
    assert(begin < end);
    struct split split = {
        .cut_ns = spans[begin].t0_ns,
        .test_from_ns = spans[begin].t0_ns,
        .test_until_ns = spans[begin].t1_ns,
        .embargo_ns = embargo_ns,
        .test_begin = begin,
        .test_end = end,
    };
    for (size_t i = begin; i < end; i++) {
        assert(spans[i].t0_ns >= split.cut_ns && spans[i].t0_ns <= spans[i].t1_ns);
        if (spans[i].t1_ns > split.test_until_ns)
            split.test_until_ns = spans[i].t1_ns;
    }
    return split;
}

/* The purge and the embargo say more than availability does only for rows that lie after the test block; walk-forward has
 * none of those among its teachers, other ways to split have. */
bool split_may_teach(const struct split *split, const struct label_span *span)
{
    bool meets_test = span->t1_ns >= split->test_from_ns && span->t0_ns <= split->test_until_ns;
    bool embargoed = span->t0_ns > split->test_until_ns &&
                     span->t0_ns <= split->test_until_ns + split->embargo_ns;
    return span->available_at_ns <= split->cut_ns && span->t0_ns >= split->from_ns && !meets_test &&
           !embargoed;
}

size_t split_teachers(const struct split *split,
                      const struct label_span *spans,
                      size_t n,
                      uint32_t *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!split_may_teach(split, &spans[i]))
            continue;
        assert(spans[i].available_at_ns <= split->cut_ns && spans[i].t1_ns < split->cut_ns &&
               i < split->test_begin);
        rows[count++] = (uint32_t)i;
    }
    return count;
}

/* Rows of one instant stay together: the first row at or after `row` that begins later than the one before it. */
static size_t block_begin(const struct label_span *spans, size_t n, size_t row)
{
    while (row > 0 && row < n && spans[row].t0_ns == spans[row - 1].t0_ns)
        row++;
    return row;
}

static bool has_teacher(const struct split *split, const struct label_span *spans)
{
    for (size_t i = 0; i < split->test_begin; i++) {
        if (split_may_teach(split, &spans[i]))
            return true;
    }
    return false;
}

static enum al_err make_block(
    const struct label_span *spans, size_t begin, size_t end, int64_t embargo_ns, struct split *out)
{
    if (begin >= end)
        return err_set(AL_ESHORT, "a block of rows is empty");
    *out = split_at(spans, begin, end, embargo_ns);
    return has_teacher(out, spans) ? AL_OK
                                   : err_set(AL_ESHORT, "no row was known before the block began");
}

enum al_err split_walk_forward(const struct split_rule *rule,
                               const struct label_span *spans,
                               size_t n,
                               struct split *folds,
                               struct split *holdout)
{
    assert(rule->n_folds >= 1 && rule->holdout_fraction > 0 && rule->holdout_fraction < 1);
    for (size_t i = 1; i < n; i++)
        assert(spans[i].t0_ns >= spans[i - 1].t0_ns);
    if (n == 0)
        return err_set(AL_ESHORT, "there are no rows");
    int64_t share_ns = (int64_t)((double)(spans[n - 1].t0_ns - spans[0].t0_ns) * EMBARGO_SHARE);
    int64_t embargo_ns = rule->horizon_ns > share_ns ? rule->horizon_ns : share_ns;
    size_t last = block_begin(spans, n, (size_t)((double)n * (1 - rule->holdout_fraction)));
    size_t n_blocks = rule->n_folds + 1;
    for (size_t i = 1; i < n_blocks; i++) {
        size_t begin = block_begin(spans, n, last * i / n_blocks);
        size_t end = i + 1 == n_blocks ? last : block_begin(spans, n, last * (i + 1) / n_blocks);
        enum al_err err = make_block(spans, begin, end, embargo_ns, &folds[i - 1]);
        if (err != AL_OK)
            return err_add(err, "fold %zu of %u", i, rule->n_folds);
    }
    enum al_err err = make_block(spans, last, n, embargo_ns, holdout);
    return err == AL_OK ? AL_OK : err_add(err, "the untouched block");
}

/* ---- combinatorial ---- */

static enum al_err make_group(const struct label_span *spans,
                              size_t begin,
                              size_t end,
                              struct cpcv_group *out)
{
    if (begin >= end)
        return err_set(AL_ESHORT, "%zu rows do not make %d groups", end, CPCV_GROUPS);
    *out = (struct cpcv_group){begin, end, spans[begin].t0_ns, spans[begin].t1_ns};
    for (size_t i = begin; i < end; i++) {
        assert(spans[i].t0_ns >= out->from_ns && spans[i].t0_ns <= spans[i].t1_ns);
        if (spans[i].t1_ns > out->until_ns)
            out->until_ns = spans[i].t1_ns;
    }
    return AL_OK;
}

enum al_err split_combinatorial(const struct split *untouched,
                                const struct label_span *spans,
                                struct cpcv *out)
{
    size_t n = untouched->test_begin;
    *out = (struct cpcv){.cut_ns = untouched->cut_ns, .embargo_ns = untouched->embargo_ns};
    for (size_t i = 0; i < CPCV_GROUPS; i++) {
        size_t begin = block_begin(spans, n, n * i / CPCV_GROUPS);
        size_t end = block_begin(spans, n, n * (i + 1) / CPCV_GROUPS);
        enum al_err err = make_group(spans, begin, end, &out->groups[i]);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

/* Pairs in order: 01 02 03 04 05 12 13 ... 45. */
unsigned cpcv_tested(size_t split)
{
    assert(split < CPCV_SPLITS);
    size_t first = 0, n_pairs = CPCV_GROUPS - 1;
    for (; split >= n_pairs; n_pairs--) {
        split -= n_pairs;
        first++;
    }
    return 1U << first | 1U << (first + 1 + split);
}

/* The splits before it that are judged on the group as well. */
size_t cpcv_path(size_t split, size_t group)
{
    size_t path = 0;
    assert(cpcv_tested(split) >> group & 1);
    for (size_t i = 0; i < split; i++)
        path += cpcv_tested(i) >> group & 1;
    return path;
}

/* A row of another group meets a label of this one exactly when it meets the span of all of them: what begins before it meets
 * the first label if it lasts until then, what begins after it meets the one that lasts longest. */
static bool keeps_off(const struct cpcv *cpcv,
                      const struct cpcv_group *group,
                      const struct label_span *span)
{
    return span->t1_ns < group->from_ns - cpcv->embargo_ns ||
           span->t0_ns > group->until_ns + cpcv->embargo_ns;
}

static bool keeps_off_all(const struct cpcv *cpcv, unsigned off, const struct label_span *span)
{
    for (size_t i = 0; i < CPCV_GROUPS; i++) {
        if (off >> i & 1 && !keeps_off(cpcv, &cpcv->groups[i], span))
            return false;
    }
    return true;
}

static void assert_apart(const struct cpcv *cpcv,
                         unsigned off,
                         const struct label_span *span,
                         size_t row)
{
    assert(span->available_at_ns <= cpcv->cut_ns);
    for (size_t g = 0; g < CPCV_GROUPS; g++) {
        const struct cpcv_group *group = &cpcv->groups[g];
        assert(!(off >> g & 1) || (row < group->begin && span->t1_ns < group->from_ns) ||
               (row >= group->end && span->t0_ns > group->until_ns));
    }
}

size_t cpcv_rows(const struct cpcv *cpcv,
                 const struct label_span *spans,
                 unsigned of,
                 unsigned off,
                 uint32_t *rows)
{
    size_t count = 0;
    assert((of & off) == 0 && of < 1U << CPCV_GROUPS);
    for (size_t g = 0; g < CPCV_GROUPS; g++) {
        const struct cpcv_group *group = &cpcv->groups[g];
        for (size_t i = group->begin; i < group->end && of >> g & 1; i++) {
            if (spans[i].available_at_ns > cpcv->cut_ns || !keeps_off_all(cpcv, off, &spans[i]))
                continue;
            assert_apart(cpcv, off, &spans[i], i);
            rows[count++] = (uint32_t)i;
        }
    }
    return count;
}
