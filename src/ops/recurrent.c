// The forward pass, one sample after another, and what both passes share.
#include "ops/recurrent.h"

#include <math.h>

#include "base/memory.h"
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/reference.h"
#include "ops/sample.h"

enum { X, W, R, INITIAL, BIAS, EXTRA, LENGTHS };
enum { Y, FINAL, GATES, KEPT };

const snug_attribute snug_recurrent_table[] = {
    SNUG_ATTRIBUTE(snug_recurrent_attributes, cell, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, reverse, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, after, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, coupled, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, activations, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, alpha, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, beta, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_recurrent_attributes, clip, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

// --- Activations ---

static double curve(int64_t kind, double alpha, double beta, double x) {
    switch (kind) {
    case SNUG_RECURRENT_TANH:
        return tanh(x);
    case SNUG_RECURRENT_SIGMOID:
        return 1 / (1 + exp(-x));
    case SNUG_RECURRENT_RELU:
        return x > 0 ? x : 0;
    case SNUG_RECURRENT_AFFINE:
        return alpha * x + beta;
    case SNUG_RECURRENT_LEAKY_RELU:
        return x > 0 ? x : alpha * x;
    case SNUG_RECURRENT_THRESHOLDED_RELU:
        return x > alpha ? x : 0;
    case SNUG_RECURRENT_SCALED_TANH:
        return alpha * tanh(beta * x);
    case SNUG_RECURRENT_HARD_SIGMOID:
        return fmin(fmax(alpha * x + beta, 0), 1);
    case SNUG_RECURRENT_ELU:
        return x > 0 ? x : alpha * expm1(x);
    case SNUG_RECURRENT_SOFTSIGN:
        return x / (1 + fabs(x));
    default:
        return fmax(x, 0) + log1p(exp(-fabs(x))); // softplus
    }
}

static double slope_of(int64_t kind, double alpha, double beta, double y) {
    double inner;
    switch (kind) {
    case SNUG_RECURRENT_TANH:
        return 1 - y * y;
    case SNUG_RECURRENT_SIGMOID:
        return y * (1 - y);
    case SNUG_RECURRENT_RELU:
        return y > 0 ? 1 : 0;
    case SNUG_RECURRENT_AFFINE:
        return alpha;
    case SNUG_RECURRENT_LEAKY_RELU:
        return y > 0 ? 1 : alpha;
    case SNUG_RECURRENT_THRESHOLDED_RELU:
        return y != 0 ? 1 : 0;
    case SNUG_RECURRENT_SCALED_TANH:
        inner = alpha != 0 ? y / alpha : 1;
        return alpha * beta * (1 - inner * inner);
    case SNUG_RECURRENT_HARD_SIGMOID:
        return y > 0 && y < 1 ? alpha : 0;
    case SNUG_RECURRENT_ELU:
        return y > 0 ? 1 : y + alpha;
    case SNUG_RECURRENT_SOFTSIGN:
        inner = 1 - fabs(y);
        return inner * inner;
    default:
        return -expm1(-y); // softplus
    }
}

double snug_recurrent_activate(const snug_recurrent_attributes *layer, int which, double x) {
    double cut = layer->clip > 0 ? fmin(fmax(x, -layer->clip), layer->clip) : x;
    return curve(layer->activations[which], layer->alpha[which], layer->beta[which], cut);
}

// Of a result that was stored in float32.
static bool is_bound(const snug_recurrent_attributes *layer, int which, double y) {
    return layer->clip > 0 &&
           ((float)y == (float)snug_recurrent_activate(layer, which, layer->clip) ||
            (float)y == (float)snug_recurrent_activate(layer, which, -layer->clip));
}

double snug_recurrent_slope(const snug_recurrent_attributes *layer, int which, double y) {
    if (is_bound(layer, which, y)) return 0;
    return slope_of(layer->activations[which], layer->alpha[which], layer->beta[which], y);
}

// --- Shapes ---

static snug_status check_layer(const snug_recurrent_attributes *layer) {
    bool is_known = layer->cell >= SNUG_CELL_PLAIN && layer->cell <= SNUG_CELL_LSTM;
    int64_t activations = layer->cell + 1;
    for (int64_t i = 0; is_known && i < activations; i++)
        is_known = layer->activations[i] >= 0 && layer->activations[i] < SNUG_RECURRENT_ACTIVATIONS;
    if (!is_known) return snug_fail(SNUG_INVALID, "no recurrent layer has this cell");
    for (int64_t i = 0; i < activations; i++) {
        bool bends = layer->activations[i] == SNUG_RECURRENT_LEAKY_RELU ||
                     layer->activations[i] == SNUG_RECURRENT_ELU;
        if (bends && layer->alpha[i] < 0)
            return snug_fail(SNUG_UNSUPPORTED,
                             "an activation whose alpha, %g, is negative: its gradient cannot be "
                             "told from its result",
                             layer->alpha[i]);
    }
    return SNUG_OK;
}

static snug_status expect(const snug_type *found, const snug_type *expected, const char *what) {
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    if (snug_type_same_shape(found, expected)) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "%s of %s expected, found %s", what,
                     snug_type_print(expected, text), snug_type_print(found, other));
}

snug_status snug_recurrent_check(const snug_recurrent_attributes *layer, const snug_type *x,
                                 const snug_type *r, const snug_type *initial,
                                 const snug_type *extra, const snug_type *lengths) {
    SNUG_TRY(check_layer(layer));
    if (x->rank != 3 || x->layout != SNUG_ROW_MAJOR || initial->rank != 3 || r->rank != 2 ||
        x->dims[0] < 1)
        return snug_fail(SNUG_INVALID, "steps x batch x features of one step or more, initial "
                                       "states of three dimensions and a matrix expected");
    snug_recurrent_shape shape = snug_recurrent_shape_of(layer, x, initial);
    int64_t states[] = {shape.states, shape.batch, shape.hidden};
    snug_type expected = snug_type_make(x->dtype, SNUG_ROW_MAJOR, 3, states);
    SNUG_TRY(expect(initial, &expected, "initial states"));
    expected = snug_type_matrix(x->dtype, shape.gates * shape.hidden, shape.hidden);
    SNUG_TRY(expect(r, &expected, "recurrent weights"));
    expected = snug_type_vector(x->dtype, shape.hidden * (layer->cell == SNUG_CELL_LSTM ? 3 : 1));
    bool takes_extra = layer->cell == SNUG_CELL_LSTM || shape.keeps;
    if (extra->rank && !takes_extra)
        return snug_fail(SNUG_INVALID, "this cell has no peepholes, and no bias of its own there");
    if (extra->rank) SNUG_TRY(expect(extra, &expected, "peepholes, or a gate's recurrent bias,"));
    expected = snug_type_vector(lengths->dtype, shape.batch);
    if (lengths->rank) {
        SNUG_TRY(snug_check_indices(lengths));
        SNUG_TRY(expect(lengths, &expected, "lengths"));
    }
    return SNUG_OK;
}

static snug_type absent_or(const snug_type *inputs, int input_count, int index) {
    return index < input_count ? inputs[index] : (snug_type){0};
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_recurrent_attributes *layer = attributes;
    const snug_type *x = &inputs[X];
    snug_type bias = absent_or(inputs, input_count, BIAS);
    snug_type extra = absent_or(inputs, input_count, EXTRA);
    snug_type lengths = absent_or(inputs, input_count, LENGTHS);
    SNUG_TRY(snug_recurrent_check(layer, x, &inputs[R], &inputs[INITIAL], &extra, &lengths));
    snug_recurrent_shape shape = snug_recurrent_shape_of(layer, x, &inputs[INITIAL]);
    int64_t rows = shape.gates * shape.hidden;
    snug_type expected = snug_type_matrix(x->dtype, rows, x->dims[2]);
    SNUG_TRY(expect(&inputs[W], &expected, "input weights"));
    expected = snug_type_vector(x->dtype, rows);
    if (bias.rank) SNUG_TRY(expect(&bias, &expected, "a bias"));
    outputs[Y] = outputs[GATES] = *x;
    outputs[Y].dims[2] = shape.hidden;
    outputs[GATES].dims[2] = rows;
    if (layer->cell == SNUG_CELL_PLAIN) outputs[GATES] = snug_type_vector(x->dtype, 1);
    outputs[FINAL] = inputs[INITIAL];
    outputs[KEPT] = shape.keeps ? outputs[Y] : snug_type_vector(x->dtype, 1);
    return SNUG_OK;
}

snug_status snug_recurrent_length(const snug_view *lengths, int64_t steps, int64_t index,
                                  int64_t *out) {
    *out = steps;
    if (!lengths) return SNUG_OK;
    *out = (int64_t)snug_reference_load_whole(lengths->data, lengths->type.dtype, index);
    if (*out >= 0 && *out <= steps) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "a sequence of 0 to %lld steps expected, found %lld",
                     (long long)steps, (long long)*out);
}

// --- The gradient ---

// |gates| as a matrix, of which the projection's gradients are products.
static void give_projection(snug_backward *backward, const snug_node *node, snug_tensor_id dgates) {
    snug_graph *graph = backward->graph;
    const snug_type *x = snug_graph_type(graph, node->inputs[X]);
    const snug_type *gates = snug_graph_type(graph, dgates);
    if (dgates == SNUG_NO_TENSOR) return;
    int64_t rows = gates->dims[0] * gates->dims[1];
    snug_reshape_attributes matrix = {.rank = 2, .dims = {rows, gates->dims[2]}};
    snug_reshape_attributes inputs = {.rank = 2, .dims = {rows, x->dims[2]}};
    snug_reshape_attributes back = {.rank = 3, .dims = {x->dims[0], x->dims[1], x->dims[2]}};
    const snug_matmul_attributes plain = {0}, transposed = {.transpose_a = 1};
    const snug_reduce_attributes over_rows = {.axes = 1};
    dgates = SNUG_EMIT(graph, &snug_op_reshape, &matrix, dgates);
    if (snug_backward_wants(backward, node, BIAS))
        snug_backward_give(backward, node, BIAS,
                           SNUG_EMIT(graph, &snug_op_reduce_sum, &over_rows, dgates));
    if (snug_backward_wants(backward, node, W)) {
        snug_tensor_id x2 = SNUG_EMIT(graph, &snug_op_reshape, &inputs, node->inputs[X]);
        snug_backward_give(backward, node, W,
                           SNUG_EMIT(graph, &snug_op_matmul, &transposed, dgates, x2));
    }
    if (snug_backward_wants(backward, node, X)) {
        snug_tensor_id dx = SNUG_EMIT(graph, &snug_op_matmul, &plain, dgates, node->inputs[W]);
        snug_backward_give(backward, node, X, SNUG_EMIT(graph, &snug_op_reshape, &back, dx));
    }
}

static snug_tensor_id input_of(const snug_node *node, int index) {
    return index < node->input_count ? node->inputs[index] : SNUG_NO_TENSOR;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS];
    const snug_recurrent_attributes *layer = (const void *)node->attributes;
    const snug_tensor_id inputs[] = {
        node->outputs[layer->cell == SNUG_CELL_PLAIN ? Y : GATES],
        node->outputs[Y],
        node->outputs[KEPT],
        node->inputs[R],
        node->inputs[INITIAL],
        input_of(node, EXTRA),
        input_of(node, LENGTHS),
        snug_backward_of(backward, node, Y),
        snug_backward_of(backward, node, FINAL),
    };
    if (inputs[7] == SNUG_NO_TENSOR && inputs[8] == SNUG_NO_TENSOR) return SNUG_OK;
    snug_graph_node(backward->graph, &snug_op_recurrent_backward, node->attributes, inputs, 9,
                    outputs);
    snug_backward_give(backward, node, R, outputs[1]);
    snug_backward_give(backward, node, INITIAL, outputs[2]);
    snug_backward_give(backward, node, EXTRA, outputs[3]);
    give_projection(backward, node, outputs[0]);
    return SNUG_OK;
}

// --- The kernel ---

typedef struct walk {
    const snug_call *call;
    const snug_recurrent_attributes *layer;
    snug_recurrent_shape shape;
    double *h, *c, *pre, *reset; // of the sample at hand; |pre|: G*H, |reset|: what goes into R_h
} walk;

static double at(const snug_view *view, int64_t index) {
    return view ? snug_view_get(view, index) : 0;
}

// The sum of row |row| of R times |state|.
static double recur(const walk *self, int64_t row, const double *state) {
    double sum = 0;
    for (int64_t k = 0; k < self->shape.hidden; k++)
        sum += snug_view_get(&self->call->inputs[R], row * self->shape.hidden + k) * state[k];
    return sum;
}

// x W^T + bias of the row |row| of x, plus h R^T of the first |recurrent| gates' rows.
static void project(const walk *self, int64_t row, int64_t recurrent) {
    const snug_view *x = &self->call->inputs[X], *w = &self->call->inputs[W];
    int64_t features = x->type.dims[2];
    for (int64_t i = 0; i < self->shape.gates * self->shape.hidden; i++) {
        double sum = at(snug_recurrent_input(self->call, BIAS), i);
        for (int64_t k = 0; k < features; k++)
            sum += snug_view_get(x, row * features + k) * snug_view_get(w, i * features + k);
        if (i < recurrent * self->shape.hidden) sum += recur(self, i, self->h);
        self->pre[i] = sum;
    }
}

static void step_plain(const walk *self, int64_t row) {
    project(self, row, 1);
    for (int64_t j = 0; j < self->shape.hidden; j++)
        self->pre[j] = self->h[j] = snug_recurrent_activate(self->layer, 0, self->pre[j]);
}

static void step_gru(const walk *self, int64_t row) {
    int64_t hidden = self->shape.hidden;
    double *z = self->pre, *r = z + hidden, *n = r + hidden;
    project(self, row, 2);
    for (int64_t j = 0; j < 2 * hidden; j++)
        z[j] = snug_recurrent_activate(self->layer, 0, z[j]);
    for (int64_t j = 0; j < hidden; j++)
        self->reset[j] = self->layer->after ? self->h[j] : r[j] * self->h[j];
    for (int64_t j = 0; j < hidden; j++) {
        double sum = recur(self, 2 * hidden + j, self->reset);
        if (self->layer->after) {
            sum += at(snug_recurrent_input(self->call, EXTRA), j);
            snug_view_set(&self->call->outputs[KEPT], row * hidden + j, sum);
            sum *= r[j];
        }
        n[j] = snug_recurrent_activate(self->layer, 1, n[j] + sum);
    }
    for (int64_t j = 0; j < hidden; j++)
        self->h[j] = (1 - z[j]) * n[j] + z[j] * self->h[j];
}

static void step_lstm(const walk *self, int64_t row) {
    int64_t hidden = self->shape.hidden;
    const snug_recurrent_attributes *layer = self->layer;
    const snug_view *peepholes = snug_recurrent_input(self->call, EXTRA);
    double *i = self->pre, *o = i + hidden, *f = o + hidden, *g = f + hidden;
    project(self, row, 4);
    for (int64_t j = 0; j < hidden; j++) {
        double *c = &self->c[j];
        i[j] = snug_recurrent_activate(layer, 0, i[j] + at(peepholes, j) * *c);
        f[j] = snug_recurrent_activate(layer, 0, f[j] + at(peepholes, 2 * hidden + j) * *c);
        if (layer->coupled) f[j] = 1 - i[j];
        g[j] = snug_recurrent_activate(layer, 1, g[j]);
        *c = f[j] * *c + i[j] * g[j];
        o[j] = snug_recurrent_activate(layer, 0, o[j] + at(peepholes, hidden + j) * *c);
        self->h[j] = o[j] * snug_recurrent_activate(layer, 2, *c);
        snug_view_set(&self->call->outputs[KEPT], row * hidden + j, *c);
    }
}

static void write_row(const snug_view *view, int64_t row, const double *values) {
    int64_t width = view->type.dims[2];
    for (int64_t j = 0; j < width; j++)
        snug_view_set(view, row * width + j, values ? values[j] : 0);
}

static snug_status run_sample(const walk *self, int64_t sample) {
    const snug_call *call = self->call;
    const snug_recurrent_shape *shape = &self->shape;
    int64_t length, states = shape->batch * shape->hidden;
    SNUG_TRY(
        snug_recurrent_length(snug_recurrent_input(call, LENGTHS), shape->steps, sample, &length));
    for (int64_t j = 0; j < shape->states * shape->hidden; j++)
        self->h[j] =
            snug_view_get(&call->inputs[INITIAL],
                          j / shape->hidden * states + sample * shape->hidden + j % shape->hidden);
    for (int64_t number = 0; number < length; number++) {
        int64_t row = snug_recurrent_time(self->layer, length, number) * shape->batch + sample;
        if (self->layer->cell == SNUG_CELL_PLAIN) step_plain(self, row);
        if (self->layer->cell == SNUG_CELL_GRU) step_gru(self, row);
        if (self->layer->cell == SNUG_CELL_LSTM) step_lstm(self, row);
        write_row(&call->outputs[Y], row, self->h);
        if (shape->gates > 1) write_row(&call->outputs[GATES], row, self->pre);
    }
    for (int64_t t = length; t < shape->steps; t++) {
        write_row(&call->outputs[Y], t * shape->batch + sample, NULL);
        if (shape->gates > 1) write_row(&call->outputs[GATES], t * shape->batch + sample, NULL);
        if (shape->keeps) write_row(&call->outputs[KEPT], t * shape->batch + sample, NULL);
    }
    for (int64_t state = 0; state < shape->states; state++)
        for (int64_t j = 0; j < shape->hidden; j++)
            snug_view_set(&call->outputs[FINAL], state * states + sample * shape->hidden + j,
                          self->h[state * shape->hidden + j]);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    walk self = {.call = call, .layer = call->attributes};
    self.shape =
        snug_recurrent_shape_of(self.layer, &call->inputs[X].type, &call->inputs[INITIAL].type);
    if (!self.shape.keeps) snug_view_set(&call->outputs[KEPT], 0, 0);
    if (self.shape.gates == 1) snug_view_set(&call->outputs[GATES], 0, 0);
    snug_status status =
        SNUG_NEW(&self.h, (size_t)((self.shape.gates + 3) * self.shape.hidden) + 1);
    self.c = self.h + self.shape.hidden;
    self.reset = self.c + self.shape.hidden;
    self.pre = self.reset + self.shape.hidden;
    for (int64_t i = 0; status == SNUG_OK && i < self.shape.batch; i++)
        status = run_sample(&self, i);
    snug_memory_free(self.h);
    return status;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes;
    double terms = (double)(inputs[X].dims[2] + inputs[R].dims[1]);
    return 2 * terms * (double)(outputs[Y].dims[0] * outputs[Y].dims[1] * inputs[R].dims[0]);
}

static const snug_recurrent_attributes
    plain = {.cell = SNUG_CELL_PLAIN},
    plain_back = {.cell = SNUG_CELL_PLAIN,
                  .reverse = 1,
                  .activations = {SNUG_RECURRENT_SCALED_TANH},
                  .alpha = {1.5},
                  .beta = {0.7}},
    gru = {.cell = SNUG_CELL_GRU, .activations = {SNUG_RECURRENT_SIGMOID}},
    gru_after = {.cell = SNUG_CELL_GRU,
                 .after = 1,
                 .reverse = 1,
                 .activations = {SNUG_RECURRENT_SIGMOID, SNUG_RECURRENT_SOFTSIGN}},
    lstm = {.cell = SNUG_CELL_LSTM, .activations = {SNUG_RECURRENT_SIGMOID}},
    lstm_coupled = {
        .cell = SNUG_CELL_LSTM,
        .coupled = 1,
        .reverse = 1,
        .clip = 0.9,
        .activations = {SNUG_RECURRENT_HARD_SIGMOID, SNUG_RECURRENT_ELU, SNUG_RECURRENT_SOFTPLUS},
        .alpha = {0.2, 0.8},
        .beta = {0.5}};

#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define CASE(label, settings, count, ...)                                                          \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = (count),                        \
        .inputs = {__VA_ARGS__}, .integer_below = 5                                                \
    }
static const snug_sample samples[] = {
    CASE("plain", plain, 4, ROWS(4, 3, 2), ROWS(5, 2), ROWS(5, 5), ROWS(1, 3, 5)),
    CASE("plain, backwards", plain_back, 5, ROWS(4, 3, 2), ROWS(5, 2), ROWS(5, 5), ROWS(1, 3, 5),
         ROWS(5)),
    CASE("gru", gru, 5, ROWS(4, 2, 3), ROWS(12, 3), ROWS(12, 4), ROWS(1, 2, 4), ROWS(12)),
    CASE("gru, reset after", gru_after, 7, ROWS(4, 3, 2), ROWS(9, 2), ROWS(9, 3), ROWS(1, 3, 3),
         ROWS(9), ROWS(3), SNUG_SAMPLE_INT32(3)),
    CASE("lstm", lstm, 5, ROWS(4, 2, 3), ROWS(16, 3), ROWS(16, 4), ROWS(2, 2, 4), ROWS(16)),
    CASE("lstm, peepholes", lstm, 7, ROWS(4, 4, 2), ROWS(12, 2), ROWS(12, 3), ROWS(2, 4, 3),
         ROWS(12), ROWS(9), SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 4)),
    CASE("lstm, coupled", lstm_coupled, 7, ROWS(4, 4, 2), ROWS(12, 2), ROWS(12, 3), ROWS(2, 4, 3),
         ROWS(12), ROWS(9), SNUG_SAMPLE_INT32(4)),
};

const snug_op snug_op_recurrent = {
    .name = "recurrent",
    .min_inputs = 4,
    .max_inputs = 7,
    .outputs = 4,
    .attributes = snug_recurrent_table,
    .attributes_size = sizeof(snug_recurrent_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 1 << X | 1 << W | 1 << R | 1 << INITIAL | 1 << EXTRA | 1 << LENGTHS,
    .gradient_outputs = 1 << Y | 1 << GATES | 1 << KEPT,
    .roles = {[W] = SNUG_INPUT_RECURRENT,
              [R] = SNUG_INPUT_RECURRENT,
              [BIAS] = SNUG_INPUT_RECURRENT,
              [EXTRA] = SNUG_INPUT_RECURRENT},
    .is_product = true,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_recurrent, NULL};
const snug_op_file snug_ops_recurrent = {ops};
