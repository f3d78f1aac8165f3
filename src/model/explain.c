#include "alphaloop/model/explain.h"

#include <assert.h>
#include <math.h>

/* The largest contribution that is not taken yet; n when all that is left is 0. */
static size_t largest(const double *contributions, const bool *taken, size_t n)
{
    size_t best = n;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (!taken[i] && fabs(contributions[i]) > most) {
            most = fabs(contributions[i]);
            best = i;
        }
    }
    return best;
}

/* What a sell sees in the place of a one-sided column is the column of the other side: that one is named. */
static void take_largest(const struct feature_set *set,
                         const float *features,
                         enum side side,
                         const double *contributions,
                         struct explanation *out)
{
    bool taken[FEATURES_MAX] = {false};
    out->n = 0;
    out->rest = 0;
    while (out->n < EXPLANATION_TOP) {
        size_t i = largest(contributions, taken, set->n_columns);
        if (i == set->n_columns)
            break;
        taken[i] = true;
        size_t seen = side == SIDE_SELL ? set->columns[i].mirror : i;
        out->top[out->n++] = (struct contribution){
            .feature = set->columns[seen].name,
            .value = features[seen],
            .is_oriented = set->columns[seen].is_oriented,
            .log_odds = contributions[i],
        };
    }
    for (size_t i = 0; i < set->n_columns; i++)
        out->rest += taken[i] ? 0 : contributions[i];
}

bool explain_action(const struct scorer *scorer,
                    const struct feature_set *set,
                    const float *features,
                    enum side side,
                    struct explanation *out)
{
    float oriented[FEATURES_MAX];
    double contributions[FEATURES_MAX];
    assert(set->n_columns == scorer_manifest(scorer)->n_features);
    feature_orient(set, features, side, oriented);
    if (!scorer_contributions(scorer, oriented, contributions, &out->bias))
        return false;
    take_largest(set, features, side, contributions, out);
    return true;
}
