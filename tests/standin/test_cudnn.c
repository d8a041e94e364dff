// cuDNN's stand-in as PyTorch uses it: convolutions through the backend and the older interface,
// and recurrent networks. Workspaces are held against sizes that the real library told (cuDNN 7.5,
// float32, NCHW; rows of Slimakanzer/cudnn-benchmark's out_example.txt) and against PyTorch's own
// checks.
#include "standin/client.h"
#include "standin/cudnn/workspace.h"

#include <malloc.h>
#include <pthread.h>

// TF32 and the tensor cores of 16-bit types are there; no card in particular.
#define AMPERE "memory=25769803776;capability=86;multiprocessors=82;cores=10496;gpus=1"
#define PASCAL "memory=17066885120;capability=60;multiprocessors=56;cores=3584;gpus=1"

static void *cudnn;

static void open_cudnn(void) {
    cudnn = client_open("libcudnn.so.9");
}

// ---- Version and handle.
static void versions(void) {
    open_cudnn();
    size_t version = ((size_t(*)(void))client_find(cudnn, "cudnnGetVersion"))();
    CHECK(version >= (client_major == 12 ? 91002 : 92600));
    int parts[3];
    for (int i = 0; i < 3; i++)
        OK(cudnn, "cudnnGetProperty", (int, int *), i, &parts[i]);
    CHECK(version == (size_t)(parts[0] * 10000 + parts[1] * 100 + parts[2]));
    const char *text = ((const char *(*)(int))client_find(cudnn, "cudnnGetErrorString"))(3000);
    CHECK(!strcmp(text, "CUDNN_STATUS_NOT_SUPPORTED"));
    setenv("SNUG_STANDIN_CUDNN", "90100", 1);
    CHECK(((size_t(*)(void))client_find(cudnn, "cudnnGetVersion"))() == 90100);
}

static void test_versions(void **state) {
    (void)state;
    client_run(versions, AMPERE);
}

static void *new_handle(void) {
    void *handle = NULL;
    OK(cudnn, "cudnnCreate", (void **), &handle);
    CHECK(handle);
    return handle;
}

// ---- The backend, as cudnn_frontend drives it.
static void *create(int type) {
    void *descriptor = NULL;
    OK(cudnn, "cudnnBackendCreateDescriptor", (int, void **), type, &descriptor);
    return descriptor;
}

static int set(void *descriptor, int name, int type, int64_t count, const void *elements) {
    return CALL(cudnn, "cudnnBackendSetAttribute", (void *, int, int, int64_t, const void *),
                descriptor, name, type, count, elements);
}

static int get(void *descriptor, int name, int type, int64_t requested, int64_t *count, void *out) {
    return CALL(cudnn, "cudnnBackendGetAttribute", (void *, int, int, int64_t, int64_t *, void *),
                descriptor, name, type, requested, count, out);
}

static void *finalized(void *descriptor) {
    OK(cudnn, "cudnnBackendFinalize", (void *), descriptor);
    return descriptor;
}

static void destroy(void *descriptor) {
    OK(cudnn, "cudnnBackendDestroyDescriptor", (void *), descriptor);
}

static void *tensor(int64_t uid, int type, const int64_t *size, bool last) {
    void *descriptor = create(CUDNN_DESCRIPTOR_TENSOR);
    const int64_t n = size[1] * size[2] * size[3];
    const int64_t first[] = {n, size[2] * size[3], size[3], 1};
    const int64_t innermost[] = {n, 1, size[3] * size[1], size[1]};
    CHECK(set(descriptor, CUDNN_TENSOR_TYPE, CUDNN_ELEMENT_DATA_TYPE, 1, &type) == 0);
    CHECK(set(descriptor, CUDNN_TENSOR_DIMENSIONS, CUDNN_ELEMENT_INT64, 4, size) == 0);
    CHECK(set(descriptor, CUDNN_TENSOR_STRIDES, CUDNN_ELEMENT_INT64, 4, last ? innermost : first) ==
          0);
    CHECK(set(descriptor, CUDNN_TENSOR_UID, CUDNN_ELEMENT_INT64, 1, &uid) == 0);
    return finalized(descriptor);
}

typedef struct layer {
    int64_t n, c, k, size, kernel;
    int type;
    bool last;
} layer;

// The graph of one convolution that keeps its input's size. Everything it was built from is gone.
static void *graph_of(layer l, int operation) {
    const int64_t x_size[] = {l.n, l.c, l.size, l.size}, y_size[] = {l.n, l.k, l.size, l.size};
    const int64_t w_size[] = {l.k, l.c, l.kernel, l.kernel};
    const int64_t padding[] = {l.kernel / 2, l.kernel / 2}, ones[] = {1, 1};
    const int names[][4] = {{702, 704, 705, 703}, {714, 716, 717, 715}, {708, 710, 711, 709}};
    const int *name = names[operation - CUDNN_DESCRIPTOR_FORWARD];
    void *windows = create(CUDNN_DESCRIPTOR_CONVOLUTION);
    set(windows, CUDNN_CONVOLUTION_PRE_PADDINGS, CUDNN_ELEMENT_INT64, 2, padding);
    set(windows, CUDNN_CONVOLUTION_POST_PADDINGS, CUDNN_ELEMENT_INT64, 2, padding);
    set(windows, CUDNN_CONVOLUTION_STRIDES, CUDNN_ELEMENT_INT64, 2, ones);
    set(windows, CUDNN_CONVOLUTION_DILATIONS, CUDNN_ELEMENT_INT64, 2, ones);
    void *parts[] = {finalized(windows), tensor('x', l.type, x_size, l.last),
                     tensor('y', l.type, y_size, l.last), tensor('w', l.type, w_size, l.last)};
    void *made = create(operation), *graph = create(CUDNN_DESCRIPTOR_GRAPH);
    for (int i = 0; i < 4; i++)
        CHECK(set(made, name[i], CUDNN_ELEMENT_DESCRIPTOR, 1, &parts[i]) == 0);
    finalized(made);
    CHECK(set(graph, CUDNN_GRAPH_OPERATIONS, CUDNN_ELEMENT_DESCRIPTOR, 1, &made) == 0);
    for (int i = 0; i < 4; i++)
        destroy(parts[i]);
    destroy(made);
    return finalized(graph);
}

// Configurations that a heuristic names, the best first. Returns their number.
static int64_t configs_of(void *graph, int mode, void **configs) {
    int64_t count = 0, again = 0;
    void *heuristic = create(CUDNN_DESCRIPTOR_HEURISTIC);
    set(heuristic, CUDNN_HEURISTIC_GRAPH, CUDNN_ELEMENT_DESCRIPTOR, 1, &graph);
    set(heuristic, CUDNN_HEURISTIC_MODE, CUDNN_ELEMENT_HEURISTIC_MODE, 1, &mode);
    finalized(heuristic);
    CHECK(get(heuristic, CUDNN_HEURISTIC_RESULTS, CUDNN_ELEMENT_DESCRIPTOR, 0, &count, NULL) == 0);
    CHECK(count >= 1 && count <= CUDNN_ENGINES);
    for (int64_t i = 0; i < count; i++)
        configs[i] = create(CUDNN_DESCRIPTOR_ENGINE_CONFIG);
    CHECK(get(heuristic, CUDNN_HEURISTIC_RESULTS, CUDNN_ELEMENT_DESCRIPTOR, count, &again,
              configs) == 0);
    CHECK(again == count);
    destroy(heuristic);
    return count;
}

static int64_t plan_bytes(void *plan) {
    int64_t bytes = -1;
    CHECK(get(plan, CUDNN_PLAN_WORKSPACE, CUDNN_ELEMENT_INT64, 1, NULL, &bytes) == 0);
    return bytes;
}

static void *plan_of(void *config) {
    void *plan = create(CUDNN_DESCRIPTOR_PLAN);
    CHECK(set(plan, CUDNN_PLAN_CONFIG, CUDNN_ELEMENT_DESCRIPTOR, 1, &config) == 0);
    return finalized(plan);
}

static bool has_note(void *config, int note) {
    int notes[10];
    int64_t count = 0;
    void *engine = create(CUDNN_DESCRIPTOR_ENGINE);
    CHECK(get(config, CUDNN_CONFIG_ENGINE, CUDNN_ELEMENT_DESCRIPTOR, 1, &count, &engine) == 0);
    CHECK(get(engine, CUDNN_ENGINE_NUMERICAL_NOTES, CUDNN_ELEMENT_NUMERICAL_NOTE, 10, &count,
              notes) == 0);
    bool found = false;
    for (int64_t i = 0; i < count; i++)
        found |= notes[i] == note;
    destroy(engine);
    return found;
}

// Workspace of the best configuration: |notes| of those that the program filters out, by bits.
static int64_t best_bytes(layer l, int operation, unsigned without) {
    void *configs[CUDNN_ENGINES], *graph = graph_of(l, operation);
    int64_t count = configs_of(graph, CUDNN_MODE_INSTANT, configs), bytes = -1;
    destroy(graph);
    for (int64_t i = 0; i < count; i++) {
        bool out = false;
        for (int note = 0; note < 10; note++)
            out |= (without >> note & 1) && has_note(configs[i], note);
        if (bytes < 0 && !out) {
            void *plan = plan_of(configs[i]);
            bytes = plan_bytes(plan);
            destroy(plan);
        }
        destroy(configs[i]);
    }
    return bytes;
}

static const int operations[] = {CUDNN_DESCRIPTOR_FORWARD, CUDNN_DESCRIPTOR_BACKWARD_FILTER,
                                 CUDNN_DESCRIPTOR_BACKWARD_DATA};

// Reported for PyTorch (its issue 123533): float16 NCHW, 256 to 256 channels of 2048 x 1024 pixels
// take copies of input and output. Channels-last takes nearly nothing.
static void layouts(void) {
    open_cudnn();
    const int64_t megapixel = (int64_t)1024 * 1024;
    layer l = {1, 256, 256, 1024, 3, CUDNN_HALF, false};
    int64_t copies = 2 * 256 * megapixel * 2, weights = 256 * 256 * 9;
    CHECK(best_bytes(l, operations[0], 0) == copies + 2 * weights);
    CHECK(best_bytes(l, operations[2], 0) == copies + 2 * weights);
    CHECK(best_bytes(l, operations[1], 0) == copies + 8 * weights);
    l.last = true;
    CHECK(best_bytes(l, operations[0], 0) == 0);
    // Three channels are copied to eight, whatever the layout (issue 31500 has one become eight).
    l.c = 3;
    CHECK(best_bytes(l, operations[0], 0) == 2 * 8 * megapixel + 2 * 8 * 256 * 9);
    // TF32 writes planes as they lie; a gradient is copied. Without TF32, no engine of tensor cores
    // is left, and there is no copy.
    layer single = {1, 64, 64, 1024, 3, CUDNN_FLOAT, false};
    CHECK(best_bytes(single, operations[0], 0) == 4 * 64 * megapixel + 4 * 64 * 64 * 9);
    CHECK(best_bytes(single, operations[2], 0) == 2 * 4 * 64 * megapixel + 4 * 64 * 64 * 9);
    CHECK(best_bytes(single, operations[0], 1u << CUDNN_NOTE_TENSOR_CORE) ==
          100 * 64 * 64 + 4 * 64);
}

static void test_layouts(void **state) {
    (void)state;
    client_run(layouts, AMPERE);
}

// A deterministic program always has an engine left, in each direction and type.
static void deterministic(void) {
    open_cudnn();
    const int types[] = {CUDNN_FLOAT, CUDNN_HALF, CUDNN_BFLOAT16, CUDNN_DOUBLE};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (size_t j = 0; j < 3; j++)
            for (int last = 0; last < 2; last++) {
                layer l = {2, 32, 48, 20, 3, types[i], last};
                unsigned without = 1u << CUDNN_NOTE_NONDETERMINISTIC | 1u << CUDNN_NOTE_TENSOR_CORE;
                CHECK(best_bytes(l, operations[j], without) >= 0);
            }
}

static void test_deterministic(void **state) {
    (void)state;
    client_run(deterministic, AMPERE);
    client_run(deterministic, PASCAL);
}

// A plan outlives all it was made from, runs with a workspace and is refused without.
static void execution(void) {
    open_cudnn();
    void *configs[CUDNN_ENGINES], *handle = new_handle();
    void *graph = graph_of((layer){2, 32, 32, 64, 3, CUDNN_HALF, false}, CUDNN_DESCRIPTOR_FORWARD);
    int64_t count = configs_of(graph, CUDNN_MODE_INSTANT, configs);
    void *plan = plan_of(configs[0]);
    destroy(graph);
    for (int64_t i = 0; i < count; i++)
        destroy(configs[i]);
    CHECK(plan_bytes(plan) > 0);
    for (int with = 0; with < 2; with++) {
        const int64_t uids[] = {'x', 'y', 'w'};
        void *pointers[] = {(void *)0x1000, (void *)0x2000, (void *)0x3000};
        void *workspace = with ? (void *)0x4000 : NULL;
        void *pack = create(CUDNN_DESCRIPTOR_VARIANT_PACK);
        set(pack, CUDNN_PACK_UIDS, CUDNN_ELEMENT_INT64, 3, uids);
        set(pack, CUDNN_PACK_POINTERS, CUDNN_ELEMENT_VOID_PTR, 3, pointers);
        set(pack, CUDNN_PACK_WORKSPACE, CUDNN_ELEMENT_VOID_PTR, 1, &workspace);
        finalized(pack);
        int status =
            CALL(cudnn, "cudnnBackendExecute", (void *, void *, void *), handle, plan, pack);
        CHECK(with ? status == 0 : status != 0);
        destroy(pack);
    }
    destroy(plan);
    OK(cudnn, "cudnnDestroy", (void *), handle);
}

static void test_execution(void **state) {
    (void)state;
    client_run(execution, AMPERE);
}

// What the library refuses, with its own codes.
static void refusals(void) {
    open_cudnn();
    int64_t four[] = {1, 2, 3, 4}, count = 0;
    void *made = create(CUDNN_DESCRIPTOR_TENSOR), *graph = create(CUDNN_DESCRIPTOR_GRAPH);
    CHECK(get(made, CUDNN_TENSOR_UID, CUDNN_ELEMENT_INT64, 1, &count, four) ==
          CUDNN_NOT_INITIALIZED);
    CHECK(CALL(cudnn, "cudnnBackendFinalize", (void *), made) == CUDNN_BAD_PARAM);
    CHECK(set(made, CUDNN_TENSOR_DIMENSIONS, 999, 4, four) == CUDNN_BAD_PARAM_ATTRIBUTE_TYPE);
    // Version 9.26 has kinds that 9.19 did not (a softmax operation): they are kept as well.
    void *newer = create(50);
    CHECK(set(newer, 3000, 40, 2, four) == 0);
    destroy(finalized(newer));
    CHECK(set(graph, CUDNN_GRAPH_OPERATIONS, CUDNN_ELEMENT_DESCRIPTOR, 1, &made) ==
          CUDNN_BAD_PARAM_NOT_FINALIZED);
    set(made, CUDNN_TENSOR_DIMENSIONS, CUDNN_ELEMENT_INT64, 4, four);
    set(made, CUDNN_TENSOR_STRIDES, CUDNN_ELEMENT_INT64, 4, four);
    finalized(made);
    CHECK(set(made, CUDNN_TENSOR_UID, CUDNN_ELEMENT_INT64, 1, four) == CUDNN_NOT_INITIALIZED);
    CHECK(get(made, CUDNN_TENSOR_STRIDES, CUDNN_ELEMENT_BOOLEAN, 4, &count, four) ==
          CUDNN_BAD_PARAM_ATTRIBUTE_TYPE);
    void *none = NULL;
    CHECK(CALL(cudnn, "cudnnBackendCreateDescriptor", (int, void **), 999, &none) ==
          CUDNN_NOT_SUPPORTED);
    CHECK(CALL(cudnn, "cudnnBackendCreateDescriptor", (int, void **), 1, NULL) != 0);
    destroy(made);
    destroy(graph);
}

static void test_refusals(void **state) {
    (void)state;
    client_run(refusals, AMPERE);
}

// Eight threads build and drop plans; afterwards the heap is as it was.
static void *build_plans(void *unused) {
    (void)unused;
    for (int i = 0; i < 50; i++)
        CHECK(best_bytes((layer){2, 16 + i, 32, 24, 3, CUDNN_HALF, i % 2}, operations[i % 3], 0) >=
              0);
    return NULL;
}

static void threads(void) {
    open_cudnn();
    build_plans(NULL);
#ifndef SNUG_SANITIZE // which has an allocator of its own
    size_t before = mallinfo2().uordblks;
    build_plans(NULL);
    CHECK(mallinfo2().uordblks <= before + 1024);
#endif
    pthread_t all[8];
    for (size_t i = 0; i < 8; i++)
        CHECK(pthread_create(&all[i], NULL, build_plans, NULL) == 0);
    for (size_t i = 0; i < 8; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
}

static void test_threads(void **state) {
    (void)state;
    client_run(threads, AMPERE);
}

static void settings_none(void) {
    open_cudnn();
    CHECK(best_bytes((layer){1, 256, 256, 256, 3, CUDNN_HALF, false}, operations[0], 0) == 0);
}

static void settings_size(void) {
    open_cudnn();
    CHECK(best_bytes((layer){1, 256, 256, 256, 3, CUDNN_HALF, false}, operations[0], 0) ==
          12345678);
}

static void test_settings(void **state) {
    (void)state;
    client_run(settings_none, AMPERE ";workspace=none");
    client_run(settings_size, AMPERE ";workspace=12345678");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_deterministic), cmocka_unit_test(test_execution),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_threads),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
