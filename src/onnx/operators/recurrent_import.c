// RNN, GRU and LSTM: each direction is one of snug's recurrent operator.
#include <string.h>
#include <strings.h>

#include "onnx/operators/emit.h"
#include "onnx/state.h"
#include "ops/reference.h"

enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES }; // inputs
enum { Y, Y_H, Y_C };                                          // outputs
enum { DIRECTIONS = 2, MOST_VALUES = DIRECTIONS * SNUG_RECURRENT_MOST_ACTIVATIONS };

typedef struct layer {
    const snug_onnx_call *call;
    snug_recurrent_attributes directions[DIRECTIONS];
    int count; // of directions
    bool samples_first;
    int64_t steps, batch, hidden, gates;
    snug_tensor_id inputs[PEEPHOLES + 1]; // as for layout 0
} layer;

// --- Activations ---

static const struct {
    const char *name;
    snug_recurrent_activation kind;
    int parameters; // that it has: alpha, then beta
    double alpha, beta;
} curves[] = {
    {"Tanh", SNUG_RECURRENT_TANH, 0, 0, 0},
    {"Sigmoid", SNUG_RECURRENT_SIGMOID, 0, 0, 0},
    {"Relu", SNUG_RECURRENT_RELU, 0, 0, 0},
    {"Affine", SNUG_RECURRENT_AFFINE, 2, 1, 0},
    {"LeakyRelu", SNUG_RECURRENT_LEAKY_RELU, 1, 0.01, 0},
    {"ThresholdedRelu", SNUG_RECURRENT_THRESHOLDED_RELU, 1, 1, 0},
    {"ScaledTanh", SNUG_RECURRENT_SCALED_TANH, 2, 1, 1},
    {"HardSigmoid", SNUG_RECURRENT_HARD_SIGMOID, 2, 0.2, 0.5},
    {"Elu", SNUG_RECURRENT_ELU, 1, 1, 0},
    {"Softsign", SNUG_RECURRENT_SOFTSIGN, 0, 0, 0},
    {"Softplus", SNUG_RECURRENT_SOFTPLUS, 0, 0, 0},
};

// The values of activation_alpha or activation_beta, of which an activation takes the next where it
// has such a parameter.
typedef struct values {
    double items[MOST_VALUES];
    size_t count, next;
} values;

static double next_of(values *self, double fallback) {
    return self->next < self->count ? self->items[self->next++] : fallback;
}

static snug_status set_activation(snug_recurrent_attributes *direction, int which, const char *name,
                                  values *alpha, values *beta) {
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (strcasecmp(name, curves[i].name) != 0) continue;
        direction->activations[which] = curves[i].kind;
        if (curves[i].parameters > 0) direction->alpha[which] = next_of(alpha, curves[i].alpha);
        if (curves[i].parameters > 1) direction->beta[which] = next_of(beta, curves[i].beta);
        return SNUG_OK;
    }
    return snug_fail(SNUG_UNSUPPORTED, "activation \"%.100s\"", name);
}

static snug_status read_activations(layer *self, snug_recurrent_cell cell) {
    static const char *const defaults[][3] = {
        {"Tanh"}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}};
    const snug_onnx_attribute *given = snug_onnx_attribute_find(self->call->node, "activations");
    values alpha = {0}, beta = {0};
    int each = (int)cell + 1;
    if (given &&
        (given->kind != SNUG_ONNX_STRINGS || given->count != (size_t)each * (size_t)self->count))
        return snug_fail(SNUG_BAD_FILE, "%d activations expected, found %zu", each * self->count,
                         given->count);
    SNUG_TRY(
        snug_onnx_reals(self->call, "activation_alpha", alpha.items, MOST_VALUES, &alpha.count));
    SNUG_TRY(snug_onnx_reals(self->call, "activation_beta", beta.items, MOST_VALUES, &beta.count));
    for (int i = 0; i < each * self->count; i++)
        SNUG_TRY(set_activation(&self->directions[i / each], i % each,
                                given ? given->texts[i] : defaults[cell][i % each], &alpha, &beta));
    return SNUG_OK;
}

// --- Attributes and inputs ---

static snug_status read_direction(layer *self) {
    const char *direction = snug_onnx_text(self->call, "direction", "forward");
    self->count = strcmp(direction, "bidirectional") == 0 ? 2 : 1;
    self->directions[0].reverse = strcmp(direction, "reverse") == 0;
    self->directions[1].reverse = 1;
    if (self->count == 2 || self->directions[0].reverse || strcmp(direction, "forward") == 0)
        return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "forward, reverse or bidirectional expected as direction, found \"%.100s\"",
                     direction);
}

static snug_status expect_dims(const snug_onnx_call *call, size_t index, int rank,
                               const int64_t *dims, snug_layout layout) {
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    if (!snug_onnx_has(call, index)) return SNUG_OK;
    const snug_type *found = &call->inputs[index].type;
    snug_type expected = snug_type_make(found->dtype, layout, rank, dims);
    if (snug_type_same_shape(found, &expected)) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "input %zu: %s expected, found %s", index,
                     snug_type_print(&expected, text), snug_type_print(found, other));
}

static snug_status check_shapes(layer *self, snug_recurrent_cell cell) {
    const snug_onnx_call *call = self->call;
    SNUG_TRY(snug_onnx_expect_rank(call, X, 3, 3));
    SNUG_TRY(snug_onnx_expect_rank(call, W, 3, 3));
    SNUG_TRY(snug_onnx_expect_rank(call, R, 3, 3));
    const int64_t *x = call->inputs[X].type.dims;
    self->steps = x[self->samples_first ? 1 : 0];
    self->batch = x[self->samples_first ? 0 : 1];
    self->hidden = call->inputs[R].type.dims[2];
    self->gates = snug_recurrent_gates(cell);
    int64_t d = self->count, h = self->hidden, rows = self->gates * h;
    if (snug_onnx_integer(call, "hidden_size", h) != h)
        return snug_fail(SNUG_BAD_FILE, "hidden_size is not that of the recurrent weights, %lld",
                         (long long)h);
    SNUG_TRY(expect_dims(call, W, 3, (const int64_t[]){d, rows, x[2]}, SNUG_ROW_MAJOR));
    SNUG_TRY(expect_dims(call, R, 3, (const int64_t[]){d, rows, h}, SNUG_ROW_MAJOR));
    SNUG_TRY(expect_dims(call, B, 2, (const int64_t[]){d, 2 * rows}, SNUG_ROW_MAJOR));
    SNUG_TRY(expect_dims(call, LENGTHS, 1, &self->batch, SNUG_ROW_MAJOR));
    SNUG_TRY(expect_dims(call, PEEPHOLES, 2, (const int64_t[]){d, 3 * h}, SNUG_ROW_MAJOR));
    const int64_t state[] = {self->samples_first ? self->batch : d,
                             self->samples_first ? d : self->batch, h};
    SNUG_TRY(expect_dims(call, INITIAL_H, 3, state, SNUG_ROW_MAJOR));
    return expect_dims(call, INITIAL_C, 3, state, SNUG_ROW_MAJOR);
}

// Whether every sequence is known to have all steps.
static bool all_are_whole(const layer *self) {
    const snug_onnx_operand *lengths = &self->call->inputs[LENGTHS];
    if (!lengths->data) return false;
    for (int64_t i = 0; i < self->batch; i++) {
        char element[8] = {0}; // the file's may lie anywhere
        size_t size = snug_dtype_bytes(lengths->type.dtype);
        memcpy(element, (const char *)lengths->data + (size_t)i * size, size);
        int64_t aligned = 0;
        memcpy(&aligned, element, sizeof aligned);
        if (snug_reference_load_whole(&aligned, lengths->type.dtype, 0) != self->steps)
            return false;
    }
    return true;
}

static void take_inputs(layer *self) {
    static const int64_t swapped[SNUG_MAX_RANK] = {1, 0, 2};
    for (size_t i = 0; i <= PEEPHOLES; i++) {
        bool is_whole = i == LENGTHS && snug_onnx_has(self->call, i) && all_are_whole(self);
        self->inputs[i] =
            is_whole ? SNUG_NO_TENSOR : snug_onnx_use_as(self->call, i, SNUG_ROW_MAJOR);
        bool is_swapped = self->samples_first && (i == X || i == INITIAL_H || i == INITIAL_C);
        if (is_swapped && self->inputs[i] != SNUG_NO_TENSOR)
            self->inputs[i] = snug_emit_transpose(self->call, self->inputs[i], swapped);
    }
}

// --- One direction ---

// What input |index| has for |direction|, of |rank| without the dimension of directions.
static snug_tensor_id part_of(const layer *self, int index, int direction, int rank) {
    snug_tensor_id x = self->inputs[index];
    if (x == SNUG_NO_TENSOR) return x;
    int64_t dims[SNUG_MAX_RANK];
    if (self->count > 1) x = snug_emit_slice(self->call, x, 0, direction, 1);
    memcpy(dims, snug_emit_type(self->call, x)->dims, sizeof dims);
    return snug_emit_reshape(self->call, x, SNUG_ROW_MAJOR, rank, rank == 3 ? dims : dims + 1);
}

// The states before the first step, (S, B, H); those that are not given are 0.
static snug_tensor_id initial_of(const layer *self, int direction) {
    snug_tensor_id h = part_of(self, INITIAL_H, direction, 3);
    const int64_t dims[] = {1, self->batch, self->hidden};
    snug_type type = snug_type_make(self->call->inputs[X].type.dtype, SNUG_ROW_MAJOR, 3, dims);
    bool has_cell = self->directions[0].cell == SNUG_CELL_LSTM;
    snug_tensor_id c = has_cell ? part_of(self, INITIAL_C, direction, 3) : SNUG_NO_TENSOR;
    if (has_cell && h == SNUG_NO_TENSOR && c == SNUG_NO_TENSOR) type.dims[0] = 2;
    if (h == SNUG_NO_TENSOR) h = snug_emit_full(self->call, &type, 0);
    if (!has_cell || type.dims[0] == 2) return h;
    if (c == SNUG_NO_TENSOR) c = snug_emit_full(self->call, &type, 0);
    return snug_emit_concat(self->call, h, c, 0);
}

// ONNX has two biases, of the input's product and of the state's: their sum, but for what a reset
// gate multiplies, which becomes |extra|.
static snug_tensor_id bias_of(const layer *self, int direction, snug_tensor_id *extra) {
    const snug_onnx_call *call = self->call;
    snug_tensor_id both = part_of(self, B, direction, 1);
    if (both == SNUG_NO_TENSOR) return both;
    int64_t rows = self->gates * self->hidden;
    snug_tensor_id of_input = snug_emit_slice(call, both, 0, 0, rows);
    snug_tensor_id of_state = snug_emit_slice(call, both, 0, rows, rows);
    if (self->directions[direction].cell == SNUG_CELL_GRU && self->directions[direction].after) {
        snug_type none = snug_type_vector(snug_emit_type(call, both)->dtype, self->hidden);
        *extra = snug_emit_slice(call, of_state, 0, 2 * self->hidden, self->hidden);
        of_state = snug_emit_concat(call, snug_emit_slice(call, of_state, 0, 0, 2 * self->hidden),
                                    snug_emit_full(call, &none, 0), 0);
    }
    return snug_emit_binary(call, &snug_op_add, of_input, of_state);
}

// |out|: y and the final states.
static void emit_direction(const layer *self, int direction, snug_tensor_id out[2]) {
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS], extra = SNUG_NO_TENSOR;
    if (self->directions[0].cell == SNUG_CELL_LSTM) extra = part_of(self, PEEPHOLES, direction, 1);
    snug_tensor_id bias = bias_of(self, direction, &extra);
    const snug_tensor_id inputs[] = {
        self->inputs[X],
        part_of(self, W, direction, 2),
        part_of(self, R, direction, 2),
        initial_of(self, direction),
        bias,
        extra,
        self->inputs[LENGTHS],
    };
    snug_graph_node(self->call->graph, &snug_op_recurrent, &self->directions[direction], inputs, 7,
                    outputs);
    out[0] = outputs[0];
    out[1] = outputs[1];
}

// --- Results ---

static snug_tensor_id join(const layer *self, const snug_tensor_id *parts, int axis) {
    return self->count == 1 ? parts[0] : snug_emit_concat(self->call, parts[0], parts[1], axis);
}

static void set_sequence(const layer *self, const snug_tensor_id *y) {
    static const int64_t samples_first[SNUG_MAX_RANK] = {2, 0, 1, 3};
    const int64_t dims[] = {self->steps, 1, self->batch, self->hidden};
    snug_tensor_id parts[DIRECTIONS] = {SNUG_NO_TENSOR, SNUG_NO_TENSOR};
    if (!snug_onnx_is_used(self->call, Y)) return;
    for (int i = 0; i < self->count; i++)
        parts[i] = snug_emit_reshape(self->call, y[i], SNUG_ROW_MAJOR, 4, dims);
    snug_tensor_id joined = join(self, parts, 1);
    if (joined == SNUG_NO_TENSOR) return;
    if (self->samples_first) joined = snug_emit_transpose(self->call, joined, samples_first);
    snug_onnx_set(self->call, Y, joined);
}

static void set_final(const layer *self, size_t output, const snug_tensor_id *finals, int state) {
    static const int64_t samples_first[SNUG_MAX_RANK] = {1, 0, 2};
    snug_tensor_id parts[DIRECTIONS] = {SNUG_NO_TENSOR, SNUG_NO_TENSOR};
    if (!snug_onnx_is_used(self->call, output)) return;
    for (int i = 0; i < self->count; i++)
        parts[i] = self->directions[0].cell == SNUG_CELL_LSTM
                       ? snug_emit_slice(self->call, finals[i], 0, state, 1)
                       : finals[i];
    snug_tensor_id joined = join(self, parts, 0);
    if (joined == SNUG_NO_TENSOR) return;
    if (self->samples_first) joined = snug_emit_transpose(self->call, joined, samples_first);
    snug_onnx_set(self->call, output, joined);
}

static snug_status check_steps(const layer *self) {
    if (self->steps < 1) return snug_fail(SNUG_UNSUPPORTED, "a sequence without a step");
    if (!snug_onnx_follows_batch(self->call, X, self->samples_first ? 1 : 0)) return SNUG_OK;
    return snug_fail(SNUG_UNSUPPORTED,
                     "it takes the batch, dimension 0 of the network's input, for time: export the "
                     "network for an input with the samples first (batch_first=True in PyTorch)");
}

static snug_status translate(const snug_onnx_call *call, snug_recurrent_cell cell) {
    layer self = {.call = call, .samples_first = snug_onnx_integer(call, "layout", 0) != 0};
    snug_tensor_id y[DIRECTIONS] = {0}, finals[DIRECTIONS] = {0};
    SNUG_TRY(read_direction(&self));
    SNUG_TRY(read_activations(&self, cell));
    SNUG_TRY(check_shapes(&self, cell));
    SNUG_TRY(check_steps(&self));
    for (int i = 0; i < DIRECTIONS; i++) {
        self.directions[i].cell = cell;
        self.directions[i].clip = snug_onnx_real(call, "clip", 0);
        self.directions[i].after = snug_onnx_integer(call, "linear_before_reset", 0) != 0;
        self.directions[i].coupled = snug_onnx_integer(call, "input_forget", 0) != 0;
    }
    take_inputs(&self);
    for (int i = 0; i < self.count; i++) {
        snug_tensor_id results[2];
        emit_direction(&self, i, results);
        y[i] = results[0];
        finals[i] = results[1];
    }
    SNUG_TRY(call->graph->status);
    set_sequence(&self, y);
    set_final(&self, Y_H, finals, 0);
    if (cell == SNUG_CELL_LSTM) set_final(&self, Y_C, finals, 1);
    return SNUG_OK;
}

static snug_status translate_rnn(const snug_onnx_call *call) {
    return translate(call, SNUG_CELL_PLAIN);
}

static snug_status translate_gru(const snug_onnx_call *call) {
    return translate(call, SNUG_CELL_GRU);
}

static snug_status translate_lstm(const snug_onnx_call *call) {
    return translate(call, SNUG_CELL_LSTM);
}

static const snug_onnx_operator rows[] = {
    {"RNN", "", 3, 6, translate_rnn},
    {"GRU", "", 3, 6, translate_gru},
    {"LSTM", "", 3, 8, translate_lstm},
};
const snug_onnx_operators snug_onnx_operators_recurrent = {rows, sizeof rows / sizeof *rows};
