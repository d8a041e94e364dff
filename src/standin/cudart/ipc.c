// Memory shared between processes: refused. Every process has books of its own.
#include "standin/cudart/runtime.h"

API int cudaIpcGetMemHandle(void *handle, void *pointer);
API int cudaIpcOpenMemHandle(void **out, const void *handle, unsigned flags);
API int cudaIpcCloseMemHandle(void *pointer);
API int cudaIpcGetEventHandle(void *handle, void *event);
API int cudaIpcOpenEventHandle(void **out, const void *handle);

static int refuse(void) {
    snug_standin_note("the program shares card memory between processes (CUDA IPC, as tensors sent "
                      "through torch.multiprocessing are): a dry run cannot, and the call failed "
                      "with cudaErrorNotSupported");
    return RESULT(SNUG_CUDA_NOT_SUPPORTED);
}

int cudaIpcGetMemHandle(void *handle, void *pointer) {
    (void)handle, (void)pointer;
    return refuse();
}

int cudaIpcOpenMemHandle(void **out, const void *handle, unsigned flags) {
    (void)out, (void)handle, (void)flags;
    return refuse();
}

int cudaIpcCloseMemHandle(void *pointer) {
    (void)pointer;
    return refuse();
}

int cudaIpcGetEventHandle(void *handle, void *event) {
    (void)handle, (void)event;
    return refuse();
}

int cudaIpcOpenEventHandle(void **out, const void *handle) {
    (void)out, (void)handle;
    return refuse();
}
