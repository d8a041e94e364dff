// Truth values that can be foretold. Kernels compute nothing here, and what they would have made
// reads as 0, false. But PyTorch and programs refuse what does not pass a check of theirs, and a
// program that ran on a card passed: isfinite(x).all() of torch.linalg.eig, (scale > 0).all() of
// torch.distributions, (repeats >= 0).all() of repeat_interleave, allclose in an assertion. So
// all() is true of what is finite, equals itself, or is in order with something, and of these
// joined by "and" and "or"; of all else (masks, "has every sequence ended") it stays false. A byte
// that is read just after such a reduction is that truth.
//
// Which kernel is which tell their names, and that something equals itself the places that it
// reads. Both are private to PyTorch, the same from 2.4 to 2.15; were they others, such a check
// would fail as others do.
#include <string.h>

#include "standin/core/state.h"

// Of this thread's last launch: made truths that are foretold to be true; reduced them to one.
static __thread bool foretold, reduced;

snug_kernel_kind snug_kernel_kind_of(const char *name) {
    static const struct {
        const char *part;
        snug_kernel_kind kind;
    } parts[] = {
        {"MulFunctorIbE", SNUG_KERNEL_TRUE},     // isfinite's last: x == x times |x| != infinity
        {"CompareKernels_cu", SNUG_KERNEL_TRUE}, // <, <=, >, >=
        {"CompareEqFunctor", SNUG_KERNEL_EQUAL},     {"BitwiseAndFunctorIbE", SNUG_KERNEL_JOINED},
        {"BitwiseOrFunctorIbE", SNUG_KERNEL_JOINED}, {"15and_kernel_cuda", SNUG_KERNEL_ALL},
    };
    for (size_t i = 0; name && i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i].part)) {
            // Only this kernel's arguments are known: count, operation, places of result and
            // inputs.
            bool readable = strstr(name, "vectorized_elementwise_kernel") && strstr(name, "Lm3E");
            return parts[i].kind == SNUG_KERNEL_EQUAL && !readable ? SNUG_KERNEL_OTHER
                                                                   : parts[i].kind;
        }
    return SNUG_KERNEL_OTHER;
}

void snug_kernel_launched(snug_kernel_kind kind, void **arguments) {
    reduced = kind == SNUG_KERNEL_ALL;
    if (kind == SNUG_KERNEL_EQUAL) {
        void *places[3]; // result, one, other
        memcpy(places, arguments[2], sizeof places);
        foretold = places[1] == places[2];
    } else if (kind != SNUG_KERNEL_JOINED && kind != SNUG_KERNEL_ALL) {
        foretold = kind == SNUG_KERNEL_TRUE;
    }
}

bool snug_kernel_foretells_true(void) {
    return foretold && reduced;
}
