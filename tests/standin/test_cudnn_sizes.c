// Sizes that cuDNN's stand-in tells through the older interface: workspaces against those that the
// real library told (cuDNN 7.5, float32, NCHW; rows of Slimakanzer/cudnn-benchmark's
// out_example.txt), and recurrent networks against PyTorch's own count and checks.
#include "standin/client.h"
#include "standin/cudnn/cudnn_interface.h"

#define AMPERE "memory=25769803776;capability=86;multiprocessors=82;cores=10496;gpus=1"
#define PASCAL "memory=17066885120;capability=60;multiprocessors=56;cores=3584;gpus=1"

static void *cudnn;

static void open_cudnn(void) {
    cudnn = client_open("libcudnn.so.9");
}

static void *new_handle(void) {
    void *handle = NULL;
    OK(cudnn, "cudnnCreate", (void **), &handle);
    CHECK(handle);
    return handle;
}

// ---- The older interface, against what the real library told: N 32 everywhere.
typedef struct measured {
    int size, c, k, kernel, padding, stride, out;
    size_t gemm, fft_tiling, split; // 0: not offered
} measured;

static const measured rows[] = {
    {1, 256, 324, 3, 1, 1, 1, 294912, 441769984, 14616576},
    {3, 256, 16, 3, 1, 1, 3, 2654208, 55730176, 1843200},
    {5, 256, 486, 3, 1, 1, 5, 7372800, 644816896, 31592448},
    {10, 512, 486, 3, 1, 1, 10, 58982400, 1221926912, 77220864},
    {19, 512, 24, 3, 1, 1, 19, 212926464, 128147456, 63516672},
    {38, 256, 324, 3, 1, 1, 38, 425852928, 522567680, 279207936},
    {38, 128, 128, 3, 1, 1, 38, 212926464, 142655488, 120324096},
    {75, 64, 64, 3, 1, 1, 75, 414720000, 53526528, 213516288},
    {3, 128, 256, 3, 0, 1, 1, 147456, 196108288, 6488064},
    {10, 128, 256, 3, 1, 2, 5, 3686400, 196108288, 0},
    {38, 256, 512, 3, 1, 2, 19, 106463232, 784384000, 0},
    {300, 3, 64, 7, 3, 2, 150, 423360000, 19546112, 0},
    {3, 256, 128, 1, 0, 1, 3, 294912, 9470368, 0},
    {10, 512, 128, 1, 0, 1, 10, 6553600, 36766112, 0},
    {38, 256, 256, 1, 0, 1, 38, 47316992, 178258752, 0},
    {38, 128, 256, 1, 0, 1, 38, 23658496, 131466048, 0},
    {75, 64, 128, 1, 0, 2, 38, 11829248, 89178112, 0},
};

static void *create_older(const char *name) {
    void *descriptor = NULL;
    OK(cudnn, name, (void **), &descriptor);
    return descriptor;
}

static void *older_tensor(int type, int n, int c, int size) {
    const int sizes[] = {n, c, size, size}, strides[] = {c * size * size, size * size, size, 1};
    void *made = create_older("cudnnCreateTensorDescriptor");
    OK(cudnn, "cudnnSetTensorNdDescriptor", (void *, int, int, const int *, const int *), made,
       type, 4, sizes, strides);
    return made;
}

typedef struct older {
    void *x, *w, *windows, *y;
} older;

static older older_of(const measured *m, int type) {
    const int filter[] = {m->k, m->c, m->kernel, m->kernel}, padding[] = {m->padding, m->padding};
    const int stride[] = {m->stride, m->stride}, ones[] = {1, 1};
    older made = {
        older_tensor(type, 32, m->c, m->size), create_older("cudnnCreateFilterDescriptor"),
        create_older("cudnnCreateConvolutionDescriptor"), older_tensor(type, 32, m->k, m->out)};
    OK(cudnn, "cudnnSetFilterNdDescriptor", (void *, int, int, int, const int *), made.w, type, 0,
       4, filter);
    OK(cudnn, "cudnnSetConvolutionNdDescriptor",
       (void *, int, const int *, const int *, const int *, int, int), made.windows, 2, padding,
       stride, ones, 1, 0);
    return made;
}

static void drop_older(older made) {
    OK(cudnn, "cudnnDestroyTensorDescriptor", (void *), made.x);
    OK(cudnn, "cudnnDestroyTensorDescriptor", (void *), made.y);
    OK(cudnn, "cudnnDestroyFilterDescriptor", (void *), made.w);
    OK(cudnn, "cudnnDestroyConvolutionDescriptor", (void *), made.windows);
}

// 0 where the algorithm is not offered.
static size_t forward_bytes(older o, int algorithm) {
    size_t bytes = 0;
    int status = CALL(cudnn, "cudnnGetConvolutionForwardWorkspaceSize",
                      (void *, void *, void *, void *, void *, int, size_t *), NULL, o.x, o.w,
                      o.windows, o.y, algorithm, &bytes);
    CHECK(status == 0 || status == CUDNN_NOT_SUPPORTED);
    return status ? 0 : bytes;
}

static void told_sizes(void) {
    open_cudnn();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        older o = older_of(&rows[i], CUDNN_FLOAT);
        CHECK(forward_bytes(o, 0) == 0);
        CHECK(forward_bytes(o, 2) == rows[i].gemm);
        CHECK(forward_bytes(o, 5) == rows[i].fft_tiling);
        CHECK(forward_bytes(o, 7) == rows[i].split);
        drop_older(o);
    }
}

static void test_told_sizes(void **state) {
    (void)state;
    client_run(told_sizes, PASCAL);
}

// A search gives the algorithms that fit the workspace, each with the size that the library tells.
static void search(void) {
    open_cudnn();
    older o = older_of(&rows[6], CUDNN_FLOAT);
    const size_t limits[] = {0, 1 << 20, 150000000, SIZE_MAX};
    int before = 0;
    for (size_t i = 0; i < 4; i++) {
        cudnn_performance found[16];
        int count = 0;
        OK(cudnn, "cudnnFindConvolutionForwardAlgorithmEx",
           (void *, void *, void *, void *, void *, void *, void *, void *, int, int *,
            cudnn_performance *, void *, size_t),
           NULL, o.x, NULL, o.w, NULL, o.windows, o.y, NULL, 16, &count, found, NULL, limits[i]);
        CHECK(count >= 1 && count >= before);
        before = count;
        for (int k = 0; k < count; k++) {
            CHECK(found[k].status == 0 && found[k].memory <= limits[i]);
            CHECK(found[k].memory == forward_bytes(o, found[k].algorithm));
            CHECK(k == 0 || found[k].time > found[k - 1].time);
        }
    }
    CHECK(before >= 5);
    drop_older(o);
}

static void test_search(void **state) {
    (void)state;
    client_run(search, PASCAL);
}

// ---- Recurrent networks: sizes by PyTorch's own count of parameters, and its check that the parts
// of a kind follow one another.
typedef struct network {
    int cell, gates, bias, directions, input, hidden, projection, layers;
} network;

static size_t expected_numbers(network n) {
    size_t numbers = 0;
    for (int i = 0; i < n.layers; i++) {
        int input = i ? n.projection * n.directions : n.input, rows_of = n.gates * n.hidden;
        int bias = n.bias ? 2 * rows_of : 0;
        int projection = n.projection < n.hidden ? n.projection * n.hidden : 0;
        numbers += (size_t)(n.directions * (rows_of * (input + n.projection) + bias + projection));
    }
    return numbers;
}

static void check_parts(void *handle, void *rnn, network n, size_t bytes) {
    char *space = (char *)0x7000000;
    void *described = create_older("cudnnCreateTensorDescriptor");
    size_t covered = 0;
    for (int pseudo = 0; pseudo < n.layers * n.directions; pseudo++)
        for (int kind = 0; kind < 2; kind++) {
            char *next = NULL;
            int parts = 2 * n.gates + (kind == 0 && n.projection < n.hidden);
            for (int id = 0; id < (kind && !n.bias ? 0 : parts); id++) {
                void *at = NULL;
                int type, dims, size[3], stride[3];
                OK(cudnn, "cudnnGetRNNWeightParams",
                   (void *, void *, int32_t, size_t, const void *, int32_t, void *, void **, void *,
                    void **),
                   handle, rnn, pseudo, bytes, space, id, kind ? NULL : described,
                   kind ? NULL : &at, kind ? described : NULL, kind ? &at : NULL);
                OK(cudnn, "cudnnGetTensorNdDescriptor", (void *, int, int *, int *, int *, int *),
                   described, 3, &type, &dims, size, stride);
                CHECK(dims == 3 && size[0] == 1);
                size_t part = (size_t)size[1] * (size_t)size[2] * 4;
                CHECK((char *)at >= space && (char *)at + part <= space + bytes);
                CHECK(!next || (char *)at == next);
                next = (char *)at + part;
                covered += part;
            }
        }
    CHECK(covered == bytes);
    OK(cudnn, "cudnnDestroyTensorDescriptor", (void *), described);
}

static void recurrent(void) {
    open_cudnn();
    static const network networks[] = {
        {2, 4, 2, 1, 64, 128, 128, 1}, {2, 4, 2, 2, 64, 128, 128, 3}, {2, 4, 2, 2, 64, 128, 32, 2},
        {3, 3, 2, 1, 10, 20, 20, 2},   {0, 1, 0, 2, 7, 9, 9, 2},      {1, 1, 2, 1, 1, 1, 1, 1},
    };
    void *handle = new_handle(), *dropout = create_older("cudnnCreateDropoutDescriptor");
    OK(cudnn, "cudnnSetDropoutDescriptor",
       (void *, void *, float, void *, size_t, unsigned long long), dropout, handle, 0.0f, NULL, 0,
       0);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        network n = networks[i];
        void *rnn = create_older("cudnnCreateRNNDescriptor"),
             *data = create_older("cudnnCreateRNNDataDescriptor");
        OK(cudnn, "cudnnSetRNNDescriptor_v8",
           (void *, int, int, int, int, int, int, int, int, int32_t, int32_t, int32_t, int32_t,
            void *, uint32_t),
           rnn, 0, n.cell, n.bias, n.directions - 1, 0, 0, 0, 0, n.input, n.hidden, n.projection,
           n.layers, dropout, 0);
        size_t bytes = 0, work = 0, reserve = 0, none = 1;
        OK(cudnn, "cudnnGetRNNWeightSpaceSize", (void *, void *, size_t *), handle, rnn, &bytes);
        CHECK(bytes == 4 * expected_numbers(n));
        check_parts(handle, rnn, n, bytes);
        const int lengths[] = {20, 12, 1};
        OK(cudnn, "cudnnSetRNNDataDescriptor",
           (void *, int, int, int, int, int, const int *, void *), data, 0, 1, 20, 3, n.input,
           lengths, NULL);
        OK(cudnn, "cudnnGetRNNTempSpaceSizes", (void *, void *, int, void *, size_t *, size_t *),
           handle, rnn, 1, data, &work, &reserve);
        // At the least, every gate of every layer is kept for the backward pass.
        CHECK(work > 0 &&
              reserve >= (size_t)(33 * n.gates * n.hidden * n.layers * n.directions * 4));
        OK(cudnn, "cudnnGetRNNTempSpaceSizes", (void *, void *, int, void *, size_t *, size_t *),
           handle, rnn, 0, data, &work, &none);
        CHECK(none == 0);
        OK(cudnn, "cudnnDestroyRNNDescriptor", (void *), rnn);
        OK(cudnn, "cudnnDestroyRNNDataDescriptor", (void *), data);
    }
    OK(cudnn, "cudnnDestroyDropoutDescriptor", (void *), dropout);
    OK(cudnn, "cudnnDestroy", (void *), handle);
}

static void test_recurrent(void **state) {
    (void)state;
    client_run(recurrent, AMPERE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_sizes),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_recurrent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
