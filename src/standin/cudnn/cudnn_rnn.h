// Recurrent networks as programs call them since cuDNN 8; the functions of before go by these.
#ifndef SNUG_STANDIN_CUDNN_RNN_H
#define SNUG_STANDIN_CUDNN_RNN_H

#include "standin/cudnn/cudnn_descriptors.h"

enum { CUDNN_NO_BIAS = 0, CUDNN_DOUBLE_BIAS = 2 };
enum { CUDNN_RNN_TRAINING = 1 };

SNUG_STANDIN_API int cudnnSetRNNDescriptor_v8(cudnn_rnn *rnn, int algorithm, int cell, int bias,
                                              int direction, int input, int type, int math_type,
                                              int math, int32_t input_size, int32_t hidden_size,
                                              int32_t projection_size, int32_t layers,
                                              const cudnn_dropout *dropout, uint32_t flags);
SNUG_STANDIN_API int cudnnSetRNNDataDescriptor(cudnn_rnn_data *data, int type, int layout,
                                               int length, int batch, int vector,
                                               const int *lengths, void *fill);
SNUG_STANDIN_API int cudnnGetRNNWeightSpaceSize(void *handle, const cudnn_rnn *rnn, size_t *bytes);
SNUG_STANDIN_API int cudnnGetRNNWeightParams(void *handle, const cudnn_rnn *rnn, int32_t layer,
                                             size_t space_bytes, const void *space, int32_t linear,
                                             cudnn_tensor *matrix, void **matrix_address,
                                             cudnn_tensor *bias, void **bias_address);
SNUG_STANDIN_API int cudnnGetRNNTempSpaceSizes(void *handle, const cudnn_rnn *rnn, int mode,
                                               const cudnn_rnn_data *data, size_t *work,
                                               size_t *reserve);

#endif
