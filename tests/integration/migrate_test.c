/* The migrator on a real database: twice, at once, tampered with, newer, older, interrupted. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/store/migrate.h"
#include "harness/check.h"
#include "harness/database.h"

static const char schema[] = "migrate_test";

static const struct migration small[] = {
    {1, "001_a", "CREATE TABLE a (n integer);"},
    {2, "002_b",
     "CREATE TABLE b (n integer);\n-- it's a comment with a quote\nINSERT INTO b VALUES (1);"},
    {3, "003_c", "CREATE TABLE c (n integer)"},
};

static struct pg_options options;
static struct migrate_report report;

static int begin(void **state)
{
    (void)state;
    options = database_options(schema);
    struct pg_sync *sync = database_open(schema, true);
    database_run(sync, "DROP SCHEMA migrate_test CASCADE");
    pg_sync_close(sync);
    return 0;
}

static const char *ask(const char *sql)
{
    struct pg_sync *sync = database_open(schema, false);
    const char *text = database_text(sync, sql);
    pg_sync_close(sync);
    return text;
}

static void tell(const char *sql)
{
    struct pg_sync *sync = database_open(schema, false);
    database_run(sync, sql);
    pg_sync_close(sync);
}

static void test_the_programs_own_files_apply_and_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_migrations; i++) {
        check_i64(migrations[i].number, (int64_t)i + 1);
        assert_true(strlen(migrations[i].sql) > 0);
    }
    check_ok(migrate_run(&options, MIGRATE_APPLY, &report));
    assert_int_equal(report.n_before, 0);
    assert_int_equal(report.n_applied, n_migrations);
    assert_int_equal(report.n_files, n_migrations);
    check_str(report.newest, migrations[n_migrations - 1].name);
    check_ok(migrate_run(&options, MIGRATE_CHECK, &report));
    check_ok(migrate_run(&options, MIGRATE_APPLY, &report));
    assert_int_equal(report.n_applied, 0);
    assert_int_equal(report.n_before, n_migrations);
}

static void test_an_older_schema_is_brought_up(void **state)
{
    (void)state;
    check_ok(migrate_files(&options, MIGRATE_APPLY, small, 1, &report));
    check_ok(migrate_files(&options, MIGRATE_APPLY, small, 3, &report));
    assert_int_equal(report.n_before, 1);
    assert_int_equal(report.n_applied, 2);
    check_str(ask("SELECT string_agg(name, ' ' ORDER BY number) FROM schema_migrations"),
              "001_a 002_b 003_c");
}

static void test_checking_changes_nothing_and_refuses_older_schemas(void **state)
{
    (void)state;
    check_err(migrate_files(&options, MIGRATE_CHECK, small, 3, &report), AL_EVERSION);
    check_has(err_text(), "0 of 3 files applied");
    check_str(ask("SELECT coalesce(to_regnamespace('migrate_test')::text, 'none')"), "none");
    check_ok(migrate_files(&options, MIGRATE_APPLY, small, 2, &report));
    check_err(migrate_files(&options, MIGRATE_CHECK, small, 3, &report), AL_EVERSION);
    check_has(err_text(), "2 of 3 files applied");
    check_str(ask("SELECT count(*) FROM schema_migrations"), "2");
}

static void test_a_newer_schema_is_refused(void **state)
{
    (void)state;
    check_ok(migrate_files(&options, MIGRATE_APPLY, small, 3, &report));
    check_err(migrate_files(&options, MIGRATE_APPLY, small, 2, &report), AL_EVERSION);
    check_has(err_text(), "newer than this program");
    check_has(err_text(), "003_c");
    check_err(migrate_files(&options, MIGRATE_CHECK, small, 2, &report), AL_EVERSION);
}

static void test_a_file_that_changed_is_refused(void **state)
{
    struct migration changed[3];
    (void)state;
    memcpy(changed, small, sizeof(small));
    changed[1].sql = "CREATE TABLE b (n bigint)";
    check_ok(migrate_files(&options, MIGRATE_APPLY, small, 2, &report));
    check_err(migrate_files(&options, MIGRATE_APPLY, changed, 3, &report), AL_EVERIFY);
    check_has(err_text(), "002_b");
    check_str(ask("SELECT count(*) FROM schema_migrations"), "2");
    tell("UPDATE schema_migrations SET sha256 = repeat('0', 64) WHERE number = 1");
    check_err(migrate_files(&options, MIGRATE_APPLY, small, 3, &report), AL_EVERIFY);
    check_has(err_text(), "001_a");
}

static void test_a_file_that_fails_leaves_nothing_of_itself(void **state)
{
    struct migration broken[3];
    (void)state;
    memcpy(broken, small, sizeof(small));
    broken[1].sql = "CREATE TABLE b (n integer); INSERT INTO b VALUES (1); SELECT 1 / 0;";
    check_err(migrate_files(&options, MIGRATE_APPLY, broken, 3, &report), AL_EDB);
    check_has(err_text(), "apply 002_b");
    check_str(ask("SELECT coalesce(to_regclass('migrate_test.b')::text, 'none')"), "none");
    check_ok(migrate_files(&options, MIGRATE_APPLY, small, 3,
                           &report)); /* mended, it goes on from there */
    assert_int_equal(report.n_before, 1);
}

struct racer {
    pthread_t thread;
    enum al_err err;
    char text[256];
    struct migrate_report report;
};

static void *race(void *arg)
{
    struct racer *racer = arg;
    racer->err = migrate_files(&options, MIGRATE_APPLY, small, 3, &racer->report);
    snprintf(racer->text, sizeof(racer->text), "%s", err_text());
    return NULL;
}

static void test_migrators_at_once_apply_each_file_once(void **state)
{
    struct racer racers[8] = {0};
    size_t n_applied = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(racers); i++)
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    for (size_t i = 0; i < COUNT_OF(racers); i++) {
        pthread_join(racers[i].thread, NULL);
        if (racers[i].err != AL_OK)
            fail_msg("migrator %zu: %s", i, racers[i].text);
        n_applied += racers[i].report.n_applied;
    }
    assert_int_equal(n_applied, 3);
    check_str(ask("SELECT count(*) FROM b"), "1");
}

static void test_a_database_that_is_away_is_said(void **state)
{
    struct pg_options away = options;
    (void)state;
    away.port = 1;
    check_err(migrate_run(&away, MIGRATE_APPLY, &report), AL_ECONN);
    away = options;
    away.schema = "Bad Schema";
    check_err(migrate_run(&away, MIGRATE_APPLY, &report), AL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_programs_own_files_apply_and_count, begin),
        cmocka_unit_test_setup(test_an_older_schema_is_brought_up, begin),
        cmocka_unit_test_setup(test_checking_changes_nothing_and_refuses_older_schemas, begin),
        cmocka_unit_test_setup(test_a_newer_schema_is_refused, begin),
        cmocka_unit_test_setup(test_a_file_that_changed_is_refused, begin),
        cmocka_unit_test_setup(test_a_file_that_fails_leaves_nothing_of_itself, begin),
        cmocka_unit_test_setup(test_migrators_at_once_apply_each_file_once, begin),
        cmocka_unit_test_setup(test_a_database_that_is_away_is_said, begin),
    };
    return cmocka_run_group_tests_name("migrator", tests, NULL, NULL);
}
