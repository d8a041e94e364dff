// The stand-ins of the libraries that tools ask, without PyTorch: NVML against the books and the
// settings, NVRTC, nvJitLink, CUPTI, nvtx, cuFile and NVSHMEM as their users call them. Each major
// version in a process of its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka needs those before it.
#include <cmocka.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTINGS                                                                                   \
    "card=NVIDIA GeForce RTX 3060;memory=12884901888;context=419430400;capability=86;"             \
    "multiprocessors=28;cores=3584;bus-width=192;clock=1777000;memory-clock=7501000;gpus=2"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "CUDA %d: %s:%d: %s\n", major, __FILE__, __LINE__, #condition);        \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static void *load(int major, const char *name) {
    char path[4096], with_major[64];
    snprintf(with_major, sizeof with_major, name, major);
    snprintf(path, sizeof path, "%s/lib/snug/stand-in/%d/%s", SNUG_BUILD_DIR, major, with_major);
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    return library;
}

// Calls a function of |library| by name.
#define CALL(library, name, type, ...) (__extension__(type) dlsym(library, name))(__VA_ARGS__)
#define CALL_PLAIN(library, name) (__extension__(int (*)(void)) dlsym(library, name))()
#define FUNCTION(result, ...) result (*)(__VA_ARGS__)

typedef int check_function(int major);

// Runs |check| for both major versions.
static void run(check_function *check) {
    for (int major = 12; major <= 13; major++) {
        pid_t pid = fork();
        if (pid == 0) {
            setenv("SNUG_STANDIN", SETTINGS, 1);
            _exit(load(major, "libcuda.so.1") ? check(major) : 2);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
}

// ---- NVML

typedef struct memory {
    unsigned long long total, free, used;
} memory;
typedef struct process {
    unsigned pid;
    unsigned long long used;
    unsigned instance, compute_instance;
} process;
typedef struct pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} pci;

static int has_devices(int major) {
    void *nvml = load(major, "libnvidia-ml.so.1");
    CHECK(nvml);
    unsigned count = 7;
    void *device = NULL, *same = NULL;
    // Before the beginning.
    CHECK(CALL(nvml, "nvmlDeviceGetCount_v2", FUNCTION(int, unsigned *), &count) == 1);
    CHECK(CALL_PLAIN(nvml, "nvmlInit_v2") == 0);
    CHECK(CALL(nvml, "nvmlDeviceGetCount_v2", FUNCTION(int, unsigned *), &count) == 0);
    CHECK(count == 2);
    CHECK(CALL(nvml, "nvmlDeviceGetHandleByIndex_v2", FUNCTION(int, unsigned, void **), 2,
               &device) == 2);
    CHECK(CALL(nvml, "nvmlDeviceGetHandleByIndex_v2", FUNCTION(int, unsigned, void **), 1,
               &device) == 0);
    char text[96];
    CHECK(CALL(nvml, "nvmlDeviceGetName", FUNCTION(int, void *, char *, unsigned), device, text,
               96) == 0);
    CHECK(strcmp(text, "NVIDIA GeForce RTX 3060") == 0);
    CHECK(CALL(nvml, "nvmlDeviceGetName", FUNCTION(int, void *, char *, unsigned), device, text,
               5) == 7);
    // Found again by its marks, which are the driver's.
    CHECK(CALL(nvml, "nvmlDeviceGetUUID", FUNCTION(int, void *, char *, unsigned), device, text,
               96) == 0);
    CHECK(strlen(text) == 40 && strncmp(text, "GPU-", 4) == 0);
    CHECK(CALL(nvml, "nvmlDeviceGetHandleByUUID", FUNCTION(int, const char *, void **), text,
               &same) == 0);
    CHECK(same == device);
    unsigned char uuid[16];
    CHECK(CALL(RTLD_DEFAULT, "cuDeviceGetUuid", FUNCTION(int, void *, int), uuid, 1) == 0);
    char last[3];
    snprintf(last, sizeof last, "%02x", uuid[15]);
    CHECK(strcmp(text + 38, last) == 0);
    pci place;
    CHECK(CALL(nvml, "nvmlDeviceGetPciInfo_v3", FUNCTION(int, void *, pci *), device, &place) == 0);
    char bus_id[32];
    CHECK(CALL(RTLD_DEFAULT, "cuDeviceGetPCIBusId", FUNCTION(int, char *, int, int), bus_id, 32,
               1) == 0);
    CHECK(strcmp(place.legacy, bus_id) == 0 && place.bus == 2);
    CHECK(CALL(nvml, "nvmlDeviceGetHandleByPciBusId_v2", FUNCTION(int, const char *, void **),
               place.bus_id, &same) == 0);
    CHECK(same == device);
    return 0;
}

static int has_figures(int major) {
    void *nvml = load(major, "libnvidia-ml.so.1");
    CHECK(nvml);
    void *device = NULL;
    CHECK(CALL_PLAIN(nvml, "nvmlInit_v2") == 0);
    CHECK(CALL(nvml, "nvmlDeviceGetHandleByIndex_v2", FUNCTION(int, unsigned, void **), 0,
               &device) == 0);
    int big = 0, small = 0;
    CHECK(CALL(nvml, "nvmlDeviceGetCudaComputeCapability", FUNCTION(int, void *, int *, int *),
               device, &big, &small) == 0);
    CHECK(big == 8 && small == 6);
    unsigned value = 0;
    CHECK(CALL(nvml, "nvmlDeviceGetNumGpuCores", FUNCTION(int, void *, unsigned *), device,
               &value) == 0 &&
          value == 3584);
    CHECK(CALL(nvml, "nvmlDeviceGetClockInfo", FUNCTION(int, void *, unsigned, unsigned *), device,
               2, &value) == 0 &&
          value == 7501);
    CHECK(CALL(nvml, "nvmlDeviceGetArchitecture", FUNCTION(int, void *, unsigned *), device,
               &value) == 0 &&
          value == 7); // Ampere
    // What is not there is refused, not made up.
    CHECK(CALL(nvml, "nvmlDeviceGetFanSpeed", FUNCTION(int, void *, unsigned *), device, &value) ==
          3);
    CHECK(CALL(nvml, "nvmlDeviceGetTemperature", FUNCTION(int, void *, unsigned, unsigned *), NULL,
               0, &value) == 2);
    return 0;
}

static int has_memory(int major) {
    void *nvml = load(major, "libnvidia-ml.so.1"), *runtime = load(major, "libcudart.so.%d");
    CHECK(nvml && runtime);
    void *device = NULL;
    CHECK(CALL_PLAIN(nvml, "nvmlInit_v2") == 0);
    CHECK(CALL(nvml, "nvmlDeviceGetHandleByIndex_v2", FUNCTION(int, unsigned, void **), 1,
               &device) == 0);
    memory now;
    unsigned count = 0;
    process processes[2];
    // Asking makes no context.
    CHECK(CALL(nvml, "nvmlDeviceGetMemoryInfo", FUNCTION(int, void *, memory *), device, &now) ==
          0);
    CHECK(now.total == 12884901888 && now.used == 0 && now.free == now.total);
    CHECK(CALL(nvml, "nvmlDeviceGetComputeRunningProcesses_v3",
               FUNCTION(int, void *, unsigned *, process *), device, &count, NULL) == 0);
    CHECK(count == 0);
    void *block = NULL;
    CHECK(CALL(runtime, "cudaSetDevice", FUNCTION(int, int), 1) == 0);
    CHECK(CALL(runtime, "cudaMalloc", FUNCTION(int, void **, size_t), &block, 100 << 20) == 0);
    CHECK(CALL(nvml, "nvmlDeviceGetMemoryInfo", FUNCTION(int, void *, memory *), device, &now) ==
          0);
    CHECK(now.used == 419430400 + (100 << 20) && now.free == now.total - now.used);
    size_t free_bytes, total;
    CHECK(CALL(runtime, "cudaMemGetInfo", FUNCTION(int, size_t *, size_t *), &free_bytes, &total) ==
          0);
    CHECK(free_bytes == now.free && total == now.total);
    // First how many, then which.
    CHECK(CALL(nvml, "nvmlDeviceGetComputeRunningProcesses_v3",
               FUNCTION(int, void *, unsigned *, process *), device, &count, NULL) == 7);
    CHECK(count == 1);
    CHECK(CALL(nvml, "nvmlDeviceGetComputeRunningProcesses_v3",
               FUNCTION(int, void *, unsigned *, process *), device, &count, processes) == 0);
    CHECK(count == 1 && processes[0].pid == (unsigned)getpid() && processes[0].used == now.used);
    return 0;
}

static void test_nvml(void **state) {
    (void)state;
    run(has_devices);
    run(has_figures);
    run(has_memory);
}

// ---- NVRTC and nvJitLink, as PyTorch's jiterator goes through them

static int compiles(int major) {
    void *nvrtc = load(major, "libnvrtc.so.%d");
    CHECK(nvrtc);
    void *program = NULL;
    int big = 0, small = 0;
    CHECK(CALL(nvrtc, "nvrtcVersion", FUNCTION(int, int *, int *), &big, &small) == 0);
    CHECK(big == major);
    CHECK(CALL(nvrtc, "nvrtcCreateProgram",
               FUNCTION(int, void **, const char *, const char *, int, void *, void *), &program,
               "template <int n> __global__ void f() {}", "f.cu", 0, NULL, NULL) == 0);
    CHECK(CALL(nvrtc, "nvrtcAddNameExpression", FUNCTION(int, void *, const char *), program,
               "f<1>") == 0);
    CHECK(CALL(nvrtc, "nvrtcCompileProgram", FUNCTION(int, void *, int, void *), program, 0,
               NULL) == 0);
    const char *name = NULL;
    CHECK(CALL(nvrtc, "nvrtcGetLoweredName", FUNCTION(int, void *, const char *, const char **),
               program, "f<1>", &name) == 0);
    CHECK(name && name[0]);
    CHECK(CALL(nvrtc, "nvrtcGetLoweredName", FUNCTION(int, void *, const char *, const char **),
               program, "g", &name) == 10);
    size_t size = 0, log_size = 9;
    CHECK(CALL(nvrtc, "nvrtcGetCUBINSize", FUNCTION(int, void *, size_t *), program, &size) == 0);
    CHECK(size > 0);
    char *image = malloc(size + 1);
    image[size] = 'x';
    CHECK(CALL(nvrtc, "nvrtcGetCUBIN", FUNCTION(int, void *, char *), program, image) == 0);
    CHECK(image[size] == 'x');
    CHECK(CALL(nvrtc, "nvrtcGetProgramLogSize", FUNCTION(int, void *, size_t *), program,
               &log_size) == 0 &&
          log_size == 1);
    void *module = NULL, *function = NULL;
    CHECK(CALL(RTLD_DEFAULT, "cuModuleLoadData", FUNCTION(int, void **, const void *), &module,
               image) == 0);
    CHECK(CALL(RTLD_DEFAULT, "cuModuleGetFunction", FUNCTION(int, void **, void *, const char *),
               &function, module, "f") == 0);
    CHECK(module && function);
    free(image);
    CHECK(CALL(nvrtc, "nvrtcDestroyProgram", FUNCTION(int, void **), &program) == 0);
    CHECK(program == NULL);
    void *linker = load(major, "libnvJitLink.so.%d"), *handle = NULL;
    CHECK(linker);
    CHECK(CALL(linker, "nvJitLinkCreate", FUNCTION(int, void **, unsigned, void *), &handle, 0,
               NULL) == 0 &&
          handle);
    CHECK(CALL(linker, "nvJitLinkGetLinkedCubinSize", FUNCTION(int, void *, size_t *), handle,
               &size) == 0 &&
          size > 0);
    return 0;
}

static void test_compilers(void **state) {
    (void)state;
    run(compiles);
}

// ---- The rest

static int profiles(int major) {
    void *cupti = load(major, "libcupti.so.%d"), *nvtx = load(major, "libnvToolsExt.so.1");
    CHECK(cupti && nvtx);
    uint32_t version = 0;
    void *subscriber = NULL;
    CHECK(CALL(cupti, "cuptiGetVersion", FUNCTION(int, uint32_t *), &version) == 0 && version);
    CHECK(CALL(cupti, "cuptiSubscribe", FUNCTION(int, void **, void *, void *), &subscriber, NULL,
               NULL) == 0 &&
          subscriber);
    CHECK(CALL(cupti, "cuptiActivityEnable", FUNCTION(int, int), 3) == 0);
    CHECK(CALL(cupti, "cuptiActivityFlushAll", FUNCTION(int, uint32_t), 0) == 0);
    void *record = NULL;
    CHECK(CALL(cupti, "cuptiActivityGetNextRecord", FUNCTION(int, unsigned char *, size_t, void **),
               NULL, 0, &record) == 12);
    CHECK(record == NULL);
    size_t dropped = 5;
    CHECK(CALL(cupti, "cuptiActivityGetNumDroppedRecords",
               FUNCTION(int, void *, uint32_t, size_t *), NULL, 0, &dropped) == 0 &&
          dropped == 0);
    CHECK(CALL(nvtx, "nvtxRangePushA", FUNCTION(int, const char *), "step") == 0);
    CHECK(CALL_PLAIN(nvtx, "nvtxRangePop") == 0);
    return 0;
}

typedef struct file_error {
    int error, driver_error;
} file_error;

static int refuses(int major) {
    void *cufile = load(major, "libcufile.so.0"), *nvshmem = load(major, "libnvshmem_host.so.3");
    CHECK(cufile && nvshmem);
    void *handle = NULL;
    file_error error =
        CALL(cufile, "cuFileHandleRegister", FUNCTION(file_error, void **, void *), &handle, NULL);
    CHECK(error.error == 5001);
    CHECK(CALL(nvshmem, "nvshmemid_hostlib_init_attr", FUNCTION(int, unsigned, void *, void *), 0,
               NULL, NULL) != 0);
    CHECK(CALL(nvshmem, "nvshmem_malloc", FUNCTION(void *, size_t), 64) == NULL);
    return 0;
}

static void test_others(void **state) {
    (void)state;
    run(profiles);
    run(refuses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nvml),
        cmocka_unit_test(test_compilers),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
