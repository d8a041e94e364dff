// Every operator's gradient against central finite differences, in float64 through the reference
// kernels, on every sample case. With f'' bounded near 1 and a step of 1e-5 the difference quotient
// is good to about 1e-9; the tolerance of 1e-6 relative to the largest gradient leaves room.
#include <math.h>

#include "base/random.h"
#include "graph/autodiff.h"
#include "graph/verify.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "support/interpret.h"
#include "support/test.h"

enum { MAX_INPUTS = 10 };
static const double step = 1e-5, tolerance = 1e-6;

typedef struct fixture {
    snug_graph *graph;
    const snug_op *op;
    const snug_sample *sample;
    snug_tensor_id inputs[MAX_INPUTS], loss;
    snug_tensor_id gradients[MAX_INPUTS];
} fixture;

// loss = sum of output 0 times fixed weights, so that every element counts differently.
static void build(fixture *self) {
    const snug_sample *sample = self->sample;
    for (int i = 0; i < sample->input_count; i++) {
        snug_type type = sample->inputs[i];
        if (type.dtype == SNUG_F32) type.dtype = SNUG_F64;
        self->inputs[i] = snug_graph_tensor(self->graph, NULL, &type, SNUG_ROLE_INPUT);
    }
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS];
    snug_graph_node(self->graph, self->op, sample->attributes, self->inputs, sample->input_count,
                    outputs);
    assert_int_equal(snug_graph_status(self->graph), SNUG_OK);
    snug_type type = *snug_graph_type(self->graph, outputs[0]);
    self->loss = outputs[0];
    if (type.rank > 0) {
        snug_tensor_id weights = snug_graph_tensor(self->graph, NULL, &type, SNUG_ROLE_INPUT);
        snug_tensor_id product =
            SNUG_EMIT(self->graph, &snug_op_multiply, NULL, outputs[0], weights);
        snug_reduce_attributes all = {.axes = (1 << type.rank) - 1};
        self->loss = SNUG_EMIT(self->graph, &snug_op_reduce_sum, &all, product);
    }
}

static void differentiate(fixture *self) {
    size_t count = self->graph->tensor_count;
    snug_tensor_id *gradients = calloc(count, sizeof *gradients);
    snug_status status = snug_autodiff(self->graph, self->loss, self->inputs,
                                       (size_t)self->sample->input_count, NULL, NULL, gradients);
    if (status != SNUG_OK) fail_msg("%s: %s", self->op->name, snug_error_message());
    for (int i = 0; i < self->sample->input_count; i++)
        self->gradients[i] = gradients[self->inputs[i]];
    free(gradients);
    if (snug_graph_verify(self->graph) != SNUG_OK)
        fail_msg("%s: %s", self->op->name, snug_error_message());
}

// Values on a grid of distinct points, shuffled: no two elements tie, none sits on a kink.
static void fill(const fixture *self, snug_tensor_id id, uint64_t stream, void *memory) {
    const snug_type *type = snug_graph_type(self->graph, id);
    const snug_sample *sample = self->sample;
    double low = sample->low, high = sample->high;
    if (low == 0 && high == 0) low = -1, high = 1;
    int64_t count = snug_type_elements(type);
    for (int64_t i = 0; i < count; i++) {
        snug_random_block block = snug_random_at(stream, (uint64_t)i, 7);
        if (!snug_dtype_is_float(type->dtype)) {
            int64_t below = sample->integer_below ? sample->integer_below : 2;
            snug_reference_store(memory, type->dtype, i, block.words[0] % (uint64_t)below);
            continue;
        }
        double place =
            ((double)(i * 37 % count) + 0.25 + 0.5 * snug_random_uniform(block.words[1])) /
            (double)count;
        snug_reference_store(memory, type->dtype, i, low + (high - low) * place);
    }
}

static double run_loss(const fixture *self, void **memory, void **pristine) {
    static const snug_run_state state = {.seed = 3, .step = 5, .learning_rate = 0.1};
    // Operators that update statistics in place must see the same ones every time.
    for (size_t i = 0; i < self->graph->tensor_count; i++)
        if (pristine[i])
            memcpy(memory[i], pristine[i], snug_type_bytes(&self->graph->tensors[i]->type));
    assert_int_equal(interpret_run(self->graph, memory, &state), SNUG_OK);
    return *(double *)memory[self->loss];
}

static void compare(const fixture *self, int input, void **memory, void **pristine) {
    snug_tensor_id id = self->inputs[input], gradient = self->gradients[input];
    int64_t count = snug_type_elements(snug_graph_type(self->graph, id));
    double *found = calloc((size_t)count, sizeof *found), largest = 0;
    run_loss(self, memory, pristine);
    if (gradient != SNUG_NO_TENSOR) memcpy(found, memory[gradient], (size_t)count * sizeof *found);
    double *values = pristine[id];
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(found[i]));
    for (int64_t i = 0; i < count; i++) {
        double kept = values[i];
        values[i] = kept + step;
        double above = run_loss(self, memory, pristine);
        values[i] = kept - step;
        double below = run_loss(self, memory, pristine);
        values[i] = kept;
        double expected = (above - below) / (2 * step);
        if (fabs(expected - found[i]) > tolerance * fmax(1, largest))
            fail_msg("%s, sample '%s', input %d, element %lld: gradient %.9g, difference %.9g",
                     self->op->name, self->sample->name, input, (long long)i, found[i], expected);
    }
    free(found);
}

static void check_sample(const snug_op *op, const snug_sample *sample) {
    fixture self = {.op = op, .sample = sample};
    assert_int_equal(snug_graph_new(&self.graph), SNUG_OK);
    build(&self);
    differentiate(&self);
    void **memory = interpret_allocate(self.graph);
    void **pristine = calloc(self.graph->tensor_count, sizeof *pristine);
    for (size_t i = 0; i < self.graph->tensor_count; i++) {
        if (self.graph->tensors[i]->role != SNUG_ROLE_INPUT) continue;
        pristine[i] = calloc(1, snug_type_bytes(&self.graph->tensors[i]->type) + 1);
        fill(&self, (snug_tensor_id)i, 100 + i, pristine[i]);
    }
    for (int i = 0; i < sample->input_count; i++)
        if (sample->inputs[i].dtype == SNUG_F32 && !(sample->no_gradient >> i & 1))
            compare(&self, i, memory, pristine);
    for (size_t i = 0; i < self.graph->tensor_count; i++)
        free(pristine[i]);
    free(pristine);
    interpret_free(self.graph, memory);
    snug_graph_free(self.graph);
}

static void test_gradients(void **state) {
    (void)state;
    for (const snug_op_file *const *file = snug_op_files; *file; file++)
        for (const snug_op *const *op = (*file)->ops; *op; op++)
            for (int i = 0; i < (*op)->sample_count && (*op)->gradient; i++)
                check_sample(*op, &(*op)->samples[i]);
}

// An operator without sample cases is not tested by anything.
static void test_samples_exist(void **state) {
    (void)state;
    for (const snug_op_file *const *file = snug_op_files; *file; file++)
        for (const snug_op *const *op = (*file)->ops; *op; op++) {
            if ((*op)->sample_count == 0) fail_msg("%s has no sample cases", (*op)->name);
            if (!(*op)->is_view && !(*op)->reference) fail_msg("%s has no kernel", (*op)->name);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_exist),
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
