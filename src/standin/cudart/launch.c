// Kernels: a program's fat binaries are registered when its libraries load, its host functions
// stand for kernels, and a launch computes nothing. What is checked is what a card would refuse: a
// kernel for which the program holds no code for this card.
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cudart/runtime.h"

// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's own names, which compilers emit.
API void **__cudaRegisterFatBinary(void *wrapper);
API void __cudaRegisterFatBinaryEnd(void **handle);
API void __cudaUnregisterFatBinary(void **handle);
API void __cudaRegisterFunction(void **handle, const char *host, const char *device,
                                const char *name, int threads, void *thread, void *block,
                                void *block_size, void *grid_size, const int *warp);
API unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream);
API int __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream);
API int __cudaGetKernel(const void **kernel, const void *function);
API int __cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments,
                           size_t shared, void *stream);
// NOLINTEND(bugprone-reserved-identifier)
API int cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                         size_t shared, void *stream);
API int cudaLaunchCooperativeKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                                    size_t shared, void *stream);
API int cudaLaunchKernelExC(const void *config, const void *function, void **arguments);
API int cudaFuncGetAttributes(void *out, const void *function);
API int cudaGetFuncBySymbol(const void **out, const void *function);
API int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function, int size,
                                                      size_t shared);
API int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function,
                                                               int size, size_t shared,
                                                               unsigned flags);
API int cudaGetDriverEntryPoint(const char *symbol, void **out, unsigned long long flags,
                                int *result);
API int cudaGetDriverEntryPointByVersion(const char *symbol, void **out, unsigned version,
                                         unsigned long long flags, int *result);
API int cudaGetSymbolAddress(void **out, const void *symbol);

// ---- Registration

typedef struct fat_binary {
    const void *image;
    bool known, fits; // libraries hold hundreds; only those that are used are looked into
    int binary, ptx;
} fat_binary;

typedef struct wrapper {
    int magic, version;
    const void *image, *more;
} wrapper;

typedef struct function_entry {
    const void *host;
    fat_binary *binary;
    const char *name;
    snug_kernel kernel;
} function_entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static function_entry *functions; // open addressing, at most half full
static size_t function_count, function_room;

void **__cudaRegisterFatBinary(void *registered) {
    fat_binary *self = calloc(1, sizeof *self);
    if (self) self->image = ((const wrapper *)registered)->image;
    return (void **)self;
}

void __cudaRegisterFatBinaryEnd(void **handle) {
    (void)handle;
}

// Host functions may still be asked for while the process ends: entries stay.
void __cudaUnregisterFatBinary(void **handle) {
    (void)handle;
}

static function_entry *slot_of(const void *host) {
    size_t at = ((uintptr_t)host >> 4) * 11400714819323198485u >> 20 & (function_room - 1);
    while (functions[at].host && functions[at].host != host)
        at = (at + 1) & (function_room - 1);
    return &functions[at];
}

static bool grow_functions(void) {
    function_entry *before = functions;
    size_t room_before = function_room, room = function_room ? function_room * 2 : 4096;
    function_entry *fresh = calloc(room, sizeof *fresh);
    if (!fresh) return false;
    functions = fresh;
    function_room = room;
    for (size_t i = 0; i < room_before; i++)
        if (before[i].host) *slot_of(before[i].host) = before[i];
    free(before);
    return true;
}

void __cudaRegisterFunction(void **handle, const char *host, const char *device, const char *name,
                            int threads, void *thread, void *block, void *block_size,
                            void *grid_size, const int *warp) {
    (void)device, (void)threads, (void)thread, (void)block, (void)block_size;
    (void)grid_size, (void)warp;
    pthread_mutex_lock(&lock);
    if (2 * function_count < function_room || grow_functions()) {
        function_entry *slot = slot_of(host);
        if (!slot->host) function_count++;
        *slot = (function_entry){.host = host, .binary = (fat_binary *)handle, .name = name};
    }
    pthread_mutex_unlock(&lock);
}

// |kernel| may be NULL.
static fat_binary *binary_of(const void *function, snug_kernel *kernel) {
    pthread_mutex_lock(&lock);
    function_entry *entry = function_room ? slot_of(function) : NULL;
    fat_binary *found = entry ? entry->binary : NULL;
    if (found && kernel) {
        if (entry->kernel.kind == SNUG_KERNEL_UNSEEN) entry->kernel = snug_kernel_of(entry->name);
        *kernel = entry->kernel;
    }
    if (found && !found->known) {
        found->fits = snug_fatbin_choose(found->image, &found->binary, &found->ptx);
        found->known = true;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

// ---- Launches

static int launch(const void *function, void **arguments) {
    snug_kernel kernel = {.kind = SNUG_KERNEL_OTHER};
    const fat_binary *binary = binary_of(function, &kernel);
    snug_kernel_launched(&kernel, arguments);
    return RESULT(binary && !binary->fits ? SNUG_CUDA_NO_KERNEL_IMAGE : SNUG_CUDA_OK);
}

typedef struct call {
    dim3 grid, block;
    size_t shared;
    void *stream;
} call;
enum { NESTED = 16 };
static __thread call calls[NESTED];
static __thread int call_count;

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream) {
    if (call_count == NESTED) return 1;
    calls[call_count++] = (call){.grid = grid, .block = block, .shared = shared, .stream = stream};
    return 0;
}

int __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream) {
    if (call_count == 0) return RESULT(SNUG_CUDA_MISSING_CONFIGURATION);
    const call *last = &calls[--call_count];
    *grid = last->grid;
    *block = last->block;
    *shared = last->shared;
    *(void **)stream = last->stream;
    return SNUG_CUDA_OK;
}

int cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments, size_t shared,
                     void *stream) {
    (void)grid, (void)block, (void)shared, (void)stream;
    return launch(function, arguments);
}

int cudaLaunchCooperativeKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                                size_t shared, void *stream) {
    return cudaLaunchKernel(function, grid, block, arguments, shared, stream);
}

int cudaLaunchKernelExC(const void *config, const void *function, void **arguments) {
    (void)config;
    return launch(function, arguments);
}

int __cudaGetKernel(const void **kernel, const void *function) {
    *kernel = function;
    return SNUG_CUDA_OK;
}

int __cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments, size_t shared,
                       void *stream) {
    return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}

int cudaGetFuncBySymbol(const void **out, const void *function) {
    *out = function;
    return SNUG_CUDA_OK;
}

// ---- Attributes

// cudaFuncAttributes, as far as it is filled.
typedef struct function_attributes {
    size_t shared, constant, local; // bytes
    int threads, registers, ptx, binary, cache_mode, dynamic_shared, carveout;
    int cluster[5], reserved[16];
} function_attributes;

int cudaFuncGetAttributes(void *out, const void *function) {
    const fat_binary *binary = binary_of(function, NULL);
    if (binary && !binary->fits) return RESULT(SNUG_CUDA_NO_KERNEL_IMAGE);
    int capability = snug_standin_settings_get()->capability;
    function_attributes self = {
        .threads = 1024, .registers = 32, .dynamic_shared = 48 << 10, .carveout = -1};
    self.ptx = binary && binary->ptx ? binary->ptx : capability;
    self.binary = binary && binary->binary ? binary->binary : capability;
    memcpy(out, &self, sizeof self);
    return SNUG_CUDA_OK;
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function,
                                                           int size, size_t shared,
                                                           unsigned flags) {
    (void)function, (void)flags;
    *blocks = snug_device_occupancy(size, shared);
    return SNUG_CUDA_OK;
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function, int size,
                                                  size_t shared) {
    return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, size, shared,
                                                                  0);
}

// ---- The driver's functions by name

int cudaGetDriverEntryPointByVersion(const char *symbol, void **out, unsigned version,
                                     unsigned long long flags, int *result) {
    (void)version, (void)flags;
    *out = snug_driver_function(symbol);
    if (result) *result = *out ? 0 : 1; // found, or not
    return RESULT(*out || result ? SNUG_CUDA_OK : SNUG_CUDA_NOT_FOUND);
}

int cudaGetDriverEntryPoint(const char *symbol, void **out, unsigned long long flags, int *result) {
    return cudaGetDriverEntryPointByVersion(symbol, out, 0, flags, result);
}

// A variable of the program's on the device: the host's own copy stands for it.
int cudaGetSymbolAddress(void **out, const void *symbol) {
    *out = (void *)(uintptr_t)symbol;
    return SNUG_CUDA_OK;
}
