#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/settings/env_file.h"

static void gives(const char *line, const char *expected)
{
    struct env_file file;
    check_ok(env_file_parse(slice_of(line), &file, NULL));
    check_str(env_file_get(&file, "A"), expected);
    env_file_deinit(&file);
}

static void test_values_are_trimmed_and_unquoted(void **state)
{
    (void)state;
    gives("A=1", "1");
    gives("  export A = 1 # one\r\n", "1");
    gives("A=", "");
    gives("A=#x", "");
    gives("A=a#b", "a#b");
    gives("A='a # b'", "a # b");
    gives("A='\\n' # c", "\\n");
    gives("A=\"a\\nb\\\"c\\\\d\\$e\\x\"", "a\nb\"c\\d$e\\x");
    gives("A=$B", "$B");
    gives("A=a=b", "a=b");
    gives("# A=1\n\nA=2\nB=3", "2");
    gives("A=1\nA=2", "2");
    gives("B=1", NULL);
}

static void test_all_bad_lines_are_named(void **state)
{
    struct env_file file;
    struct buf problems = BUF_INIT(4096);
    (void)state;
    check_err(
        env_file_parse(SLICE("A=1\nnonsense\n1A=2\nB='x\nC=\"x\nD='x'y\nE=ok"), &file, &problems),
        AL_EPARSE);
    check_has(buf_str(&problems), "line 2: not of the form NAME=value\n");
    check_has(buf_str(&problems), "line 3: the name");
    check_has(buf_str(&problems), "line 4: the closing ' is missing");
    check_has(buf_str(&problems), "line 5: the closing \" is missing");
    check_has(buf_str(&problems), "line 6: something follows");
    check_str(env_file_get(&file, "E"), "ok");
    buf_deinit(&problems);
    env_file_deinit(&file);
}

static void test_file_is_bounded(void **state)
{
    struct env_file file;
    struct buf text = BUF_INIT(ENV_FILE_BYTES_MAX + 1);
    (void)state;
    for (int i = 0; i <= ENV_FILE_ENTRIES_MAX; i++)
        buf_printf(&text, "N%d=1\n", i);
    check_err(env_file_parse(buf_slice(&text), &file, NULL), AL_EPARSE);
    env_file_deinit(&file);
    memset(buf_reserve(&text, text.max - text.len), '#', text.max - text.len);
    buf_added(&text, text.max - text.len);
    check_err(env_file_parse(buf_slice(&text), &file, NULL), AL_EPARSE);
    env_file_deinit(&file);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_trimmed_and_unquoted),
        cmocka_unit_test(test_all_bad_lines_are_named),
        cmocka_unit_test(test_file_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
