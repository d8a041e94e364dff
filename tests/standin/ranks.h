// Ranks for the test of NCCL's stand-in: processes of their own, each with the stand-ins loaded as
// a program would have them, by dlopen.
#ifndef SNUG_TEST_RANKS_H
#define SNUG_TEST_RANKS_H

#include <dlfcn.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct unique_id {
    char bytes[128];
} unique_id;

typedef struct communicator *communicator;

// The public interface, of NCCL and of what the test needs of the runtime. Enumerations are ints.
#define NCCL_FUNCTIONS(X)                                                                          \
    X(int, ncclGetVersion, (int *))                                                                \
    X(int, ncclGetUniqueId, (unique_id *))                                                         \
    X(int, ncclCommInitRank, (communicator *, int, unique_id, int))                                \
    X(int, ncclCommInitAll, (communicator *, int, const int *))                                    \
    X(int, ncclCommSplit, (communicator, int, int, communicator *, void *))                        \
    X(int, ncclCommShrink, (communicator, int *, int, communicator *, void *, int))                \
    X(int, ncclCommGetUniqueId, (communicator, unique_id *))                                       \
    X(int, ncclCommGrow, (communicator, int, const unique_id *, int, communicator *, void *))      \
    X(int, ncclCommDestroy, (communicator))                                                        \
    X(int, ncclCommAbort, (communicator))                                                          \
    X(int, ncclCommCount, (communicator, int *))                                                   \
    X(int, ncclCommUserRank, (communicator, int *))                                                \
    X(int, ncclCommCuDevice, (communicator, int *))                                                \
    X(int, ncclCommGetAsyncError, (communicator, int *))                                           \
    X(int, ncclGroupStart, (void))                                                                 \
    X(int, ncclGroupEnd, (void))                                                                   \
    X(int, ncclAllReduce, (const void *, void *, size_t, int, int, communicator, void *))          \
    X(int, ncclReduce, (const void *, void *, size_t, int, int, int, communicator, void *))        \
    X(int, ncclReduceScatter, (const void *, void *, size_t, int, int, communicator, void *))      \
    X(int, ncclAllGather, (const void *, void *, size_t, int, communicator, void *))               \
    X(int, ncclAlltoAll, (const void *, void *, size_t, int, communicator, void *))                \
    X(int, ncclBroadcast, (const void *, void *, size_t, int, int, communicator, void *))          \
    X(int, ncclGather, (const void *, void *, size_t, int, int, communicator, void *))             \
    X(int, ncclScatter, (const void *, void *, size_t, int, int, communicator, void *))            \
    X(int, ncclSend, (const void *, size_t, int, int, communicator, void *))                       \
    X(int, ncclRecv, (void *, size_t, int, int, communicator, void *))                             \
    X(int, ncclMemAlloc, (void **, size_t))                                                        \
    X(int, ncclMemFree, (void *))                                                                  \
    X(const char *, ncclGetErrorString, (int))

#define CUDART_FUNCTIONS(X)                                                                        \
    X(int, cudaMalloc, (void **, size_t))                                                          \
    X(int, cudaFree, (void *))                                                                     \
    X(int, cudaMemcpy, (void *, const void *, size_t, int))                                        \
    X(int, cudaMemGetInfo, (size_t *, size_t *))                                                   \
    X(int, cudaSetDevice, (int))

typedef struct world {
    int rank, ranks;
    unique_id id;
#define MEMBER(result, name, arguments) result(*name) arguments;
    NCCL_FUNCTIONS(MEMBER) CUDART_FUNCTIONS(MEMBER)
#undef MEMBER
} world;

enum { INT8, UINT8, INT32, UINT32, INT64, UINT64, FLOAT16, FLOAT32, FLOAT64, BFLOAT16 };
enum { SUM, PROD, MAX, MIN, AVG };
enum { TO_DEVICE = 1, TO_HOST = 2 };

// What a rank does; returns 0 or the line of the check that failed.
typedef int rank_function(const world *);
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d: %s:%d: %s\n", self->rank, __FILE__, __LINE__, #condition);   \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void nap(double length) {
    struct timespec time = {(time_t)length, (long)((length - (double)(time_t)length) * 1e9)};
    nanosleep(&time, NULL);
}

static void *load(int major, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/lib/snug/stand-in/%d/%s", SNUG_BUILD_DIR, major, name);
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    return library;
}

static bool load_world(world *self, int major) {
    void *driver = load(major, "libcuda.so.1");
    void *runtime = load(major, major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    void *nccl = load(major, "libnccl.so.2");
    if (!driver || !runtime || !nccl) return false;
    bool found = true;
#define FIND(result, name, arguments)                                                              \
    *(void **)&self->name = dlsym(library, #name);                                                 \
    if (!self->name) found = false;
    void *library = nccl;
    NCCL_FUNCTIONS(FIND)
    library = runtime;
    CUDART_FUNCTIONS(FIND)
#undef FIND
    return found;
}

// What the ranks share before NCCL does.
typedef struct shared {
    unique_id id;
    volatile int told; // atomic
} shared;

static int be_rank(int major, int rank, int ranks, rank_function *function, shared *common) {
    world self = {.rank = rank, .ranks = ranks};
    if (!load_world(&self, major)) return 2;
    if (rank == 0) {
        if (self.ncclGetUniqueId(&self.id) != 0) return 3;
        common->id = self.id;
        __atomic_store_n(&common->told, 1, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&common->told, __ATOMIC_ACQUIRE))
        sched_yield();
    self.id = common->id;
    return function(&self);
}

// Runs |ranks| processes; returns how many failed by themselves (not those that were killed).
static int run_ranks(int major, int ranks, const char *settings, rank_function *function) {
    shared *common =
        mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED) return -1;
    pid_t pids[64];
    for (int rank = 0; rank < ranks; rank++) {
        pids[rank] = fork();
        if (pids[rank] == 0) {
            setenv("SNUG_STANDIN", settings, 1);
            _exit(be_rank(major, rank, ranks, function, common));
        }
    }
    int failed = 0;
    for (int rank = 0; rank < ranks; rank++) {
        int status = 0;
        waitpid(pids[rank], &status, 0);
        failed += !WIFSIGNALED(status) && WEXITSTATUS(status) != 0;
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) failed++;
    }
    munmap(common, sizeof *common);
    return failed;
}

// ---- On the card

static void *device_bytes(const world *self, const void *bytes, size_t size) {
    void *address = NULL;
    if (self->cudaMalloc(&address, size) != 0) return NULL;
    if (bytes && self->cudaMemcpy(address, bytes, size, TO_DEVICE) != 0) return NULL;
    return address;
}

// Whether the card has |expected|; what nobody knows reads as zeros.
static bool device_has(const world *self, const void *address, const void *expected, size_t size) {
    unsigned char *bytes = malloc(size);
    bool same = bytes && self->cudaMemcpy(bytes, address, size, TO_HOST) == 0 &&
                memcmp(bytes, expected, size) == 0;
    free(bytes);
    return same;
}

static bool device_has_zeros(const world *self, const void *address, size_t size) {
    void *zeros = calloc(1, size);
    bool same = zeros && device_has(self, address, zeros, size);
    free(zeros);
    return same;
}

static void pattern(unsigned char *bytes, size_t size, int seed) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 + (size_t)seed * 31 + 1);
}

// The sum of everyone's |own| number.
static int sum_is(const world *self, communicator comm, int own, int expected) {
    void *place = device_bytes(self, &own, sizeof own);
    CHECK(self->ncclAllReduce(place, place, 1, INT32, SUM, comm, NULL) == 0);
    CHECK(device_has(self, place, &expected, sizeof expected));
    return self->cudaFree(place);
}

#endif
