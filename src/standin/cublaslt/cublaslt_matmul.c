// cuBLASLt: descriptors hold nothing (their list of names makes them), and the heuristic has one
// algorithm for everything.
#include "standin/answers.h"

enum { STATUS_OK = 0, STATUS_INVALID_VALUE = 7 };

// As the public header lays them out.
typedef struct lt_algorithm {
    uint64_t data[8];
} lt_algorithm;

typedef struct lt_heuristic_result {
    lt_algorithm algorithm;
    size_t workspace_bytes;
    int status;
    float waves;
    int reserved[4];
} lt_heuristic_result;

SNUG_STANDIN_API size_t cublasLtGetVersion(void);
size_t cublasLtGetVersion(void) {
    return SNUG_CUDA_MAJOR >= 13 ? 130401 : 120901;
}

SNUG_STANDIN_API size_t cublasLtGetCudartVersion(void);
size_t cublasLtGetCudartVersion(void) {
    return SNUG_CUDA_MAJOR * 1000;
}

SNUG_STANDIN_FUNCTION(cublasLtGetProperty, int type, int *value) {
    if (!value || type < 0 || type > 2) return STATUS_INVALID_VALUE;
    const int version = (int)cublasLtGetVersion();
    *value = type == 0 ? version / 10000 : type == 1 ? version / 100 % 100 : version % 100;
    return STATUS_OK;
}

SNUG_STANDIN_API const char *cublasLtGetStatusName(int status);
const char *cublasLtGetStatusName(int status) {
    return status == STATUS_OK              ? "CUBLAS_STATUS_SUCCESS"
           : status == STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE"
                                            : "CUBLAS_STATUS_NOT_SUPPORTED";
}

SNUG_STANDIN_API const char *cublasLtGetStatusString(int status);
const char *cublasLtGetStatusString(int status) {
    return cublasLtGetStatusName(status);
}

// Needs no workspace: PyTorch, Transformer Engine and bitsandbytes allocate the limit that they set
// in the preference before they ask, so what is told here moves no byte of theirs.
static void fill(lt_heuristic_result *result) {
    *result = (lt_heuristic_result){.algorithm = {.data = {1}}, .status = STATUS_OK, .waves = 1};
}

SNUG_STANDIN_FUNCTION(cublasLtMatmulAlgoGetHeuristic, void *handle, void *operation, void *a,
                      void *b, void *c, void *d, void *preference, int wanted,
                      lt_heuristic_result *results, int *count) {
    (void)handle, (void)operation, (void)a, (void)b, (void)c, (void)d, (void)preference;
    if (!results || !count || wanted < 1) return STATUS_INVALID_VALUE;
    fill(results);
    *count = 1;
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cublasLtMatmulAlgoCheck, void *handle, void *operation, void *a, void *b,
                      void *c, void *d, const lt_algorithm *algorithm,
                      lt_heuristic_result *result) {
    (void)handle, (void)operation, (void)a, (void)b, (void)c, (void)d;
    if (!algorithm || !result) return STATUS_INVALID_VALUE;
    fill(result);
    result->algorithm = *algorithm;
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cublasLtMatmulAlgoGetIds, void *handle, int compute, int scale, int a, int b,
                      int c, int d, int wanted, int *ids, int *count) {
    (void)handle, (void)compute, (void)scale, (void)a, (void)b, (void)c, (void)d;
    if (!ids || !count || wanted < 1) return STATUS_INVALID_VALUE;
    ids[0] = 1;
    *count = 1;
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cublasLtMatmulAlgoInit, void *handle, int compute, int scale, int a, int b,
                      int c, int d, int id, lt_algorithm *algorithm) {
    (void)handle, (void)compute, (void)scale, (void)a, (void)b, (void)c, (void)d;
    if (!algorithm) return STATUS_INVALID_VALUE;
    *algorithm = (lt_algorithm){.data = {(uint64_t)id}};
    return STATUS_OK;
}

// Attributes and capabilities of an algorithm: all 0. With |size| 0 a caller asks how many bytes.
static int zero_attribute(void *value, size_t size, size_t *written) {
    if (!value && !written) return STATUS_INVALID_VALUE;
    if (value) memset(value, 0, size);
    if (written) *written = size ? size : sizeof(int);
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cublasLtMatmulAlgoConfigGetAttribute, const lt_algorithm *algorithm,
                      int attribute, void *value, size_t size, size_t *written) {
    if (!algorithm) return STATUS_INVALID_VALUE;
    const int status = zero_attribute(value, size, written);
    const int id = (int)algorithm->data[0];
    // The first attribute is the algorithm's number.
    if (!status && attribute == 0 && value && size >= sizeof id) memcpy(value, &id, sizeof id);
    return status;
}

SNUG_STANDIN_FUNCTION(cublasLtMatmulAlgoCapGetAttribute, const lt_algorithm *algorithm,
                      int attribute, void *value, size_t size, size_t *written) {
    (void)attribute;
    return algorithm ? zero_attribute(value, size, written) : STATUS_INVALID_VALUE;
}
