// PyTorch's allocator tells its profiler of every allocation and free. The stand-ins listen: they
// know what is allocated to the byte, when memory is given out anew (what was known of it is then
// forgotten), and how many requests had been served when something happened.
//
// This is the one private interface of PyTorch's that the stand-ins use: c10's function
// reportMemoryUsageToProfiler(void *pointer, int64_t size, size_t allocated, size_t reserved,
// Device), which PyTorch has had in this form since 1.13. Were it gone, a dry run would report by
// its recording alone, and bytes known of memory that is used anew would be read again.
#include <dlfcn.h>
#include <pthread.h>

#include "standin/core/state.h"

// c10::Device: a type and an index, passed in one register.
typedef struct pytorch_device {
    int8_t type, index;
} pytorch_device;
enum { CUDA_TYPE = 1 };

typedef void report_usage(void *pointer, int64_t size, size_t allocated, size_t reserved,
                          pytorch_device device);
static report_usage *original;

static void find_original(void) {
    void *library = dlopen("libc10.so", RTLD_LAZY | RTLD_NOLOAD);
    // POSIX wants this way of turning an object's address into a function's.
    if (library)
        *(void **)&original =
            dlsym(library, "_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE");
}

SNUG_STANDIN_API void snug_pytorch_usage(
    void *pointer, int64_t size, size_t allocated, size_t reserved,
    pytorch_device device) __asm__("_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE");

void snug_pytorch_usage(void *pointer, int64_t size, size_t allocated, size_t reserved,
                        pytorch_device device) {
    if (device.type == CUDA_TYPE) {
        snug_books_pytorch(device.index, size, allocated, reserved);
        // Nobody knows what is in fresh memory.
        if (size > 0) snug_known_write((uint64_t)(uintptr_t)pointer, NULL, (uint64_t)size);
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_original);
    if (original && original != snug_pytorch_usage)
        original(pointer, size, allocated, reserved, device);
}
