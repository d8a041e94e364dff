#include "standin/cufft/cufft_sizes.h"

// Lengths whose largest prime factor is above this go by Bluestein's algorithm (cuFFT's
// documentation, "Accuracy and performance").
enum { LARGEST_DIRECT_FACTOR = 127, BOUND = 8 };

static bool has_large_factor(long long n) {
    for (long long factor = 2; factor <= LARGEST_DIRECT_FACTOR; factor++) {
        while (n % factor == 0)
            n /= factor;
    }
    return n > 1;
}

// Bluestein turns a length into a cyclic convolution of at least 2n - 1, here the next power of
// two, beside the data itself.
static double bluestein(long long n) {
    long long padded = 1;
    while (padded < 2 * n - 1)
        padded *= 2;
    return 1 + (double)padded / (double)n;
}

// 1 where all is direct: ArrayFire's issue 1443 lists work areas of two-dimensional transforms of
// 100 x 100 to 100 x 1500, each as large as its data. A real transform of an even length is done as
// a complex one of half of it.
size_t cufft_size_work(int rank, const long long *lengths, long long batch, bool real,
                       size_t element) {
    if (rank < 1 || batch <= 0) return 0;
    double elements = (double)batch, most = 1;
    for (int i = 0; i < rank; i++) {
        const long long n = lengths[i];
        if (n <= 0) return 0;
        elements *= (double)(real && i == rank - 1 && n % 2 == 0 ? n / 2 + 1 : n);
        if (has_large_factor(n) && bluestein(n) > most) most = bluestein(n);
    }
    if (most > BOUND) most = BOUND;
    return (size_t)(elements * most) * element;
}
