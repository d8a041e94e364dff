// Graphs: captured and made without nodes, since a launch computes nothing. What a graph keeps in
// memory is PyTorch's (its private pool).
#include <stdlib.h>

#include "standin/cudart/runtime.h"

API int cudaStreamBeginCapture(snug_stream *stream, int mode);
API int cudaStreamBeginCaptureToGraph(snug_stream *stream, void *graph, const void *nodes,
                                      const void *edges, size_t count, int mode);
API int cudaStreamEndCapture(snug_stream *stream, void **graph);
API int cudaStreamUpdateCaptureDependencies(snug_stream *stream, void **nodes, size_t count,
                                            unsigned flags);
API int cudaThreadExchangeStreamCaptureMode(int *mode);
API int cudaGraphCreate(void **graph, unsigned flags);
API int cudaGraphClone(void **clone, void *graph);
API int cudaGraphDestroy(void *graph);
API int cudaGraphGetNodes(void *graph, void **nodes, size_t *count);
API int cudaGraphInstantiate(void **exec, void *graph, unsigned long long flags);
API int cudaGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags);
API int cudaGraphExecUpdate(void *exec, void *graph, void *result);
API int cudaGraphNodeGetType(void *node, int *type);
#if SNUG_CUDA_MAJOR == 12
API int cudaStreamGetCaptureInfo(snug_stream *stream, int *status, unsigned long long *id);
API int cudaStreamGetCaptureInfo_v2(snug_stream *stream, int *status, unsigned long long *id,
                                    void **graph, const void ***nodes, size_t *count);
API int cudaStreamGetCaptureInfo_v3(snug_stream *stream, int *status, unsigned long long *id,
                                    void **graph, const void ***nodes, const void **edges,
                                    size_t *count);
#else
API int cudaStreamGetCaptureInfo(snug_stream *stream, int *status, unsigned long long *id,
                                 void **graph, const void ***nodes, const void **edges,
                                 size_t *count);
#endif

int cudaStreamBeginCapture(snug_stream *stream, int mode) {
    (void)mode;
    return RESULT(snug_stream_begin_capture(stream, snug_standin_handle()));
}

int cudaStreamBeginCaptureToGraph(snug_stream *stream, void *graph, const void *nodes,
                                  const void *edges, size_t count, int mode) {
    (void)nodes, (void)edges, (void)count, (void)mode;
    return RESULT(snug_stream_begin_capture(stream, (uintptr_t)graph));
}

int cudaStreamEndCapture(snug_stream *stream, void **graph) {
    uintptr_t made = 0;
    int status = snug_stream_end_capture(stream, &made);
    *graph = (void *)made;
    return RESULT(status);
}

static int capture_info(snug_stream *stream, int *status, unsigned long long *id, void **graph,
                        const void ***nodes, size_t *count) {
    uintptr_t made = 0;
    uint64_t capture = snug_stream_capture(stream, &made);
    if (status) *status = capture != 0;
    if (id) *id = capture;
    if (graph) *graph = (void *)made;
    if (nodes) *nodes = NULL;
    if (count) *count = 0;
    return SNUG_CUDA_OK;
}

#if SNUG_CUDA_MAJOR == 12
int cudaStreamGetCaptureInfo(snug_stream *stream, int *status, unsigned long long *id) {
    return capture_info(stream, status, id, NULL, NULL, NULL);
}

int cudaStreamGetCaptureInfo_v2(snug_stream *stream, int *status, unsigned long long *id,
                                void **graph, const void ***nodes, size_t *count) {
    return capture_info(stream, status, id, graph, nodes, count);
}

int cudaStreamGetCaptureInfo_v3(snug_stream *stream, int *status, unsigned long long *id,
                                void **graph, const void ***nodes, const void **edges,
                                size_t *count) {
    if (edges) *edges = NULL;
    return capture_info(stream, status, id, graph, nodes, count);
}
#else
int cudaStreamGetCaptureInfo(snug_stream *stream, int *status, unsigned long long *id, void **graph,
                             const void ***nodes, const void **edges, size_t *count) {
    if (edges) *edges = NULL;
    return capture_info(stream, status, id, graph, nodes, count);
}
#endif

int cudaStreamUpdateCaptureDependencies(snug_stream *stream, void **nodes, size_t count,
                                        unsigned flags) {
    (void)stream, (void)nodes, (void)count, (void)flags;
    return SNUG_CUDA_OK;
}

int cudaThreadExchangeStreamCaptureMode(int *mode) {
    static __thread int current; // global, as CUDA begins
    int before = current;
    current = *mode;
    *mode = before;
    return SNUG_CUDA_OK;
}

static int new_handle(void **out) {
    *out = (void *)snug_standin_handle();
    return SNUG_CUDA_OK;
}

int cudaGraphCreate(void **graph, unsigned flags) {
    (void)flags;
    return new_handle(graph);
}

int cudaGraphClone(void **clone, void *graph) {
    (void)graph;
    return new_handle(clone);
}

int cudaGraphDestroy(void *graph) {
    (void)graph;
    return SNUG_CUDA_OK;
}

// One, when asked how many: PyTorch warns of a graph without any, which a captured one never is.
int cudaGraphGetNodes(void *graph, void **nodes, size_t *count) {
    if (nodes && *count > 0) nodes[0] = graph;
    *count = 1;
    return SNUG_CUDA_OK;
}

int cudaGraphNodeGetType(void *node, int *type) {
    (void)node;
    *type = 0; // a kernel
    return SNUG_CUDA_OK;
}

int cudaGraphInstantiate(void **exec, void *graph, unsigned long long flags) {
    (void)graph, (void)flags;
    return new_handle(exec);
}

int cudaGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags) {
    return cudaGraphInstantiate(exec, graph, flags);
}

int cudaGraphExecUpdate(void *exec, void *graph, void *result) {
    (void)exec, (void)graph, (void)result;
    return SNUG_CUDA_OK;
}
