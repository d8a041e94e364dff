// What can be known of what kernels make, though they compute nothing here. Two things.
//
// Fills: torch.ones, torch.full (lengths of sequences, GradScaler's scale) are known.
//
// Truths that can be foretold: what a kernel would have made reads as 0, false. But PyTorch and
// programs refuse what does not pass a check of theirs, and a program that ran on a card passed:
// isfinite(x).all() of torch.linalg.eig, (scale > 0).all() of torch.distributions, (repeats >=
// 0).all() of repeat_interleave, allclose in an assertion. So all() is true of what is finite,
// equals itself, or is in order with something, and of these joined by "and" and "or"; of all else
// (masks, "has every sequence ended") it stays false. A byte that is read just after such a
// reduction is that truth, or just after such a joint: (p.max() < infinity) & (p.min() >= 0) of
// torch.multinomial.
//
// Which kernel is which tell their names; what it fills, and that something equals itself, tell its
// arguments. Both are private to PyTorch, the same from 2.4 to 2.15; were they others, such a check
// would fail as others do, and what is filled would be unknown.
#include <stdlib.h>
#include <string.h>

#include "standin/core/state.h"

// Of this thread's last launch: made truths that are foretold to be true; made one of several.
static __thread bool foretold, reduced;

// The bytes of the elements that a functor fills; 0 for a type that is not in the list.
static int filled_bytes(const char *functor) {
    static const struct {
        const char *type;
        int bytes;
    } types[] = {{"b", 1}, {"a", 1}, {"h", 1}, {"s", 2},           {"i", 4},
                 {"l", 8}, {"f", 4}, {"d", 8}, {"N3c104HalfE", 2}, {"N3c108BFloat16E", 2}};
    functor += strlen("FillFunctorI");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strncmp(functor, types[i].type, strlen(types[i].type))) return types[i].bytes;
    return 0;
}

static snug_kernel_kind fill_kind(const char *name) {
    const char *functor = strstr(name, "FillFunctorI");
    switch (functor && strstr(name, "vectorized_elementwise_kernel") ? filled_bytes(functor) : 0) {
    case 1:
        return SNUG_KERNEL_FILL_1;
    case 2:
        return SNUG_KERNEL_FILL_2;
    case 4:
        return SNUG_KERNEL_FILL_4;
    case 8:
        return SNUG_KERNEL_FILL_8;
    default:
        return SNUG_KERNEL_OTHER;
    }
}

// |arguments|: how many elements, the value, the place. Only small tensors are kept, and no zeros:
// those are the beginnings of what kernels add to, and unknown bytes read as zeros as well.
static void fill(void **arguments, size_t element) {
    enum { LARGEST = 1 << 16 };
    int count = 0;
    unsigned char value[8], none[8] = {0}, *place = NULL;
    memcpy(&count, arguments[0], sizeof count);
    memcpy(value, arguments[1], element);
    memcpy(&place, arguments[2], sizeof place);
    if (count <= 0) return;
    const size_t size = (size_t)count * element;
    const bool keep = size <= LARGEST && memcmp(value, none, element) != 0;
    unsigned char *bytes = keep ? malloc(size) : NULL;
    for (size_t i = 0; bytes && i < size; i += element)
        memcpy(bytes + i, value, element);
    snug_known_write((uint64_t)(uintptr_t)place, bytes, size);
    free(bytes);
}

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
            // Only this kernel's arguments are known: count, operation, an array of three places
            // (std::array; at::detail::Array before 2.5).
            const bool readable = strstr(name, "vectorized_elementwise_kernel") &&
                                  (strstr(name, "IPcLm3E") || strstr(name, "IPcLi3E"));
            return parts[i].kind == SNUG_KERNEL_EQUAL && !readable ? SNUG_KERNEL_OTHER
                                                                   : parts[i].kind;
        }
    return name ? fill_kind(name) : SNUG_KERNEL_OTHER;
}

void snug_kernel_launched(snug_kernel_kind kind, void **arguments) {
    if (kind >= SNUG_KERNEL_FILL_1) fill(arguments, (size_t)1 << (kind - SNUG_KERNEL_FILL_1));
    reduced = kind == SNUG_KERNEL_ALL || kind == SNUG_KERNEL_JOINED;
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
