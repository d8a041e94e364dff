// The packer against an overlap checker, the lower bound, and every placement of small cases.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "plan/pack.h"
#include "support/test.h"

static uint32_t draw(uint64_t seed, uint64_t counter, uint32_t below) {
    return snug_random_at(seed, counter, 0).words[0] % below;
}

static size_t random_buffers(uint64_t seed, size_t count, uint32_t times, uint32_t largest,
                             snug_buffer *buffers) {
    for (size_t i = 0; i < count; i++) {
        int64_t lower = draw(seed, 3 * i, times);
        buffers[i] = (snug_buffer){.lower = lower,
                                   .upper = lower + 1 + draw(seed, 3 * i + 1, times),
                                   .size = draw(seed, 3 * i + 2, largest)};
    }
    return count;
}

static void check_no_overlap(const snug_buffer *buffers, size_t count, size_t peak,
                             size_t alignment) {
    for (size_t i = 0; i < count; i++) {
        const snug_buffer *a = &buffers[i];
        assert_true(a->offset + a->size <= peak && a->offset % alignment == 0);
        for (size_t j = 0; j < i; j++) {
            const snug_buffer *b = &buffers[j];
            bool in_time = a->lower < b->upper && b->lower < a->upper;
            bool in_place = a->offset < b->offset + b->size && b->offset < a->offset + a->size;
            assert_false(in_time && in_place && a->size && b->size);
        }
    }
}

// Whether buffers |next| and on can be placed below |capacity| at some whole offsets.
static bool can_place(snug_buffer *buffers, size_t count, size_t next, size_t capacity) {
    if (next == count) return true;
    snug_buffer *buffer = &buffers[next];
    for (size_t offset = 0; offset + buffer->size <= capacity; offset++) {
        bool free_place = true;
        for (size_t i = 0; i < next && free_place; i++)
            free_place = !(buffers[i].lower < buffer->upper && buffer->lower < buffers[i].upper &&
                           buffers[i].offset < offset + buffer->size &&
                           offset < buffers[i].offset + buffers[i].size);
        if (!free_place) continue;
        buffer->offset = offset;
        if (can_place(buffers, count, next + 1, capacity)) return true;
    }
    return false;
}

static void test_small_cases_are_optimal(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        snug_buffer buffers[7], copy[7];
        size_t count = random_buffers(seed, 1 + seed % 7, 6, 5, buffers), peak, bound;
        snug_pack_options options = {.alignment = 1};
        memcpy(copy, buffers, sizeof copy);
        assert_int_equal(snug_pack(buffers, count, &options, &peak), SNUG_OK);
        assert_int_equal(snug_pack_lower_bound(buffers, count, &bound), SNUG_OK);
        check_no_overlap(buffers, count, peak, 1);
        assert_true(peak >= bound);
        if (peak > 0) assert_false(can_place(copy, count, 0, peak - 1));
    }
}

static void test_large_cases(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        enum { COUNT = 300 };
        snug_buffer *buffers = calloc(COUNT, sizeof *buffers);
        size_t peak, again, bound;
        snug_pack_options options = {.alignment = 64};
        random_buffers(seed, COUNT, 100, 5000, buffers);
        assert_int_equal(snug_pack(buffers, COUNT, &options, &peak), SNUG_OK);
        assert_int_equal(snug_pack_lower_bound(buffers, COUNT, &bound), SNUG_OK);
        check_no_overlap(buffers, COUNT, peak, 64);
        assert_true(peak >= bound && peak <= bound * 3 / 2);
        assert_int_equal(snug_pack(buffers, COUNT, &options, &again), SNUG_OK);
        assert_int_equal(peak, again);
        free(buffers);
    }
}

// A tensor that lives through everything beside thousands that do not, as training steps have them.
static void test_thousands(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    snug_buffer *buffers = calloc(COUNT, sizeof *buffers);
    size_t peak, bound;
    snug_pack_options options = {.alignment = 64};
    for (uint64_t i = 0; i < COUNT; i++) {
        int64_t lower = (int64_t)(i / 2), length = 1 + draw(3, 2 * i, draw(4, i, 20) ? 12 : 5000);
        buffers[i] = (snug_buffer){
            .lower = lower, .upper = lower + length, .size = 64 * (size_t)draw(3, 2 * i + 1, 5000)};
    }
    assert_int_equal(snug_pack(buffers, COUNT, &options, &peak), SNUG_OK);
    assert_int_equal(snug_pack_lower_bound(buffers, COUNT, &bound), SNUG_OK);
    check_no_overlap(buffers, COUNT, peak, 64);
    print_message("%d buffers: %.2f %% over the bound\n", COUNT,
                  100 * ((double)peak / (double)bound - 1));
    assert_true(peak <= bound + bound / 20);
    free(buffers);
}

static void test_capacity(void **state) {
    (void)state;
    // Two of these three are alive at a time, but no two can share 3 bytes' worth of offsets.
    snug_buffer buffers[] = {{0, 2, 2, 0}, {1, 3, 2, 0}, {2, 4, 2, 0}};
    size_t peak;
    snug_pack_options options = {.capacity = 4, .effort = SNUG_PACK_THOROUGH};
    assert_int_equal(snug_pack(buffers, 3, &options, &peak), SNUG_OK);
    assert_int_equal(peak, 4);
    options.capacity = 3;
    assert_int_equal(snug_pack(buffers, 3, &options, &peak), SNUG_NO_FIT);
    check_no_overlap(buffers, 3, peak, 1);
}

static void test_bad_buffers(void **state) {
    (void)state;
    size_t peak;
    snug_pack_options options = {.alignment = 3};
    snug_buffer one[] = {{0, 1, 8, 77}}, empty[] = {{4, 4, 8, 77}}, reversed[] = {{5, 4, 8, 77}};
    assert_int_equal(snug_pack(one, 1, &options, &peak), SNUG_INVALID);
    assert_int_equal(one[0].offset, 77);
    options.alignment = 64;
    assert_int_equal(snug_pack(empty, 1, &options, &peak), SNUG_INVALID);
    assert_int_equal(snug_pack(reversed, 1, &options, &peak), SNUG_INVALID);
    snug_buffer huge[] = {{0, 2, SIZE_MAX / 2, 0}, {0, 2, SIZE_MAX / 2, 0}};
    assert_int_equal(snug_pack(huge, 2, &options, &peak), SNUG_INVALID);
    // Times at the ends of their range.
    snug_buffer wide[] = {{INT64_MIN, INT64_MAX, 8, 0}, {INT64_MAX - 1, INT64_MAX, 8, 0}};
    assert_int_equal(snug_pack(wide, 2, &options, &peak), SNUG_OK);
    assert_int_equal(peak, 72);
}

static void test_edges(void **state) {
    (void)state;
    size_t peak = 1;
    snug_pack_options options = {0};
    assert_int_equal(snug_pack(NULL, 0, &options, &peak), SNUG_OK);
    assert_int_equal(peak, 0);
    // Identical lifetimes stack up; a buffer of no bytes needs no room; half-open ends meet.
    snug_buffer buffers[] = {{0, 4, 8, 0}, {0, 4, 8, 0}, {0, 4, 0, 0}, {4, 5, 16, 0}};
    assert_int_equal(snug_pack(buffers, 4, &options, &peak), SNUG_OK);
    assert_int_equal(peak, 16);
    check_no_overlap(buffers, 4, peak, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_cases_are_optimal),
        cmocka_unit_test(test_large_cases),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_thousands),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_bad_buffers),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
