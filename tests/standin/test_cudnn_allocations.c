// Every allocation that cuDNN's stand-in makes on the way to a plan fails once: the program hears
// the library's own code for it, and nothing is left behind.
#include "standin/client.h"
#include "standin/cudnn/cudnn_interface.h"

#include <malloc.h>

#ifndef SNUG_SANITIZE // which has an allocator of its own

static void *cudnn;
static long left = -1; // allocations until one fails; negative: none does

// glibc's own, under the names that let a program have malloc itself.
void *__libc_malloc(size_t size);               // NOLINT(bugprone-reserved-identifier)
void *__libc_calloc(size_t count, size_t size); // NOLINT(bugprone-reserved-identifier)

static bool fails(void) {
    return left >= 0 && left-- == 0;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

typedef struct attempt {
    void *made[32];
    int count, status;
} attempt;

static void *create(attempt *a, int type) {
    if (a->status) return NULL;
    void *made = NULL;
    a->status = CALL(cudnn, "cudnnBackendCreateDescriptor", (int, void **), type, &made);
    if (!a->status) a->made[a->count++] = made;
    return made;
}

static void set(attempt *a, void *to, int name, int type, int64_t count, const void *elements) {
    if (!a->status)
        a->status =
            CALL(cudnn, "cudnnBackendSetAttribute", (void *, int, int, int64_t, const void *), to,
                 name, type, count, elements);
}

static void finalize(attempt *a, void *made) {
    if (!a->status) a->status = CALL(cudnn, "cudnnBackendFinalize", (void *), made);
}

static void *tensor(attempt *a, const int64_t *size) {
    const int64_t strides[] = {size[1] * size[2] * size[3], size[2] * size[3], size[3], 1};
    void *made = create(a, CUDNN_DESCRIPTOR_TENSOR);
    set(a, made, CUDNN_TENSOR_DIMENSIONS, CUDNN_ELEMENT_INT64, 4, size);
    set(a, made, CUDNN_TENSOR_STRIDES, CUDNN_ELEMENT_INT64, 4, strides);
    finalize(a, made);
    return made;
}

static int try_plan(void) {
    attempt a = {.status = 0};
    const int64_t ones[] = {1, 1}, size[] = {2, 8, 16, 16}, filter[] = {8, 8, 3, 3};
    const int mode = CUDNN_MODE_A;
    void *windows = create(&a, CUDNN_DESCRIPTOR_CONVOLUTION);
    set(&a, windows, CUDNN_CONVOLUTION_PRE_PADDINGS, CUDNN_ELEMENT_INT64, 2, ones);
    set(&a, windows, CUDNN_CONVOLUTION_STRIDES, CUDNN_ELEMENT_INT64, 2, ones);
    set(&a, windows, CUDNN_CONVOLUTION_DILATIONS, CUDNN_ELEMENT_INT64, 2, ones);
    finalize(&a, windows);
    void *x = tensor(&a, size), *y = tensor(&a, size), *w = tensor(&a, filter);
    void *operation = create(&a, CUDNN_DESCRIPTOR_FORWARD),
         *graph = create(&a, CUDNN_DESCRIPTOR_GRAPH);
    set(&a, operation, CUDNN_FORWARD_CONVOLUTION, CUDNN_ELEMENT_DESCRIPTOR, 1, &windows);
    set(&a, operation, CUDNN_FORWARD_X, CUDNN_ELEMENT_DESCRIPTOR, 1, &x);
    set(&a, operation, CUDNN_FORWARD_Y, CUDNN_ELEMENT_DESCRIPTOR, 1, &y);
    set(&a, operation, CUDNN_FORWARD_W, CUDNN_ELEMENT_DESCRIPTOR, 1, &w);
    finalize(&a, operation);
    set(&a, graph, CUDNN_GRAPH_OPERATIONS, CUDNN_ELEMENT_DESCRIPTOR, 1, &operation);
    finalize(&a, graph);
    void *heuristic = create(&a, CUDNN_DESCRIPTOR_HEURISTIC);
    set(&a, heuristic, CUDNN_HEURISTIC_GRAPH, CUDNN_ELEMENT_DESCRIPTOR, 1, &graph);
    set(&a, heuristic, CUDNN_HEURISTIC_MODE, CUDNN_ELEMENT_HEURISTIC_MODE, 1, &mode);
    finalize(&a, heuristic);
    void *config = create(&a, CUDNN_DESCRIPTOR_ENGINE_CONFIG),
         *plan = create(&a, CUDNN_DESCRIPTOR_PLAN);
    if (!a.status)
        a.status =
            CALL(cudnn, "cudnnBackendGetAttribute", (void *, int, int, int64_t, int64_t *, void *),
                 heuristic, CUDNN_HEURISTIC_RESULTS, CUDNN_ELEMENT_DESCRIPTOR, 1, NULL, &config);
    set(&a, plan, CUDNN_PLAN_CONFIG, CUDNN_ELEMENT_DESCRIPTOR, 1, &config);
    finalize(&a, plan);
    while (a.count > 0)
        OK(cudnn, "cudnnBackendDestroyDescriptor", (void *), a.made[--a.count]);
    return a.status;
}

static void failures(void) {
    cudnn = client_open("libcudnn.so.9");
    CHECK(try_plan() == 0);
    const size_t before = mallinfo2().uordblks;
    int failed = 0;
    for (long after = 0;; after++) {
        left = after;
        int status = try_plan();
        bool all_served = left >= 0;
        left = -1;
        if (all_served) {
            CHECK(status == 0);
            break;
        }
        CHECK(status == CUDNN_ALLOC_FAILED);
        CHECK(mallinfo2().uordblks == before);
        failed++;
    }
    CHECK(failed > 60); // bodies and attributes of a dozen descriptors, and of each engine
    left = 0;
    void *made = NULL;
    CHECK(CALL(cudnn, "cudnnCreate", (void **), &made) == CUDNN_ALLOC_FAILED);
    left = 0;
    CHECK(CALL(cudnn, "cudnnCreateTensorDescriptor", (void **), &made) == CUDNN_ALLOC_FAILED);
    left = -1;
}
#endif

static void test_failures(void **state) {
    (void)state;
#ifdef SNUG_SANITIZE
    skip();
#else
    client_run(failures, "memory=25769803776;capability=86;multiprocessors=82;cores=10496;gpus=1");
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
