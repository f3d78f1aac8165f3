/* What a path from outside may name. */
#include "harness/check.h"

#include "alphaloop/app/forecast_store.h"

static void test_only_versions_of_our_own_store_are_named(void **state)
{
    static const struct {
        const char *path, *own; /* NULL: none */
    } cases[] = {
        {"forecasts/a_v1/2", "forecasts/a_v1/2"},
        {"a_v1/2", "forecasts/a_v1/2"},
        {"/var/models/forecasts/a_v1/2", "forecasts/a_v1/2"},
        {"/var/models/forecasts/a_v1/007", "forecasts/a_v1/7"},
        {"/app/trained_models/rf_model.joblib", NULL},
        {"/var/models/v12", NULL},
        {"forecasts/../../etc/1", NULL},
        {"forecasts/a_v1/2/..", NULL},
        {"forecasts/a_v1/", NULL},
        {"forecasts/a_v1", NULL},
        {"a_v1/1234567890123456", NULL},
        {"/a_v1/2", NULL},
        {"", NULL},
    };
    char own[FILE_PATH_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_own = forecast_store_own("/var/models", slice_of(cases[i].path), own);
        if (is_own != (cases[i].own != NULL))
            fail_msg("%s: %d", cases[i].path, is_own);
        if (is_own)
            check_str(own, cases[i].own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_versions_of_our_own_store_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
