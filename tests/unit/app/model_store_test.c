#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "harness/model_folder.h"

static struct model_folder folder;
static char root[64];
static const struct model_version_id v1 = {"v1"};

static void save(char path[FILE_PATH_MAX])
{
    struct train_result result = {.manifest_json = folder.manifest_json,
                                  .model = folder.model,
                                  .trees = folder.trees,
                                  .probe = folder.probe,
                                  .novelty = folder.novelty};
    check_ok(model_store_path(root, &v1, path));
    check_ok(model_store_save(path, &result));
}

static void test_a_saved_version_loads(void **state)
{
    char path[FILE_PATH_MAX];
    struct scorer *scorer = NULL;
    struct sha256 hash;
    (void)state;
    save(path);
    sha256_of(folder.manifest_json.ptr, folder.manifest_json.len, &hash);
    check_ok(model_store_load(path, &hash, &folder.manifest->schema_hash, &scorer));
    assert_true(scorer_uses_walker(scorer));
    scorer_destroy(scorer);
}

static void test_a_manifest_the_registry_does_not_know_is_refused(void **state)
{
    char path[FILE_PATH_MAX];
    struct scorer *scorer = NULL;
    struct sha256 hash = {{0}};
    (void)state;
    save(path);
    check_err(model_store_load(path, &hash, NULL, &scorer), AL_EVERIFY);
    check_has(err_text(), "registry");
}

static void test_a_missing_or_cut_file_is_refused(void **state)
{
    char path[FILE_PATH_MAX], file[FILE_PATH_MAX];
    struct scorer *scorer = NULL;
    (void)state;
    save(path);
    check_ok(file_join(path, MODEL_FILE_NAME, file));
    check_ok(file_write_whole(file, (struct slice){folder.model.ptr, folder.model.len - 1}));
    check_err(model_store_load(path, NULL, NULL, &scorer), AL_EVERIFY);
    check_ok(file_remove(file));
    check_err(model_store_load(path, NULL, NULL, &scorer), AL_ENOTFOUND);
}

/* Also a file that only people read. */
static void test_a_changed_report_is_refused(void **state)
{
    char path[FILE_PATH_MAX], file[FILE_PATH_MAX];
    struct scorer *scorer = NULL;
    struct manifest *manifest = malloc(sizeof *manifest);
    struct train_result result = {.manifest_json = BUF_INIT(MANIFEST_BYTES_MAX),
                                  .model = folder.model,
                                  .trees = folder.trees,
                                  .probe = folder.probe,
                                  .novelty = folder.novelty,
                                  .report = BUF_INIT(100)};
    (void)state;
    *manifest = *folder.manifest;
    buf_puts(&result.report, "{\"gate\":\"refused\"}");
    check_ok(manifest_add_file(manifest, REPORT_FILE_NAME, buf_slice(&result.report)));
    manifest_write(manifest, &result.manifest_json);
    check_ok(model_store_path(root, &v1, path));
    check_ok(model_store_save(path, &result));
    check_ok(model_store_load(path, NULL, NULL, &scorer));
    scorer_destroy(scorer);
    scorer = NULL;
    check_ok(file_join(path, REPORT_FILE_NAME, file));
    check_ok(file_write_whole(file, SLICE("{\"gate\":\"granted\"}")));
    check_err(model_store_load(path, NULL, NULL, &scorer), AL_EVERIFY);
    check_has(err_text(), REPORT_FILE_NAME);
    check_ok(file_remove(file));
    check_err(model_store_load(path, NULL, NULL, &scorer), AL_ENOTFOUND);
    assert_null(scorer);
    buf_deinit(&result.manifest_json);
    buf_deinit(&result.report);
    free(manifest);
}

static bool knows_v1(void *ctx, const struct model_version_id *version)
{
    (void)ctx;
    return strcmp(version->text, "v1") == 0;
}

/* A folder with this report; the manifest lists it, the file may be another. */
static void save_report(const char *listed, const char *written, char path[FILE_PATH_MAX])
{
    struct manifest *manifest = malloc(sizeof *manifest);
    struct train_result result = {.manifest_json = BUF_INIT(MANIFEST_BYTES_MAX),
                                  .model = folder.model,
                                  .trees = folder.trees,
                                  .probe = folder.probe,
                                  .novelty = folder.novelty,
                                  .report = BUF_INIT(1000)};
    *manifest = *folder.manifest;
    buf_puts(&result.report, written);
    check_ok(manifest_add_file(manifest, REPORT_FILE_NAME, slice_of(listed)));
    manifest_write(manifest, &result.manifest_json);
    check_ok(model_store_path(root, &v1, path));
    check_ok(model_store_save(path, &result));
    buf_deinit(&result.manifest_json);
    buf_deinit(&result.report);
    free(manifest);
}

static void test_the_importance_of_a_version_is_that_of_its_report(void **state)
{
    static const char report[] = "{\"importance\":{\"rows\":10,\"features\":[{\"feature\":\"a\","
                                 "\"gain\":1.5}]},\"gate\":\"\"}";
    static const char without[] = "{\"gate\":\"an older program's\"}";
    struct buf body = BUF_INIT(4096);
    char path[FILE_PATH_MAX];
    (void)state;
    save_report(report, report, path);
    check_ok(model_store_importance(path, &body));
    check_str(buf_str(&body),
              "{\"version\":\"v12\",\"strategy_id\":\"momentum_v1\",\"model_type\":"
              "\"xgboost\",\"rows\":10,\"features\":[{\"feature\":\"a\",\"gain\":1.5}]}");
    check_ok(file_remove(path));
    check_err(model_store_importance(path, &body), AL_ENOTFOUND);
    check_has(err_text(), "no such version");
    save_report(without, without, path);
    check_err(model_store_importance(path, &body), AL_ENOTFOUND);
    check_has(err_text(), "kept no importance");
    check_ok(file_remove(path));
    save_report(report, without, path);
    check_err(model_store_importance(path, &body), AL_EVERIFY);
    buf_deinit(&body);
}

static void test_what_has_no_row_is_removed(void **state)
{
    static const char *const names[] = {"v1", "v2", ".tmp-v3.99", "notes"};
    char path[FILE_PATH_MAX];
    size_t n_removed;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        check_ok(file_join(root, names[i], path));
        check_ok(file_make_dir(path));
    }
    check_ok(model_store_clean(root, knows_v1, NULL, &n_removed));
    check_i64((int64_t)n_removed, 2);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        check_ok(file_join(root, names[i], path));
        assert_true(file_exists(path) == (i == 0 || i == 3));
    }
    check_ok(model_store_clean(root, knows_v1, NULL, &n_removed));
    check_i64((int64_t)n_removed, 0);
}

static void test_a_store_that_cannot_be_written_is_said(void **state)
{
    char path[FILE_PATH_MAX];
    (void)state;
    check_ok(model_store_check(root));
    check_ok(file_join(root, "file", path));
    check_ok(file_write_whole(path, SLICE("x")));
    assert_true(model_store_check(path) != AL_OK);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/alphaloop-store-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int teardown(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static int group_setup(void **state)
{
    (void)state;
    model_folder_init(&folder, "xgboost");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    model_folder_deinit(&folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_saved_version_loads),
        TEST(test_a_manifest_the_registry_does_not_know_is_refused),
        TEST(test_a_missing_or_cut_file_is_refused),
        TEST(test_a_changed_report_is_refused),
        TEST(test_the_importance_of_a_version_is_that_of_its_report),
        TEST(test_what_has_no_row_is_removed),
        TEST(test_a_store_that_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
