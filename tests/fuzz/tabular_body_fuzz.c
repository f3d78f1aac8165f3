/* Any bytes are the body of a training, for a kind of each task; what is accepted is encoded, and stays finite or missing. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alphaloop/tabular/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_request(const struct tabular_request *request)
{
    size_t n = request->features.n_rows * request->columns.n_encoded;
    float *x = malloc((n + 1) * sizeof *x);
    size_t *order = malloc(request->features.n_rows * sizeof *order);
    if (n < 1 << 22 && tabular_columns_encode(&request->columns, &request->features, x) == AL_OK) {
        for (size_t i = 0; i < n; i++)
            assert(!isinf(x[i]));
    }
    (void)tabular_columns_order(&request->columns, &request->features, order);
    for (size_t i = 0; i < request->features.n_rows; i++) {
        assert(order[i] < request->features.n_rows && isfinite(request->values[i]));
        assert(!request->target.is_class || request->values[i] < (double)request->target.classes.n);
    }
    free(order);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const names[] = {"linear_regression", "boosted_trees_classification"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct tabular_request request;
        if (tabular_request_read(tabular_kind_find(slice_of(names[i])),
                                 (struct slice){(const char *)bytes, n_bytes}, &request) == AL_OK)
            check_request(&request);
        tabular_request_deinit(&request);
    }
    return 0;
}
