/* The file that a search is resumed from, and the log of a run's trials. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../src/app/training_trials_i.h"

static struct train_job job;
static char root[] = "/tmp/alphaloop-trials-XXXXXX";

static struct train_trial trial_of(uint32_t number)
{
    struct train_trial trial = {.number = number,
                                .kind = "xgboost",
                                .seed = UINT64_MAX,
                                .tries = TRIAL_TRIES_PARAMETERS,
                                .teachers = {2, true},
                                .verdict = TRIAL_COMPLETED,
                                .n_folds = 2,
                                .loss = 0.6 + 1e-17 + number / 3.0,
                                .sharpe = NAN,
                                .seconds = 1};
    model_params_default(model_kind_find(SLICE("xgboost")), &trial.params);
    trial.folds[1] = (struct trial_fold){7, NAN, 0.1 / 3, 0.5};
    return trial;
}

static struct sha256 key_of(const char *text)
{
    struct sha256 key;
    sha256_of(text, strlen(text), &key);
    return key;
}

static void begin(struct search_file *search)
{
    train_job_default(&job);
    snprintf(job.strategy_id.text, sizeof job.strategy_id.text, "often");
    snprintf(job.output, sizeof job.output, "%s/v7", root);
    search_file_init(search, &job);
}

static void test_trials_come_back_for_their_key_only(void **state)
{
    struct search_file search;
    struct train_trial got[4];
    struct sha256 a = key_of("a"), b = key_of("b");
    (void)state;
    begin(&search);
    check_i64((int64_t)search_file_open(&search, &a, got, 4), 0);
    for (uint32_t i = 0; i < 3; i++) {
        struct train_trial trial = trial_of(i);
        search_file_add(&search, &trial);
    }
    search_file_close(&search, false);
    begin(&search);
    check_i64((int64_t)search_file_open(&search, &a, got, 2), 2); /* what is left of the file */
    search_file_close(&search, false);
    begin(&search);
    check_i64((int64_t)search_file_open(&search, &a, got, 4), 2);
    search_file_close(&search, false);
    check_same_double(got[1].loss, trial_of(1).loss);
    check_same_double(got[1].folds[1].loss, 0.1 / 3);
    assert_true(got[1].seed == UINT64_MAX && isnan(got[1].folds[1].validation_loss));
    begin(&search);
    check_i64((int64_t)search_file_open(&search, &b, got, 4), 0);
    search_file_close(&search, true);
    assert_false(file_exists(search.path));
}

static void test_a_line_cut_short_ends_it(void **state)
{
    struct search_file search;
    struct train_trial got[4];
    struct sha256 key = key_of("a");
    (void)state;
    begin(&search);
    check_i64((int64_t)search_file_open(&search, &key, got, 4), 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct train_trial trial = trial_of(i);
        search_file_add(&search, &trial);
    }
    check_i64(ftruncate(fileno(search.file), ftell(search.file) - 10), 0);
    search_file_close(&search, false);
    begin(&search);
    check_i64((int64_t)search_file_open(&search, &key, got, 4), 1);
    search_file_close(&search, true);
}

/* A folder that cannot be written costs the way back, not the run. */
static void test_without_a_file_it_goes_on(void **state)
{
    struct search_file search;
    struct train_trial got[4], trial = trial_of(0);
    struct sha256 key = key_of("a");
    (void)state;
    begin(&search);
    snprintf(search.path, sizeof search.path, "%s/nowhere/x", root);
    check_i64((int64_t)search_file_open(&search, &key, got, 4), 0);
    search_file_add(&search, &trial);
    search_file_close(&search, true);
}

static void test_a_trial_told_twice_is_kept_once(void **state)
{
    struct trial_log log = {0};
    (void)state;
    for (uint32_t i = 0; i < 600; i++) {
        struct train_trial trial = trial_of(i % TRIAL_NUMBER_MAX);
        trial.verdict = i < 500 ? TRIAL_COMPLETED : TRIAL_CHOSEN;
        trial_log_add(&log, &trial);
    }
    check_i64((int64_t)log.n, 500);
    check_i64(log.items[99].verdict, TRIAL_CHOSEN);
    check_i64(log.items[100].verdict, TRIAL_COMPLETED);
    trial_log_clear(&log);
    check_i64((int64_t)log.n, 0);
    trial_log_deinit(&log);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trials_come_back_for_their_key_only),
        cmocka_unit_test(test_a_line_cut_short_ends_it),
        cmocka_unit_test(test_without_a_file_it_goes_on),
        cmocka_unit_test(test_a_trial_told_twice_is_kept_once),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
