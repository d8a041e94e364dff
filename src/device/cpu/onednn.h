// oneDNN behind functions that read the same for its 2.x and 3.x C API. A primitive is made in two
// steps, as the planner needs: its descriptor, which tells memory needs, and later its code. All
// memory is the caller's, the scratchpad too; running a primitive makes no object.
#ifndef SNUG_DEVICE_CPU_ONEDNN_H
#define SNUG_DEVICE_CPU_ONEDNN_H

#include "graph/type.h"

// An engine and a stream. Belongs to one thread at a time.
typedef struct snug_onednn snug_onednn;

snug_status snug_onednn_open(snug_onednn **out);
void snug_onednn_close(snug_onednn *onednn);

// "3.2.0".
void snug_onednn_version(char text[32]);

// Whether the processor, through this library, computes in |dtype| faster than in float32. Where it
// does not, 16-bit primitives are declined: the library would emulate them several times slower.
bool snug_onednn_is_fast(snug_dtype dtype);

// A tensor's form. |is_any|: the library chooses how the elements lie; strides do not matter.
typedef struct snug_onednn_form {
    snug_dtype dtype;
    int rank; // 0: no such tensor
    bool is_any;
    int64_t dims[SNUG_MAX_RANK], strides[SNUG_MAX_RANK];
} snug_onednn_form;

snug_onednn_form snug_onednn_form_of(const snug_type *type);

// What a primitive reads and writes. Gradients take the names of what they are gradients of.
typedef enum snug_onednn_argument {
    SNUG_ONEDNN_SOURCE,
    SNUG_ONEDNN_WEIGHTS,
    SNUG_ONEDNN_BIAS,
    SNUG_ONEDNN_DESTINATION,
    SNUG_ONEDNN_SCRATCHPAD,
    SNUG_ONEDNN_ARGUMENTS // their number
} snug_onednn_argument;

// A descriptor, and after snug_onednn_generate() code with its memory objects.
typedef struct snug_onednn_primitive snug_onednn_primitive;

typedef enum snug_onednn_direction {
    SNUG_ONEDNN_FORWARD,
    SNUG_ONEDNN_BACKWARD_DATA,
    SNUG_ONEDNN_BACKWARD_WEIGHTS
} snug_onednn_direction;

typedef struct snug_onednn_convolution {
    snug_onednn_direction direction;
    snug_onednn_form source, weights, bias, destination; // bias: forward only
    int64_t strides[3], dilations[3]; // two for images, three for volumes; a dilation of 1 is none
    int64_t padding_begin[3], padding_end[3];
} snug_onednn_convolution;

// SNUG_UNSUPPORTED, without a message: oneDNN has no such convolution.
snug_status snug_onednn_convolution_new(snug_onednn *onednn,
                                        const snug_onednn_convolution *convolution,
                                        snug_onednn_primitive **out);

// DESTINATION (..., M, N) = SOURCE (..., M, K) x WEIGHTS (..., K, N) + BIAS; |bias| of that rank
// with extent 1 where it repeats, or of rank 0. SNUG_UNSUPPORTED as above.
snug_status snug_onednn_matmul_new(snug_onednn *onednn, const snug_onednn_form *source,
                                   const snug_onednn_form *weights, const snug_onednn_form *bias,
                                   const snug_onednn_form *destination,
                                   snug_onednn_primitive **out);

// Copies between |plain| and the form that |argument| has in |primitive|: SOURCE to DESTINATION.
snug_status snug_onednn_reorder_new(snug_onednn *onednn, const snug_onednn_primitive *primitive,
                                    snug_onednn_argument argument, const snug_onednn_form *plain,
                                    bool to_plain, snug_onednn_primitive **out);

void snug_onednn_primitive_free(snug_onednn_primitive *primitive);

// The bytes of an argument in the form that the primitive wants; 0 when it has no such argument.
size_t snug_onednn_bytes(const snug_onednn_primitive *primitive, snug_onednn_argument argument);

// Whether |argument| lies as |form| says, so that no reorder is needed.
bool snug_onednn_takes(const snug_onednn_primitive *primitive, snug_onednn_argument argument,
                       const snug_onednn_form *form);

// Whether |argument| has the same form in both.
bool snug_onednn_alike(const snug_onednn_primitive *a, const snug_onednn_primitive *b,
                       snug_onednn_argument argument);

// The library's name of the implementation, such as "brgconv:avx512_core".
const char *snug_onednn_implementation(const snug_onednn_primitive *primitive);

snug_status snug_onednn_generate(snug_onednn_primitive *primitive);

// Runs generated code on |data|, one address by argument; unused ones are NULL.
snug_status snug_onednn_run(snug_onednn_primitive *primitive,
                            void *const data[SNUG_ONEDNN_ARGUMENTS]);

#endif
