// What can be known of what kernels make, though they compute nothing here. Two things.
//
// What follows from known bytes (kernel_values.c): torch.ones, torch.full (lengths of sequences,
// GradScaler's scale); comparisons, and all() and nonzero() of them: (mask == 1).all() decides
// which attention runs.
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
// Which kernel is which tell their names; the rest, their arguments. Both are private to PyTorch,
// the same from 2.4 to 2.15; were they others, such a check would fail as others do, and what is
// filled or found would be unknown.
#include <string.h>

#include "standin/core/state.h"

// Of this thread's last launch: made truths that are foretold to be true; made one of several; they
// follow from known elements.
static __thread bool foretold, reduced, certain;

// The type that stands at |mangled|, as compilers write it; false for one that is not in the list.
static bool take_type(const char *mangled, snug_kernel *kernel) {
    static const struct {
        const char *name;
        uint8_t bytes;
        bool real;
    } types[] = {{"b", 1, false},          {"a", 1, false},
                 {"h", 1, false},          {"s", 2, false},
                 {"i", 4, false},          {"l", 8, false},
                 {"f", 4, true},           {"d", 8, true},
                 {"N3c104HalfE", 2, true}, {"N3c108BFloat16E", 2, true}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strncmp(mangled, types[i].name, strlen(types[i].name))) {
            kernel->element = types[i].bytes;
            kernel->real = types[i].real;
            return true;
        }
    return false;
}

// The type behind |word| in |name|, of which elements can be compared.
static bool take_compared(const char *name, const char *word, snug_kernel *kernel) {
    const char *at = strstr(name, word);
    return at && take_type(at + strlen(word), kernel) && !(kernel->real && kernel->element == 2);
}

static bool is_vectorized(const char *name) {
    return strstr(name, "vectorized_elementwise_kernel");
}

// Of a kernel that compares for equality. Arrays of places are std::array; at::detail::Array before
// 2.5.
static snug_kernel_kind comparison(const char *name, snug_kernel *kernel) {
    if (take_compared(name, "BinaryFunctorI", kernel)) {
        if (is_vectorized(name) && (strstr(name, "IPcLm3E") || strstr(name, "IPcLi3E")))
            return SNUG_KERNEL_EQUAL;
        if (strstr(name, "18elementwise_kernelI") && strstr(name, "gpu_kernel_impl_nocast"))
            return SNUG_KERNEL_EQUAL_STRIDED;
    }
    return is_vectorized(name) && take_compared(name, "AUnaryFunctorI", kernel) ? SNUG_KERNEL_IS
                                                                                : SNUG_KERNEL_OTHER;
}

static snug_kernel_kind of_nonzero(const char *name, snug_kernel *kernel) {
    kernel->thrust = strstr(name, "transform_iterator") != NULL;
    if (!take_compared(name, "NonZeroOpI", kernel)) return SNUG_KERNEL_OTHER;
    if (strstr(name, "DeviceReduceSingleTileKernel")) return SNUG_KERNEL_COUNT;
    return strstr(name, "DeviceSelectSweepKernel") ? SNUG_KERNEL_INDICES : SNUG_KERNEL_OTHER;
}

static snug_kernel_kind fill_kind(const char *name, snug_kernel *kernel) {
    const char *functor = strstr(name, "FillFunctorI");
    return functor && is_vectorized(name) && take_type(functor + strlen("FillFunctorI"), kernel)
               ? SNUG_KERNEL_FILL
               : SNUG_KERNEL_OTHER;
}

snug_kernel snug_kernel_of(const char *name) {
    static const struct {
        const char *part;
        snug_kernel_kind kind;
    } parts[] = {
        {"MulFunctorIbE", SNUG_KERNEL_TRUE},     // isfinite's last: x == x times |x| != infinity
        {"CompareKernels_cu", SNUG_KERNEL_TRUE}, // <, <=, >, >=
        {"BitwiseAndFunctorIbE", SNUG_KERNEL_JOINED}, {"BitwiseOrFunctorIbE", SNUG_KERNEL_JOINED},
        {"15and_kernel_cuda", SNUG_KERNEL_ALL},       {"13write_indices", SNUG_KERNEL_COORDINATES},
    };
    snug_kernel kernel = {.kind = SNUG_KERNEL_OTHER};
    if (!name) return kernel;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i].part)) return (snug_kernel){.kind = (uint8_t)parts[i].kind};
    if (strstr(name, "CompareEqFunctor"))
        kernel.kind = (uint8_t)comparison(name, &kernel);
    else if (strstr(name, "NonZeroOp"))
        kernel.kind = (uint8_t)of_nonzero(name, &kernel);
    else
        kernel.kind = (uint8_t)fill_kind(name, &kernel);
    return kernel;
}

static bool compares_with_itself(const snug_kernel *kernel, void **arguments) {
    void *places[3]; // result, one, other
    if (kernel->kind != SNUG_KERNEL_EQUAL) return false;
    memcpy(places, arguments[2], sizeof places);
    return places[1] == places[2];
}

void snug_kernel_launched(const snug_kernel *kernel, void **arguments) {
    const snug_truths truths = snug_kernel_compute(kernel, arguments);
    reduced = kernel->kind == SNUG_KERNEL_ALL || kernel->kind == SNUG_KERNEL_JOINED;
    certain = (certain && kernel->kind == SNUG_KERNEL_ALL) || truths != SNUG_TRUTHS_UNKNOWN;
    if (!reduced)
        foretold = kernel->kind == SNUG_KERNEL_TRUE || truths == SNUG_TRUTHS_ALL ||
                   (truths == SNUG_TRUTHS_UNKNOWN && compares_with_itself(kernel, arguments));
}

bool snug_kernel_foretells_true(void) {
    return foretold && reduced;
}

bool snug_kernel_is_certain(void) {
    return certain && reduced;
}
