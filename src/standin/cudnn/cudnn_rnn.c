// Recurrent networks: where each matrix and bias lies in the weight space, and the sizes of the
// spaces.
#include "standin/cudnn/cudnn_rnn.h"
#include "standin/cudnn/workspace.h"

#include <string.h>

enum { RNN_RELU = 0, RNN_TANH = 1, LSTM = 2, GRU = 3 };
enum { SKIP_INPUT = 1 };

int cudnnSetRNNDescriptor_v8(cudnn_rnn *rnn, int algorithm, int cell, int bias, int direction,
                             int input, int type, int math_type, int math, int32_t input_size,
                             int32_t hidden_size, int32_t projection_size, int32_t layers,
                             const cudnn_dropout *dropout, uint32_t flags) {
    if (!rnn) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (cell < RNN_RELU || cell > GRU || input_size < 1 || hidden_size < 1 || layers < 1 ||
        projection_size < 0 || projection_size > hidden_size || cudnn_type_size(type) == 0)
        return CUDNN_BAD_PARAM;
    *rnn = (cudnn_rnn){algorithm,
                       cell,
                       bias,
                       direction,
                       input,
                       type,
                       math_type,
                       math,
                       input_size,
                       hidden_size,
                       projection_size ? projection_size : hidden_size,
                       layers,
                       dropout ? dropout->probability : 0,
                       flags};
    return CUDNN_OK;
}

int cudnnSetRNNDataDescriptor(cudnn_rnn_data *data, int type, int layout, int length, int batch,
                              int vector, const int *lengths, void *fill) {
    (void)fill;
    if (!data || !lengths) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (length < 1 || batch < 1 || vector < 1) return CUDNN_BAD_PARAM;
    int64_t tokens = 0;
    for (int i = 0; i < batch; ++i)
        tokens += lengths[i];
    *data = (cudnn_rnn_data){type, layout, length, batch, vector, tokens};
    return CUDNN_OK;
}

// ---- The weight space: for each layer (and direction: a "pseudo-layer") the matrices on its
// input, on its own output, and the projection's, for all layers; then the biases in the same
// order. Matrices of one kind lie gate by gate without gaps, which is what PyTorch's views rely on.
static int gates(const cudnn_rnn *rnn) {
    return rnn->cell == LSTM ? 4 : rnn->cell == GRU ? 3 : 1;
}

static int directions(const cudnn_rnn *rnn) {
    return rnn->direction ? 2 : 1;
}

static bool has_projection(const cudnn_rnn *rnn) {
    return rnn->cell == LSTM && rnn->projection_size < rnn->hidden_size;
}

static int biases(const cudnn_rnn *rnn) {
    return rnn->bias == CUDNN_NO_BIAS ? 0 : rnn->bias == CUDNN_DOUBLE_BIAS ? 2 : 1;
}

static int64_t layer_input(const cudnn_rnn *rnn, int layer) {
    if (layer >= directions(rnn)) return (int64_t)rnn->projection_size * directions(rnn);
    return rnn->input == SKIP_INPUT ? 0 : rnn->input_size;
}

static int64_t layer_matrices(const cudnn_rnn *rnn, int layer) {
    int64_t rows = (int64_t)gates(rnn) * rnn->hidden_size;
    int64_t projection = has_projection(rnn) ? (int64_t)rnn->hidden_size * rnn->projection_size : 0;
    return rows * (layer_input(rnn, layer) + rnn->projection_size) + projection;
}

static int64_t matrices_before(const cudnn_rnn *rnn, int layer) {
    int64_t sum = 0;
    for (int i = 0; i < layer; ++i)
        sum += layer_matrices(rnn, i);
    return sum;
}

int cudnnGetRNNWeightSpaceSize(void *handle, const cudnn_rnn *rnn, size_t *bytes) {
    if (!handle || !rnn || !bytes) return CUDNN_BAD_PARAM_NULL_POINTER;
    int layers = rnn->layers * directions(rnn);
    int64_t numbers = matrices_before(rnn, layers) +
                      (int64_t)layers * biases(rnn) * gates(rnn) * rnn->hidden_size;
    *bytes = (size_t)numbers * cudnn_type_size(rnn->type);
    return CUDNN_OK;
}

static void *place(const void *space, int64_t numbers, const cudnn_rnn *rnn) {
    return (void *)((uintptr_t)space + (uintptr_t)numbers * cudnn_type_size(rnn->type));
}

static void describe(cudnn_tensor *tensor, int type, int64_t rows, int64_t columns) {
    *tensor = (cudnn_tensor){
        .type = type,
        .dims = 3,
        .size = {1, (int)rows, (int)columns},
        .stride = {(int)(rows * columns), (int)columns, 1},
    };
}

// Sizes of what is not there: a tensor without dimensions, and no address.
static void describe_nothing(cudnn_tensor *tensor, void **address, int type) {
    if (tensor) *tensor = (cudnn_tensor){.type = type};
    if (address) *address = NULL;
}

static void find_matrix(const cudnn_rnn *rnn, int layer, const void *space, int linear,
                        cudnn_tensor *tensor, void **address) {
    int64_t hidden = rnn->hidden_size, input = layer_input(rnn, layer);
    int count = gates(rnn);
    int64_t before = matrices_before(rnn, layer), rows = hidden, columns = input;
    if (linear < count) {
        before += linear * hidden * input;
    } else if (linear < 2 * count) {
        columns = rnn->projection_size;
        before += count * hidden * input + (linear - count) * hidden * columns;
    } else {
        rows = rnn->projection_size;
        columns = hidden;
        before += count * hidden * (input + rows);
    }
    describe(tensor, rnn->type, rows, columns);
    if (address) *address = place(space, before, rnn);
}

static void find_bias(const cudnn_rnn *rnn, int layer, const void *space, int linear,
                      cudnn_tensor *tensor, void **address) {
    int count = gates(rnn);
    int64_t before = matrices_before(rnn, rnn->layers * directions(rnn));
    before += ((int64_t)layer * biases(rnn) * count + linear) * rnn->hidden_size;
    describe(tensor, rnn->type, rnn->hidden_size, 1);
    if (address) *address = place(space, before, rnn);
}

int cudnnGetRNNWeightParams(void *handle, const cudnn_rnn *rnn, int32_t layer, size_t space_bytes,
                            const void *space, int32_t linear, cudnn_tensor *matrix,
                            void **matrix_address, cudnn_tensor *bias, void **bias_address) {
    size_t needed;
    int status = cudnnGetRNNWeightSpaceSize(handle, rnn, &needed);
    if (status) return status;
    int count = 2 * gates(rnn);
    if (space_bytes < needed) return CUDNN_BAD_PARAM_SIZE_INSUFFICIENT;
    if (layer < 0 || layer >= rnn->layers * directions(rnn) || linear < 0 ||
        linear >= count + (rnn->cell == LSTM))
        return CUDNN_BAD_PARAM_OUT_OF_BOUND;
    bool projection = linear == count;
    if (matrix) {
        if ((projection && !has_projection(rnn)) ||
            (linear < count / 2 && layer_input(rnn, layer) == 0))
            describe_nothing(matrix, matrix_address, rnn->type);
        else
            find_matrix(rnn, layer, space, linear, matrix, matrix_address);
    }
    if (bias) {
        if (projection || linear >= biases(rnn) * gates(rnn))
            describe_nothing(bias, bias_address, rnn->type);
        else
            find_bias(rnn, layer, space, linear, bias, bias_address);
    }
    return CUDNN_OK;
}

int cudnnGetRNNTempSpaceSizes(void *handle, const cudnn_rnn *rnn, int mode,
                              const cudnn_rnn_data *data, size_t *work, size_t *reserve) {
    if (!handle || !rnn || !data) return CUDNN_BAD_PARAM_NULL_POINTER;
    cudnn_recurrence recurrence = {
        .gates = gates(rnn),
        .cells = rnn->cell == LSTM,
        .hidden = rnn->hidden_size,
        .output = rnn->projection_size,
        .input = rnn->input_size,
        .layers = rnn->layers,
        .directions = directions(rnn),
        .tokens = data->tokens,
        .batch = data->batch,
        .element = (int64_t)cudnn_type_size(rnn->type),
        .dropout = rnn->dropout > 0,
    };
    if (work) {
        *work = (size_t)cudnn_recurrence_work(&recurrence);
        snug_standin_workspace("cuDNN recurrent network", *work);
    }
    if (reserve)
        *reserve = mode == CUDNN_RNN_TRAINING ? (size_t)cudnn_recurrence_reserve(&recurrence) : 0;
    return CUDNN_OK;
}
