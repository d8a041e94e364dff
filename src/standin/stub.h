// The functions that only return, as cmake/standin.cmake writes them from a list of names: each
// counts, sets what the list says, and returns 0, success in every one of CUDA's interfaces.
#ifndef SNUG_STANDIN_STUB_H
#define SNUG_STANDIN_STUB_H

#include "standin/answers.h"

// Integers and pointers alone arrive here: by the ABI floating-point arguments go another way. A
// caller that passes fewer leaves the rest undefined, and no list names those.
#define STUB_PARAMETERS                                                                            \
    uintptr_t a0, uintptr_t a1, uintptr_t a2, uintptr_t a3, uintptr_t a4, uintptr_t a5,            \
        uintptr_t a6, uintptr_t a7, uintptr_t a8, uintptr_t a9, uintptr_t a10, uintptr_t a11,      \
        uintptr_t a12, uintptr_t a13, uintptr_t a14, uintptr_t a15, uintptr_t a16, uintptr_t a17,  \
        uintptr_t a18, uintptr_t a19, uintptr_t a20, uintptr_t a21, uintptr_t a22, uintptr_t a23
#define STUB(name, index, ...)                                                                     \
    __attribute__((weak)) SNUG_STANDIN_API int name(STUB_PARAMETERS);                              \
    int name(STUB_PARAMETERS) {                                                                    \
        (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8,  \
            (void)a9, (void)a10, (void)a11, (void)a12, (void)a13, (void)a14, (void)a15, (void)a16, \
            (void)a17, (void)a18, (void)a19, (void)a20, (void)a21, (void)a22, (void)a23;           \
        __atomic_fetch_add(&names[index].calls, 1, __ATOMIC_RELAXED);                              \
        __VA_ARGS__ return 0;                                                                      \
    }

// Handles only have to differ from NULL and from each other.
#define SET_handle(argument)                                                                       \
    if (argument) *(uintptr_t *)(argument) = snug_standin_handle()
#define SET_size(argument)                                                                         \
    if (argument) *(size_t *)(argument) = 0
#define SET_int(argument)                                                                          \
    if (argument) *(int *)(argument) = 0
#define SET_one(argument)                                                                          \
    if (argument) *(int *)(argument) = 1
#define SET_info(argument, count) snug_answer_success(argument, (int)(count))
#define SET_result(argument, size) snug_answer_unknown(argument, size)

#define REGISTER(library)                                                                          \
    __attribute__((constructor)) static void register_names(void) {                                \
        snug_standin_names(library, names, sizeof names / sizeof names[0]);                        \
    }

#endif
