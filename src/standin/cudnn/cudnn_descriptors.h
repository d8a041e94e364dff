// The older interface's descriptors, as programs set them. Those that nothing reads again
// (activation, pooling, spatial transformer) are only kept.
#ifndef SNUG_STANDIN_CUDNN_DESCRIPTORS_H
#define SNUG_STANDIN_CUDNN_DESCRIPTORS_H

#include "standin/cudnn/cudnn_interface.h"

#include <stdbool.h>

typedef struct cudnn_tensor {
    int type, dims;
    int size[CUDNN_DIMS], stride[CUDNN_DIMS];
} cudnn_tensor;

typedef struct cudnn_filter {
    int type, format, dims;
    int size[CUDNN_DIMS];
} cudnn_filter;

typedef struct cudnn_windows { // of a convolution
    int dims, groups, math, mode, compute_type;
    int padding[CUDNN_DIMS], stride[CUDNN_DIMS], dilation[CUDNN_DIMS];
} cudnn_windows;

typedef struct cudnn_dropout {
    float probability;
    void *states;
    size_t state_bytes;
    unsigned long long seed;
} cudnn_dropout;

typedef struct cudnn_rnn {
    int algorithm, cell, bias, direction, input, type, math_type, math;
    int32_t input_size, hidden_size, projection_size, layers;
    float dropout;
    uint32_t flags;
} cudnn_rnn;

typedef struct cudnn_rnn_data {
    int type, layout, length, batch, vector;
    int64_t tokens; // of all sequences, without padding
} cudnn_rnn_data;

typedef struct cudnn_ctc {
    int compute_type, normalization, gradient, longest_label;
} cudnn_ctc;

typedef struct cudnn_plain { // activation, pooling, spatial transformer
    int values[16];
    double coefficient;
} cudnn_plain;

// Whether channels lie innermost.
bool cudnn_tensor_channels_last(const cudnn_tensor *tensor);

#endif
