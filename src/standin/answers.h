// Answers through a pointer that may point into host memory or onto the card: many functions of
// CUDA's libraries take either, by a mode of their handle. Reentrant.
#ifndef SNUG_STANDIN_ANSWERS_H
#define SNUG_STANDIN_ANSWERS_H

#include <string.h>

#include "standin/standin.h"

// Declares and defines a function of a library's interface that returns a status.
#define SNUG_STANDIN_FUNCTION(name, ...)                                                           \
    SNUG_STANDIN_API int name(__VA_ARGS__);                                                        \
    int name(__VA_ARGS__)

// Whether |address| is memory of the card, which the host must not touch.
static inline bool snug_answer_on_card(uintptr_t address) {
    snug_memory_about about;
    return snug_books_find(address, &about) &&
           (about.kind == SNUG_MEMORY_DEVICE || about.kind == SNUG_MEMORY_MAPPED);
}

// |count| status numbers of a factorization and the like: 0, it went well.
static inline void snug_answer_success(uintptr_t address, int count) {
    static const int zeros[256];
    if (!address || count <= 0) return;
    const bool on_card = snug_answer_on_card(address);
    for (size_t done = 0, n = 0; done < (size_t)count; done += n) {
        n = (size_t)count - done < 256 ? (size_t)count - done : 256;
        const uintptr_t at = address + done * sizeof(int);
        if (on_card)
            snug_known_write(at, zeros, n * sizeof(int));
        else
            memcpy((void *)at, zeros, n * sizeof(int));
    }
}

// |size| bytes that only the card could have worked out.
static inline void snug_answer_unknown(uintptr_t address, size_t size) {
    if (!address) return;
    if (snug_answer_on_card(address))
        snug_known_write(address, NULL, size);
    else
        memset((void *)address, 0, size);
}

#endif
