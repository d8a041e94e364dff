// What is known of cuDNN's workspaces, as rules. "Measured" are 30 float32 NCHW shapes with every
// algorithm's size, cuDNN 7.5 (Slimakanzer/cudnn-benchmark, out_example.txt on GitHub; the test
// holds rows of it); the layout copies are arithmetic on figures in PyTorch's issues 123533, 95024,
// 136479, 128947 and 31500. N batch, C channels of x, K of y, R x S filter, Ho x Wo output.
#include "standin/cudnn/workspace.h"

static int64_t maximum(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

// Sizes of hostile shapes stop at the largest number instead of wrapping: no card has that much.
static uint64_t times(uint64_t a, uint64_t b) {
    uint64_t result;
    return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

static uint64_t plus(uint64_t a, uint64_t b) {
    uint64_t result;
    return __builtin_add_overflow(a, b, &result) ? UINT64_MAX : result;
}

size_t cudnn_type_size(int data_type) {
    switch (data_type) {
    case CUDNN_DOUBLE:
    case CUDNN_INT64:
        return 8;
    case CUDNN_FLOAT:
    case CUDNN_INT32:
        return 4;
    case CUDNN_HALF:
    case CUDNN_BFLOAT16:
        return 2;
    case CUDNN_INT8:
    case CUDNN_UINT8:
    case CUDNN_BOOLEAN:
    case CUDNN_FP8_E4M3:
    case CUDNN_FP8_E5M2:
        return 1;
    default:
        return 0;
    }
}

static uint64_t volume(const cudnn_convolution *c, const int64_t *sizes) {
    uint64_t result = 1;
    for (int i = 0; i < c->spatial; ++i)
        result = times(result, (uint64_t)sizes[i]);
    return result;
}

static bool all(const cudnn_convolution *c, const int64_t *sizes, int64_t value) {
    for (int i = 0; i < c->spatial; ++i)
        if (sizes[i] != value) return false;
    return true;
}

// Plain two-dimensional convolutions, the only ones that Winograd's and Fourier's algorithms know.
static bool is_plain(const cudnn_convolution *c) {
    return c->spatial == 2 && c->groups == 1 && all(c, c->dilation, 1) && !c->x_last &&
           (c->type == CUDNN_FLOAT || c->type == CUDNN_HALF);
}

static bool is_winograd(const cudnn_convolution *c) {
    return is_plain(c) && all(c, c->stride, 1) && (all(c, c->w, 3) || all(c, c->w, 5));
}

// Explicit im2col of the whole batch: measured, 30 of 30 exact.
static bool gemm(const cudnn_convolution *c, uint64_t *bytes) {
    if (c->direction != CUDNN_FORWARD || !is_plain(c)) return false;
    *bytes = times(times(cudnn_type_size(c->type), times((uint64_t)c->n, (uint64_t)c->c)),
                   times(volume(c, c->w), volume(c, c->y)));
    return true;
}

// Transformed elements of one tile for every channel: filters once, inputs and outputs by tile.
static uint64_t transformed(const cudnn_convolution *c, uint64_t tile_bytes, uint64_t tiles) {
    uint64_t channels = (uint64_t)(c->c + c->k);
    return times(tile_bytes, plus(times(tiles, channels), times((uint64_t)c->c, (uint64_t)c->k)));
}

// 3x3 as 4x4 outputs from tiles of 6x6 float32 values, measured: 36 of 36 exact, with the tiles of
// the tensor that is written. 5x5 has tiles of 13x13, one for every 2x2 outputs (2 of 2).
static bool winograd_split(const cudnn_convolution *c, uint64_t *bytes) {
    if (!is_winograd(c)) return false;
    const int64_t *written = c->direction == CUDNN_BACKWARD_DATA ? c->x : c->y;
    bool three = c->w[0] == 3;
    int64_t step = three ? 4 : 2;
    uint64_t tiles = times((uint64_t)c->n, times((uint64_t)divide_up(written[0], step),
                                                 (uint64_t)divide_up(written[1], step)));
    *bytes = transformed(c, three ? 144 : 676, tiles);
    return true;
}

// Filters as 5x5 float32 values; channels of y in blocks of 32 (measured: at most 1.25 times too
// much, never too little, for blocks of channels).
static bool winograd(const cudnn_convolution *c, uint64_t *bytes) {
    if (!is_winograd(c) || c->w[0] != 3 || c->direction == CUDNN_BACKWARD_FILTER) return false;
    uint64_t k = (uint64_t)divide_up(c->k, 32) * 32;
    *bytes = plus(times(100, times((uint64_t)c->c, k)), times(4, k));
    return true;
}

// No measured size of a tiled transform is above 1.3 GB, and published peaks of benchmark mode,
// which takes the largest that fits, show none above 4 GiB although the rule would have them
// (mmsegmentation's FCN on a V100).
static bool is_offered(uint64_t transform_bytes) {
    return transform_bytes < UINT64_C(1) << 32;
}

// Rows alone, 32 values as 17 complex numbers: measured, 6 of 6 exact.
static uint64_t fft_tiling_rows(const cudnn_convolution *c) {
    uint64_t tiles = c->x[1] > 32 ? 2 : 1;
    uint64_t rows =
        times(times((uint64_t)c->n, (uint64_t)(c->c + c->k)), (uint64_t)c->x[0] * tiles);
    return plus(times(136, plus(times((uint64_t)c->c, (uint64_t)c->k), rows)), 416 * tiles);
}

// Tiles of 32x32 as 32x17 complex numbers, at most two tiles of the batch at a time; strides do not
// matter. Measured: 24 of 24.
static bool fft_tiling(const cudnn_convolution *c, uint64_t *bytes) {
    if (!is_plain(c) || c->direction == CUDNN_BACKWARD_FILTER || c->w[0] > 32 || c->w[1] > 32 ||
        c->padding[0] >= c->w[0] || c->padding[1] >= c->w[1])
        return false;
    uint64_t step_h = (uint64_t)(33 - c->w[0]), step_w = (uint64_t)(33 - c->w[1]);
    uint64_t tiles =
        times(((uint64_t)c->x[0] + step_h - 1) / step_h, ((uint64_t)c->x[1] + step_w - 1) / step_w);
    tiles = tiles < 2 ? tiles : 2;
    *bytes = plus(transformed(c, 4352, times(tiles, (uint64_t)c->n)), 24576 * tiles);
    if (all(c, c->w, 1) && all(c, c->stride, 1)) *bytes = fft_tiling_rows(c);
    return is_offered(*bytes);
}

// The whole plane as one transform: measured within 0.95 and 1.46 times.
static bool fft(const cudnn_convolution *c, uint64_t *bytes) {
    if (!is_plain(c) || !all(c, c->stride, 1)) return false;
    for (int i = 0; i < 2; ++i)
        if (c->x[i] + 2 * c->padding[i] > 256 || c->padding[i] >= c->w[i]) return false;
    int64_t plane = 16;
    while (plane < maximum(c->x[0] + c->w[0] - 1, c->x[1] + c->w[1] - 1))
        plane *= 2;
    uint64_t numbers = plus(times(2, times((uint64_t)c->c, (uint64_t)c->k)),
                            times((uint64_t)c->n, (uint64_t)(c->c + c->k)));
    *bytes = times((uint64_t)(8 * plane * (plane / 2 + 1)), numbers);
    return true;
}

// Channels that tensor cores want: 16 bytes of them.
static int64_t padded_channels(const cudnn_convolution *c, int64_t channels) {
    int64_t step = 16 / (int64_t)maximum((int64_t)cudnn_type_size(c->type), 1);
    return divide_up(channels, step) * step;
}

// A tensor's copy with its channels innermost: nothing where it lies so and needs no padding.
static uint64_t copy_bytes(const cudnn_convolution *c, uint64_t outer, int64_t channels,
                           bool last) {
    int64_t padded = padded_channels(c, channels);
    if (last && padded == channels) return 0;
    return times(times(outer, (uint64_t)padded), cudnn_type_size(c->type));
}

// Planes' forward in TF32 writes y as it lies: profiles on Ampere and later name the kernels
// ..._tf32f32_tf32f32_f32_nhwckrsc_nchw, and the published peaks of SDXL's decoder (float32; 1 and
// 4 images) leave room for a copy of x alone.
static bool writes_in_place(const cudnn_convolution *c) {
    return c->direction == CUDNN_FORWARD && c->type == CUDNN_FLOAT && c->spatial == 2;
}

// Kernels that want channels innermost, with copies of what lies otherwise, "x + y + w". The
// filter's gradient is added up in float32, in two halves of the batch.
static uint64_t converted(const cudnn_convolution *c) {
    uint64_t x = copy_bytes(c, times((uint64_t)c->n, volume(c, c->x)), c->c, c->x_last);
    uint64_t y = 0;
    if (!writes_in_place(c))
        y = copy_bytes(c, times((uint64_t)c->n, volume(c, c->y)), c->k, c->y_last);
    int64_t inputs = c->c / maximum(c->groups, 1);
    uint64_t filters = times((uint64_t)c->k, volume(c, c->w));
    if (c->direction == CUDNN_BACKWARD_FILTER)
        return plus(plus(x, y), times(8, times(filters, (uint64_t)inputs)));
    return plus(plus(x, y), copy_bytes(c, filters, inputs, c->w_last));
}

static bool has_tensor_cores(const cudnn_convolution *c, int capability) {
    switch (c->type) {
    case CUDNN_HALF:
        return capability >= 70;
    case CUDNN_BFLOAT16:
    case CUDNN_FLOAT: // as TF32; whether the program allows that is the program's filter
        return capability >= 80;
    case CUDNN_INT8:
        return capability >= 75;
    case CUDNN_FP8_E4M3:
    case CUDNN_FP8_E5M2:
        return capability >= 89;
    default:
        return false;
    }
}

bool cudnn_engine_bytes(const cudnn_convolution *c, cudnn_engine engine, int capability,
                        uint64_t *bytes) {
    *bytes = 0;
    switch (engine) {
    case CUDNN_ENGINE_IMPLICIT_GEMM:
        return true;
    case CUDNN_ENGINE_PRECOMPUTED:
        // Measured: 6 bytes an output and a few, up to 7.5; filters' gradients a few kilobytes.
        *bytes = plus(times(8, volume(c, c->y)), 4096);
        return true;
    case CUDNN_ENGINE_GEMM:
        return gemm(c, bytes);
    case CUDNN_ENGINE_FFT:
        return fft(c, bytes);
    case CUDNN_ENGINE_FFT_TILING:
        return fft_tiling(c, bytes);
    case CUDNN_ENGINE_WINOGRAD:
        return winograd(c, bytes);
    case CUDNN_ENGINE_WINOGRAD_SPLIT:
        return winograd_split(c, bytes);
    case CUDNN_ENGINE_TENSOR_CORE:
        *bytes = converted(c);
        return has_tensor_cores(c, capability);
    case CUDNN_ENGINES:
        break;
    }
    return false;
}

// Seen in profiles of float32 networks: filters' transforms alone (fused Winograd) on older cards;
// where both sides have many channels, newer ones take the split form, which is why a V100's
// default needed twice a P100's memory (PyTorch's issue 13412).
static bool prefers_split(const cudnn_convolution *c, int capability) {
    return capability >= 70 && c->c >= 128 && c->k >= 128;
}

// Transforms of whole planes are left out: they would show in published peaks (mmsegmentation's FCN
// on ResNet-18 at 769 x 769 would need twice what a V100 did).
size_t cudnn_engines_for(const cudnn_convolution *c, int capability, bool fallback,
                         cudnn_engine *engines) {
    static const cudnn_engine best_first[] = {
        CUDNN_ENGINE_TENSOR_CORE,    CUDNN_ENGINE_WINOGRAD,   CUDNN_ENGINE_PRECOMPUTED,
        CUDNN_ENGINE_WINOGRAD_SPLIT, CUDNN_ENGINE_FFT_TILING, CUDNN_ENGINE_GEMM,
        CUDNN_ENGINE_IMPLICIT_GEMM,
    };
    static const cudnn_engine split_first[] = {
        CUDNN_ENGINE_TENSOR_CORE,   CUDNN_ENGINE_WINOGRAD_SPLIT, CUDNN_ENGINE_WINOGRAD,
        CUDNN_ENGINE_PRECOMPUTED,   CUDNN_ENGINE_FFT_TILING,     CUDNN_ENGINE_GEMM,
        CUDNN_ENGINE_IMPLICIT_GEMM,
    };
    static const cudnn_engine always[] = {CUDNN_ENGINE_PRECOMPUTED, CUDNN_ENGINE_IMPLICIT_GEMM};
    const cudnn_engine *list = prefers_split(c, capability) ? split_first : best_first;
    size_t length = sizeof best_first / sizeof best_first[0];
    if (fallback) {
        list = always;
        length = sizeof always / sizeof always[0];
    }
    size_t count = 0;
    uint64_t bytes;
    for (size_t i = 0; i < length; ++i)
        if (cudnn_engine_bytes(c, list[i], capability, &bytes)) engines[count++] = list[i];
    return count;
}

size_t cudnn_engine_notes(cudnn_engine engine, cudnn_direction direction, int *notes) {
    size_t count = 0;
    switch (engine) {
    case CUDNN_ENGINE_TENSOR_CORE:
        notes[count++] = CUDNN_NOTE_TENSOR_CORE;
        break;
    case CUDNN_ENGINE_FFT:
    case CUDNN_ENGINE_FFT_TILING:
        notes[count++] = CUDNN_NOTE_FFT;
        break;
    case CUDNN_ENGINE_WINOGRAD:
    case CUDNN_ENGINE_WINOGRAD_SPLIT:
        notes[count++] = CUDNN_NOTE_WINOGRAD;
        notes[count++] = CUDNN_NOTE_WINOGRAD_4X4;
        break;
    case CUDNN_ENGINE_IMPLICIT_GEMM:
        // Gradients added up by atomic operations, as the older interface says of its algorithm 0.
        if (direction != CUDNN_FORWARD) notes[count++] = CUDNN_NOTE_NONDETERMINISTIC;
        break;
    default:
        break;
    }
    return count;
}

// Frontends ask for this form below a limit of their own (256 MiB): scores of 16 bits, lengths in
// tiles of 64.
uint64_t cudnn_attention_score_bytes(int64_t batch, int64_t heads, int64_t queries, int64_t keys) {
    uint64_t scores =
        times((uint64_t)divide_up(queries, 64) * 64, (uint64_t)divide_up(keys, 64) * 64);
    return times(times(times((uint64_t)batch, (uint64_t)heads), scores), 2);
}

// Sums of queries' gradients, and one number a row for the softmax's own gradient.
uint64_t cudnn_attention_sum_bytes(int64_t batch, int64_t heads, int64_t queries, int64_t width) {
    uint64_t rows = times(times((uint64_t)batch, (uint64_t)heads), (uint64_t)queries);
    return times(times(rows, (uint64_t)width + 1), 4);
}

// Derived, not measured: the gates' sums before their functions, of one layer, and states of a
// step.
uint64_t cudnn_recurrence_work(const cudnn_recurrence *r) {
    uint64_t step = (uint64_t)(r->gates * r->hidden * r->directions * r->element);
    uint64_t state = (uint64_t)(2 * r->layers * r->directions * r->hidden * r->element);
    return plus(times((uint64_t)r->tokens, step), times((uint64_t)r->batch, state));
}

// Derived: every gate's value, the cell's state and the output before the projection, for each
// layer and direction; outputs of all layers but the last, and a mask byte each where they are
// dropped.
uint64_t cudnn_recurrence_reserve(const cudnn_recurrence *r) {
    uint64_t wide = (uint64_t)(r->layers * r->directions);
    uint64_t values = (uint64_t)((r->gates + (r->cells ? 2 : 1)) * r->hidden * r->element);
    uint64_t between = (uint64_t)((r->layers - 1) * r->directions * r->output);
    uint64_t bytes = (uint64_t)r->element + (r->dropout ? 1 : 0);
    return times((uint64_t)r->tokens, plus(times(wide, values), times(between, bytes)));
}

// A guess: two float32 sums a channel from each multiprocessor.
uint64_t cudnn_normalization_bytes(int64_t channels, int multiprocessors) {
    return times(8, times((uint64_t)channels, (uint64_t)multiprocessors));
}

// Derived: two tables of float32 logarithms, of every step against labels with blanks between.
uint64_t cudnn_ctc_bytes(int64_t steps, int64_t batch, int64_t longest) {
    uint64_t states = plus(times(2, (uint64_t)longest), 1);
    return times(8, times(times((uint64_t)steps, (uint64_t)batch), states));
}

uint64_t cudnn_workspace_told(uint64_t bytes) {
    const snug_standin_settings *settings = snug_standin_settings_get();
    if (bytes == 0 || settings->workspace == SNUG_WORKSPACE_MODEL) return bytes;
    return settings->workspace == SNUG_WORKSPACE_NONE ? 0 : settings->workspace_bytes;
}
