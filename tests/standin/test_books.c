// The runtime and the driver as PyTorch uses them: memory, its books, copies, streams, errors.
#include <dlfcn.h>

#include "standin/client.h"

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define CARD "memory=8589934592;context=268435456;gpus=2;capability=86;multiprocessors=28;card=Test"

static void *runtime, *driver;

static void open_both(void) {
    driver = client_open("libcuda.so.1");
    runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
}

static size_t free_bytes(void) {
    size_t left = 0, all = 0;
    OK(runtime, "cudaMemGetInfo", (size_t *, size_t *), &left, &all);
    CHECK(all == 8 * GIB);
    return left;
}

static void *take(size_t size) {
    void *pointer = NULL;
    OK(runtime, "cudaMalloc", (void **, size_t), &pointer, size);
    return pointer;
}

static void give(void *pointer) {
    OK(runtime, "cudaFree", (void *), pointer);
}

static void counting(void) {
    open_both();
    size_t start = free_bytes();
    CHECK(start == 8 * GIB - 256 * MIB);
    void *large = take(3 * MIB);
    CHECK(free_bytes() == start - 4 * MIB); // whole granules of 2 MiB
    void *small[100];
    for (int i = 0; i < 100; i++)
        small[i] = take(256);
    CHECK(free_bytes() == start - 6 * MIB); // a hundred small ones share one
    for (int i = 0; i < 100; i++)
        for (int k = 0; k < i; k++)
            CHECK(small[i] != small[k]);
    for (int i = 0; i < 100; i++)
        give(small[i]);
    give(large);
    CHECK(free_bytes() == start);
    // The last byte of the card, and not one more.
    void *all = take(start);
    CHECK(free_bytes() == 0);
    void *more = (void *)1;
    CHECK(CALL(runtime, "cudaMalloc", (void **, size_t), &more, 1) == 2);
    CHECK(more == NULL);
    CHECK(CALL_PLAIN(runtime, "cudaPeekAtLastError") == 2);
    CHECK(CALL_PLAIN(runtime, "cudaGetLastError") == 2);
    CHECK(CALL_PLAIN(runtime, "cudaGetLastError") == 0);
    give(all);
    // Freed twice, never given, in the middle of a block.
    CHECK(CALL(runtime, "cudaFree", (void *), all) == 1);
    CHECK(CALL(runtime, "cudaFree", (void *), (void *)&all) == 1);
    char *block = take(4 * MIB);
    CHECK(CALL(runtime, "cudaFree", (void *), block + 2 * MIB) == 1);
    give(block);
    give(NULL);
    CHECK(free_bytes() == start);
}

// What others have is neither free nor the program's, and the card is as large as ever.
static void leaving(void) {
    open_both();
    CHECK(free_bytes() == 8 * GIB - 256 * MIB - 512 * MIB);
    void *all = take(free_bytes()), *more = NULL;
    CHECK(CALL(runtime, "cudaMalloc", (void **, size_t), &more, 1) == 2);
    give(all);
}

static void test_leaving(void **state) {
    (void)state;
    client_run(leaving, CARD ";others=536870912");
}

static void test_counting(void **state) {
    (void)state;
    client_run(counting, CARD);
}

typedef struct attributes {
    int type, device;
    void *device_pointer, *host_pointer;
} attributes;

static attributes about(const void *pointer) {
    attributes out[2];
    OK(runtime, "cudaPointerGetAttributes", (void *, const void *), out, pointer);
    return out[0];
}

static void pointers(void) {
    open_both();
    OK(runtime, "cudaSetDevice", (int), 1);
    char *large = take(5 * MIB), *small = take(1000);
    CHECK(about(large).type == 2 && about(large).device == 1);
    CHECK(about(large + 5 * MIB - 1).type == 2);
    CHECK(about(large + 5 * MIB).type == 0); // behind its end, in its last granule
    CHECK(about(small + 999).type == 2 && about(small + 1000).type == 0);
    unsigned long long base = 0;
    size_t size = 0;
    OK(driver, "cuMemGetAddressRange_v2", (unsigned long long *, size_t *, unsigned long long),
       &base, &size, (uintptr_t)(large + MIB));
    CHECK(base == (uintptr_t)large && size == 5 * MIB);
    char own[8192], *pinned = NULL;
    CHECK(about(own).type == 0);
    OK(runtime, "cudaMallocHost", (void **, size_t), (void **)&pinned, 10000);
    memset(pinned, 7, 10000);
    CHECK(about(pinned + 9999).type == 1 && about(pinned + 9999).host_pointer == pinned + 9999);
    OK(runtime, "cudaHostRegister", (void *, size_t, unsigned), own, sizeof own, 0);
    CHECK(about(own + 10).type == 1);
    CHECK(CALL(runtime, "cudaHostRegister", (void *, size_t, unsigned), own + 10, 10, 0) == 712);
    OK(runtime, "cudaHostUnregister", (void *), own);
    CHECK(CALL(runtime, "cudaHostUnregister", (void *), own) == 713);
    OK(runtime, "cudaFreeHost", (void *), pinned);
    char *managed = NULL;
    OK(runtime, "cudaMallocManaged", (void **, size_t, unsigned), (void **)&managed, GIB, 1);
    managed[GIB - 1] = 1;
    CHECK(about(managed).type == 3);
    give(managed);
    CHECK(CALL(runtime, "cudaSetDevice", (int), 2) == 101);
    CHECK(CALL(runtime, "cudaSetDevice", (int), -1) == 101);
}

static void test_pointers(void **state) {
    (void)state;
    client_run(pointers, CARD);
}

// Physical memory counts, addresses do not; it lives as long as its handle or a mapping of it.
static void virtual_memory(void) {
    typedef unsigned long long address;
    typedef struct properties {
        int type, handles, location_type, location;
        void *rest[2];
    } properties;
    open_both();
    size_t start = free_bytes();
    address at = 0;
    uint64_t first = 0, second = 0;
    properties pinned = {.type = 1, .location_type = 1, .location = 0};
    OK(driver, "cuMemAddressReserve", (address *, size_t, size_t, address, address), &at, 9 * GIB,
       0, 0, 0);
    CHECK(free_bytes() == start);
    OK(driver, "cuMemCreate", (uint64_t *, size_t, const void *, address), &first, 20 * MIB,
       &pinned, 0);
    OK(driver, "cuMemCreate", (uint64_t *, size_t, const void *, address), &second, 2 * MIB,
       &pinned, 0);
    CHECK(free_bytes() == start - 22 * MIB);
    CHECK(CALL(driver, "cuMemCreate", (uint64_t *, size_t, const void *, address), &second, 9 * GIB,
               &pinned, 0) == 2);
    OK(driver, "cuMemCreate", (uint64_t *, size_t, const void *, address), &second, 2 * MIB,
       &pinned, 0);
    OK(driver, "cuMemMap", (address, size_t, size_t, uint64_t, address), at, 20 * MIB, 0, first, 0);
    CHECK(CALL(driver, "cuMemMap", (address, size_t, size_t, uint64_t, address), at + 2 * MIB,
               2 * MIB, 0, second, 0) != 0); // taken
    OK(driver, "cuMemMap", (address, size_t, size_t, uint64_t, address), at + 20 * MIB, 2 * MIB, 0,
       second, 0);
    CHECK(about((void *)(uintptr_t)(at + 21 * MIB)).type == 2);
    CHECK(about((void *)(uintptr_t)(at + 22 * MIB)).type == 0);
    OK(driver, "cuMemRelease", (uint64_t), first);
    CHECK(free_bytes() == start - 24 * MIB); // still mapped
    OK(driver, "cuMemUnmap", (address, size_t), at, 22 * MIB);
    CHECK(free_bytes() == start - 4 * MIB); // the handles are left
    OK(driver, "cuMemRelease", (uint64_t), second);
    CHECK(free_bytes() == start - 2 * MIB);
    CHECK(CALL(driver, "cuMemUnmap", (address, size_t), at, 22 * MIB) != 0);
}

static void test_virtual_memory(void **state) {
    (void)state;
    client_run(virtual_memory, CARD);
}

static void pools(void) {
    open_both();
    size_t start = free_bytes();
    void *pool = NULL, *one = NULL, *two = NULL;
    uint64_t value = UINT64_MAX;
    OK(runtime, "cudaDeviceGetDefaultMemPool", (void **, int), &pool, 0);
    OK(runtime, "cudaMallocAsync", (void **, size_t, void *), &one, 40 * MIB, NULL);
    CHECK(free_bytes() == start - 64 * MIB); // units of 32 MiB
    OK(runtime, "cudaFreeAsync", (void *, void *), one, NULL);
    CHECK(free_bytes() == start);
    OK(runtime, "cudaMemPoolSetAttribute", (void *, int, void *), pool, 4, &value);
    OK(runtime, "cudaMallocAsync", (void **, size_t, void *), &one, 40 * MIB, NULL);
    OK(runtime, "cudaMallocAsync", (void **, size_t, void *), &two, 10 * MIB, NULL);
    OK(runtime, "cudaFree", (void *), one);
    CHECK(free_bytes() == start - 64 * MIB); // kept, up to the threshold
    OK(runtime, "cudaMemPoolGetAttribute", (void *, int, void *), pool, 7, &value);
    CHECK(value == 10 * MIB);
    OK(runtime, "cudaMemPoolTrimTo", (void *, size_t), pool, 0);
    CHECK(free_bytes() == start - 32 * MIB);
    CHECK(CALL(runtime, "cudaMallocAsync", (void **, size_t, void *), &one, 9 * GIB, NULL) == 2);
}

static void test_pools(void **state) {
    (void)state;
    client_run(pools, CARD);
}

static void capture(void) {
    open_both();
    void *stream = NULL, *side = NULL, *event = NULL, *graph = NULL;
    int status = -1;
    OK(runtime, "cudaStreamCreateWithFlags", (void **, unsigned), &stream, 1);
    OK(runtime, "cudaStreamCreateWithPriority", (void **, unsigned, int), &side, 1, -3);
    CHECK(stream && side && stream != side);
    int priority = 0;
    OK(runtime, "cudaStreamGetPriority", (void *, int *), side, &priority);
    CHECK(priority == -3);
    OK(runtime, "cudaEventCreateWithFlags", (void **, unsigned), &event, 2);
    OK(runtime, "cudaStreamIsCapturing", (void *, int *), stream, &status);
    CHECK(status == 0);
    OK(runtime, "cudaStreamBeginCapture", (void *, int), stream, 0);
    OK(runtime, "cudaStreamIsCapturing", (void *, int *), side, &status);
    CHECK(status == 0);
    OK(runtime, "cudaEventRecord", (void *, void *), event, stream);
    OK(runtime, "cudaStreamWaitEvent", (void *, void *, unsigned), side, event, 0);
    OK(runtime, "cudaStreamIsCapturing", (void *, int *), side, &status);
    CHECK(status == 1); // it joined
    OK(runtime, "cudaStreamEndCapture", (void *, void **), stream, &graph);
    CHECK(graph);
    OK(runtime, "cudaStreamIsCapturing", (void *, int *), side, &status);
    CHECK(status == 0);
    CHECK(CALL(runtime, "cudaStreamEndCapture", (void *, void **), stream, &graph) != 0);
    // An old event brings nobody into a capture that is over.
    OK(runtime, "cudaStreamWaitEvent", (void *, void *, unsigned), side, event, 0);
    OK(runtime, "cudaStreamIsCapturing", (void *, int *), side, &status);
    CHECK(status == 0);
    OK(runtime, "cudaEventDestroy", (void *), event);
    OK(runtime, "cudaStreamDestroy", (void *), stream);
}

static void test_capture(void **state) {
    (void)state;
    client_run(capture, CARD);
}

static int called;

static void note_call(void *argument) {
    __atomic_store_n((int *)argument, 1, __ATOMIC_SEQ_CST);
}

static void host_functions(void) {
    open_both();
    OK(runtime, "cudaLaunchHostFunc", (void *, void (*)(void *), void *), NULL, note_call, &called);
    for (int i = 0; i < 1000 && !__atomic_load_n(&called, __ATOMIC_SEQ_CST); i++)
        usleep(10000);
    CHECK(called);
}

static void test_host_functions(void **state) {
    (void)state;
    client_run(host_functions, CARD);
}

// Layouts: the fields that PyTorch reads, where CUDA's headers have them.
static void properties(void) {
    unsigned char out[2048];
    memset(out, 0xee, sizeof out);
    open_both();
    OK(runtime, client_major == 12 ? "cudaGetDeviceProperties_v2" : "cudaGetDeviceProperties",
       (void *, int), out, 1);
    CHECK(strcmp((char *)out, "Test") == 0);
    CHECK(*(size_t *)(out + 288) == 8 * GIB);
    CHECK(*(int *)(out + 360) == 8 && *(int *)(out + 364) == 6);
    CHECK(*(int *)(out + (client_major == 12 ? 388 : 384)) == 28);
    CHECK(out[client_major == 12 ? 1032 : 1008] == 0xee); // nothing is written behind its end
    int value = 0;
    OK(runtime, "cudaDeviceGetAttribute", (int *, int, int), &value, 16, 0);
    CHECK(value == 28);
    int count = 0;
    OK(runtime, "cudaGetDeviceCount", (int *), &count);
    CHECK(count == 2);
    void *function = NULL;
    int found = -1;
    OK(runtime, "cudaGetDriverEntryPoint", (const char *, void **, unsigned long long, int *),
       "cuMemAlloc", &function, 0, &found);
    CHECK(found == 0 && function == dlsym(driver, "cuMemAlloc_v2"));
    OK(runtime, "cudaGetDriverEntryPoint", (const char *, void **, unsigned long long, int *),
       "cuNoSuchThing", &function, 0, &found);
    CHECK(found == 1 && !function);
}

static void test_properties(void **state) {
    (void)state;
    client_run(properties, CARD);
}

static void no_device(void) {
    open_both();
    int count = -1;
    CHECK(CALL(runtime, "cudaGetDeviceCount", (int *), &count) == 100);
    CHECK(count == 0);
    CHECK(CALL(driver, "cuInit", (unsigned), 0) == 100);
}

static void test_no_device(void **state) {
    (void)state;
    client_run(no_device, "gpus=0");
}

// Half a million blocks, some freed in between: as many as a long run makes.
static void many(void) {
    open_both();
    enum { BLOCKS = 500000 };
    void **pointers_of = calloc(BLOCKS, sizeof *pointers_of);
    size_t start = free_bytes();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BLOCKS; i++)
            if (!pointers_of[i]) pointers_of[i] = take(i % 3 ? 4096 : 700);
        for (int i = round; i < BLOCKS; i += 2) {
            give(pointers_of[i]);
            pointers_of[i] = NULL;
        }
    }
    for (int i = 0; i < BLOCKS; i++)
        give(pointers_of[i]);
    CHECK(free_bytes() == start);
    free(pointers_of);
}

static void test_many(void **state) {
    (void)state;
    client_run(many, CARD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting),       cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_leaving),        cmocka_unit_test(test_virtual_memory),
        cmocka_unit_test(test_pools),          cmocka_unit_test(test_capture),
        cmocka_unit_test(test_host_functions), cmocka_unit_test(test_properties),
        cmocka_unit_test(test_no_device),      cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
