#include "harness/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alphaloop/io/file.h"

static char root[64];

static const char *in_root(const char *name)
{
    static char path[2][FILE_PATH_MAX];
    static int turn;
    turn = !turn;
    check_ok(file_join(root, name, path[turn]));
    return path[turn];
}

static void check_content(const char *path, const char *expected)
{
    struct buf bytes = BUF_INIT(1U << 20);
    check_ok(file_read(path, 1000, &bytes));
    check_str(buf_str(&bytes), expected);
    buf_deinit(&bytes);
}

static size_t count_names(void)
{
    struct file_names names;
    check_ok(file_list(root, 100, &names));
    size_t count = names.count;
    file_names_deinit(&names);
    return count;
}

static void test_a_file_is_replaced_whole(void **state)
{
    (void)state;
    check_ok(file_write_whole(in_root("a"), SLICE("first")));
    check_ok(file_write_whole(in_root("a"), SLICE("2nd")));
    check_content(in_root("a"), "2nd");
    check_i64((int64_t)count_names(), 1);
}

static void test_what_is_no_plain_file_is_written_to_and_stays(void **state)
{
    struct stat about;
    (void)state;
    check_ok(file_write_whole(in_root("a"), SLICE("long ago")));
    assert_int_equal(symlink("a", in_root("link")), 0);
    check_ok(file_write_whole(in_root("link"), SLICE("now")));
    assert_int_equal(lstat(in_root("link"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    check_content(in_root("a"), "now");

    assert_int_equal(mkfifo(in_root("pipe"), 0600), 0);
    int fd = open(in_root("pipe"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    char got[4] = "";
    check_ok(file_write_whole(in_root("pipe"), SLICE("abc")));
    assert_int_equal(read(fd, got, 3), 3);
    assert_string_equal(got, "abc");
    close(fd);
}

static void test_a_failed_write_leaves_what_was_there(void **state)
{
    (void)state;
    check_ok(file_make_dir(in_root("d/sub")));
    assert_true(file_write_whole(in_root("d"), SLICE("x")) != AL_OK);
    check_i64((int64_t)count_names(), 1);
    check_err(file_write_whole(in_root("no/such/a"), SLICE("x")), AL_ENOTFOUND);
    check_has(err_text(), "no/such");
}

static void test_reads_are_bounded(void **state)
{
    struct buf bytes = BUF_INIT(1U << 20);
    (void)state;
    check_ok(file_write_whole(in_root("a"), SLICE("123456")));
    check_ok(file_read(in_root("a"), 6, &bytes));
    buf_reset(&bytes);
    check_err(file_read(in_root("a"), 5, &bytes), AL_ERANGE);
    check_err(file_read(in_root("absent"), 5, &bytes), AL_ENOTFOUND);
    check_err(file_read(root, 5, &bytes), AL_EIO);
    assert_int_equal(mkfifo(in_root("pipe"), 0600), 0);
    check_err(file_read(in_root("pipe"), 5, &bytes), AL_EIO);
    buf_deinit(&bytes);
}

static void test_a_file_may_fill_its_buffer_and_no_more(void **state)
{
    struct buf fitting = BUF_INIT(6), small = BUF_INIT(5);
    (void)state;
    check_ok(file_write_whole(in_root("a"), SLICE("123456")));
    check_ok(file_read(in_root("a"), 4096, &fitting));
    check_str(buf_str(&fitting), "123456");
    check_err(file_read(in_root("a"), 4096, &small), AL_ERANGE);
    buf_deinit(&fitting);
    buf_deinit(&small);
}

static void test_a_folder_appears_whole(void **state)
{
    struct file_folder folder;
    (void)state;
    check_ok(file_folder_begin(in_root("v1"), &folder));
    check_ok(file_folder_add(&folder, "a", SLICE("A")));
    check_ok(file_folder_add(&folder, "b", SLICE("B")));
    assert_false(file_exists(in_root("v1")));
    check_ok(file_folder_commit(&folder));
    check_content(in_root("v1/a"), "A");
    check_content(in_root("v1/b"), "B");
    check_i64((int64_t)count_names(), 1);
}

static void test_a_folder_given_up_is_gone(void **state)
{
    struct file_folder folder;
    (void)state;
    check_ok(file_folder_begin(in_root("v1"), &folder));
    check_ok(file_folder_add(&folder, "a", SLICE("A")));
    file_folder_abort(&folder);
    check_i64((int64_t)count_names(), 0);
}

static void test_a_folder_never_replaces_another(void **state)
{
    struct file_folder folder;
    (void)state;
    check_ok(file_folder_begin(in_root("v1"), &folder));
    check_ok(file_make_dir(in_root("v1")));
    check_err(file_folder_commit(&folder), AL_EEXIST);
    file_folder_abort(&folder);
    check_err(file_folder_begin(in_root("v1"), &folder), AL_EEXIST);
}

static void test_names_are_listed_in_order_and_bounded(void **state)
{
    struct file_names names;
    (void)state;
    check_ok(file_write_whole(in_root("v2"), SLICE("")));
    check_ok(file_write_whole(in_root("v10"), SLICE("")));
    check_ok(file_write_whole(in_root("a"), SLICE("")));
    check_ok(file_list(root, 3, &names));
    check_i64((int64_t)names.count, 3);
    check_str(names.names[0], "a");
    check_str(names.names[1], "v10");
    file_names_deinit(&names);
    check_err(file_list(root, 2, &names), AL_EFULL);
}

static void test_removing_is_shallow_and_repeatable(void **state)
{
    (void)state;
    check_ok(file_make_dir(in_root("deep/er")));
    assert_true(file_remove(in_root("deep")) != AL_OK);
    assert_true(file_exists(in_root("deep/er")));
    check_ok(file_remove(in_root("deep/er")));
    check_ok(file_remove(in_root("deep")));
    check_ok(file_remove(in_root("deep")));
    check_ok(file_check_writable(root));
    check_i64((int64_t)count_names(), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/alphaloop-file-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int teardown(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_file_is_replaced_whole),
        TEST(test_what_is_no_plain_file_is_written_to_and_stays),
        TEST(test_a_failed_write_leaves_what_was_there),
        TEST(test_reads_are_bounded),
        TEST(test_a_file_may_fill_its_buffer_and_no_more),
        TEST(test_a_folder_appears_whole),
        TEST(test_a_folder_given_up_is_gone),
        TEST(test_a_folder_never_replaces_another),
        TEST(test_names_are_listed_in_order_and_bounded),
        TEST(test_removing_is_shallow_and_repeatable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
