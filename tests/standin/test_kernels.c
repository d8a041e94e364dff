// What is known of what kernels make, by their names as PyTorch's libraries register them: truth
// values that are foretold to be true, and those that stay false; what fills write.
#include "standin/client.h"

typedef struct dim3 {
    unsigned x, y, z;
} dim3;

enum { KERNELS = 13 };
static void *runtime;
static char hosts[KERNELS];
static unsigned char *place;

static const char *const names[KERNELS] = {
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_10AbsFunctorIfEESt5arrayIPcLm2EEEEviT0_T1_",
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13BinaryFunctorIbbbNS0_15binary_"
    "internal10MulFunctorIbEEEESt5arrayIPcLm3EEEEviT0_T1_",
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_50_GLOBAL__N__30bf7ff7_17_"
    "CompareKernels_cu_8f1b29aa14CompareFunctorIfEESt5arrayIPcLm3EEEEviT0_T1_",
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13BinaryFunctorIffbNS0_51_GLOBAL__N__"
    "68c48bfe_18_CompareEQKernel_cu_d8008c9616CompareEqFunctorIfEEEESt5arrayIPcLm3EEEEviT0_T1_",
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13AUnaryFunctorIffbNS0_51_GLOBAL__N__"
    "68c48bfe_18_CompareEQKernel_cu_d8008c9616CompareEqFunctorIfEEEESt5arrayIPcLm2EEEEviT0_T1_",
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13BinaryFunctorIbbbNS0_16"
    "BitwiseOrFunctorIbEEEESt5arrayIPcLm3EEEEviT0_T1_",
    "_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIbNS0_14func_wrapper_tIbZZZNS0_15and_"
    "kernel_cudaERNS_14TensorIteratorEENKUlvE_clEvENKUlvE10_clEvEUlbbE_EEjbLi4EEEEEvT1_",
    "_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIbNS0_14func_wrapper_tIbZZZNS0_14or_"
    "kernel_cudaERNS_14TensorIteratorEENKUlvE_clEvENKUlvE10_clEvEUlbbE_EEjbLi4EEEEEvT1_",
    "_ZN2at6native29vectorized_elementwise_kernelILi2ENS0_11FillFunctorIlEESt5arrayIPcLm1EELb0EEE"
    "viT0_T1_",
    "_ZN2at6native18elementwise_kernelILi128ELi4EZNS0_22gpu_kernel_impl_nocastINS0_13BinaryFunctorIf"
    "fbNS0_51_GLOBAL__N__28ce311f_18_CompareEQKernel_cu_d8008c9616CompareEqFunctorIfEEEEEEvRNS_18"
    "TensorIteratorBaseERKT_EUliE_EEviT1_",
    "_ZN14at_cuda_detail3cub28DeviceReduceSingleTileKernelINS0_18DeviceReducePolicyIiyN4cuda3std3__"
    "44plusIvEEE9Policy600ENS0_22TransformInputIteratorIbN2at6native43_GLOBAL__N__e625f313_10_"
    "Nonzero_cu_cba1aaa09NonZeroOpIbEEPKblEEPiyS7_iiEEvT0_T1_T2_T3_T4_",
    "_ZN14at_cuda_detail3cub6detail6select23DeviceSelectSweepKernelINS2_10policy_hubIlbiLb0ELNS0_10"
    "SelectImplE0EE10Policy1000EN6thrust38_V_300200_SM_120017counting_iteratorIlNS9_11use_defaultE"
    "SB_SB_EENS9_18transform_iteratorIN2at6native43_GLOBAL__N__a7e516da_10_Nonzero_cu_cba1aaa09"
    "NonZeroOpIbEEPKbSB_SB_EEPlPiEEvT0_T1_T2_T3_T4_T5_T6_T7_iT8_",
    "_ZN2at6native13write_indicesIlEEvPlNS0_10TensorDimsIT_EEii",
};
enum {
    ABS,
    PRODUCT,
    ORDER,
    EQUAL,
    EQUAL_CONSTANT,
    OR,
    ALL,
    ANY,
    FILL,
    STRIDED,
    COUNT,
    INDICES,
    COORDINATES
};

// One that compares places |a| and |b| where it is EQUAL.
static void launch(int kernel, char *a, char *b) {
    int count = 16, operation[2] = {0};
    char *data[3] = {NULL, a, b};
    void *arguments[] = {&count, operation, data};
    OK(runtime, "cudaLaunchKernel", (const void *, dim3, dim3, void **, size_t, void *),
       &hosts[kernel], (dim3){1, 1, 1}, (dim3){32, 1, 1}, arguments, 0, NULL);
}

static bool truth(void) {
    unsigned char byte = 2;
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), &byte, place, 1, 2);
    CHECK(byte < 2);
    return byte;
}

static void register_kernels(void) {
    static const char image[256];
    static struct {
        int magic, version;
        const void *image, *more;
    } wrapper = {0x466243b1, 1, image, NULL};
    client_function *function = client_find(runtime, "__cudaRegisterFatBinary");
    void **handle = ((void **(*)(void *))function)(&wrapper);
    function = client_find(runtime, "__cudaRegisterFunction");
    for (int i = 0; i < KERNELS; i++)
        ((void (*)(void **, const char *, char *, const char *, int, void *, void *, void *, void *,
                   int *))function)(handle, &hosts[i], NULL, names[i], -1, NULL, NULL, NULL, NULL,
                                    NULL);
    OK(runtime, "cudaMalloc", (void **, size_t), (void **)&place, 512);
}

static void kernels_client(void) {
    char one = 0, other = 0;
    runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    register_kernels();
    CHECK(!truth());
    // isfinite(x).all()
    launch(ABS, NULL, NULL), launch(EQUAL, &one, &one), launch(PRODUCT, NULL, NULL);
    CHECK(!truth()); // not yet reduced
    launch(ALL, NULL, NULL);
    CHECK(truth() && truth());
    launch(ABS, NULL, NULL);
    CHECK(!truth());
    // (x > 0).all(), in two reductions; (x > 0).any()
    launch(ORDER, NULL, NULL), launch(ALL, NULL, NULL), launch(ALL, NULL, NULL);
    CHECK(truth());
    launch(ORDER, NULL, NULL), launch(ANY, NULL, NULL);
    CHECK(!truth());
    // (x == x).all(), (x == y).all(), (x == 1).all()
    launch(EQUAL, &one, &one), launch(ALL, NULL, NULL);
    CHECK(truth());
    launch(EQUAL, &one, &other), launch(ALL, NULL, NULL);
    CHECK(!truth());
    launch(EQUAL_CONSTANT, &one, NULL), launch(ALL, NULL, NULL);
    CHECK(!truth());
    // done |= token == end; done.all(): no loop ends by it.
    launch(EQUAL_CONSTANT, &one, NULL), launch(OR, NULL, NULL), launch(ALL, NULL, NULL);
    CHECK(!truth());
    // (p.max() < infinity) & (p.min() >= 0), with and without a reduction; but p < q alone is open.
    launch(ORDER, NULL, NULL);
    CHECK(!truth());
    launch(OR, NULL, NULL);
    CHECK(truth());
    launch(ALL, NULL, NULL);
    CHECK(truth());
}

static void fill(void *where, int count, int64_t value) {
    char *data[1] = {where};
    void *arguments[] = {&count, &value, data};
    OK(runtime, "cudaLaunchKernel", (const void *, dim3, dim3, void **, size_t, void *),
       &hosts[FILL], (dim3){1, 1, 1}, (dim3){32, 1, 1}, arguments, 0, NULL);
}

// What a fill writes comes back; a fill of zeros, and a large one, only make what was there
// unknown.
static void fills_client(void) {
    enum { MANY = 1 << 20 };
    runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    register_kernels();
    int64_t back[4] = {0}, *card = NULL;
    OK(runtime, "cudaMalloc", (void **, size_t), (void **)&card, MANY * sizeof *card);
    fill(card, 3, 77);
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), back, card, sizeof back, 2);
    CHECK(back[0] == 77 && back[2] == 77 && back[3] == 0);
    fill(card, 2, 0);
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), back, card, sizeof back, 2);
    CHECK(back[0] == 0 && back[1] == 0 && back[2] == 77);
    fill(card, MANY, 5);
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), back, card, sizeof back, 2);
    CHECK(back[0] == 0 && back[2] == 0);
}

// Compares |count| elements at |where| with |value|, whether all are it (or, |unequal|, whether
// none is).
static bool all_are(float *where, int count, float value, int unequal) {
    struct {
        int operation;
        float value;
    } functor = {unequal, value};
    char *data[2] = {NULL, (char *)where};
    void *arguments[] = {&count, &functor, data};
    OK(runtime, "cudaLaunchKernel", (const void *, dim3, dim3, void **, size_t, void *),
       &hosts[EQUAL_CONSTANT], (dim3){1, 1, 1}, (dim3){32, 1, 1}, arguments, 0, NULL);
    launch(ALL, NULL, NULL);
    return truth();
}

// Elements that are known are compared as the kernel would.
static void comparisons_client(void) {
    runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    register_kernels();
    float mask[6] = {1, 1, 1, 1, 0, -0.0f}, *card = NULL;
    OK(runtime, "cudaMalloc", (void **, size_t), (void **)&card, 1024);
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), card, mask, sizeof mask, 1);
    CHECK(all_are(card, 4, 1, 0) && !all_are(card, 5, 1, 0) && all_are(card + 4, 2, 0, 0));
    CHECK(all_are(card, 4, 0, 1) && !all_are(card, 5, 0, 1) && all_are(card, 6, 2, 1));
    CHECK(!all_are(card, 7, 0, 0)); // the seventh is unknown
}

static void launch_with(int kernel, void **arguments) {
    OK(runtime, "cudaLaunchKernel", (const void *, dim3, dim3, void **, size_t, void *),
       &hosts[kernel], (dim3){1, 1, 1}, (dim3){32, 1, 1}, arguments, 0, NULL);
}

// (table == element of it).nonzero(), as PyTorch runs it: a comparison of strides 4 and 0, a count
// by CUB's iterator, indices by Thrust's.
static void lookup_client(void) {
    struct {
        int dimensions;
        unsigned sizes[25][3], strides[25][3];
        char *places[3];
        int operation;
    } captured = {.dimensions = 1, .sizes = {{5}}, .strides = {{1, 4, 0}}};
    float table[5] = {9, 7, 5, 7, 3}, *card = NULL;
    int count = 5, dimensions = 1, found = 0;
    runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    register_kernels();
    OK(runtime, "cudaMalloc", (void **, size_t), (void **)&card, 1024);
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), card, table, sizeof table, 1);
    char *truths = (char *)(card + 64), *counted = (char *)(card + 96);
    int64_t *indices = (int64_t *)(card + 128), seen[3] = {0};
    captured.places[0] = truths, captured.places[1] = (char *)card;
    captured.places[2] = (char *)(card + 1);
    launch_with(STRIDED, (void *[]){&count, &captured});
    char *cub[2] = {NULL, truths}, *thrust[2] = {truths, NULL};
    launch_with(COUNT, (void *[]){cub, &counted, &count});
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), &found, counted, sizeof found,
       2);
    CHECK(found == 2);
    launch_with(INDICES, (void *[]){NULL, thrust, &indices, &counted, NULL, NULL, NULL, &count});
    launch_with(COORDINATES, (void *[]){&indices, NULL, &dimensions, &found});
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), seen, indices, sizeof seen, 2);
    CHECK(seen[0] == 1 && seen[1] == 3 && seen[2] == 0);
    // Coordinates of more dimensions are not made.
    dimensions = 2;
    launch_with(COORDINATES, (void *[]){&indices, NULL, &dimensions, &found});
    OK(runtime, "cudaMemcpy", (void *, const void *, size_t, int), seen, indices, sizeof seen, 2);
    CHECK(seen[0] == 0 && seen[1] == 0);
}

static const char settings[] =
    "memory=12884901888;capability=86;multiprocessors=28;cores=3584;gpus=1";

static void test_fills(void **state) {
    (void)state;
    client_run(fills_client, settings);
}

static void test_kernels(void **state) {
    (void)state;
    client_run(kernels_client, settings);
}

static void test_comparisons(void **state) {
    (void)state;
    client_run(comparisons_client, settings);
}

static void test_lookup(void **state) {
    (void)state;
    client_run(lookup_client, settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kernels),
                                       cmocka_unit_test(test_comparisons),
                                       cmocka_unit_test(test_lookup), cmocka_unit_test(test_fills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
