// Bytes that came from the host, against a plain array with a mark a byte; every failing
// allocation; the bound of what is kept.
#include <stdlib.h>
#include <string.h>

#include "standin/core/state.h"
#include "support/test.h"

enum { SPACE = 4096, STEPS = 20000 };
#define BASE ((uint64_t)1 << 40)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static long countdown = -1; // allocations until one fails; below 0: none does

void *__wrap_malloc(size_t size) {
    return countdown >= 0 && countdown-- == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return countdown >= 0 && countdown-- == 0 ? NULL : __real_calloc(count, size);
}

typedef struct model {
    unsigned char bytes[SPACE];
    bool known[SPACE];
} model;

static uint64_t draw(uint64_t *state, uint64_t below) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
}

static void write_both(model *expected, uint64_t at, uint64_t size, uint64_t *state) {
    unsigned char source[SPACE];
    for (uint64_t i = 0; i < size; i++)
        source[i] = (unsigned char)draw(state, 256);
    bool forget = draw(state, 3) == 0;
    snug_known_write(BASE + at, forget ? NULL : source, size);
    for (uint64_t i = 0; i < size; i++) {
        expected->known[at + i] = !forget;
        expected->bytes[at + i] = forget ? 0 : source[i];
    }
}

static void copy_both(model *expected, uint64_t to, uint64_t from, uint64_t size) {
    model before = *expected;
    snug_known_copy(BASE + to, BASE + from, size);
    memcpy(expected->known + to, before.known + from, size * sizeof(bool));
    memcpy(expected->bytes + to, before.bytes + from, size);
}

// |exact|: what is known is known here as well; otherwise it may be unknown, and reads as zeros.
static void compare(const model *expected, uint64_t at, uint64_t size, bool exact) {
    unsigned char out[SPACE];
    bool all = true;
    bool told = snug_known_peek(BASE + at, out, size);
    for (uint64_t i = 0; i < size; i++) {
        all = all && expected->known[at + i];
        if (exact || out[i]) assert_int_equal(out[i], expected->bytes[at + i]);
    }
    if (exact) assert_int_equal(told, all);
    if (told) assert_memory_equal(out, expected->bytes + at, size);
}

static void step(model *expected, uint64_t *state, bool exact) {
    uint64_t at = draw(state, SPACE), size = draw(state, SPACE - at) + 1;
    switch (draw(state, 4)) {
    case 0:
        compare(expected, at, size, exact);
        break;
    case 1:
        copy_both(expected, draw(state, SPACE - size + 1), at, size);
        break;
    default:
        write_both(expected, at, size % 300 + 1 < SPACE - at ? size % 300 + 1 : 1, state);
    }
}

static void test_against_bytes(void **state) {
    (void)state;
    model expected = {0};
    uint64_t seed = 1;
    snug_known_write(BASE, NULL, SPACE);
    for (int i = 0; i < STEPS; i++)
        step(&expected, &seed, true);
    compare(&expected, 0, SPACE, true);
}

// Knowledge may be lost, never wrong.
static void test_failing_allocations(void **state) {
    (void)state;
    model expected = {0};
    uint64_t seed = 2;
    snug_known_write(BASE, NULL, SPACE);
    for (int i = 0; i < STEPS; i++) {
        countdown = (long)draw(&seed, 4);
        unsigned char out[SPACE];
        step(&expected, &seed, false);
        countdown = -1;
        // From here on the model knows what is known.
        for (uint64_t at = 0; i % 100 == 0 && at < SPACE; at++) {
            expected.known[at] = snug_known_peek(BASE + at, out, 1);
            if (!expected.known[at]) expected.bytes[at] = 0;
        }
    }
}

// The oldest large bytes go first, then the oldest small ones.
static void test_bound(void **state) {
    (void)state;
    enum { LARGE = 3 << 20, SMALL = 1 << 19, LIMIT = 8 << 20 };
    assert_int_equal(snug_standin_settings_get()->keep_bytes, LIMIT);
    unsigned char *source = calloc(1, LARGE), *out = calloc(1, LARGE);
    uint64_t at = BASE << 1;
    memset(source, 5, LARGE);
    snug_known_write(at, source, SMALL);
    snug_known_write(at + LIMIT, source, LARGE);
    snug_known_write(at + 2 * LIMIT, source, LARGE);
    assert_true(snug_known_peek(at + LIMIT, out, LARGE));
    snug_known_write(at + 3 * LIMIT, source, LARGE);
    assert_false(snug_known_peek(at + LIMIT, out, LARGE));
    assert_int_equal(out[0], 0);
    assert_true(snug_known_peek(at + 2 * LIMIT, out, LARGE));
    assert_true(snug_known_peek(at, out, SMALL));
    // Larger than half of what may be kept: never.
    unsigned char *larger = calloc(1, LIMIT);
    snug_known_write(at + 4 * LIMIT, larger, LIMIT);
    assert_false(snug_known_peek(at + 4 * LIMIT, out, 1));
    snug_known_write(at, NULL, (uint64_t)5 * LIMIT);
    free(larger);
    free(source);
    free(out);
}

int main(void) {
    setenv("SNUG_STANDIN", "keep-bytes=8388608", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_bytes),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
