// What the files of the runtime's stand-in share. The runtime's errors are the driver's numbers;
// the last failure of each thread is kept until it is asked for.
#ifndef SNUG_STANDIN_RUNTIME_H
#define SNUG_STANDIN_RUNTIME_H

#include "standin/core/state.h"
#include "standin/standin.h"

#define API SNUG_STANDIN_API

// cudaMemcpyKind
enum { TO_HOST_FROM_HOST, TO_DEVICE, TO_HOST, DEVICE_TO_DEVICE, BY_ADDRESS };

typedef struct dim3 {
    unsigned x, y, z;
} dim3;

// Keeps |status| as the last error, if it is one, and returns it.
int snug_runtime_result(int status);
#define RESULT(status) snug_runtime_result(status)

// pool.c: frees memory of a pool. SNUG_CUDA_INVALID_VALUE where it is none.
int snug_runtime_free_pooled(void *pointer);

#endif
