#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "harness/model_folder.h"

static struct model_folder folder;

static void test_a_folder_serves_through_the_walker(void **state)
{
    struct scorer *scorer = NULL;
    struct model_files files = model_folder_files(&folder);
    struct prediction p;
    (void)state;
    check_ok(scorer_create(&files, &folder.manifest->schema_hash, &scorer));
    assert_true(scorer_uses_walker(scorer));
    check_str(scorer_note(scorer), "");
    check_ok(scorer_predict(scorer, folder.rows.x, &p));
    assert_true(p.q > 0 && p.q < 1 && p.v_low <= p.v);
    scorer_destroy(scorer);
}

/* Folders from before there was such a file, and callers that do not ask for it. */
static void test_without_its_file_nothing_is_novel(void **state)
{
    struct scorer *scorer = NULL;
    struct model_files files = model_folder_files(&folder);
    (void)state;
    check_ok(scorer_create(&files, NULL, &scorer));
    assert_non_null(scorer_novelty(scorer));
    scorer_destroy(scorer);
    files.novelty = (struct slice){NULL, 0};
    check_ok(scorer_create(&files, NULL, &scorer));
    assert_null(scorer_novelty(scorer));
    scorer_destroy(scorer);
}

static void test_another_feature_schema_is_refused(void **state)
{
    struct scorer *scorer = NULL;
    struct model_files files = model_folder_files(&folder);
    struct sha256 other = folder.manifest->schema_hash;
    (void)state;
    other.bytes[31] ^= 1;
    check_err(scorer_create(&files, &other, &scorer), AL_EVERSION);
    check_ok(scorer_create(&files, NULL, &scorer));
    scorer_destroy(scorer);
}

static void test_a_changed_file_is_refused(void **state)
{
    struct buf *const files_of[] = {&folder.trees, &folder.probe, &folder.model, &folder.novelty};
    struct scorer *scorer = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(files_of); i++) {
        struct model_files files = model_folder_files(&folder);
        files_of[i]->ptr[files_of[i]->len / 2] ^= 1;
        check_err(scorer_create(&files, NULL, &scorer), AL_EVERIFY);
        files_of[i]->ptr[files_of[i]->len / 2] ^= 1;
    }
}

/* The probe says the library gave another last bit than the walker gives: the library must serve, and say so. */
static void test_one_different_bit_makes_the_library_serve(void **state)
{
    struct scorer *scorer = NULL;
    float served, library;
    (void)state;
    folder.probe.ptr[folder.probe.len - 4] ^= 1;
    model_folder_write_manifest(&folder);
    struct model_files files = model_folder_files(&folder);
    check_ok(scorer_create(&files, NULL, &scorer));
    assert_false(scorer_uses_walker(scorer));
    check_has(scorer_note(scorer), "1 of 64 probe rows");
    check_ok(scorer_margins(scorer, folder.rows.x, 1, &served));
    scorer_destroy(scorer);
    folder.probe.ptr[folder.probe.len - 4] ^= 1;
    model_folder_write_manifest(&folder);
    files = model_folder_files(&folder);
    check_ok(scorer_create(&files, NULL, &scorer));
    check_ok(scorer_margins(scorer, folder.rows.x, 1, &library));
    assert_memory_equal(&served, &library, sizeof served);
    scorer_destroy(scorer);
}

static void test_a_missing_library_is_said_clearly(void **state)
{
    struct scorer *scorer = NULL;
    (void)state;
    folder.probe.ptr[folder.probe.len - 4] ^= 1;
    model_folder_write_manifest(&folder);
    struct model_files files = model_folder_files(&folder);
    xgb_set_name("libnothing-of-that-name.so");
    check_err(scorer_create(&files, NULL, &scorer), AL_ENOTFOUND);
    check_has(err_text(), "libxgboost");
    xgb_set_name("libm.so.6");
    check_err(scorer_create(&files, NULL, &scorer), AL_EVERSION);
    xgb_set_name(NULL);
    folder.probe.ptr[folder.probe.len - 4] ^= 1;
    model_folder_write_manifest(&folder);
}

static int setup(void **state)
{
    (void)state;
    model_folder_init(&folder, "xgboost");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_folder_deinit(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_folder_serves_through_the_walker),
        cmocka_unit_test(test_without_its_file_nothing_is_novel),
        cmocka_unit_test(test_another_feature_schema_is_refused),
        cmocka_unit_test(test_a_changed_file_is_refused),
        cmocka_unit_test(test_one_different_bit_makes_the_library_serve),
        cmocka_unit_test(test_a_missing_library_is_said_clearly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
