#include "standin/cudnn/cudnn_descriptors.h"

#include <stdlib.h>
#include <string.h>

// Create and destroy are the same for each kind.
#define DESCRIPTOR(Kind, struct_name)                                                              \
    SNUG_STANDIN_API int cudnnCreate##Kind##Descriptor(void **out);                                \
    SNUG_STANDIN_API int cudnnDestroy##Kind##Descriptor(void *descriptor);                         \
    int cudnnCreate##Kind##Descriptor(void **out) {                                                \
        return create(out, sizeof(struct_name));                                                   \
    }                                                                                              \
    int cudnnDestroy##Kind##Descriptor(void *descriptor) {                                         \
        free(descriptor);                                                                          \
        return CUDNN_OK;                                                                           \
    }

static int create(void **out, size_t size) {
    if (!out) return CUDNN_BAD_PARAM_NULL_POINTER;
    *out = calloc(1, size);
    return *out ? CUDNN_OK : CUDNN_ALLOC_FAILED;
}

DESCRIPTOR(Tensor, cudnn_tensor)
DESCRIPTOR(Filter, cudnn_filter)
DESCRIPTOR(Convolution, cudnn_windows)
DESCRIPTOR(Dropout, cudnn_dropout)
DESCRIPTOR(RNN, cudnn_rnn)
DESCRIPTOR(RNNData, cudnn_rnn_data)
DESCRIPTOR(CTCLoss, cudnn_ctc)
DESCRIPTOR(Activation, cudnn_plain)
DESCRIPTOR(Pooling, cudnn_plain)
DESCRIPTOR(SpatialTransformer, cudnn_plain)

SNUG_STANDIN_API int cudnnSetTensorNdDescriptor(cudnn_tensor *tensor, int type, int dims,
                                                const int *size, const int *stride);
SNUG_STANDIN_API int cudnnGetTensorNdDescriptor(const cudnn_tensor *tensor, int requested,
                                                int *type, int *dims, int *size, int *stride);
SNUG_STANDIN_API int cudnnSetFilterNdDescriptor(cudnn_filter *filter, int type, int format,
                                                int dims, const int *size);
SNUG_STANDIN_API int cudnnGetFilterNdDescriptor(const cudnn_filter *filter, int requested,
                                                int *type, int *format, int *dims, int *size);
SNUG_STANDIN_API int cudnnSetConvolutionNdDescriptor(cudnn_windows *windows, int dims,
                                                     const int *padding, const int *stride,
                                                     const int *dilation, int mode, int type);
SNUG_STANDIN_API int cudnnSetConvolutionGroupCount(cudnn_windows *windows, int groups);
SNUG_STANDIN_API int cudnnSetConvolutionMathType(cudnn_windows *windows, int math);
SNUG_STANDIN_API int cudnnSetDropoutDescriptor(cudnn_dropout *dropout, void *handle,
                                               float probability, void *states, size_t bytes,
                                               unsigned long long seed);
SNUG_STANDIN_API int cudnnRestoreDropoutDescriptor(cudnn_dropout *dropout, void *handle,
                                                   float probability, void *states, size_t bytes,
                                                   unsigned long long seed);
SNUG_STANDIN_API int cudnnDropoutGetStatesSize(void *handle, size_t *bytes);
SNUG_STANDIN_API int cudnnSetActivationDescriptor(cudnn_plain *activation, int mode, int nan,
                                                  double coefficient);
SNUG_STANDIN_API int cudnnSetPooling2dDescriptor(cudnn_plain *pooling, int mode, int nan,
                                                 int height, int width, int pad_y, int pad_x,
                                                 int stride_y, int stride_x);
SNUG_STANDIN_API int cudnnSetSpatialTransformerNdDescriptor(cudnn_plain *transformer, int sampler,
                                                            int type, int dims, const int *size);
SNUG_STANDIN_API int cudnnSetCTCLossDescriptorEx(cudnn_ctc *ctc, int type, int normalization,
                                                 int nan);
SNUG_STANDIN_API int cudnnSetCTCLossDescriptor_v9(cudnn_ctc *ctc, int type, int normalization,
                                                  int gradient, int longest_label);

static void copy(int *to, const int *from, int count) {
    memcpy(to, from, sizeof *to * (size_t)count);
}

static int given(int requested, int dims) {
    return requested < dims ? requested : dims;
}

bool cudnn_tensor_channels_last(const cudnn_tensor *t) {
    return t->dims > 2 && t->size[1] > 1 && t->stride[1] == 1 && t->stride[t->dims - 1] != 1;
}

int cudnnSetTensorNdDescriptor(cudnn_tensor *tensor, int type, int dims, const int *size,
                               const int *stride) {
    if (!tensor || !size || !stride) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (dims < 1) return CUDNN_BAD_PARAM;
    if (dims > CUDNN_DIMS) return CUDNN_NOT_SUPPORTED;
    tensor->type = type;
    tensor->dims = dims;
    copy(tensor->size, size, dims);
    copy(tensor->stride, stride, dims);
    return CUDNN_OK;
}

int cudnnGetTensorNdDescriptor(const cudnn_tensor *tensor, int requested, int *type, int *dims,
                               int *size, int *stride) {
    if (!tensor || !type || !dims || (requested > 0 && (!size || !stride)))
        return CUDNN_BAD_PARAM_NULL_POINTER;
    *type = tensor->type;
    *dims = tensor->dims;
    if (requested > 0) {
        copy(size, tensor->size, given(requested, tensor->dims));
        copy(stride, tensor->stride, given(requested, tensor->dims));
    }
    return CUDNN_OK;
}

int cudnnSetFilterNdDescriptor(cudnn_filter *filter, int type, int format, int dims,
                               const int *size) {
    if (!filter || !size) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (dims < 1) return CUDNN_BAD_PARAM;
    if (dims > CUDNN_DIMS) return CUDNN_NOT_SUPPORTED;
    filter->type = type;
    filter->format = format;
    filter->dims = dims;
    copy(filter->size, size, dims);
    return CUDNN_OK;
}

int cudnnGetFilterNdDescriptor(const cudnn_filter *filter, int requested, int *type, int *format,
                               int *dims, int *size) {
    if (!filter || !type || !format || !dims || (requested > 0 && !size))
        return CUDNN_BAD_PARAM_NULL_POINTER;
    *type = filter->type;
    *format = filter->format;
    *dims = filter->dims;
    if (requested > 0) copy(size, filter->size, given(requested, filter->dims));
    return CUDNN_OK;
}

int cudnnSetConvolutionNdDescriptor(cudnn_windows *windows, int dims, const int *padding,
                                    const int *stride, const int *dilation, int mode, int type) {
    if (!windows || !padding || !stride || !dilation) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (dims < 1) return CUDNN_BAD_PARAM;
    if (dims > CUDNN_SPATIAL) return CUDNN_NOT_SUPPORTED;
    windows->dims = dims;
    windows->groups = 1;
    windows->mode = mode;
    windows->compute_type = type;
    copy(windows->padding, padding, dims);
    copy(windows->stride, stride, dims);
    copy(windows->dilation, dilation, dims);
    return CUDNN_OK;
}

int cudnnSetConvolutionGroupCount(cudnn_windows *windows, int groups) {
    if (!windows) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (groups < 1) return CUDNN_BAD_PARAM;
    windows->groups = groups;
    return CUDNN_OK;
}

int cudnnSetConvolutionMathType(cudnn_windows *windows, int math) {
    if (!windows) return CUDNN_BAD_PARAM_NULL_POINTER;
    windows->math = math;
    return CUDNN_OK;
}

int cudnnSetDropoutDescriptor(cudnn_dropout *dropout, void *handle, float probability, void *states,
                              size_t bytes, unsigned long long seed) {
    if (!dropout || !handle) return CUDNN_BAD_PARAM_NULL_POINTER;
    *dropout = (cudnn_dropout){probability, states, bytes, seed};
    return CUDNN_OK;
}

int cudnnRestoreDropoutDescriptor(cudnn_dropout *dropout, void *handle, float probability,
                                  void *states, size_t bytes, unsigned long long seed) {
    return cudnnSetDropoutDescriptor(dropout, handle, probability, states, bytes, seed);
}

// States of a XORWOW generator (48 bytes) for 512 threads of each multiprocessor: a guess, some
// megabytes once a device.
int cudnnDropoutGetStatesSize(void *handle, size_t *bytes) {
    if (!handle || !bytes) return CUDNN_BAD_PARAM_NULL_POINTER;
    int multiprocessors = snug_standin_settings_get()->multiprocessors;
    *bytes = (size_t)48 * 512 * (size_t)(multiprocessors > 0 ? multiprocessors : 1);
    return CUDNN_OK;
}

int cudnnSetActivationDescriptor(cudnn_plain *activation, int mode, int nan, double coefficient) {
    if (!activation) return CUDNN_BAD_PARAM_NULL_POINTER;
    *activation = (cudnn_plain){{mode, nan}, coefficient};
    return CUDNN_OK;
}

int cudnnSetPooling2dDescriptor(cudnn_plain *pooling, int mode, int nan, int height, int width,
                                int pad_y, int pad_x, int stride_y, int stride_x) {
    if (!pooling) return CUDNN_BAD_PARAM_NULL_POINTER;
    *pooling = (cudnn_plain){{mode, nan, height, width, pad_y, pad_x, stride_y, stride_x}, 0};
    return CUDNN_OK;
}

int cudnnSetSpatialTransformerNdDescriptor(cudnn_plain *transformer, int sampler, int type,
                                           int dims, const int *size) {
    if (!transformer || !size) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (dims < 1 || dims > CUDNN_DIMS) return CUDNN_NOT_SUPPORTED;
    *transformer = (cudnn_plain){{sampler, type, dims}, 0};
    copy(transformer->values + 3, size, dims);
    return CUDNN_OK;
}

int cudnnSetCTCLossDescriptorEx(cudnn_ctc *ctc, int type, int normalization, int nan) {
    return cudnnSetCTCLossDescriptor_v9(ctc, type, normalization, nan, 256);
}

int cudnnSetCTCLossDescriptor_v9(cudnn_ctc *ctc, int type, int normalization, int gradient,
                                 int longest_label) {
    if (!ctc) return CUDNN_BAD_PARAM_NULL_POINTER;
    *ctc = (cudnn_ctc){type, normalization, gradient, longest_label};
    return CUDNN_OK;
}
