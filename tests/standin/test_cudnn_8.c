// cuDNN 8, which PyTorch's builds for CUDA 12 linked up to 2.3: its version and statuses, and
// recurrent networks by the functions that it alone has. Weights against PyTorch's own count of
// parameters, and its check that the parts of a kind follow one another.
#include "standin/client.h"

enum { BAD_PARAM = 3 };

static void *cudnn;

static void *create(const char *name) {
    void *out = NULL;
    OK(cudnn, name, (void **), &out);
    CHECK(out);
    return out;
}

static void *tensor(int batch, int width) {
    void *out = create("cudnnCreateTensorDescriptor");
    const int size[] = {batch, width, 1}, stride[] = {width, 1, 1};
    OK(cudnn, "cudnnSetTensorNdDescriptor", (void *, int, int, const int *, const int *), out, 0, 3,
       size, stride);
    return out;
}

static void version(void) {
    if (client_major != 12) return;
    cudnn = client_open("libcudnn.so.8");
    CHECK(((size_t(*)(void))client_find(cudnn, "cudnnGetVersion"))() == 8902);
    int value = -1;
    OK(cudnn, "cudnnGetProperty", (int, int *), 0, &value);
    CHECK(value == 8);
    OK(cudnn, "cudnnGetProperty", (int, int *), 1, &value);
    CHECK(value == 9);
    OK(cudnn, "cudnnGetProperty", (int, int *), 2, &value);
    CHECK(value == 2);
    CHECK(CALL(cudnn, "cudnnCreate", (void **), NULL) == BAD_PARAM);
    const char *text = ((const char *(*)(int))client_find(cudnn, "cudnnGetErrorString"))(BAD_PARAM);
    CHECK(strcmp(text, "CUDNN_STATUS_BAD_PARAM") == 0);
}

typedef struct network {
    int cell, gates, directions, input, hidden, projection, layers;
} network;

static const network networks[] = {
    {2, 4, 1, 64, 128, 128, 1}, {2, 4, 2, 64, 128, 128, 3}, {2, 4, 2, 64, 128, 32, 2},
    {3, 3, 1, 10, 20, 20, 2},   {0, 1, 2, 7, 9, 9, 2},      {1, 1, 1, 1, 1, 1, 1},
};

static size_t expected_numbers(network n) {
    size_t numbers = 0;
    for (int i = 0; i < n.layers; i++) {
        int input = i ? n.projection * n.directions : n.input, rows = n.gates * n.hidden;
        int projection = n.projection < n.hidden ? n.projection * n.hidden : 0;
        numbers += (size_t)(n.directions * (rows * (input + n.projection) + 2 * rows + projection));
    }
    return numbers;
}

static void *new_network(void *handle, void *dropout, network n) {
    void *rnn = create("cudnnCreateRNNDescriptor");
    OK(cudnn, "cudnnSetRNNDescriptor_v6",
       (void *, void *, int, int, void *, int, int, int, int, int), handle, rnn, n.hidden, n.layers,
       dropout, 0, n.directions - 1, n.cell, 0, 0);
    OK(cudnn, "cudnnSetRNNMatrixMathType", (void *, int), rnn, 3);
    if (n.projection < n.hidden)
        OK(cudnn, "cudnnSetRNNProjectionLayers", (void *, void *, int, int), handle, rnn,
           n.projection, 0);
    return rnn;
}

// The parts of |n|'s weights follow one another, and are the whole space.
static void check_parts(void *handle, void *rnn, network n, void *x, void *weights, size_t bytes) {
    static const char *const functions[] = {"cudnnGetRNNLinLayerMatrixParams",
                                            "cudnnGetRNNLinLayerBiasParams"};
    char *space = (char *)0x7000000;
    void *described = create("cudnnCreateFilterDescriptor");
    size_t covered = 0;
    for (int layer = 0; layer < n.layers * n.directions; layer++)
        for (int kind = 0; kind < 2; kind++) {
            char *next = NULL;
            const int parts = 2 * n.gates + (kind == 0 && n.projection < n.hidden);
            for (int id = 0; id < parts; id++) {
                void *at = NULL;
                int type, format, dims, size[3];
                OK(cudnn, functions[kind],
                   (void *, void *, int, void *, void *, const void *, int, void *, void **),
                   handle, rnn, layer, x, weights, space, id, described, &at);
                OK(cudnn, "cudnnGetFilterNdDescriptor", (void *, int, int *, int *, int *, int *),
                   described, 3, &type, &format, &dims, size);
                CHECK(dims == 3 && size[0] == 1 && type == 0);
                const size_t part = (size_t)size[1] * (size_t)size[2] * 4;
                CHECK((char *)at >= space && (char *)at + part <= space + bytes);
                CHECK(!next || (char *)at == next);
                next = (char *)at + part;
                covered += part;
            }
        }
    CHECK(covered == bytes);
    OK(cudnn, "cudnnDestroyFilterDescriptor", (void *), described);
}

// The spaces grow with every time step, and hold every gate of every layer.
static void check_spaces(void *handle, void *rnn, network n) {
    enum { STEPS = 5 };
    void *x[STEPS];
    size_t rows = 0, before = 0, work = 0, reserve = 0;
    for (int i = 0; i < STEPS; i++) {
        const int batch = i < 3 ? 4 : 2; // shorter sequences have ended
        x[i] = tensor(batch, n.input);
        rows += (size_t)batch;
        OK(cudnn, "cudnnGetRNNWorkspaceSize", (void *, void *, int, void **, size_t *), handle, rnn,
           i + 1, x, &work);
        OK(cudnn, "cudnnGetRNNTrainingReserveSize", (void *, void *, int, void **, size_t *),
           handle, rnn, i + 1, x, &reserve);
        CHECK(work > 0 && reserve > before);
        CHECK(reserve >= rows * (size_t)(n.gates * n.hidden * n.layers * n.directions * 4));
        before = reserve;
    }
    CHECK(CALL(cudnn, "cudnnGetRNNWorkspaceSize", (void *, void *, int, void **, size_t *), handle,
               rnn, 0, x, &work) == BAD_PARAM);
    for (int i = 0; i < STEPS; i++)
        OK(cudnn, "cudnnDestroyTensorDescriptor", (void *), x[i]);
}

static void recurrent(void) {
    if (client_major != 12) return;
    cudnn = client_open("libcudnn.so.8");
    void *handle = create("cudnnCreate"), *dropout = create("cudnnCreateDropoutDescriptor");
    void *weights = create("cudnnCreateFilterDescriptor");
    OK(cudnn, "cudnnSetDropoutDescriptor",
       (void *, void *, float, void *, size_t, unsigned long long), dropout, handle, 0.0f, NULL, 0,
       0);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        const network n = networks[i];
        void *rnn = new_network(handle, dropout, n), *x = tensor(4, n.input);
        size_t bytes = 0;
        OK(cudnn, "cudnnGetRNNParamsSize", (void *, void *, void *, size_t *, int), handle, rnn, x,
           &bytes, 0);
        CHECK(bytes == 4 * expected_numbers(n));
        const int whole[] = {(int)(bytes / 4), 1, 1};
        OK(cudnn, "cudnnSetFilterNdDescriptor", (void *, int, int, int, const int *), weights, 0, 0,
           3, whole);
        check_parts(handle, rnn, n, x, weights, bytes);
        check_spaces(handle, rnn, n);
        OK(cudnn, "cudnnDestroyTensorDescriptor", (void *), x);
        OK(cudnn, "cudnnDestroyRNNDescriptor", (void *), rnn);
    }
    OK(cudnn, "cudnnDestroyFilterDescriptor", (void *), weights);
    OK(cudnn, "cudnnDestroyDropoutDescriptor", (void *), dropout);
    OK(cudnn, "cudnnDestroy", (void *), handle);
}

static void test_version(void **state) {
    (void)state;
    client_run(version, "gpus=1");
}

static void test_recurrent(void **state) {
    (void)state;
    client_run(recurrent, "gpus=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version),
                                       cmocka_unit_test(test_recurrent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
