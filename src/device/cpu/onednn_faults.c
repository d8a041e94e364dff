// bench/convolution_sweep.c finds them, and shows that these are all among small shapes.
#include "device/cpu/onednn_faults.h"

#include <string.h>

// A kernel of one tap over strided pixels gathers these into a dense image first. Of the weights'
// gradient it copies a vector's worth of channels where a pixel has fewer, beyond the image and
// over its neighbours: wrong sums, a crash or an endless loop. Seen in every release from 2.4
// to 3.2, with AVX2 (vectors of 8) and AVX-512 (16); later releases were not at hand and count as
// the same.
static bool gathers_few_channels(const char *name, const snug_onednn_convolution *conv) {
    const snug_onednn_form *source = &conv->source;
    int64_t vector = strstr(name, "avx512") ? 16 : 8;
    bool is_strided = false;
    for (int i = 0; i < source->rank - 2; i++)
        is_strided = is_strided || conv->strides[i] != 1;
    return conv->direction == SNUG_ONEDNN_BACKWARD_WEIGHTS && is_strided &&
           strstr(name, "jit_1x1") && source->dims[1] < vector;
}

typedef bool fault(const char *name, const snug_onednn_convolution *convolution);

static fault *const faults[] = {gathers_few_channels};

bool snug_onednn_is_faulty(const char *name, const snug_onednn_convolution *convolution) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i](name, convolution)) return true;
    return false;
}
