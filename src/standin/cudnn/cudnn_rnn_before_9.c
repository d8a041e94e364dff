// Recurrent networks as PyTorch calls them with cuDNN 8: the width of the input, the type of the
// weights and the lengths of sequences are not in the network's descriptor but told by tensors, one
// a time step. The spaces are those of the newer functions.
#include "standin/cudnn/cudnn_rnn.h"

SNUG_STANDIN_API int cudnnSetRNNDescriptor_v6(void *handle, cudnn_rnn *rnn, int hidden_size,
                                              int layers, const cudnn_dropout *dropout, int input,
                                              int direction, int cell, int algorithm,
                                              int math_type);
SNUG_STANDIN_API int cudnnSetRNNMatrixMathType(cudnn_rnn *rnn, int math);
SNUG_STANDIN_API int cudnnSetRNNProjectionLayers(void *handle, cudnn_rnn *rnn, int recurrent,
                                                 int output);
SNUG_STANDIN_API int cudnnGetRNNParamsSize(void *handle, const cudnn_rnn *rnn,
                                           const cudnn_tensor *x, size_t *bytes, int type);
SNUG_STANDIN_API int cudnnGetRNNLinLayerMatrixParams(void *handle, const cudnn_rnn *rnn, int layer,
                                                     const cudnn_tensor *x,
                                                     const cudnn_filter *weights, const void *space,
                                                     int linear, cudnn_filter *matrix,
                                                     void **address);
SNUG_STANDIN_API int cudnnGetRNNLinLayerBiasParams(void *handle, const cudnn_rnn *rnn, int layer,
                                                   const cudnn_tensor *x,
                                                   const cudnn_filter *weights, const void *space,
                                                   int linear, cudnn_filter *bias, void **address);
SNUG_STANDIN_API int cudnnGetRNNWorkspaceSize(void *handle, const cudnn_rnn *rnn, int length,
                                              const cudnn_tensor *const *x, size_t *bytes);
SNUG_STANDIN_API int cudnnGetRNNTrainingReserveSize(void *handle, const cudnn_rnn *rnn, int length,
                                                    const cudnn_tensor *const *x, size_t *bytes);

int cudnnSetRNNDescriptor_v6(void *handle, cudnn_rnn *rnn, int hidden_size, int layers,
                             const cudnn_dropout *dropout, int input, int direction, int cell,
                             int algorithm, int math_type) {
    if (!handle) return CUDNN_BAD_PARAM_NULL_POINTER;
    return cudnnSetRNNDescriptor_v8(rnn, algorithm, cell, CUDNN_DOUBLE_BIAS, direction, input,
                                    math_type, math_type, CUDNN_MATH_DEFAULT, 1, hidden_size, 0,
                                    layers, dropout, 0);
}

int cudnnSetRNNMatrixMathType(cudnn_rnn *rnn, int math) {
    if (!rnn) return CUDNN_BAD_PARAM_NULL_POINTER;
    rnn->math = math;
    return CUDNN_OK;
}

int cudnnSetRNNProjectionLayers(void *handle, cudnn_rnn *rnn, int recurrent, int output) {
    if (!handle || !rnn) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (recurrent < 0 || recurrent > rnn->hidden_size || output != 0) return CUDNN_BAD_PARAM;
    if (recurrent > 0) rnn->projection_size = recurrent;
    return CUDNN_OK;
}

// The network with what |x|, the tensor of a time step (batch, width, 1), says of it.
static int complete(const cudnn_rnn *rnn, const cudnn_tensor *x, int type, cudnn_rnn *out) {
    if (!rnn || !x) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (x->dims < 2 || x->size[0] < 1 || x->size[1] < 1 || cudnn_type_size(type) == 0)
        return CUDNN_BAD_PARAM;
    *out = *rnn;
    out->input_size = x->size[1];
    out->type = type;
    return CUDNN_OK;
}

int cudnnGetRNNParamsSize(void *handle, const cudnn_rnn *rnn, const cudnn_tensor *x, size_t *bytes,
                          int type) {
    cudnn_rnn network;
    int status = complete(rnn, x, type, &network);
    return status ? status : cudnnGetRNNWeightSpaceSize(handle, &network, bytes);
}

static void tell(const cudnn_tensor *found, cudnn_filter *out) {
    *out = (cudnn_filter){.type = found->type, .format = CUDNN_FORMAT_NCHW, .dims = found->dims};
    for (int i = 0; i < found->dims; ++i)
        out->size[i] = found->size[i];
}

int cudnnGetRNNLinLayerMatrixParams(void *handle, const cudnn_rnn *rnn, int layer,
                                    const cudnn_tensor *x, const cudnn_filter *weights,
                                    const void *space, int linear, cudnn_filter *matrix,
                                    void **address) {
    cudnn_rnn network;
    cudnn_tensor found;
    if (!weights || !matrix || !address) return CUDNN_BAD_PARAM_NULL_POINTER;
    int status = complete(rnn, x, weights->type, &network);
    if (!status)
        status = cudnnGetRNNWeightParams(handle, &network, layer, SIZE_MAX, space, linear, &found,
                                         address, NULL, NULL);
    if (!status) tell(&found, matrix);
    return status;
}

int cudnnGetRNNLinLayerBiasParams(void *handle, const cudnn_rnn *rnn, int layer,
                                  const cudnn_tensor *x, const cudnn_filter *weights,
                                  const void *space, int linear, cudnn_filter *bias,
                                  void **address) {
    cudnn_rnn network;
    cudnn_tensor found;
    if (!weights || !bias || !address) return CUDNN_BAD_PARAM_NULL_POINTER;
    int status = complete(rnn, x, weights->type, &network);
    if (!status)
        status = cudnnGetRNNWeightParams(handle, &network, layer, SIZE_MAX, space, linear, NULL,
                                         NULL, &found, address);
    if (!status) tell(&found, bias);
    return status;
}

// The sizes of the spaces for |length| time steps, whose batches may grow smaller.
static int spaces(void *handle, const cudnn_rnn *rnn, int length, const cudnn_tensor *const *x,
                  size_t *work, size_t *reserve) {
    cudnn_rnn network;
    if (!x || (!work && !reserve)) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (length < 1) return CUDNN_BAD_PARAM;
    int status = complete(rnn, x[0], x[0] ? x[0]->type : 0, &network);
    if (status) return status;
    cudnn_rnn_data data = {.type = network.type,
                           .length = length,
                           .batch = x[0]->size[0],
                           .vector = network.input_size};
    for (int i = 0; i < length; ++i) {
        if (!x[i]) return CUDNN_BAD_PARAM_NULL_POINTER;
        data.tokens += x[i]->size[0];
    }
    return cudnnGetRNNTempSpaceSizes(handle, &network, CUDNN_RNN_TRAINING, &data, work, reserve);
}

int cudnnGetRNNWorkspaceSize(void *handle, const cudnn_rnn *rnn, int length,
                             const cudnn_tensor *const *x, size_t *bytes) {
    return spaces(handle, rnn, length, x, bytes, NULL);
}

int cudnnGetRNNTrainingReserveSize(void *handle, const cudnn_rnn *rnn, int length,
                                   const cudnn_tensor *const *x, size_t *bytes) {
    return spaces(handle, rnn, length, x, NULL, bytes);
}
