// Constants of a document when its network runs: the value of each type, uniform or not, reaches
// the loss of the first step on both devices.
#include <math.h>
#include <stdio.h>

#include "onnx/builder.h"
#include "ops/reference.h"
#include "snug/train.h"

enum { BATCH = 4, WIDTH = 5 };

static const float weight[WIDTH] = {0.5F, -1, 2, 0.25F, 1.5F};
static const float input[BATCH * WIDTH] = {1, 0, 2, 3, 0, 4, 0, 1, 0, 2,
                                           5, 1, 0, 3, 2, 0, 2, 7, 1, 3};

typedef struct example {
    snug_dtype dtype;
    const char *op;       // of x, brought to the type, and the constant
    double values[WIDTH]; // the constant
} example;

static double apply(const example *of, double x, double constant) {
    if (strcmp(of->op, "And") == 0) return x != 0 && constant != 0;
    return x + constant;
}

// y[n] = sum over i of weight[i] * op(x[n][i], constant[i]).
static void write_document(const example *of, const char *path) {
    unsigned char data[WIDTH * 8];
    for (int i = 0; i < WIDTH; i++)
        snug_reference_store(data, of->dtype, i, of->values[i]);
    snug_onnx_writer *writer = builder_new(17);
    const int64_t row[] = {1, WIDTH}, column[] = {WIDTH, 1};
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, row),
              constant = snug_type_vector(of->dtype, WIDTH),
              matrix = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, column);
    snug_onnx_attribute to = snug_onnx_attribute_integer("to", snug_onnx_data_type(of->dtype)),
                        back = snug_onnx_attribute_integer("to", snug_onnx_data_type(SNUG_F32)),
                        value = {.name = "value",
                                 .kind = SNUG_ONNX_TENSOR,
                                 .tensor = {.name = "",
                                            .type = constant,
                                            .is_known = true,
                                            .data_type = snug_onnx_data_type(of->dtype),
                                            .data = data,
                                            .bytes = snug_type_bytes(&constant)}};
    builder_input(writer, "x", &x, "n");
    builder_initializer(writer, "w", &matrix, weight);
    builder_node_of(writer, "", "Constant", "", "c", &value, 1);
    builder_node_of(writer, "", "Cast", "x", "typed", &to, 1);
    builder_node(writer, of->op, "typed c", "sum");
    builder_node_of(writer, "", "Cast", "sum", "float", &back, 1);
    builder_node(writer, "MatMul", "float w", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
}

static snug_status give(void *context, int64_t samples, const void **inputs, const void **target) {
    (void)context;
    static const float zeros[BATCH];
    assert_int_equal(samples, BATCH);
    inputs[0] = input;
    *target = zeros;
    return SNUG_OK;
}

// The first step's mean squared distance from 0, before weights change.
static double first_loss(snug_device *device, const char *path) {
    snug_plan_request request = {.model = path,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .loss = SNUG_LOSS_MSE,
                                 .batch_size = BATCH,
                                 .micro_batch = BATCH,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .optimizer = {.kind = SNUG_OPTIMIZER_SGD}};
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    double loss = 0;
    snug_batch_source source = {.next = give};
    if (snug_plan_make(device, &request, &plan) != SNUG_OK ||
        snug_trainer_new(plan, 1, &trainer) != SNUG_OK ||
        snug_trainer_step(trainer, &source, 0.01, &loss) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    return loss;
}

static void check(const char *device_name, const example *of) {
    char path[] = "/tmp/snug-constants-XXXXXX.onnx";
    int descriptor = mkstemps(path, 5);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_document(of, path);
    snug_device *device;
    assert_int_equal(snug_device_open(device_name, 1, &device), SNUG_OK);
    double expected = 0;
    for (int n = 0; n < BATCH; n++) {
        double y = 0;
        for (int i = 0; i < WIDTH; i++)
            y += (double)weight[i] * apply(of, (double)input[n * WIDTH + i], of->values[i]);
        expected += y * y / BATCH;
    }
    double found = first_loss(device, path);
    if (!(fabs(found - expected) <= 1e-5 * expected))
        fail_msg("%s, %s of %s %g, %g ...: first loss %.9g, expected %.9g", device_name, of->op,
                 snug_dtype_name(of->dtype), of->values[0], of->values[1], found, expected);
    snug_device_close(device);
    unlink(path);
}

// Values that every type has exactly.
static void check_device(const char *device) {
    static const example masks[] = {{SNUG_BOOL, "And", {1, 1, 1, 1, 1}},
                                    {SNUG_BOOL, "And", {0, 0, 0, 0, 0}},
                                    {SNUG_BOOL, "And", {1, 0, 1, 1, 0}}};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        check(device, &masks[i]);
    for (int dtype = 0; snug_dtype_is_valid(dtype); dtype++) {
        if (dtype == SNUG_BOOL) continue;
        example uniform = {(snug_dtype)dtype, "Add", {3, 3, 3, 3, 3}},
                mixed = {(snug_dtype)dtype, "Add", {3, 0, 7, 1, 2}};
        check(device, &uniform);
        check(device, &mixed);
    }
}

static void test_cpu(void **state) {
    (void)state;
    check_device("cpu");
}

static void test_reference(void **state) {
    (void)state;
    check_device("reference");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu),
                                       cmocka_unit_test(test_reference)};
    return cmocka_run_group_tests_name("constants of documents", tests, NULL, NULL);
}
