// Data of networks with several inputs, or with one that is not called "input": each is found under
// its own name, and gives the extents that the file leaves open.
#include <math.h>
#include <stdio.h>

#include "io/safetensors.h"
#include "onnx/builder.h"
#include "snug/train.h"

enum { ROWS = 4, A = 3, B = 2 };

static const float a[ROWS * A] = {1, 2, 3, -1, 0, 2, 4, 1, 0, 2, 2, -3},
                            b[ROWS * B] = {2, 1, 0, 1, -1, 3, 5, 2},
                            target[ROWS] = {1, -2, 0.5F, 3}, for_a[A] = {0.5F, -1, 2},
                            for_b[B] = {1.5F, -0.25F};

static const char data_path[] = "/tmp/snug-own-inputs.safetensors",
                  model_path[] = "/tmp/snug-own-inputs.onnx";

static void write_tensors(const char *const *names, const float *const *values,
                          const int64_t *width, size_t count) {
    snug_safetensors_item items[4];
    snug_file file;
    for (size_t i = 0; i < count; i++)
        items[i] =
            (snug_safetensors_item){names[i], snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2,
                                                             (const int64_t[]){ROWS, width[i]})};
    assert_int_equal(snug_safetensors_create(data_path, items, count, NULL, &file), SNUG_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(snug_file_write(&file, values[i], snug_type_bytes(&items[i].type)),
                         SNUG_OK);
    assert_int_equal(snug_file_commit(&file), SNUG_OK);
}

static void add_input(snug_onnx_writer *writer, const char *name, const char *symbol) {
    snug_type type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, (const int64_t[]){1, 1});
    snug_onnx_value value = snug_onnx_value_of(name, &type, "n");
    value.dims[1] = -1;
    value.symbols[1] = symbol;
    assert_int_equal(snug_onnx_writer_input(writer, &value), SNUG_OK);
}

static void add_weight(snug_onnx_writer *writer, const char *name, const float *values,
                       int64_t width) {
    snug_type type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, (const int64_t[]){width, 1});
    builder_initializer(writer, name, &type, values);
}

// y = b for_b + a for_a, or the second part alone.
static void write_model(bool both) {
    snug_onnx_writer *writer = builder_new(17);
    if (both) add_input(writer, "second", "q");
    add_input(writer, "first", "p");
    add_weight(writer, "for_a", for_a, A);
    if (both) add_weight(writer, "for_b", for_b, B);
    if (both) builder_node(writer, "MatMul", "second for_b", "of_b");
    builder_node(writer, "MatMul", "first for_a", both ? "of_a" : "y");
    if (both) builder_node(writer, "Add", "of_b of_a", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, model_path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
}

static double expected_loss(bool both) {
    double total = 0;
    for (int i = 0; i < ROWS; i++) {
        double y = -target[i];
        for (int j = 0; j < A; j++)
            y += a[i * A + j] * for_a[j];
        for (int j = 0; both && j < B; j++)
            y += b[i * B + j] * for_b[j];
        total += y * y;
    }
    return total / ROWS;
}

static void keep_loss(void *context, const snug_step_event *event) {
    *(double *)context = event->loss;
}

static void check(bool both) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_dataset *data = NULL;
    snug_dataset_info info;
    snug_train_result result;
    double loss = NAN;
    write_model(both);
    assert_int_equal(snug_dataset_describe(data_path, &info), SNUG_OK);
    snug_plan_request request = {.model = model_path,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .loss = SNUG_LOSS_MSE,
                                 .batch_size = ROWS,
                                 .data_inputs = info.inputs,
                                 .data_input_count = info.input_count};
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    snug_dataset_options options = {.name = data_path, .sample = snug_plan_sample(plan)};
    if (snug_dataset_open(&options, &data) != SNUG_OK) fail_msg("%s", snug_error_message());
    snug_train_options wanted = {
        .epochs = 1, .learning_rate = 0.1, .on_step = keep_loss, .context = &loss};
    if (snug_train(plan, data, NULL, &wanted, &result) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_true(fabs(loss - expected_loss(both)) < 1e-5 * expected_loss(both));
    snug_dataset_close(data);
    snug_plan_free(plan);
    snug_device_close(device);
}

static void test_two(void **state) {
    (void)state;
    snug_dataset_info info;
    const char *names[] = {"first", "second", "target"};
    write_tensors(names, (const float *[]){a, b, target}, (const int64_t[]){A, B, 1}, 3);
    assert_int_equal(snug_dataset_describe(data_path, &info), SNUG_OK);
    assert_int_equal(info.rank, 0); // which is the network's first is not known
    assert_int_equal(info.input_count, 2);
    check(true);
    check(false); // what the network does not ask for may be there
}

static void test_one(void **state) {
    (void)state;
    const char *names[] = {"first", "target"};
    write_tensors(names, (const float *[]){a, target}, (const int64_t[]){A, 1}, 2);
    check(false);
    names[0] = "input";
    write_tensors(names, (const float *[]){a, target}, (const int64_t[]){A, 1}, 2);
    write_model(false);
    snug_dataset_info info;
    assert_int_equal(snug_dataset_describe(data_path, &info), SNUG_OK);
    assert_int_equal(info.rank, 1);
}

// The network's own name goes before `input`.
static void test_both_names(void **state) {
    (void)state;
    const char *names[] = {"input", "first", "target"};
    write_tensors(names, (const float *[]){b, a, target}, (const int64_t[]){B, A, 1}, 3);
    check(false);
}

// The message names what is missing, and what there is.
static void test_missing(void **state) {
    (void)state;
    snug_dataset *data;
    const char *names[] = {"first", "target"};
    write_tensors(names, (const float *[]){a, target}, (const int64_t[]){A, 1}, 2);
    snug_sample_tensor input = {.type = "float32", .rank = 1, .dims = {B}, .bytes = 4 * B};
    snug_sample_type sample = {.input_count = 2, .inputs = {input, input}, .target = input};
    snprintf(sample.inputs[0].name, sizeof input.name, "first");
    snprintf(sample.inputs[1].name, sizeof input.name, "second");
    snug_dataset_options options = {.name = data_path, .sample = &sample};
    assert_int_equal(snug_dataset_open(&options, &data), SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "`second` is missing among `first`, `target`"));
}

static int remove_files(void **state) {
    (void)state;
    unlink(data_path);
    unlink(model_path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_two), cmocka_unit_test(test_one),
                                       cmocka_unit_test(test_both_names),
                                       cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests_name("data by the names of inputs", tests, NULL, remove_files);
}
