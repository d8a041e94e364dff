// Streams and events. Everything that is asked for is done at once, so every event has happened and
// every stream is idle; only capture is kept (core/streams.c).
#include <stdlib.h>

#include "standin/cudart/runtime.h"

API int cudaStreamCreate(snug_stream **out);
API int cudaStreamCreateWithFlags(snug_stream **out, unsigned flags);
API int cudaStreamCreateWithPriority(snug_stream **out, unsigned flags, int priority);
API int cudaStreamDestroy(snug_stream *stream);
API int cudaStreamGetPriority(snug_stream *stream, int *priority);
API int cudaStreamGetFlags(snug_stream *stream, unsigned *flags);
API int cudaStreamWaitEvent(snug_stream *stream, snug_event *event, unsigned flags);
API int cudaStreamIsCapturing(snug_stream *stream, int *status);
API int cudaStreamAddCallback(snug_stream *stream, void (*function)(void *, int, void *),
                              void *argument, unsigned flags);
API int cudaLaunchHostFunc(snug_stream *stream, void (*function)(void *), void *argument);
API int cudaEventCreate(snug_event **out);
API int cudaEventCreateWithFlags(snug_event **out, unsigned flags);
API int cudaEventDestroy(snug_event *event);
API int cudaEventRecord(snug_event *event, snug_stream *stream);
API int cudaEventRecordWithFlags(snug_event *event, snug_stream *stream, unsigned flags);
API int cudaEventElapsedTime(float *milliseconds, snug_event *from, snug_event *to);
API int cudaEventElapsedTime_v2(float *milliseconds, snug_event *from, snug_event *to);

// cudaStreamCaptureStatus
enum { NOT_CAPTURING, CAPTURING };

int cudaStreamCreateWithPriority(snug_stream **out, unsigned flags, int priority) {
    (void)flags;
    return RESULT(snug_stream_create(priority, out));
}

int cudaStreamCreateWithFlags(snug_stream **out, unsigned flags) {
    return cudaStreamCreateWithPriority(out, flags, 0);
}

int cudaStreamCreate(snug_stream **out) {
    return cudaStreamCreateWithPriority(out, 0, 0);
}

int cudaStreamDestroy(snug_stream *stream) {
    return RESULT(snug_stream_destroy(stream));
}

int cudaStreamGetPriority(snug_stream *stream, int *priority) {
    *priority = snug_stream_priority(stream);
    return SNUG_CUDA_OK;
}

int cudaStreamGetFlags(snug_stream *stream, unsigned *flags) {
    (void)stream;
    *flags = 1; // does not wait for the default stream
    return SNUG_CUDA_OK;
}

int cudaStreamWaitEvent(snug_stream *stream, snug_event *event, unsigned flags) {
    (void)flags;
    return RESULT(snug_stream_wait(stream, event));
}

int cudaStreamIsCapturing(snug_stream *stream, int *status) {
    *status = snug_stream_capture(stream, NULL) ? CAPTURING : NOT_CAPTURING;
    return SNUG_CUDA_OK;
}

// ---- Host functions

typedef struct callback {
    void (*function)(void *, int, void *);
    void *stream, *argument;
} callback;

static void run_callback(void *argument) {
    callback *self = argument;
    self->function(self->stream, SNUG_CUDA_OK, self->argument);
    free(self);
}

int cudaStreamAddCallback(snug_stream *stream, void (*function)(void *, int, void *),
                          void *argument, unsigned flags) {
    (void)flags;
    callback *self = malloc(sizeof *self);
    if (!self) return RESULT(SNUG_CUDA_OUT_OF_MEMORY);
    *self = (callback){.function = function, .stream = stream, .argument = argument};
    int status = snug_stream_run(run_callback, self);
    if (status != SNUG_CUDA_OK) free(self);
    return RESULT(status);
}

// A captured function runs when the graph is launched: here never, since graphs have no nodes.
int cudaLaunchHostFunc(snug_stream *stream, void (*function)(void *), void *argument) {
    if (snug_stream_capture(stream, NULL)) return SNUG_CUDA_OK;
    return RESULT(snug_stream_run(function, argument));
}

// ---- Events

int cudaEventCreateWithFlags(snug_event **out, unsigned flags) {
    (void)flags;
    return RESULT(snug_event_create(out));
}

int cudaEventCreate(snug_event **out) {
    return cudaEventCreateWithFlags(out, 0);
}

int cudaEventDestroy(snug_event *event) {
    return RESULT(snug_event_destroy(event));
}

int cudaEventRecord(snug_event *event, snug_stream *stream) {
    return RESULT(snug_event_record(event, stream));
}

int cudaEventRecordWithFlags(snug_event *event, snug_stream *stream, unsigned flags) {
    (void)flags;
    return cudaEventRecord(event, stream);
}

// Nobody knows how long a kernel would have taken. Always the same answer: who times several ways
// of doing a thing then takes the first, in every run.
int cudaEventElapsedTime(float *milliseconds, snug_event *from, snug_event *to) {
    (void)from, (void)to;
    *milliseconds = 0.01f;
    return SNUG_CUDA_OK;
}

int cudaEventElapsedTime_v2(float *milliseconds, snug_event *from, snug_event *to) {
    return cudaEventElapsedTime(milliseconds, from, to);
}
