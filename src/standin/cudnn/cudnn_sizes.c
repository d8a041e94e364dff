// Workspaces of batch normalization and of the CTC loss.
#include "standin/cudnn/cudnn_descriptors.h"
#include "standin/cudnn/workspace.h"

SNUG_STANDIN_API int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    void *handle, int mode, int operations, const cudnn_tensor *x, const cudnn_tensor *z,
    const cudnn_tensor *y, const cudnn_tensor *scale, const cudnn_plain *activation, size_t *bytes);
SNUG_STANDIN_API int cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    void *handle, int mode, int operations, const cudnn_tensor *x, const cudnn_tensor *y,
    const cudnn_tensor *dy, const cudnn_tensor *dz, const cudnn_tensor *dx,
    const cudnn_tensor *scale, const cudnn_plain *activation, size_t *bytes);
SNUG_STANDIN_API int
cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void *handle, int mode, int operations,
                                                     const cudnn_plain *activation,
                                                     const cudnn_tensor *x, size_t *bytes);
SNUG_STANDIN_API int cudnnGetCTCLossWorkspaceSize(void *handle, const cudnn_tensor *probabilities,
                                                  const cudnn_tensor *gradients, const int *labels,
                                                  const int *label_lengths,
                                                  const int *input_lengths, int algorithm,
                                                  const cudnn_ctc *ctc, size_t *bytes);
SNUG_STANDIN_API int cudnnGetCTCLossWorkspaceSize_v8(void *handle, int algorithm,
                                                     const cudnn_ctc *ctc,
                                                     const cudnn_tensor *probabilities,
                                                     const cudnn_tensor *gradients, size_t *bytes);

static int normalization_bytes(const cudnn_tensor *x, size_t *bytes) {
    if (!x || !bytes) return CUDNN_BAD_PARAM_NULL_POINTER;
    uint64_t needed = 0;
    if (cudnn_tensor_channels_last(x))
        needed =
            cudnn_normalization_bytes(x->size[1], snug_standin_settings_get()->multiprocessors);
    *bytes = (size_t)cudnn_workspace_told(needed);
    return CUDNN_OK;
}

int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    void *handle, int mode, int operations, const cudnn_tensor *x, const cudnn_tensor *z,
    const cudnn_tensor *y, const cudnn_tensor *scale, const cudnn_plain *activation,
    size_t *bytes) {
    (void)handle, (void)mode, (void)operations, (void)z, (void)y, (void)scale, (void)activation;
    return normalization_bytes(x, bytes);
}

int cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    void *handle, int mode, int operations, const cudnn_tensor *x, const cudnn_tensor *y,
    const cudnn_tensor *dy, const cudnn_tensor *dz, const cudnn_tensor *dx,
    const cudnn_tensor *scale, const cudnn_plain *activation, size_t *bytes) {
    (void)handle, (void)mode, (void)operations, (void)y, (void)dy, (void)dz, (void)dx, (void)scale;
    (void)activation;
    return normalization_bytes(x, bytes);
}

// One bit an element of what the activation let through; without an activation nothing.
int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void *handle, int mode, int operations,
                                                         const cudnn_plain *activation,
                                                         const cudnn_tensor *x, size_t *bytes) {
    (void)handle, (void)mode, (void)activation;
    if (!x || !bytes) return CUDNN_BAD_PARAM_NULL_POINTER;
    uint64_t elements = 1;
    for (int i = 0; i < x->dims; ++i)
        elements *= (uint64_t)x->size[i];
    *bytes = operations == 0 ? 0 : (size_t)(elements / 8 + 1);
    return CUDNN_OK;
}

// Steps, batch and classes lie in this order in |probabilities|.
static int ctc_bytes(const cudnn_tensor *probabilities, int64_t longest, size_t *bytes) {
    if (!probabilities || !bytes) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (probabilities->dims != 3) return CUDNN_BAD_PARAM;
    uint64_t needed = cudnn_ctc_bytes(probabilities->size[0], probabilities->size[1], longest);
    *bytes = (size_t)cudnn_workspace_told(needed);
    return CUDNN_OK;
}

int cudnnGetCTCLossWorkspaceSize(void *handle, const cudnn_tensor *probabilities,
                                 const cudnn_tensor *gradients, const int *labels,
                                 const int *label_lengths, const int *input_lengths, int algorithm,
                                 const cudnn_ctc *ctc, size_t *bytes) {
    (void)handle, (void)gradients, (void)labels, (void)input_lengths, (void)algorithm, (void)ctc;
    if (!probabilities || !label_lengths) return CUDNN_BAD_PARAM_NULL_POINTER;
    int64_t longest = 0;
    for (int i = 0; probabilities->dims > 1 && i < probabilities->size[1]; ++i)
        if (label_lengths[i] > longest) longest = label_lengths[i];
    return ctc_bytes(probabilities, longest, bytes);
}

int cudnnGetCTCLossWorkspaceSize_v8(void *handle, int algorithm, const cudnn_ctc *ctc,
                                    const cudnn_tensor *probabilities,
                                    const cudnn_tensor *gradients, size_t *bytes) {
    (void)handle, (void)algorithm, (void)gradients;
    if (!ctc) return CUDNN_BAD_PARAM_NULL_POINTER;
    return ctc_bytes(probabilities, ctc->longest_label, bytes);
}
