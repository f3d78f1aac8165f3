#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "alphaloop/base/map.h"
#include "alphaloop/base/rng.h"

static int values[2000];

static void test_map_replaces_and_removes(void **state)
{
    struct map map;
    uint32_t key = 7, other = 8;
    (void)state;
    map_init(&map, sizeof key, 10);
    assert_null(map_get(&map, &key));
    assert_null(map_remove(&map, &key));
    assert_int_equal(map_put(&map, &key, &values[0]), AL_OK);
    assert_int_equal(map_put(&map, &key, &values[1]), AL_OK);
    assert_int_equal(map_count(&map), 1);
    assert_ptr_equal(map_get(&map, &key), &values[1]);
    assert_null(map_get(&map, &other));
    assert_ptr_equal(map_remove(&map, &key), &values[1]);
    assert_null(map_get(&map, &key));
    assert_int_equal(map_count(&map), 0);
    map_deinit(&map);
}

static void test_map_refuses_past_its_bound(void **state)
{
    struct map map;
    (void)state;
    map_init(&map, sizeof(uint32_t), 100);
    for (uint32_t key = 0; key < 100; key++)
        assert_int_equal(map_put(&map, &key, &values[key]), AL_OK);
    uint32_t more = 100, known = 5;
    assert_int_equal(map_put(&map, &more, &values[100]), AL_EFULL);
    assert_int_equal(map_put(&map, &known, &values[9]), AL_OK);
    assert_ptr_equal(map_remove(&map, &known), &values[9]);
    assert_int_equal(map_put(&map, &more, &values[100]), AL_OK);
    map_deinit(&map);
}

/* Against an array indexed by the key. */
static void test_map_agrees_with_an_array(void **state)
{
    struct map map;
    struct rng rng;
    int *model[500] = {NULL};
    size_t count = 0;
    (void)state;
    rng_seed(&rng, 1);
    map_init(&map, sizeof(uint32_t), 1000);
    for (int step = 0; step < 50000; step++) {
        uint32_t key = (uint32_t)rng_below(&rng, COUNT_OF(model));
        if (rng_below(&rng, 2) == 0) {
            count += model[key] == NULL;
            model[key] = &values[rng_below(&rng, COUNT_OF(values))];
            assert_int_equal(map_put(&map, &key, model[key]), AL_OK);
        } else {
            assert_ptr_equal(map_remove(&map, &key), model[key]);
            count -= model[key] != NULL;
            model[key] = NULL;
        }
        assert_int_equal(map_count(&map), count);
        key = (uint32_t)rng_below(&rng, COUNT_OF(model));
        assert_ptr_equal(map_get(&map, &key), model[key]);
    }
    assert_true(map.n_slots <= 2048);
    map_deinit(&map);
}

static void test_map_walk_may_remove(void **state)
{
    struct map map;
    size_t cursor = 0, seen = 0;
    const void *key;
    (void)state;
    map_init(&map, sizeof(uint32_t), 300);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(map_put(&map, &i, &values[i]), AL_OK);
    for (int *value; (value = map_next(&map, &cursor, &key)) != NULL; seen++) {
        uint32_t number;
        memcpy(&number, key, sizeof number);
        assert_ptr_equal(value, &values[number]);
        if (number % 2 == 0)
            map_remove(&map, &number);
    }
    assert_int_equal(seen, 300);
    assert_int_equal(map_count(&map), 150);
    map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_replaces_and_removes),
        cmocka_unit_test(test_map_refuses_past_its_bound),
        cmocka_unit_test(test_map_agrees_with_an_array),
        cmocka_unit_test(test_map_walk_may_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
