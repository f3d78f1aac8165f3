#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/base/uuid.h"

static void test_uuid_reads_either_case_and_writes_lower(void **state)
{
    struct uuid id;
    char text[UUID_TEXT_MAX];
    (void)state;
    assert_int_equal(uuid_parse(SLICE("0190A1B2-c3d4-7E5f-8899-AABBccddeeff"), &id), AL_OK);
    uuid_format(id, text);
    assert_string_equal(text, "0190a1b2-c3d4-7e5f-8899-aabbccddeeff");
}

static void test_uuid_refuses_other_forms(void **state)
{
    static const char *const texts[] = {"",
                                        "0190a1b2c3d47e5f8899aabbccddeeff",
                                        "{0190a1b2-c3d4-7e5f-8899-aabbccddeeff}",
                                        "0190a1b2-c3d4-7e5f-8899-aabbccddeef",
                                        "0190a1b2-c3d4-7e5f-8899-aabbccddeefg",
                                        "0190a1b2_c3d4-7e5f-8899-aabbccddeeff",
                                        "0190a1b-2c3d4-7e5f-8899-aabbccddeeff",
                                        "0190a1b2-c3d4-7e5f-8899-aabbccddeeff ",
                                        "urn:uuid:0190a1b2-c3d4-7e5f-8899-aabb"};
    struct uuid id;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(uuid_parse(slice_of(texts[i]), &id), AL_EPARSE);
}

static void test_uuid_v7_sorts_by_time(void **state)
{
    struct rng rng;
    struct uuid last = {{0}};
    (void)state;
    rng_seed(&rng, 5);
    for (int64_t i = 0; i < 5000; i++) {
        struct uuid id = uuid_v7(1769851800LL * NS_PER_S + i * 777, &rng);
        assert_true(memcmp(id.bytes, last.bytes, 16) > 0);
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        last = id;
    }
}

/* RFC 9562 appendix A.6: 2022-02-22T19:22:22.000Z is 017F22E279B0 in milliseconds. */
static void test_uuid_v7_starts_with_milliseconds(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 5);
    struct uuid id = uuid_v7(1645557742000LL * NS_PER_MS, &rng);
    assert_memory_equal(id.bytes, "\x01\x7f\x22\xe2\x79\xb0\x70", 7);
}

static void test_uuid_derive_depends_on_content_alone(void **state)
{
    (void)state;
    struct uuid a = uuid_derive(SLICE("abc")), b = uuid_derive(SLICE("abc")),
                c = uuid_derive(SLICE("abd"));
    char text[UUID_TEXT_MAX];
    assert_true(uuid_eq(a, b));
    assert_false(uuid_eq(a, c));
    uuid_format(a, text);
    assert_string_equal(text, "ba7816bf-8f01-8fea-8141-40de5dae2223");
    assert_false(uuid_is_nil(a));
    assert_true(uuid_is_nil((struct uuid){{0}}));
}

/* FIPS 180-2 appendix B.1; FNV test vectors of its authors. */
static void test_hashes_give_published_values(void **state)
{
    struct sha256 hash;
    char text[SHA256_TEXT_MAX];
    (void)state;
    sha256_of("abc", 3, &hash);
    sha256_format(&hash, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(fnv1a64("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(fnv1a64("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid_reads_either_case_and_writes_lower),
        cmocka_unit_test(test_uuid_refuses_other_forms),
        cmocka_unit_test(test_uuid_v7_sorts_by_time),
        cmocka_unit_test(test_uuid_v7_starts_with_milliseconds),
        cmocka_unit_test(test_uuid_derive_depends_on_content_alone),
        cmocka_unit_test(test_hashes_give_published_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
