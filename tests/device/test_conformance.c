// One suite for every device: each sample of each operator, and larger shapes that reach the fast
// kernels, against the operator's reference kernel in float64 on the same inputs. Also held:
// results in place and in a second run have the same bits, a kernel stays inside its workspace, and
// inputs change only where the operator says so.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "device/device.h"
#include "device/shapes.h"
#include "ops/reference.h"

enum { MAX_TENSORS = 16, GUARD_BYTES = 256, THREADS = 2 };

// How far a result may lie from the float64 one, relative to the largest value of the tensor.
// Element-wise operators keep nearly all digits of float32; sums lose some with their length.
static const struct {
    const char *op;
    double tolerance;
} tolerances[] = {
    {"conv2d", 1e-5},
    {"conv2d_backward_input", 1e-5},
    {"conv2d_backward_weight", 1e-5},
    {"conv3d", 1e-5},
    {"conv3d_backward_input", 1e-5},
    {"conv3d_backward_weight", 1e-5},
    {"batch_norm", 1e-5},
    {"batch_norm_backward", 1e-5},
    {"layer_norm_backward", 1e-5},
    {"linear", 1e-5},
    {"matmul", 1e-5},
    {"recurrent", 1e-5},
    {"recurrent_backward", 1e-5},
};
static const double default_tolerance = 2e-6;
static const double half_tolerance = 1e-2; // bfloat16 has 8 bits

static double tolerance_of(const snug_op *op) {
    for (size_t i = 0; i < sizeof tolerances / sizeof *tolerances; i++)
        if (strcmp(tolerances[i].op, op->name) == 0) return tolerances[i].tolerance;
    return default_tolerance;
}

// A tensor on the host, with the place that it has in the device's block.
typedef struct tensor {
    snug_type type;
    unsigned char *data;
    size_t bytes, offset;
} tensor;

typedef struct trial {
    snug_device *device;
    const snug_kernel *kernel;
    const snug_op *op;
    const snug_sample *sample;
    tensor inputs[MAX_TENSORS], outputs[SNUG_MAX_OUTPUTS];
    double *expected[SNUG_MAX_OUTPUTS + MAX_TENSORS]; // outputs, then mutated inputs
    unsigned char *block, *image; // the device's memory, and the host's picture of it
    size_t block_bytes, workspace_offset;
} trial;

static const snug_run_state state = {
    .seed = 5, .step = 2, .first_sample = 3, .learning_rate = 0.1, .gradient_weight = 1.5};

// Samples without attributes stand for all zero.
static const void *attributes_of(const snug_sample *sample) {
    static const uint64_t zero[SNUG_ATTRIBUTE_BYTES / 8];
    return sample->attributes ? sample->attributes : (const void *)zero;
}

static void *checked(size_t bytes) {
    void *memory = calloc(1, bytes + 1);
    assert_non_null(memory);
    return memory;
}

static void fill_input(tensor *self, const snug_sample *sample, int index) {
    bool is_default = sample->low == 0 && sample->high == 0;
    double low = is_default ? -1 : sample->low, high = is_default ? 1 : sample->high;
    int64_t elements = snug_type_elements(&self->type);
    int64_t below = sample->integer_below ? sample->integer_below : 2;
    for (int64_t i = 0; i < elements; i++) {
        uint32_t word = snug_random_at(11, (uint64_t)index, (uint64_t)i).words[0];
        double value = low + (high - low) * (double)snug_random_uniform(word);
        if (!snug_dtype_is_float(self->type.dtype)) value = (double)(word % (uint64_t)below);
        snug_reference_store(self->data, self->type.dtype, i, value);
    }
}

static uint32_t present_in(const trial *self) {
    uint32_t present = 0;
    for (int i = 0; i < self->sample->input_count; i++)
        present |= UINT32_C(1) << i;
    return present;
}

// The reference kernel on float64 copies.
static void find_expected(trial *self) {
    const snug_sample *sample = self->sample;
    snug_view inputs[MAX_TENSORS], outputs[SNUG_MAX_OUTPUTS];
    snug_type types[MAX_TENSORS], results[SNUG_MAX_OUTPUTS] = {0};
    for (int i = 0; i < sample->input_count; i++) {
        types[i] = sample->inputs[i];
        if (snug_dtype_is_float(types[i].dtype)) types[i].dtype = SNUG_F64;
        inputs[i] = (snug_view){checked(snug_type_bytes(&types[i])), types[i]};
        for (int64_t j = 0; j < snug_type_elements(&types[i]); j++)
            snug_view_set(&inputs[i], j,
                          snug_reference_load(self->inputs[i].data, sample->inputs[i].dtype, j));
    }
    assert_int_equal(self->op->infer(attributes_of(sample), types, sample->input_count, results),
                     0);
    for (int i = 0; i < self->op->outputs; i++)
        outputs[i] = (snug_view){checked(snug_type_bytes(&results[i])), results[i]};
    snug_call call = {attributes_of(sample),
                      inputs,
                      sample->input_count,
                      outputs,
                      self->op->outputs,
                      NULL,
                      &state};
    assert_int_equal(self->op->reference(&call), SNUG_OK);
    for (int i = 0; i < self->op->outputs + sample->input_count; i++) {
        bool is_output = i < self->op->outputs;
        snug_view *view = is_output ? &outputs[i] : &inputs[i - self->op->outputs];
        int64_t elements = snug_type_elements(&view->type);
        self->expected[i] = checked((size_t)elements * sizeof(double));
        for (int64_t j = 0; j < elements; j++)
            self->expected[i][j] = snug_view_get(view, j);
        free(view->data);
    }
}

static void reserve(trial *self, size_t bytes, size_t *offset) {
    *offset = self->block_bytes + GUARD_BYTES;
    self->block_bytes = (*offset + bytes + 63) & ~(size_t)63;
}

// Infers, draws inputs, prepares; false when the device has no such kernel.
static bool begin_trial(trial *self, snug_device *device, const snug_op *op,
                        const snug_sample *sample) {
    *self = (trial){.device = device, .op = op, .sample = sample};
    snug_type types[MAX_TENSORS + SNUG_MAX_OUTPUTS] = {0};
    for (int i = 0; i < sample->input_count; i++)
        types[i] = sample->inputs[i];
    snug_type *results = types + sample->input_count;
    assert_int_equal(op->infer(attributes_of(sample), types, sample->input_count, results), 0);
    snug_signature signature = {
        op,      attributes_of(sample), sample->input_count, op->outputs, types,
        results, present_in(self)};
    snug_status status = device->device_class->prepare(device, &signature, &self->kernel);
    if (status == SNUG_UNSUPPORTED) return false;
    assert_int_equal(status, SNUG_OK);
    for (int i = 0; i < sample->input_count + op->outputs; i++) {
        bool is_input = i < sample->input_count;
        tensor *one = is_input ? &self->inputs[i] : &self->outputs[i - sample->input_count];
        one->type = types[i];
        one->bytes = snug_type_bytes(&types[i]);
        one->data = checked(one->bytes);
        reserve(self, one->bytes, &one->offset);
        if (is_input) fill_input(one, sample, i);
    }
    reserve(self, self->kernel->workspace_bytes, &self->workspace_offset);
    self->block_bytes += GUARD_BYTES;
    void *block;
    assert_int_equal(device->device_class->allocate(device, self->block_bytes, &block), SNUG_OK);
    self->block = block;
    self->image = checked(self->block_bytes);
    assert_int_equal(device->device_class->finish(device, self->kernel), SNUG_OK);
    find_expected(self);
    return true;
}

static void end_trial(trial *self) {
    self->device->device_class->release(self->device, self->block, self->block_bytes);
    free(self->image);
    for (int i = 0; i < self->sample->input_count; i++)
        free(self->inputs[i].data);
    for (int i = 0; i < self->op->outputs; i++)
        free(self->outputs[i].data);
    for (int i = 0; i < self->op->outputs + self->sample->input_count; i++)
        free(self->expected[i]);
}

// Runs once with all memory but the inputs set to |fill|; output 0 lies in input |overwritten|
// unless that is negative. Leaves what the device's block then holds in |image|.
static void run_once(trial *self, unsigned char fill, int overwritten) {
    const snug_device_class *class = self->device->device_class;
    memset(self->image, fill, self->block_bytes);
    snug_view inputs[MAX_TENSORS], outputs[SNUG_MAX_OUTPUTS];
    for (int i = 0; i < self->sample->input_count; i++) {
        memcpy(self->image + self->inputs[i].offset, self->inputs[i].data, self->inputs[i].bytes);
        inputs[i] = (snug_view){self->block + self->inputs[i].offset, self->inputs[i].type};
    }
    for (int i = 0; i < self->op->outputs; i++)
        outputs[i] = (snug_view){self->block + self->outputs[i].offset, self->outputs[i].type};
    if (overwritten >= 0) outputs[0].data = inputs[overwritten].data;
    assert_int_equal(class->write(self->device, self->block, self->image, self->block_bytes),
                     SNUG_OK);
    snug_call call = {attributes_of(self->sample),
                      inputs,
                      self->sample->input_count,
                      outputs,
                      self->op->outputs,
                      self->block + self->workspace_offset,
                      &state};
    assert_int_equal(class->run(self->device, self->kernel, &call), SNUG_OK);
    assert_int_equal(class->read(self->device, self->image, self->block, self->block_bytes),
                     SNUG_OK);
}

static void expect_fill(const trial *self, size_t begin, size_t end, unsigned char fill) {
    for (size_t i = begin; i < end; i++)
        if (self->image[i] != fill)
            fail_msg("%s (%s) writes at byte %zu, outside its tensors", self->op->name,
                     self->sample->name, i);
}

// All that is no tensor and no workspace still holds |fill|; inputs that must not change do not.
static void check_surroundings(const trial *self, unsigned char fill, int overwritten) {
    size_t at = 0;
    for (int i = 0; i < self->sample->input_count; i++) {
        expect_fill(self, at, self->inputs[i].offset, fill);
        at = self->inputs[i].offset + self->inputs[i].bytes;
        if (i == overwritten || self->op->mutates >> i & 1) continue;
        if (memcmp(self->image + self->inputs[i].offset, self->inputs[i].data,
                   self->inputs[i].bytes))
            fail_msg("%s (%s) changes input %d", self->op->name, self->sample->name, i);
    }
    for (int i = 0; i < self->op->outputs; i++) {
        expect_fill(self, at, self->outputs[i].offset, fill);
        at = self->outputs[i].offset + self->outputs[i].bytes;
    }
    expect_fill(self, at, self->workspace_offset, fill);
    expect_fill(self, self->workspace_offset + self->kernel->workspace_bytes, self->block_bytes,
                fill);
}

static void compare(const trial *self, const tensor *one, const double *expected, const char *what,
                    int index) {
    int64_t elements = snug_type_elements(&one->type);
    double largest = 0, tolerance = tolerance_of(self->op);
    for (int64_t i = 0; i < elements; i++)
        largest = fmax(largest, fabs(expected[i]));
    snug_dtype dtype = one->type.dtype;
    if (dtype == SNUG_BF16 || dtype == SNUG_F16) tolerance = half_tolerance;
    double allowed = snug_dtype_is_float(dtype) ? tolerance * largest : 0; // integers are exact
    for (int64_t i = 0; i < elements; i++) {
        double found = snug_reference_load(self->image + one->offset, one->type.dtype, i);
        if (fabs(found - expected[i]) <= allowed) continue;
        fail_msg("%s (%s) on %s: %s %d is %.9g at %lld, expected %.9g within %.3g", self->op->name,
                 self->sample->name, self->device->device_class->name, what, index, found,
                 (long long)i, expected[i], allowed);
    }
}

static void check_values(const trial *self) {
    for (int i = 0; i < self->op->outputs; i++)
        compare(self, &self->outputs[i], self->expected[i], "output", i);
    for (int i = 0; i < self->sample->input_count; i++)
        if (self->op->mutates >> i & 1)
            compare(self, &self->inputs[i], self->expected[self->op->outputs + i], "input", i);
}

// Output 0 is read from |offset|.
static void expect_same_bits(const trial *self, const unsigned char *first, size_t offset,
                             const char *when) {
    for (int i = 0; i < self->op->outputs; i++) {
        size_t from = i == 0 ? offset : self->outputs[i].offset;
        if (memcmp(first + self->outputs[i].offset, self->image + from, self->outputs[i].bytes))
            fail_msg("%s (%s) on %s gives other bits %s", self->op->name, self->sample->name,
                     self->device->device_class->name, when);
    }
    for (int i = 0; i < self->sample->input_count; i++)
        if (self->op->mutates >> i & 1)
            assert_memory_equal(first + self->inputs[i].offset,
                                self->image + self->inputs[i].offset, self->inputs[i].bytes);
}

static void check_sample(snug_device *device, const snug_op *op, const snug_sample *sample) {
    trial self;
    if (!begin_trial(&self, device, op, sample)) return;
    run_once(&self, 0xFF, -1); // floats of this pattern are NaN
    check_surroundings(&self, 0xFF, -1);
    check_values(&self);
    unsigned char *first = checked(self.block_bytes);
    memcpy(first, self.image, self.block_bytes);
    run_once(&self, 0x5A, -1);
    check_surroundings(&self, 0x5A, -1);
    expect_same_bits(&self, first, self.outputs[0].offset, "in a second run");
    for (int i = 0; i < sample->input_count; i++) {
        if (!(op->overwrites >> i & 1) || self.inputs[i].bytes != self.outputs[0].bytes) continue;
        run_once(&self, 0xFF, i);
        check_surroundings(&self, 0xFF, i);
        expect_same_bits(&self, first, self.inputs[i].offset, "in place");
    }
    free(first);
    end_trial(&self);
}

static int open_device(void **context) {
    snug_device *device;
    const char *name = *context;
    if (snug_device_open(name, THREADS, &device) != SNUG_OK) return -1;
    *context = device;
    return 0;
}

static int close_device(void **context) {
    snug_device *device = *context;
    size_t left = device->allocated_bytes;
    snug_device_close(device);
    return left ? -1 : 0;
}

static void samples_match_the_reference(void **context) {
    for (const snug_op_file *const *file = snug_op_files; *file; file++)
        for (const snug_op *const *op = (*file)->ops; *op; op++)
            for (int i = 0; !(*op)->is_view && i < (*op)->sample_count; i++)
                check_sample(*context, *op, &(*op)->samples[i]);
}

// The shapes are those of real networks: falling back to a reference kernel would be a defect that
// only timings show.
static void expect_fast_kernel(snug_device *device, const snug_op *op, const snug_sample *sample) {
    trial self;
    assert_true(begin_trial(&self, device, op, sample));
    if (self.kernel->is_reference) fail_msg("%s (%s) has no fast kernel", op->name, sample->name);
    end_trial(&self);
}

static void larger_shapes_match_the_reference(void **context) {
    for (size_t i = 0; i < sizeof snug_test_shapes / sizeof *snug_test_shapes; i++) {
        const snug_op *op = snug_op_find(snug_test_shapes[i].op);
        assert_non_null(op);
        expect_fast_kernel(*context, op, &snug_test_shapes[i].sample);
        check_sample(*context, op, &snug_test_shapes[i].sample);
    }
}

static void low_precision_matches_the_reference(void **context) {
    for (size_t i = 0; i < sizeof snug_test_low_shapes / sizeof *snug_test_low_shapes; i++) {
        const snug_op *op = snug_op_find(snug_test_low_shapes[i].op);
        assert_non_null(op);
        expect_fast_kernel(*context, op, &snug_test_low_shapes[i].sample);
        check_sample(*context, op, &snug_test_low_shapes[i].sample);
    }
}

// The same shapes with data in 16 bits: what norms keep in float32, losses and integers aside.
static bool in_few_bits(const snug_op *op, snug_dtype dtype, snug_sample *sample) {
    bool any = false;
    if (op->precision == SNUG_PRECISION_FULL && !op->full_inputs) return false;
    for (int i = 0; i < sample->input_count; i++) {
        bool full = op->full_inputs >> i & 1 || op->mutates >> i & 1;
        if (sample->inputs[i].dtype != SNUG_F32 || full) continue;
        sample->inputs[i].dtype = dtype;
        any = true;
    }
    return any;
}

static void half_shapes_match_the_reference(void **context) {
    static const snug_dtype dtypes[] = {SNUG_BF16, SNUG_F16};
    for (size_t i = 0; i < sizeof snug_test_shapes / sizeof *snug_test_shapes; i++)
        for (int j = 0; j < 2; j++) {
            const snug_op *op = snug_op_find(snug_test_shapes[i].op);
            snug_sample sample = snug_test_shapes[i].sample;
            if (!in_few_bits(op, dtypes[j], &sample)) continue;
            expect_fast_kernel(*context, op, &sample);
            check_sample(*context, op, &sample);
        }
}

int main(void) {
    static char cpu[] = "cpu", reference[] = "reference";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(samples_match_the_reference, open_device,
                                                 close_device, reference),
        cmocka_unit_test_prestate_setup_teardown(samples_match_the_reference, open_device,
                                                 close_device, cpu),
        cmocka_unit_test_prestate_setup_teardown(larger_shapes_match_the_reference, open_device,
                                                 close_device, cpu),
        cmocka_unit_test_prestate_setup_teardown(low_precision_matches_the_reference, open_device,
                                                 close_device, cpu),
        cmocka_unit_test_prestate_setup_teardown(half_shapes_match_the_reference, open_device,
                                                 close_device, cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
