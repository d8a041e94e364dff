// Kernels whose results follow from known bytes: fills, comparisons, and what nonzero() makes of
// them, so that lookups in small tables ((timesteps == t).nonzero()) find what they would on a
// card.
//
// Arguments are laid out as PyTorch's and CUB's kernels of 2.4 to 2.15 have them. Nothing is taken
// for granted that can be checked: elements have to lie on the device and be known.
#include <stdlib.h>
#include <string.h>

#include "standin/core/state.h"

enum { MOST_ELEMENTS = 1 << 16 };

static uint64_t place_at(const void *bytes, size_t offset) {
    uint64_t place;
    memcpy(&place, (const unsigned char *)bytes + offset, sizeof place);
    return place;
}

static int number_at(const void *bytes, size_t offset) {
    int number;
    memcpy(&number, (const unsigned char *)bytes + offset, sizeof number);
    return number;
}

// A copy of |count| elements of |stride| bytes' distance, of which the caller frees the bytes; NULL
// where not all are known.
static unsigned char *known_elements(uint64_t place, int count, size_t stride, size_t element) {
    const size_t size = (size_t)(count - 1) * stride + element;
    unsigned char *bytes = count > 0 && count <= MOST_ELEMENTS ? malloc(size) : NULL;
    if (bytes && snug_known_peek(place, bytes, size)) return bytes;
    free(bytes);
    return NULL;
}

// Only small tensors are kept, and no zeros: those are the beginnings of what kernels add to, and
// unknown bytes read as zeros as well. Arguments: how many elements, the value, the place.
static void fill(const snug_kernel *kernel, void **arguments) {
    const size_t element = kernel->element;
    const int count = number_at(arguments[0], 0);
    unsigned char none[8] = {0};
    if (count <= 0) return;
    const size_t size = (size_t)count * element;
    const bool keep = count <= MOST_ELEMENTS && memcmp(arguments[1], none, element) != 0;
    unsigned char *bytes = keep ? malloc(size) : NULL;
    for (size_t i = 0; bytes && i < size; i += element)
        memcpy(bytes + i, arguments[1], element);
    snug_known_write(place_at(arguments[2], 0), bytes, size);
    free(bytes);
}

static bool is_equal(const snug_kernel *kernel, const unsigned char *one,
                     const unsigned char *other) {
    if (!kernel->real) return memcmp(one, other, kernel->element) == 0;
    if (kernel->element == sizeof(float)) { // 0 is -0, and not-a-number is nothing
        float a, b;
        memcpy(&a, one, sizeof a);
        memcpy(&b, other, sizeof b);
        return a == b;
    }
    double a, b;
    memcpy(&a, one, sizeof a);
    memcpy(&b, other, sizeof b);
    return a == b;
}

typedef struct operand {
    unsigned char *bytes;
    size_t stride;
} operand;

static snug_truths compare(const snug_kernel *kernel, uint64_t result, operand one, operand other,
                           int count, int unequal) {
    unsigned char *truths = malloc((size_t)count);
    bool all = true;
    for (int i = 0; i < count; i++) {
        bool equal = is_equal(kernel, one.bytes + (size_t)i * one.stride,
                              other.bytes + (size_t)i * other.stride);
        if (truths) truths[i] = equal == !unequal;
        all = all && equal == !unequal;
    }
    snug_known_write(result, truths, (uint64_t)count);
    free(truths);
    return all ? SNUG_TRUTHS_ALL : SNUG_TRUTHS_NOT_ALL;
}

// Arguments: how many elements, {operation, value}, {result, elements}.
static snug_truths compare_with_value(const snug_kernel *kernel, void **arguments) {
    const int count = number_at(arguments[0], 0), unequal = number_at(arguments[1], 0);
    const size_t element = kernel->element;
    unsigned char *elements = known_elements(place_at(arguments[2], 8), count, element, element),
                  value[8];
    if (!elements || unequal < 0 || unequal > 1) return free(elements), SNUG_TRUTHS_UNKNOWN;
    memcpy(value, (unsigned char *)arguments[1] + (element == 8 ? 8 : 4), element);
    snug_truths truths = compare(kernel, place_at(arguments[2], 0), (operand){elements, element},
                                 (operand){value, 0}, count, unequal);
    free(elements);
    return truths;
}

static snug_truths compare_places(const snug_kernel *kernel, const uint64_t *places, size_t one,
                                  size_t other, int count, int unequal) {
    const size_t element = kernel->element;
    snug_truths truths = SNUG_TRUTHS_UNKNOWN;
    operand a = {known_elements(places[1], count, one, element), one};
    operand b = {known_elements(places[2], count, other, element), other};
    if (a.bytes && b.bytes && (unequal == 0 || unequal == 1))
        truths = compare(kernel, places[0], a, b, count, unequal);
    free(a.bytes);
    free(b.bytes);
    return truths;
}

// Arguments: how many elements, {operation}, {result, one, other}.
static snug_truths compare_pairs(const snug_kernel *kernel, void **arguments) {
    uint64_t places[3];
    memcpy(places, arguments[2], sizeof places);
    return compare_places(kernel, places, kernel->element, kernel->element,
                          number_at(arguments[0], 0), number_at(arguments[1], 0));
}

// Arguments: how many elements, and what a function captured: {dimensions, sizes (each with what
// divides by it), strides in bytes}, {result, one, other}, {operation}. Tensors of one dimension,
// or one element for all.
static snug_truths compare_strided(const snug_kernel *kernel, void **arguments) {
    enum { SIZES = 4, STRIDES = SIZES + 25 * 12, PLACES = 608, OPERATION = PLACES + 24 };
    const unsigned char *captured = arguments[1];
    const int count = number_at(arguments[0], 0);
    uint64_t places[3];
    memcpy(places, captured + PLACES, sizeof places);
    const int strides[3] = {number_at(captured, STRIDES), number_at(captured, STRIDES + 4),
                            number_at(captured, STRIDES + 8)};
    const int element = kernel->element;
    if (number_at(captured, 0) != 1 || number_at(captured, SIZES) != count || strides[0] != 1)
        return SNUG_TRUTHS_UNKNOWN;
    for (int i = 1; i < 3; i++)
        if (strides[i] != 0 && strides[i] != element) return SNUG_TRUTHS_UNKNOWN;
    return compare_places(kernel, places, (size_t)strides[1], (size_t)strides[2], count,
                          number_at(captured, OPERATION));
}

// ---- nonzero()

// Where an iterator that asks "is it zero" reads: CUB's has its function first, Thrust's last.
static uint64_t read_by(const snug_kernel *kernel, const void *iterator) {
    return place_at(iterator, kernel->thrust ? 0 : 8);
}

static bool is_zero(const snug_kernel *kernel, const unsigned char *element) {
    static const unsigned char none[8];
    return is_equal(kernel, element, none);
}

// Arguments: the iterator, where the count goes, how many elements.
static void count_nonzero(const snug_kernel *kernel, void **arguments) {
    const int count = number_at(arguments[2], 0);
    const size_t size = kernel->element;
    unsigned char *elements = known_elements(read_by(kernel, arguments[0]), count, size, size);
    int found = 0;
    for (int i = 0; elements && i < count; i++)
        found += !is_zero(kernel, elements + (size_t)i * size);
    if (elements) snug_known_write(place_at(arguments[1], 0), &found, sizeof found);
    free(elements);
}

// Arguments: (counts up), the iterator, where the indices go, where their number goes, ..., the
// eighth: how many elements.
static void write_indices(const snug_kernel *kernel, void **arguments) {
    const int count = number_at(arguments[7], 0);
    const size_t size = kernel->element;
    unsigned char *elements = known_elements(read_by(kernel, arguments[1]), count, size, size);
    int64_t *indices = elements ? malloc((size_t)count * sizeof *indices) : NULL;
    size_t found = 0;
    for (int i = 0; indices && i < count; i++)
        if (!is_zero(kernel, elements + (size_t)i * size)) indices[found++] = i;
    if (found) snug_known_write(place_at(arguments[2], 0), indices, found * sizeof *indices);
    free(elements);
    free(indices);
}

// Indices of all elements become those of rows, columns and so on. Arguments: the place, sizes, how
// many dimensions, how many indices.
static void write_coordinates(void **arguments) {
    const int dimensions = number_at(arguments[2], 0), count = number_at(arguments[3], 0);
    if (dimensions > 1 && count > 0)
        snug_known_write(place_at(arguments[0], 0), NULL,
                         (uint64_t)dimensions * (uint64_t)count * sizeof(int64_t));
}

snug_truths snug_kernel_compute(const snug_kernel *kernel, void **arguments) {
    switch ((snug_kernel_kind)kernel->kind) {
    case SNUG_KERNEL_FILL:
        fill(kernel, arguments);
        break;
    case SNUG_KERNEL_IS:
        return compare_with_value(kernel, arguments);
    case SNUG_KERNEL_EQUAL:
        return compare_pairs(kernel, arguments);
    case SNUG_KERNEL_EQUAL_STRIDED:
        return compare_strided(kernel, arguments);
    case SNUG_KERNEL_COUNT:
        count_nonzero(kernel, arguments);
        break;
    case SNUG_KERNEL_INDICES:
        write_indices(kernel, arguments);
        break;
    case SNUG_KERNEL_COORDINATES:
        write_coordinates(arguments);
        break;
    default:
        break;
    }
    return SNUG_TRUTHS_UNKNOWN;
}
