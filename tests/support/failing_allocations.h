// Makes host allocations fail, one after the other. For a program that is linked with --wrap=calloc
// and --wrap=realloc (tests/CMakeLists.txt); to be included once in it.
#ifndef TESTS_SUPPORT_FAILING_ALLOCATIONS_H
#define TESTS_SUPPORT_FAILING_ALLOCATIONS_H

#include "support/test.h"

// The linker sends the library's allocations here.
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static long countdown = -1; // allocations until one fails; below 0: none does

static int fails(void) {
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

// Calls run(of) with the first allocation failing, then with the one |stride| behind it, and so on
// until none fails any more. A failure has to come back as SNUG_NOMEM or |also|. |*last|: the
// status of the call in which none failed. Returns how many allocations that one makes, to the next
// multiple of |stride|.
static long fail_each_allocation(snug_status (*run)(const void *of), const void *of, long stride,
                                 snug_status also, snug_status *last) {
    for (long failing = 0;; failing += stride) {
        countdown = failing;
        *last = run(of);
        bool ended = countdown >= 0; // nothing failed any more
        countdown = -1;
        if (ended) return failing;
        if (*last != SNUG_NOMEM && *last != also)
            fail_msg("allocation %ld failed, the status is %s: %s", failing,
                     snug_status_name(*last), snug_error_message());
    }
}

#endif
