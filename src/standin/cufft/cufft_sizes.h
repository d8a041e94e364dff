// The work area of a cuFFT plan. cuFFT's documentation gives its bounds: at least as many complex
// elements as the transforms have, at most eight times as many. Pure.
#ifndef SNUG_STANDIN_CUFFT_SIZES_H
#define SNUG_STANDIN_CUFFT_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// |batch| transforms of |rank| (1 to 3) |lengths|, the last the innermost; |real| on one side;
// |element| bytes a complex number has. 0 where a length or the batch is not positive.
size_t cufft_size_work(int rank, const long long *lengths, long long batch, bool real,
                       size_t element);

#endif
