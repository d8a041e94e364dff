// --init random: weights of every kind of layer start by PyTorch's defaults, whatever the file has,
// also where the importer writes the layer out as other operators.
#include <math.h>
#include <stdio.h>

#include "onnx/builder.h"
#include "snug/train.h"

enum { CHANNELS = 4, SIDE = 6, MOST = CHANNELS * CHANNELS * 9 };

static const char path[] = "/tmp/snug-random-init.onnx";
static float sevens[MOST];

static void add(snug_onnx_writer *writer, const char *name, int rank, const int64_t *dims) {
    snug_type type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, rank, dims);
    builder_initializer(writer, name, &type, sevens);
}

static void write_model(void) {
    const int64_t image[] = {1, CHANNELS, SIDE, SIDE}, kernel[] = {CHANNELS, CHANNELS, 3, 3},
                  channels[] = {CHANNELS}, column[] = {CHANNELS, 1, 1}, line[] = {SIDE + 2};
    snug_onnx_writer *writer = builder_new(23);
    snug_onnx_attribute groups = snug_onnx_attribute_integer("num_groups", 2);
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 4, image);
    for (int i = 0; i < MOST; i++)
        sevens[i] = 7;
    builder_input(writer, "x", &x, "n");
    add(writer, "up.weight", 4, kernel);
    static const char *const vectors[] = {"up.bias", "in.weight", "in.bias", "gn.weight",
                                          "gn.bias"};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        add(writer, vectors[i], 1, channels);
    add(writer, "rms.weight", 1, line);
    add(writer, "own.weight", 3, column);
    add(writer, "own.bias", 3, column);
    builder_node(writer, "ConvTranspose", "x up.weight up.bias", "up");
    builder_node(writer, "InstanceNormalization", "up in.weight in.bias", "in");
    builder_node_of(writer, "", "GroupNormalization", "in gn.weight gn.bias", "gn", &groups, 1);
    builder_node(writer, "RMSNormalization", "gn rms.weight", "rms");
    // One that is written out: x / sqrt(mean of squares), with a scale and a shift.
    builder_node(writer, "Mul", "rms rms", "square");
    builder_node(writer, "ReduceMean", "square", "mean");
    builder_node(writer, "Sqrt", "mean", "root");
    builder_node(writer, "Div", "rms root", "normed");
    builder_node(writer, "Mul", "normed own.weight", "scaled");
    builder_node(writer, "Add", "scaled own.bias", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
}

// Weights within |bound| of |middle|, and not all alike unless the bound is 0.
static void check(snug_trainer *trainer, const char *name, double middle, double bound) {
    float values[MOST];
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        if (strcmp(info.name, name) != 0) continue;
        assert_int_equal(snug_trainer_read(trainer, name, values, info.bytes), SNUG_OK);
        bool alike = true;
        for (size_t j = 0; j < info.bytes / sizeof *values; j++) {
            if (fabs(values[j] - middle) > bound)
                fail_msg("%s: %g, expected %g within %g", name, values[j], middle, bound);
            alike = alike && values[j] == values[0];
        }
        assert_int_equal(alike, bound == 0);
        return;
    }
    fail_msg("no weight %s", name);
}

typedef struct run {
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
} run;

// Plans and starts the model, which is at |path|.
static run begin(void) {
    run self;
    snug_plan_request request = {.model = path,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .loss = SNUG_LOSS_MSE,
                                 .batch_size = 2,
                                 .random_init = true};
    assert_int_equal(snug_device_open("cpu", 1, &self.device), SNUG_OK);
    if (snug_plan_make(self.device, &request, &self.plan) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(self.plan, 3, &self.trainer), SNUG_OK);
    return self;
}

static void end(run *self) {
    snug_trainer_free(self->trainer);
    snug_plan_free(self->plan);
    snug_device_close(self->device);
    unlink(path);
}

static void test_layers(void **state) {
    (void)state;
    write_model();
    run self = begin();
    snug_trainer *trainer = self.trainer;
    double bound = 1 / sqrt(CHANNELS * 9); // PyTorch: kaiming_uniform(a=sqrt(5)) and its bias
    check(trainer, "up.weight", 0, bound);
    check(trainer, "up.bias", 0, bound);
    static const char *const ones[] = {"in.weight", "gn.weight", "rms.weight", "own.weight"},
                             *const zeros[] = {"in.bias", "gn.bias", "own.bias"};
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
        check(trainer, ones[i], 1, 0);
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        check(trainer, zeros[i], 0, 0);
    end(&self);
}

// An LSTM whose biases are put together of two, as PyTorch's exporters do: all within the root of
// the length of its state.
static void test_recurrent(void **state) {
    (void)state;
    enum { STEPS = 5, FEATURES = 3, HIDDEN = 4, ROWS = 4 * HIDDEN };
    const int64_t x_dims[] = {1, STEPS, FEATURES}, swapped[] = {1, 0, 2}, w[] = {1, ROWS, FEATURES},
                  r[] = {1, ROWS, HIDDEN}, b[] = {1, ROWS};
    snug_onnx_writer *writer = builder_new(14);
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 3, x_dims);
    snug_onnx_attribute perm = snug_onnx_attribute_integers("perm", swapped, 3),
                        along = snug_onnx_attribute_integer("axis", 1),
                        size = snug_onnx_attribute_integer("hidden_size", HIDDEN);
    for (int i = 0; i < MOST; i++)
        sevens[i] = 7;
    builder_input(writer, "x", &x, "n");
    add(writer, "lstm.w", 3, w);
    add(writer, "lstm.r", 3, r);
    add(writer, "lstm.b_ih", 2, b);
    add(writer, "lstm.b_hh", 2, b);
    builder_node_of(writer, "", "Concat", "lstm.b_ih lstm.b_hh", "b", &along, 1);
    builder_node_of(writer, "", "Transpose", "x", "t", &perm, 1);
    builder_node_of(writer, "", "LSTM", "t lstm.w lstm.r b", "all last", &size, 1);
    builder_node_of(writer, "", "Transpose", "last", "y", &perm, 1);
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
    run self = begin();
    static const char *const weights[] = {"lstm.w", "lstm.r", "lstm.b_ih", "lstm.b_hh"};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        check(self.trainer, weights[i], 0, 1 / sqrt(HIDDEN));
    end(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_recurrent)};
    return cmocka_run_group_tests_name("weights that start anew", tests, NULL, NULL);
}
