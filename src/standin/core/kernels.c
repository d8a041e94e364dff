// What can be known of what kernels make, though they compute nothing here. Three things.
//
// Fills: torch.ones, torch.full (lengths of sequences, GradScaler's scale) are known.
//
// Comparisons of known elements with one value, and all() of them: (mask == 1).all() decides which
// attention runs.
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

// Of this thread's last launch: made truths that are foretold to be true; made one of several; they
// were found from known elements.
static __thread bool foretold, reduced, certain;

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

// Compares with one value, its functor {{operation}, value} says with which. |name|: one that has
// only this kernel's arguments: count, functor, an array of two places.
static snug_kernel_kind comparison_kind(const char *name) {
    static const char types[] = "bfil";
    const char *functor = strstr(name, "AUnaryFunctorI");
    const char *type =
        functor && functor[14] ? strchr(types, functor[14]) : NULL; // of the first argument
    return type ? SNUG_KERNEL_IS_B + (snug_kernel_kind)(type - types) : SNUG_KERNEL_OTHER;
}

static bool is_equal(snug_kernel_kind kind, const unsigned char *element,
                     const unsigned char *value, size_t size) {
    if (kind != SNUG_KERNEL_IS_F) return memcmp(element, value, size) == 0;
    float one, other; // 0 is -0, and not-a-number is nothing
    memcpy(&one, element, sizeof one);
    memcpy(&other, value, sizeof other);
    return one == other;
}

// Sets |certain| where all elements are known, and then |foretold|: whether all are equal to the
// value (or, as the functor says, none is).
static void compare(snug_kernel_kind kind, void **arguments) {
    enum { LARGEST = 1 << 24 };
    static const size_t sizes[] = {1, 4, 4, 8};
    const size_t size = sizes[kind - SNUG_KERNEL_IS_B];
    int count = 0, unequal = 0;
    uint64_t places[2]; // result, elements
    memcpy(&count, arguments[0], sizeof count);
    memcpy(&unequal, arguments[1], sizeof unequal);
    memcpy(places, arguments[2], sizeof places);
    const unsigned char *value = (unsigned char *)arguments[1] + (size == 8 ? 8 : 4);
    const size_t bytes = count > 0 ? (size_t)count * size : 0;
    unsigned char *elements = bytes && bytes <= LARGEST ? malloc(bytes) : NULL;
    certain = elements && unequal <= 1 && snug_known_peek(places[1], elements, bytes);
    foretold = certain;
    for (size_t i = 0; foretold && i < bytes; i += size)
        foretold = is_equal(kind, elements + i, value, size) == !unequal;
    free(elements);
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
            // Only this kernel's arguments are known: count, operation, an array of two or three
            // places (std::array; at::detail::Array before 2.5).
            if (parts[i].kind != SNUG_KERNEL_EQUAL) return parts[i].kind;
            if (!strstr(name, "vectorized_elementwise_kernel")) return SNUG_KERNEL_OTHER;
            if (strstr(name, "IPcLm3E") || strstr(name, "IPcLi3E")) return SNUG_KERNEL_EQUAL;
            return comparison_kind(name);
        }
    return name ? fill_kind(name) : SNUG_KERNEL_OTHER;
}

void snug_kernel_launched(snug_kernel_kind kind, void **arguments) {
    if (kind >= SNUG_KERNEL_FILL_1) fill(arguments, (size_t)1 << (kind - SNUG_KERNEL_FILL_1));
    reduced = kind == SNUG_KERNEL_ALL || kind == SNUG_KERNEL_JOINED;
    certain = certain && kind == SNUG_KERNEL_ALL;
    if (kind >= SNUG_KERNEL_IS_B && kind <= SNUG_KERNEL_IS_L) {
        compare(kind, arguments);
    } else if (kind == SNUG_KERNEL_EQUAL) {
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

bool snug_kernel_is_certain(void) {
    return certain && reduced;
}
