// The driver's streams, events and captures: the same as the runtime's.
#include "standin/cuda/driver.h"

API int cuStreamCreate(snug_stream **out, unsigned flags);
API int cuStreamCreateWithPriority(snug_stream **out, unsigned flags, int priority);
API int cuStreamDestroy_v2(snug_stream *stream);
API int cuStreamGetPriority(snug_stream *stream, int *priority);
API int cuStreamGetCtx(snug_stream *stream, void **context);
API int cuStreamWaitEvent(snug_stream *stream, snug_event *event, unsigned flags);
API int cuStreamIsCapturing(snug_stream *stream, int *status);
API int cuStreamGetCaptureInfo_v2(snug_stream *stream, int *status, uint64_t *id, void **graph,
                                  const void ***nodes, size_t *count);
API int cuStreamBeginCapture_v2(snug_stream *stream, int mode);
API int cuStreamEndCapture(snug_stream *stream, void **graph);
API int cuThreadExchangeStreamCaptureMode(int *mode);
API int cuStreamWriteValue32(snug_stream *stream, device_pointer at, uint32_t value,
                             unsigned flags);
API int cuLaunchHostFunc(snug_stream *stream, void (*function)(void *), void *argument);
API int cuEventCreate(snug_event **out, unsigned flags);
API int cuEventDestroy_v2(snug_event *event);
API int cuEventRecord(snug_event *event, snug_stream *stream);
API int cuEventElapsedTime(float *milliseconds, snug_event *from, snug_event *to);

int cuStreamCreateWithPriority(snug_stream **out, unsigned flags, int priority) {
    (void)flags;
    return snug_stream_create(priority, out);
}

int cuStreamCreate(snug_stream **out, unsigned flags) {
    return cuStreamCreateWithPriority(out, flags, 0);
}

int cuStreamDestroy_v2(snug_stream *stream) {
    return snug_stream_destroy(stream);
}

int cuStreamGetPriority(snug_stream *stream, int *priority) {
    *priority = snug_stream_priority(stream);
    return SNUG_CUDA_OK;
}

int cuStreamGetCtx(snug_stream *stream, void **context) {
    (void)stream;
    *context = (void *)(uintptr_t)(0x1000 + snug_standin_device());
    return SNUG_CUDA_OK;
}

int cuStreamWaitEvent(snug_stream *stream, snug_event *event, unsigned flags) {
    (void)flags;
    return snug_stream_wait(stream, event);
}

int cuStreamIsCapturing(snug_stream *stream, int *status) {
    *status = snug_stream_capture(stream, NULL) != 0;
    return SNUG_CUDA_OK;
}

int cuStreamGetCaptureInfo_v2(snug_stream *stream, int *status, uint64_t *id, void **graph,
                              const void ***nodes, size_t *count) {
    uintptr_t made = 0;
    uint64_t capture = snug_stream_capture(stream, &made);
    *status = capture != 0;
    if (id) *id = capture;
    if (graph) *graph = (void *)made;
    if (nodes) *nodes = NULL;
    if (count) *count = 0;
    return SNUG_CUDA_OK;
}

int cuStreamBeginCapture_v2(snug_stream *stream, int mode) {
    (void)mode;
    return snug_stream_begin_capture(stream, snug_standin_handle());
}

int cuStreamEndCapture(snug_stream *stream, void **graph) {
    uintptr_t made = 0;
    int status = snug_stream_end_capture(stream, &made);
    *graph = (void *)made;
    return status;
}

int cuThreadExchangeStreamCaptureMode(int *mode) {
    static __thread int current;
    int before = current;
    current = *mode;
    *mode = before;
    return SNUG_CUDA_OK;
}

int cuStreamWriteValue32(snug_stream *stream, device_pointer at, uint32_t value, unsigned flags) {
    (void)stream, (void)flags;
    return snug_memory_copy((void *)(uintptr_t)at, &value, sizeof value);
}

int cuLaunchHostFunc(snug_stream *stream, void (*function)(void *), void *argument) {
    if (snug_stream_capture(stream, NULL)) return SNUG_CUDA_OK;
    return snug_stream_run(function, argument);
}

int cuEventCreate(snug_event **out, unsigned flags) {
    (void)flags;
    return snug_event_create(out);
}

int cuEventDestroy_v2(snug_event *event) {
    return snug_event_destroy(event);
}

int cuEventRecord(snug_event *event, snug_stream *stream) {
    return snug_event_record(event, stream);
}

int cuEventElapsedTime(float *milliseconds, snug_event *from, snug_event *to) {
    (void)from, (void)to;
    *milliseconds = 0.01f;
    return SNUG_CUDA_OK;
}
