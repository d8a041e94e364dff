// The current device, which runtime and driver share, and numbers for handles.
#include "standin/core/state.h"

static __thread int current;

int snug_standin_device(void) {
    return current;
}

int snug_standin_set_device(int device) {
    if (device < 0 || device >= snug_standin_settings_get()->gpus) return SNUG_CUDA_INVALID_DEVICE;
    current = device;
    return SNUG_CUDA_OK;
}

uintptr_t snug_standin_handle(void) {
    static uintptr_t last = 0x10000;
    return __atomic_add_fetch(&last, 16, __ATOMIC_RELAXED);
}
