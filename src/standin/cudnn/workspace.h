// The model of cuDNN's workspaces: what a convolution's engines, attention and recurrent networks
// would ask for, by shape, type, layout and card. Sources are in workspace.c, by each rule.
#ifndef SNUG_STANDIN_CUDNN_WORKSPACE_H
#define SNUG_STANDIN_CUDNN_WORKSPACE_H

#include "standin/cudnn/cudnn_interface.h"

#include <stdbool.h>

typedef enum cudnn_direction {
    CUDNN_FORWARD,
    CUDNN_BACKWARD_DATA,
    CUDNN_BACKWARD_FILTER
} cudnn_direction;

// A convolution as every interface of the library describes it: |x| and |y| are the forward's input
// and output (or their gradients), |w| the filter (or its gradient).
typedef struct cudnn_convolution {
    cudnn_direction direction;
    int type;        // of the data, enum cudnn_data_type
    int spatial;     // dimensions of space, 1 to 3
    int64_t n, c, k; // batch, channels of x, channels of y
    int64_t groups;
    int64_t x[CUDNN_SPATIAL], y[CUDNN_SPATIAL], w[CUDNN_SPATIAL]; // sizes in space
    int64_t padding[CUDNN_SPATIAL], stride[CUDNN_SPATIAL], dilation[CUDNN_SPATIAL];
    bool x_last, y_last; // whether channels lie innermost
    bool w_last;
} cudnn_convolution;

// The engines, numbered as the backend tells them. Forward, data and filter have the same ones, as
// far as each exists for the direction.
typedef enum cudnn_engine {
    CUDNN_ENGINE_IMPLICIT_GEMM, // nothing precomputed
    CUDNN_ENGINE_PRECOMPUTED,   // indices of one output plane
    CUDNN_ENGINE_GEMM,          // im2col of the whole batch
    CUDNN_ENGINE_FFT,
    CUDNN_ENGINE_FFT_TILING,
    CUDNN_ENGINE_WINOGRAD,       // transformed filters alone
    CUDNN_ENGINE_WINOGRAD_SPLIT, // "nonfused": transformed inputs, outputs and filters
    CUDNN_ENGINE_TENSOR_CORE,    // channels-last kernels, on converted copies where needed
    CUDNN_ENGINES,
} cudnn_engine;

// Whether |engine| can run |convolution| on |capability| (86 for 8.6). |bytes| receives what it
// needs, by the model alone.
bool cudnn_engine_bytes(const cudnn_convolution *convolution, cudnn_engine engine, int capability,
                        uint64_t *bytes);

// The engines that a heuristic names for |convolution|, the best first, into |engines| (of
// CUDNN_ENGINES). |fallback|: those that always work. Returns their number.
size_t cudnn_engines_for(const cudnn_convolution *convolution, int capability, bool fallback,
                         cudnn_engine *engines);

// Numerical notes of |engine| in |direction|, into |notes| (of 4). Returns their number.
size_t cudnn_engine_notes(cudnn_engine engine, cudnn_direction direction, int *notes);

// Attention's backward pass as one graph, for |heads| of |batch| sequences together: with the
// gradient of the scores kept whole, or with queries' gradients (of |width| a head) added up in
// float32.
uint64_t cudnn_attention_score_bytes(int64_t batch, int64_t heads, int64_t queries, int64_t keys);
uint64_t cudnn_attention_sum_bytes(int64_t batch, int64_t heads, int64_t queries, int64_t width);

// A recurrent network over |tokens| steps of all its sequences together.
typedef struct cudnn_recurrence {
    int64_t gates;                 // 4 of an LSTM, 3 of a GRU, else 1
    bool cells;                    // whether a cell's state is kept beside its output
    int64_t input, hidden, output; // features; |output| after the projection
    int64_t layers, directions, tokens, batch, element; // |element| in bytes
    bool dropout;
} cudnn_recurrence;

// Scratch of one call, and what the forward pass keeps for the backward pass.
uint64_t cudnn_recurrence_work(const cudnn_recurrence *recurrence);
uint64_t cudnn_recurrence_reserve(const cudnn_recurrence *recurrence);

// Batch normalization of |channels| over tensors with channels innermost.
uint64_t cudnn_normalization_bytes(int64_t channels, int multiprocessors);

// CTC loss: |steps| of |batch| sequences with labels of at most |longest|.
uint64_t cudnn_ctc_bytes(int64_t steps, int64_t batch, int64_t longest);

// What the program is told in place of |bytes| by the settings (workspace=model|none|SIZE). What
// needs nothing stays at nothing.
uint64_t cudnn_workspace_told(uint64_t bytes);

#endif
