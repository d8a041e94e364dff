// The older convolution interface: algorithms by number and mathematics, over the same engines as
// the backend's.
#include "standin/cudnn/cudnn_descriptors.h"
#include "standin/cudnn/workspace.h"

#include <string.h>

#define EXPORT SNUG_STANDIN_API

typedef struct algorithm {
    int number;
    cudnn_engine engine;
} algorithm;

enum { ALGORITHMS = 8 };

// By direction; algorithm 1 runs on tensor cores where its mathematics allows.
static const algorithm algorithms[][ALGORITHMS] = {
    [CUDNN_FORWARD] = {{0, CUDNN_ENGINE_IMPLICIT_GEMM},
                       {1, CUDNN_ENGINE_PRECOMPUTED},
                       {2, CUDNN_ENGINE_GEMM},
                       {4, CUDNN_ENGINE_FFT},
                       {5, CUDNN_ENGINE_FFT_TILING},
                       {6, CUDNN_ENGINE_WINOGRAD},
                       {7, CUDNN_ENGINE_WINOGRAD_SPLIT},
                       {1, CUDNN_ENGINE_TENSOR_CORE}},
    [CUDNN_BACKWARD_DATA] = {{0, CUDNN_ENGINE_IMPLICIT_GEMM},
                             {1, CUDNN_ENGINE_PRECOMPUTED},
                             {2, CUDNN_ENGINE_FFT},
                             {3, CUDNN_ENGINE_FFT_TILING},
                             {4, CUDNN_ENGINE_WINOGRAD},
                             {5, CUDNN_ENGINE_WINOGRAD_SPLIT},
                             {1, CUDNN_ENGINE_TENSOR_CORE},
                             {-1, CUDNN_ENGINES}},
    [CUDNN_BACKWARD_FILTER] = {{0, CUDNN_ENGINE_IMPLICIT_GEMM},
                               {1, CUDNN_ENGINE_PRECOMPUTED},
                               {2, CUDNN_ENGINE_FFT},
                               {5, CUDNN_ENGINE_WINOGRAD_SPLIT},
                               {3, CUDNN_ENGINE_PRECOMPUTED},
                               {6, CUDNN_ENGINE_FFT_TILING},
                               {1, CUDNN_ENGINE_TENSOR_CORE},
                               {-1, CUDNN_ENGINES}},
};

static int number_of(cudnn_direction direction, cudnn_engine engine) {
    for (int i = 0; i < ALGORITHMS; ++i)
        if (algorithms[direction][i].engine == engine) return algorithms[direction][i].number;
    return -1;
}

static int describe(cudnn_direction direction, const cudnn_tensor *x, const cudnn_filter *w,
                    const cudnn_windows *windows, const cudnn_tensor *y, cudnn_convolution *out) {
    if (!x || !w || !windows || !y) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (x->dims != windows->dims + 2 || y->dims != x->dims || w->dims != x->dims)
        return CUDNN_BAD_PARAM_SHAPE_MISMATCH;
    *out = (cudnn_convolution){
        .direction = direction,
        .type = x->type,
        .spatial = windows->dims,
        .n = x->size[0],
        .c = x->size[1],
        .k = y->size[1],
        .groups = windows->groups,
        .x_last = cudnn_tensor_channels_last(x),
        .y_last = cudnn_tensor_channels_last(y),
        .w_last = w->format == CUDNN_FORMAT_NHWC,
    };
    if (w->size[0] != out->k || (int64_t)w->size[1] * out->groups != out->c ||
        x->size[0] != y->size[0])
        return CUDNN_BAD_PARAM_SHAPE_MISMATCH;
    for (int i = 0; i < windows->dims; ++i) {
        out->x[i] = x->size[2 + i];
        out->y[i] = y->size[2 + i];
        out->w[i] = w->size[2 + i];
        out->padding[i] = windows->padding[i];
        out->stride[i] = windows->stride[i];
        out->dilation[i] = windows->dilation[i];
    }
    return CUDNN_OK;
}

// Tensor cores: asked for with 16-bit types, and float32's default unless the program wants FMA.
static bool allows_tensor_cores(const cudnn_convolution *c, int math) {
    return c->type == CUDNN_FLOAT ? math != CUDNN_MATH_FMA
                                  : math == CUDNN_MATH_TENSOR || math == CUDNN_MATH_CONVERT;
}

static int workspace_of(const cudnn_convolution *c, int number, int math, size_t *bytes) {
    int capability = snug_standin_settings_get()->capability;
    uint64_t needed = 0;
    bool found = number == 1 && allows_tensor_cores(c, math) &&
                 cudnn_engine_bytes(c, CUDNN_ENGINE_TENSOR_CORE, capability, &needed);
    for (int i = 0; i < ALGORITHMS && !found; ++i) {
        const algorithm *candidate = &algorithms[c->direction][i];
        found = candidate->number == number && candidate->engine != CUDNN_ENGINE_TENSOR_CORE &&
                cudnn_engine_bytes(c, candidate->engine, capability, &needed);
    }
    if (!found) return CUDNN_NOT_SUPPORTED;
    *bytes = (size_t)cudnn_workspace_told(needed);
    return CUDNN_OK;
}

static int ask_workspace(cudnn_direction direction, const cudnn_tensor *x, const cudnn_filter *w,
                         const cudnn_windows *windows, const cudnn_tensor *y, int number,
                         size_t *bytes) {
    cudnn_convolution convolution;
    if (!bytes) return CUDNN_BAD_PARAM_NULL_POINTER;
    int status = describe(direction, x, w, windows, y, &convolution);
    return status ? status : workspace_of(&convolution, number, windows->math, bytes);
}

// The engines as performances, best first; |limit| on the workspace. Nothing runs, so the times
// that an actual search reports only keep that order.
static int list(cudnn_direction direction, const cudnn_tensor *x, const cudnn_filter *w,
                const cudnn_windows *windows, const cudnn_tensor *y, bool timed, size_t limit,
                int requested, int *returned, cudnn_performance *results) {
    cudnn_convolution convolution;
    if (!returned || !results) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (requested < 1) return CUDNN_BAD_PARAM;
    int status = describe(direction, x, w, windows, y, &convolution);
    if (status) return status;
    int capability = snug_standin_settings_get()->capability, count = 0;
    cudnn_engine engines[CUDNN_ENGINES];
    size_t found = cudnn_engines_for(&convolution, capability, false, engines);
    for (size_t i = 0; i < found && count < requested; ++i) {
        bool tensor = engines[i] == CUDNN_ENGINE_TENSOR_CORE;
        int notes[4];
        uint64_t bytes;
        cudnn_engine_bytes(&convolution, engines[i], capability, &bytes);
        size_t told = (size_t)cudnn_workspace_told(bytes);
        if (told > limit || (tensor && !allows_tensor_cores(&convolution, windows->math))) continue;
        size_t noted = cudnn_engine_notes(engines[i], direction, notes);
        results[count] = (cudnn_performance){
            .algorithm = number_of(direction, engines[i]),
            .time = timed ? (float)(count + 1) : -1,
            .memory = told,
            .determinism = noted == 0 || notes[0] != CUDNN_NOTE_NONDETERMINISTIC,
            .math = !tensor && convolution.type == CUDNN_FLOAT ? CUDNN_MATH_FMA : windows->math,
        };
        ++count;
    }
    *returned = count;
    return CUDNN_OK;
}

static int run(cudnn_direction direction, const cudnn_tensor *x, const cudnn_filter *w,
               const cudnn_windows *windows, const cudnn_tensor *y, int number, size_t given) {
    size_t needed;
    int status = ask_workspace(direction, x, w, windows, y, number, &needed);
    if (status) return status;
    if (given < needed) return CUDNN_BAD_PARAM_SIZE_INSUFFICIENT;
    if (needed > 0) snug_standin_workspace("cuDNN convolution", needed);
    return CUDNN_OK;
}

// ---- Forward.
EXPORT int cudnnGetConvolutionForwardWorkspaceSize(void *handle, const cudnn_tensor *x,
                                                   const cudnn_filter *w,
                                                   const cudnn_windows *windows,
                                                   const cudnn_tensor *y, int number,
                                                   size_t *bytes);
EXPORT int cudnnGetConvolutionForwardAlgorithm_v7(void *handle, const cudnn_tensor *x,
                                                  const cudnn_filter *w,
                                                  const cudnn_windows *windows,
                                                  const cudnn_tensor *y, int requested,
                                                  int *returned, cudnn_performance *results);
EXPORT int cudnnFindConvolutionForwardAlgorithmEx(void *handle, const cudnn_tensor *x,
                                                  const void *xs, const cudnn_filter *w,
                                                  const void *ws, const cudnn_windows *windows,
                                                  const cudnn_tensor *y, void *ys, int requested,
                                                  int *returned, cudnn_performance *results,
                                                  void *space, size_t bytes);
EXPORT int cudnnConvolutionForward(void *handle, const void *alpha, const cudnn_tensor *x,
                                   const void *xs, const cudnn_filter *w, const void *ws,
                                   const cudnn_windows *windows, int number, void *space,
                                   size_t bytes, const void *beta, const cudnn_tensor *y, void *ys);
EXPORT int cudnnConvolutionBiasActivationForward(
    void *handle, const void *alpha, const cudnn_tensor *x, const void *xs, const cudnn_filter *w,
    const void *ws, const cudnn_windows *windows, int number, void *space, size_t bytes,
    const void *alpha_z, const cudnn_tensor *z, const void *zs, const cudnn_tensor *bias,
    const void *biases, const cudnn_plain *activation, const cudnn_tensor *y, void *ys);

int cudnnGetConvolutionForwardWorkspaceSize(void *handle, const cudnn_tensor *x,
                                            const cudnn_filter *w, const cudnn_windows *windows,
                                            const cudnn_tensor *y, int number, size_t *bytes) {
    (void)handle;
    return ask_workspace(CUDNN_FORWARD, x, w, windows, y, number, bytes);
}

int cudnnGetConvolutionForwardAlgorithm_v7(void *handle, const cudnn_tensor *x,
                                           const cudnn_filter *w, const cudnn_windows *windows,
                                           const cudnn_tensor *y, int requested, int *returned,
                                           cudnn_performance *results) {
    (void)handle;
    return list(CUDNN_FORWARD, x, w, windows, y, false, SIZE_MAX, requested, returned, results);
}

int cudnnFindConvolutionForwardAlgorithmEx(void *handle, const cudnn_tensor *x, const void *xs,
                                           const cudnn_filter *w, const void *ws,
                                           const cudnn_windows *windows, const cudnn_tensor *y,
                                           void *ys, int requested, int *returned,
                                           cudnn_performance *results, void *space, size_t bytes) {
    (void)handle, (void)xs, (void)ws, (void)ys, (void)space;
    return list(CUDNN_FORWARD, x, w, windows, y, true, bytes, requested, returned, results);
}

int cudnnConvolutionForward(void *handle, const void *alpha, const cudnn_tensor *x, const void *xs,
                            const cudnn_filter *w, const void *ws, const cudnn_windows *windows,
                            int number, void *space, size_t bytes, const void *beta,
                            const cudnn_tensor *y, void *ys) {
    (void)handle, (void)alpha, (void)xs, (void)ws, (void)space, (void)beta, (void)ys;
    return run(CUDNN_FORWARD, x, w, windows, y, number, bytes);
}

int cudnnConvolutionBiasActivationForward(void *handle, const void *alpha, const cudnn_tensor *x,
                                          const void *xs, const cudnn_filter *w, const void *ws,
                                          const cudnn_windows *windows, int number, void *space,
                                          size_t bytes, const void *alpha_z, const cudnn_tensor *z,
                                          const void *zs, const cudnn_tensor *bias,
                                          const void *biases, const cudnn_plain *activation,
                                          const cudnn_tensor *y, void *ys) {
    (void)handle, (void)alpha, (void)xs, (void)ws, (void)space, (void)alpha_z, (void)z, (void)zs;
    (void)bias, (void)biases, (void)activation, (void)ys;
    return run(CUDNN_FORWARD, x, w, windows, y, number, bytes);
}

// ---- Backward, to the data. The filter comes first, the gradient of the input last.
EXPORT int cudnnGetConvolutionBackwardDataWorkspaceSize(void *handle, const cudnn_filter *w,
                                                        const cudnn_tensor *dy,
                                                        const cudnn_windows *windows,
                                                        const cudnn_tensor *dx, int number,
                                                        size_t *bytes);
EXPORT int cudnnGetConvolutionBackwardDataAlgorithm_v7(void *handle, const cudnn_filter *w,
                                                       const cudnn_tensor *dy,
                                                       const cudnn_windows *windows,
                                                       const cudnn_tensor *dx, int requested,
                                                       int *returned, cudnn_performance *results);
EXPORT int cudnnFindConvolutionBackwardDataAlgorithmEx(
    void *handle, const cudnn_filter *w, const void *ws, const cudnn_tensor *dy, const void *dys,
    const cudnn_windows *windows, const cudnn_tensor *dx, void *dxs, int requested, int *returned,
    cudnn_performance *results, void *space, size_t bytes);
EXPORT int cudnnConvolutionBackwardData(void *handle, const void *alpha, const cudnn_filter *w,
                                        const void *ws, const cudnn_tensor *dy, const void *dys,
                                        const cudnn_windows *windows, int number, void *space,
                                        size_t bytes, const void *beta, const cudnn_tensor *dx,
                                        void *dxs);

int cudnnGetConvolutionBackwardDataWorkspaceSize(void *handle, const cudnn_filter *w,
                                                 const cudnn_tensor *dy,
                                                 const cudnn_windows *windows,
                                                 const cudnn_tensor *dx, int number,
                                                 size_t *bytes) {
    (void)handle;
    return ask_workspace(CUDNN_BACKWARD_DATA, dx, w, windows, dy, number, bytes);
}

int cudnnGetConvolutionBackwardDataAlgorithm_v7(void *handle, const cudnn_filter *w,
                                                const cudnn_tensor *dy,
                                                const cudnn_windows *windows,
                                                const cudnn_tensor *dx, int requested,
                                                int *returned, cudnn_performance *results) {
    (void)handle;
    return list(CUDNN_BACKWARD_DATA, dx, w, windows, dy, false, SIZE_MAX, requested, returned,
                results);
}

int cudnnFindConvolutionBackwardDataAlgorithmEx(void *handle, const cudnn_filter *w, const void *ws,
                                                const cudnn_tensor *dy, const void *dys,
                                                const cudnn_windows *windows,
                                                const cudnn_tensor *dx, void *dxs, int requested,
                                                int *returned, cudnn_performance *results,
                                                void *space, size_t bytes) {
    (void)handle, (void)ws, (void)dys, (void)dxs, (void)space;
    return list(CUDNN_BACKWARD_DATA, dx, w, windows, dy, true, bytes, requested, returned, results);
}

int cudnnConvolutionBackwardData(void *handle, const void *alpha, const cudnn_filter *w,
                                 const void *ws, const cudnn_tensor *dy, const void *dys,
                                 const cudnn_windows *windows, int number, void *space,
                                 size_t bytes, const void *beta, const cudnn_tensor *dx,
                                 void *dxs) {
    (void)handle, (void)alpha, (void)ws, (void)dys, (void)space, (void)beta, (void)dxs;
    return run(CUDNN_BACKWARD_DATA, dx, w, windows, dy, number, bytes);
}

// ---- Backward, to the filter.
EXPORT int cudnnGetConvolutionBackwardFilterWorkspaceSize(void *handle, const cudnn_tensor *x,
                                                          const cudnn_tensor *dy,
                                                          const cudnn_windows *windows,
                                                          const cudnn_filter *dw, int number,
                                                          size_t *bytes);
EXPORT int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void *handle, const cudnn_tensor *x,
                                                         const cudnn_tensor *dy,
                                                         const cudnn_windows *windows,
                                                         const cudnn_filter *dw, int requested,
                                                         int *returned, cudnn_performance *results);
EXPORT int cudnnFindConvolutionBackwardFilterAlgorithmEx(
    void *handle, const cudnn_tensor *x, const void *xs, const cudnn_tensor *dy, const void *dys,
    const cudnn_windows *windows, const cudnn_filter *dw, void *dws, int requested, int *returned,
    cudnn_performance *results, void *space, size_t bytes);
EXPORT int cudnnConvolutionBackwardFilter(void *handle, const void *alpha, const cudnn_tensor *x,
                                          const void *xs, const cudnn_tensor *dy, const void *dys,
                                          const cudnn_windows *windows, int number, void *space,
                                          size_t bytes, const void *beta, const cudnn_filter *dw,
                                          void *dws);

int cudnnGetConvolutionBackwardFilterWorkspaceSize(void *handle, const cudnn_tensor *x,
                                                   const cudnn_tensor *dy,
                                                   const cudnn_windows *windows,
                                                   const cudnn_filter *dw, int number,
                                                   size_t *bytes) {
    (void)handle;
    return ask_workspace(CUDNN_BACKWARD_FILTER, x, dw, windows, dy, number, bytes);
}

int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void *handle, const cudnn_tensor *x,
                                                  const cudnn_tensor *dy,
                                                  const cudnn_windows *windows,
                                                  const cudnn_filter *dw, int requested,
                                                  int *returned, cudnn_performance *results) {
    (void)handle;
    return list(CUDNN_BACKWARD_FILTER, x, dw, windows, dy, false, SIZE_MAX, requested, returned,
                results);
}

int cudnnFindConvolutionBackwardFilterAlgorithmEx(void *handle, const cudnn_tensor *x,
                                                  const void *xs, const cudnn_tensor *dy,
                                                  const void *dys, const cudnn_windows *windows,
                                                  const cudnn_filter *dw, void *dws, int requested,
                                                  int *returned, cudnn_performance *results,
                                                  void *space, size_t bytes) {
    (void)handle, (void)xs, (void)dys, (void)dws, (void)space;
    return list(CUDNN_BACKWARD_FILTER, x, dw, windows, dy, true, bytes, requested, returned,
                results);
}

int cudnnConvolutionBackwardFilter(void *handle, const void *alpha, const cudnn_tensor *x,
                                   const void *xs, const cudnn_tensor *dy, const void *dys,
                                   const cudnn_windows *windows, int number, void *space,
                                   size_t bytes, const void *beta, const cudnn_filter *dw,
                                   void *dws) {
    (void)handle, (void)alpha, (void)xs, (void)dys, (void)space, (void)beta, (void)dws;
    return run(CUDNN_BACKWARD_FILTER, x, dw, windows, dy, number, bytes);
}
