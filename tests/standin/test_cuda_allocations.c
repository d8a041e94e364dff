// Every allocation of the host that the runtime's and the driver's stand-ins make fails once, while
// a client does what PyTorch does: it hears "out of memory" or nothing at all, never a crash, and
// when all is given back the card's books are as they were.
#include "standin/client.h"

#ifndef SNUG_SANITIZE // which has an allocator of its own

static long left = -1; // allocations until one fails; negative: none does

// glibc's own, under the names that let a program have malloc itself.
void *__libc_malloc(size_t size);                // NOLINT(bugprone-reserved-identifier)
void *__libc_calloc(size_t count, size_t size);  // NOLINT(bugprone-reserved-identifier)
void *__libc_realloc(void *memory, size_t size); // NOLINT(bugprone-reserved-identifier)

static bool fails(void) {
    return left >= 0 && left-- == 0;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    return fails() ? NULL : __libc_realloc(memory, size);
}

enum { BLOCKS = 300, OUT_OF_MEMORY = 2 };
static void *runtime;

static size_t free_bytes(void) {
    size_t unused = 0, all = 0;
    OK(runtime, "cudaMemGetInfo", (size_t *, size_t *), &unused, &all);
    return unused;
}

static int failures; // that the client heard of

#define TRY(...)                                                                                   \
    do {                                                                                           \
        int status = CALL(__VA_ARGS__);                                                            \
        CHECK(status == 0 || status == OUT_OF_MEMORY);                                             \
        failures += status != 0;                                                                   \
    } while (0)

// Blocks enough that tables grow, of the device, of a stream's pool and of the host; bytes that
// come and go; a stream and an event.
static void use(void) {
    void *blocks[BLOCKS] = {NULL}, *host = NULL, *stream = NULL, *event = NULL, *of_pool = NULL;
    unsigned char bytes[64];
    memset(bytes, 7, sizeof bytes);
    for (int i = 0; i < BLOCKS; i++)
        TRY(runtime, "cudaMalloc", (void **, size_t), &blocks[i], 512);
    for (int i = 0; i < BLOCKS; i += 50)
        if (blocks[i])
            TRY(runtime, "cudaMemcpy", (void *, const void *, size_t, int), blocks[i], bytes,
                sizeof bytes, 1);
    if (blocks[0] && blocks[1])
        TRY(runtime, "cudaMemcpy", (void *, const void *, size_t, int), blocks[1], blocks[0],
            sizeof bytes, 3);
    TRY(runtime, "cudaHostAlloc", (void **, size_t, unsigned), &host, 4096, 0);
    TRY(runtime, "cudaStreamCreateWithFlags", (void **, unsigned), &stream, 1);
    TRY(runtime, "cudaEventCreateWithFlags", (void **, unsigned), &event, 2);
    if (stream) TRY(runtime, "cudaMallocAsync", (void **, size_t, void *), &of_pool, 512, stream);
    if (event && stream) TRY(runtime, "cudaEventRecord", (void *, void *), event, stream);
    if (of_pool) TRY(runtime, "cudaFreeAsync", (void *, void *), of_pool, stream);
    if (event) TRY(runtime, "cudaEventDestroy", (void *), event);
    if (stream) TRY(runtime, "cudaStreamSynchronize", (void *), stream);
    if (stream) TRY(runtime, "cudaStreamDestroy", (void *), stream);
    if (host) TRY(runtime, "cudaFreeHost", (void *), host);
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i]) TRY(runtime, "cudaFree", (void *), blocks[i]);
}

// Tables that have grown stay so: each failure is tried in a process of its own.
static void client(void) {
    int heard = 0;
    bool all_served = false;
    runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    for (long after = 0; !all_served; after++) {
        fflush(NULL);
        const pid_t child = fork();
        CHECK(child >= 0);
        if (!child) {
            size_t before = free_bytes();
            left = after;
            use();
            bool served = left >= 0;
            left = -1;
            CHECK(free_bytes() == before);
            CHECK(!served || failures == 0);
            _exit(served ? 3 : failures > 0 ? 4 : 0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) == 1)
            fprintf(stderr, "with allocation %ld failing: status %d\n", after, status);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 1);
        all_served = WEXITSTATUS(status) == 3;
        heard += WEXITSTATUS(status) == 4;
        CHECK(after < 10000);
    }
    CHECK(heard >= 4); // tables of blocks and pieces, a stream, an event
}
#endif

static void test_failures(void **state) {
    (void)state;
#ifdef SNUG_SANITIZE
    skip();
#else
    client_run(client, "memory=8589934592;capability=86;multiprocessors=28;cores=3584;gpus=1");
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
