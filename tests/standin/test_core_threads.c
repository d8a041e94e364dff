// Eight threads that allocate, copy, capture and read at once, under ThreadSanitizer; and every
// failing allocation of the books.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "standin/core/state.h"
#include "support/test.h"

enum { THREADS = 8, ROUNDS = 2000 };
#define MIB ((uint64_t)1 << 20)

static void place(char *out, size_t size) {
    memcpy(out, "train.py:1", size < 11 ? size : 11);
}

static void round_of(uint64_t seed) {
    uint64_t address = 0, left = 0, all = 0, value = seed, back = 0;
    snug_memory_about about;
    uint64_t size = seed % 3 ? seed % 9000 + 8 : seed % 7 * MIB + MIB + 1;
    if (snug_books_allocate(0, size, &address) != SNUG_CUDA_OK) return;
    snug_books_info(0, &left, &all);
    snug_books_find(address, &about);
    snug_memory_copy((void *)(uintptr_t)address, &value, sizeof value);
    snug_memory_copy(&back, (void *)(uintptr_t)address, sizeof back);
    if (back != value) abort();
    snug_memory_copy(&back, (void *)(uintptr_t)(address + 8), size >= 16 ? 8 : 0);
    snug_books_pytorch(0, (int64_t)size, size, size);
    if (seed % 64 == 0) snug_standin_mark("step begin");
    snug_stream *stream = NULL;
    uintptr_t graph = 0;
    snug_stream_create(0, &stream);
    if (stream) {
        snug_stream_begin_capture(stream, snug_standin_handle());
        snug_stream_end_capture(stream, &graph);
        snug_stream_destroy(stream);
    }
    snug_standin_note("a note");
    snug_standin_workspace("a workspace", seed);
    if (snug_books_free(address) != SNUG_CUDA_OK) abort();
}

static void *work(void *argument) {
    uint64_t seed = (uint64_t)(uintptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        round_of(seed >> 33);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint64_t before = 0, after = 0, all = 0;
    snug_standin_on_read(place);
    snug_books_info(0, &before, &all);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    snug_books_info(0, &after, &all);
    assert_int_equal(before, after);
    assert_int_equal(snug_standin_allocations(0), THREADS * ROUNDS);
}

int main(void) {
    setenv("SNUG_STANDIN", "memory=107374182400;context=1048576", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
