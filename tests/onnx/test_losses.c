// What is said of networks that do not suit their loss, and where the classes are.
#include <string.h>
#include <unistd.h>

#include "onnx/builder.h"
#include "snug/plan.h"
#include "support/test.h"

static snug_device *device;

// y (N, |last|) of x (N, 3) and weights, all of |type|, then |op| where there is one.
static void write_product(const char *path, snug_dtype type, int64_t last, const char *op) {
    static const uint64_t zeros[64] = {0};
    snug_onnx_writer *writer = builder_new(17);
    snug_type x = snug_type_make(type, SNUG_ROW_MAJOR, 2, (int64_t[]){1, 3});
    snug_type w = snug_type_make(type, SNUG_ROW_MAJOR, 2, (int64_t[]){3, last});
    builder_input(writer, "x", &x, "N");
    builder_initializer(writer, "w", &w, zeros);
    builder_node(writer, "MatMul", "x w", op ? "p" : "y");
    if (op) builder_node(writer, op, "p", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
}

static snug_status plan_of(const char *path, snug_loss loss, const snug_sample_tensor *target,
                           snug_plan **out) {
    snug_plan_request request = {.model = path,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .loss = loss,
                                 .batch_size = 2,
                                 .data_target = target};
    return snug_plan_make(device, &request, out);
}

static void make_path(char *path) {
    int descriptor = mkstemps(path, 5);
    assert_true(descriptor >= 0);
    close(descriptor);
}

static void refused(snug_dtype type, int64_t last, const char *words) {
    char path[] = "/tmp/snug-losses-XXXXXX.onnx";
    snug_plan *plan = NULL;
    make_path(path);
    write_product(path, type, last, NULL);
    assert_int_equal(plan_of(path, SNUG_LOSS_CROSS_ENTROPY, NULL, &plan), SNUG_INVALID);
    if (!strstr(snug_error_message(), words))
        fail_msg("'%s' expected in: %s", words, snug_error_message());
    unlink(path);
}

static void test_refusals(void **state) {
    (void)state;
    refused(SNUG_F32, 1, "`loss` bce");
    refused(SNUG_F16, 4, "half precision");
    refused(SNUG_F64, 4, "double precision");
}

// Whether the plan's text has |words|.
static bool says(snug_loss loss, const char *op, const char *words) {
    char path[] = "/tmp/snug-losses-XXXXXX.onnx", *text = NULL;
    snug_plan *plan = NULL;
    make_path(path);
    write_product(path, SNUG_F32, 4, op);
    if (plan_of(path, loss, NULL, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_plan_text(plan, &text), SNUG_OK);
    bool found = strstr(text, words) != NULL;
    snug_string_free(text);
    snug_plan_free(plan);
    unlink(path);
    return found;
}

static void test_squashed(void **state) {
    (void)state;
    assert_true(says(SNUG_LOSS_BCE, "Sigmoid", "ends in a sigmoid"));
    assert_true(says(SNUG_LOSS_CROSS_ENTROPY, "Softmax", "ends in a softmax"));
    assert_false(says(SNUG_LOSS_MSE, "Sigmoid", "ends in a"));
    assert_false(says(SNUG_LOSS_BCE, "Relu", "ends in a"));
}

// An output (N, 3, 5): the input's length says that 5 are the classes, unless the targets do.
static void test_class_axis(void **state) {
    (void)state;
    static const float zeros[15] = {0};
    char path[] = "/tmp/snug-losses-XXXXXX.onnx";
    snug_onnx_writer *writer = builder_new(17);
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 3, (int64_t[]){1, 3, 3});
    snug_type w = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, (int64_t[]){3, 5});
    make_path(path);
    builder_input(writer, "x", &x, "N");
    builder_initializer(writer, "w", &w, zeros);
    builder_node(writer, "MatMul", "x w", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
    const struct {
        int64_t target, classes; // 0: no target is told
    } cases[] = {{0, 5}, {3, 5}, {5, 3}, {4, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_sample_tensor target = {.rank = 1, .dims = {cases[i].target}};
        snug_plan *plan = NULL;
        if (plan_of(path, SNUG_LOSS_CROSS_ENTROPY, cases[i].target ? &target : NULL, &plan) !=
            SNUG_OK)
            fail_msg("%s", snug_error_message());
        assert_int_equal(snug_plan_sample(plan)->classes, cases[i].classes);
        snug_plan_free(plan);
    }
    unlink(path);
}

static int open_device(void **state) {
    (void)state;
    return snug_device_open("reference", 1, &device) == SNUG_OK ? 0 : -1;
}

static int close_device(void **state) {
    (void)state;
    snug_device_close(device);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_squashed),
                                       cmocka_unit_test(test_class_axis)};
    return cmocka_run_group_tests_name("losses of networks from files", tests, open_device,
                                       close_device);
}
