// The gradient of a recurrent layer: back through each sample's steps.
#include "base/memory.h"
#include "ops/ops.h"
#include "ops/recurrent.h"
#include "ops/reference.h"
#include "ops/sample.h"

enum { GATES, Y, KEPT, R, INITIAL, EXTRA, LENGTHS, DY, DFINAL };
enum { DGATES, DR, DINITIAL, DEXTRA };

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_recurrent_attributes *layer = attributes;
    const snug_type *gates = &inputs[GATES], *extra = &inputs[EXTRA], *lengths = &inputs[LENGTHS];
    if (input_count != 9) return snug_fail(SNUG_INVALID, "9 inputs expected, absent ones included");
    SNUG_TRY(snug_recurrent_check(layer, gates, &inputs[R], &inputs[INITIAL], extra, lengths));
    snug_recurrent_shape shape = snug_recurrent_shape_of(layer, gates, &inputs[INITIAL]);
    snug_type y = *gates;
    y.dims[2] = shape.hidden;
    bool fits = gates->dims[2] == shape.gates * shape.hidden &&
                snug_type_same_shape(&inputs[Y], &y) &&
                (!shape.keeps || snug_type_same_shape(&inputs[KEPT], &y)) &&
                (!inputs[DY].rank || snug_type_same_shape(&inputs[DY], &y)) &&
                (!inputs[DFINAL].rank || snug_type_same_shape(&inputs[DFINAL], &inputs[INITIAL]));
    if (!fits) return snug_fail(SNUG_INVALID, "gates, results and gradients of one layer expected");
    outputs[DGATES] = *gates;
    outputs[DR] = inputs[R];
    outputs[DINITIAL] = inputs[INITIAL];
    outputs[DEXTRA] = extra->rank ? *extra : snug_type_vector(gates->dtype, 1);
    return SNUG_OK;
}

typedef struct walk {
    const snug_call *call;
    const snug_recurrent_attributes *layer;
    snug_recurrent_shape shape;
    // Of the sample at hand, before and after the step at hand; |gates| and |pre|: the gates and
    // the gradient of their arguments; |recurrent|: the same, of what R is multiplied with.
    double *h, *c, *dh, *dc, *gates, *pre, *recurrent, *kept, *direct;
} walk;

static double at(const snug_view *view, int64_t index) {
    return view ? snug_view_get(view, index) : 0;
}

static void add(const snug_view *view, int64_t index, double value) {
    snug_view_set(view, index, snug_view_get(view, index) + value);
}

// dR += |recurrent| of the gates in [first, last) times |state|, what they were multiplied with.
static void add_weights(const walk *self, int64_t first, int64_t last, const double *state) {
    int64_t hidden = self->shape.hidden;
    for (int64_t i = first * hidden; i < last * hidden; i++)
        for (int64_t k = 0; k < hidden; k++)
            add(&self->call->outputs[DR], i * hidden + k, self->recurrent[i] * state[k]);
}

// What |recurrent| of the gates in [first, last) is in terms of element |k| of the state.
static double back(const walk *self, int64_t first, int64_t last, int64_t k) {
    int64_t hidden = self->shape.hidden;
    double sum = 0;
    for (int64_t i = first * hidden; i < last * hidden; i++)
        sum += self->recurrent[i] * snug_view_get(&self->call->inputs[R], i * hidden + k);
    return sum;
}

static void step_plain(const walk *self) {
    for (int64_t j = 0; j < self->shape.hidden; j++)
        self->recurrent[j] = self->pre[j] =
            self->dh[j] * snug_recurrent_slope(self->layer, 0, self->gates[j]);
    add_weights(self, 0, 1, self->h);
    for (int64_t j = 0; j < self->shape.hidden; j++)
        self->dh[j] = back(self, 0, 1, j);
}

// What comes back through n; |direct| receives what reaches the state before past R of z and r.
static void step_candidate(const walk *self) {
    const snug_recurrent_attributes *layer = self->layer;
    const snug_view *dextra = &self->call->outputs[DEXTRA];
    int64_t hidden = self->shape.hidden;
    const double *z = self->gates, *r = z + hidden, *n = r + hidden;
    double *dr = self->pre + hidden, *dn = dr + hidden, *recurrent = self->recurrent + 2 * hidden;
    for (int64_t j = 0; j < hidden; j++) {
        dn[j] = self->dh[j] * (1 - z[j]) * snug_recurrent_slope(layer, 1, n[j]);
        recurrent[j] = layer->after ? dn[j] * r[j] : dn[j];
        if (layer->after && snug_recurrent_input(self->call, EXTRA)) add(dextra, j, recurrent[j]);
        self->kept[j] = layer->after ? self->kept[j] : r[j] * self->h[j];
    }
    add_weights(self, 2, 3, layer->after ? self->h : self->kept);
    for (int64_t j = 0; j < hidden; j++) {
        double through = back(self, 2, 3, j);
        dr[j] = layer->after ? dn[j] * self->kept[j] : through * self->h[j];
        dr[j] *= snug_recurrent_slope(layer, 0, r[j]);
        self->direct[j] = self->dh[j] * z[j] + (layer->after ? through : through * r[j]);
    }
}

static void step_gru(const walk *self) {
    int64_t hidden = self->shape.hidden;
    const double *z = self->gates, *n = z + 2 * hidden;
    step_candidate(self);
    for (int64_t j = 0; j < hidden; j++)
        self->pre[j] =
            self->dh[j] * (self->h[j] - n[j]) * snug_recurrent_slope(self->layer, 0, z[j]);
    for (int64_t j = 0; j < 2 * hidden; j++)
        self->recurrent[j] = self->pre[j];
    add_weights(self, 0, 2, self->h);
    for (int64_t j = 0; j < hidden; j++)
        self->dh[j] = self->direct[j] + back(self, 0, 2, j);
}

static void step_lstm(const walk *self) {
    const snug_recurrent_attributes *layer = self->layer;
    int64_t hidden = self->shape.hidden;
    const double *i = self->gates, *o = i + hidden, *f = o + hidden, *g = f + hidden;
    double *di = self->pre, *dout = di + hidden, *df = dout + hidden, *dg = df + hidden;
    const snug_view *peepholes = snug_recurrent_input(self->call, EXTRA);
    const snug_view *dextra = &self->call->outputs[DEXTRA];
    for (int64_t j = 0; j < hidden; j++) {
        double c = self->kept[j], before = self->c[j], h = snug_recurrent_activate(layer, 2, c);
        dout[j] = self->dh[j] * h * snug_recurrent_slope(layer, 0, o[j]);
        double dc = self->dc[j] + self->dh[j] * o[j] * snug_recurrent_slope(layer, 2, h) +
                    dout[j] * at(peepholes, hidden + j);
        di[j] = dc * (layer->coupled ? g[j] - before : g[j]) * snug_recurrent_slope(layer, 0, i[j]);
        df[j] = layer->coupled ? 0 : dc * before * snug_recurrent_slope(layer, 0, f[j]);
        dg[j] = dc * i[j] * snug_recurrent_slope(layer, 1, g[j]);
        self->dc[j] = dc * f[j] + di[j] * at(peepholes, j) + df[j] * at(peepholes, 2 * hidden + j);
        if (!peepholes) continue;
        add(dextra, j, di[j] * before);
        add(dextra, hidden + j, dout[j] * c);
        add(dextra, 2 * hidden + j, df[j] * before);
    }
    for (int64_t j = 0; j < 4 * hidden; j++)
        self->recurrent[j] = self->pre[j];
    add_weights(self, 0, 4, self->h);
    for (int64_t j = 0; j < hidden; j++)
        self->dh[j] = back(self, 0, 4, j);
}

static void read_row(const snug_view *view, int64_t row, int64_t width, double *out) {
    for (int64_t j = 0; j < width; j++)
        out[j] = snug_view_get(view, row * width + j);
}

// Back through the step at |row|; the one before was at |previous|, or it is the first: -1.
static void step(const walk *self, int64_t sample, int64_t row, int64_t previous) {
    const snug_call *call = self->call;
    int64_t hidden = self->shape.hidden, width = self->shape.gates * hidden;
    read_row(&call->inputs[GATES], row, width, self->gates);
    if (self->shape.keeps) read_row(&call->inputs[KEPT], row, hidden, self->kept);
    const snug_view *h = previous < 0 ? &call->inputs[INITIAL] : &call->inputs[Y];
    const snug_view *c = previous < 0 ? &call->inputs[INITIAL] : &call->inputs[KEPT];
    read_row(h, previous < 0 ? sample : previous, hidden, self->h);
    if (self->layer->cell == SNUG_CELL_LSTM)
        read_row(c, previous < 0 ? self->shape.batch + sample : previous, hidden, self->c);
    for (int64_t j = 0; j < hidden; j++)
        self->dh[j] += at(snug_recurrent_input(call, DY), row * hidden + j);
    if (self->layer->cell == SNUG_CELL_PLAIN) step_plain(self);
    if (self->layer->cell == SNUG_CELL_GRU) step_gru(self);
    if (self->layer->cell == SNUG_CELL_LSTM) step_lstm(self);
    for (int64_t j = 0; j < width; j++)
        snug_view_set(&call->outputs[DGATES], row * width + j, self->pre[j]);
}

static snug_status run_sample(const walk *self, int64_t sample) {
    const snug_call *call = self->call;
    const snug_recurrent_shape *shape = &self->shape;
    int64_t length, hidden = shape->hidden, width = shape->gates * hidden;
    int64_t states = shape->batch * hidden;
    SNUG_TRY(
        snug_recurrent_length(snug_recurrent_input(call, LENGTHS), shape->steps, sample, &length));
    for (int64_t j = 0; j < hidden; j++) {
        self->dh[j] = at(snug_recurrent_input(call, DFINAL), sample * hidden + j);
        if (shape->states > 1)
            self->dc[j] = at(snug_recurrent_input(call, DFINAL), states + sample * hidden + j);
    }
    for (int64_t i = length; i < shape->steps; i++)
        for (int64_t j = 0; j < width; j++)
            snug_view_set(&call->outputs[DGATES], (i * shape->batch + sample) * width + j, 0);
    for (int64_t number = length; number-- > 0;) {
        int64_t row = snug_recurrent_time(self->layer, length, number) * shape->batch + sample;
        int64_t previous = -1;
        if (number)
            previous = snug_recurrent_time(self->layer, length, number - 1) * shape->batch + sample;
        step(self, sample, row, previous);
    }
    for (int64_t j = 0; j < hidden; j++) {
        snug_view_set(&call->outputs[DINITIAL], sample * hidden + j, self->dh[j]);
        if (shape->states > 1)
            snug_view_set(&call->outputs[DINITIAL], states + sample * hidden + j, self->dc[j]);
    }
    return SNUG_OK;
}

static void clear(const snug_view *view) {
    for (int64_t i = 0; i < snug_type_elements(&view->type); i++)
        snug_view_set(view, i, 0);
}

static snug_status kernel(const snug_call *call) {
    walk self = {.call = call, .layer = call->attributes};
    self.shape =
        snug_recurrent_shape_of(self.layer, &call->inputs[GATES].type, &call->inputs[INITIAL].type);
    int64_t hidden = self.shape.hidden, width = self.shape.gates * hidden;
    double *memory = NULL;
    SNUG_TRY(SNUG_NEW(&memory, (size_t)(6 * hidden + 3 * width) + 1));
    double **const rows[] = {&self.h, &self.c, &self.dh, &self.dc, &self.kept, &self.direct};
    for (int i = 0; i < 6; i++)
        *rows[i] = memory + i * hidden;
    self.gates = memory + 6 * hidden;
    self.pre = self.gates + width;
    self.recurrent = self.pre + width;
    clear(&call->outputs[DR]);
    clear(&call->outputs[DEXTRA]);
    snug_status status = SNUG_OK;
    for (int64_t i = 0; status == SNUG_OK && i < self.shape.batch; i++)
        status = run_sample(&self, i);
    snug_memory_free(memory);
    return status;
}

// Two products with as many terms as R has elements, for each row of the gates.
static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes;
    return 4 * (double)inputs[R].dims[1] * (double)snug_type_elements(&outputs[DGATES]);
}

static const snug_recurrent_attributes
    plain = {.cell = SNUG_CELL_PLAIN},
    gru = {.cell = SNUG_CELL_GRU,
           .reverse = 1,
           .activations = {SNUG_RECURRENT_SIGMOID, SNUG_RECURRENT_RELU}},
    gru_after = {.cell = SNUG_CELL_GRU,
                 .after = 1,
                 .activations = {SNUG_RECURRENT_SIGMOID, SNUG_RECURRENT_SOFTPLUS}},
    lstm = {.cell = SNUG_CELL_LSTM, .activations = {SNUG_RECURRENT_SIGMOID}},
    lstm_coupled = {.cell = SNUG_CELL_LSTM,
                    .coupled = 1,
                    .reverse = 1,
                    .activations = {SNUG_RECURRENT_SIGMOID, SNUG_RECURRENT_SOFTSIGN,
                                    SNUG_RECURRENT_SCALED_TANH},
                    .alpha = {0, 0, 1.2},
                    .beta = {0, 0, 0.8}};

#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define CASE(label, settings, ...)                                                                 \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 9, .inputs = {__VA_ARGS__},     \
        .integer_below = 5                                                                         \
    }
static const snug_sample samples[] = {
    CASE("plain", plain, ROWS(4, 3, 5), ROWS(4, 3, 5), ROWS(1), ROWS(5, 5), ROWS(1, 3, 5), {0}, {0},
         ROWS(4, 3, 5), ROWS(1, 3, 5)),
    CASE("gru", gru, ROWS(4, 2, 12), ROWS(4, 2, 4), ROWS(1), ROWS(12, 4), ROWS(1, 2, 4), {0},
         SNUG_SAMPLE_INT32(2), ROWS(4, 2, 4), ROWS(1, 2, 4)),
    CASE("gru, reset after", gru_after, ROWS(4, 3, 9), ROWS(4, 3, 3), ROWS(4, 3, 3), ROWS(9, 3),
         ROWS(1, 3, 3), ROWS(3), {0}, ROWS(4, 3, 3), {0}),
    CASE("lstm", lstm, ROWS(4, 2, 16), ROWS(4, 2, 4), ROWS(4, 2, 4), ROWS(16, 4), ROWS(2, 2, 4),
         {0}, {0}, {0}, ROWS(2, 2, 4)),
    CASE("lstm, coupled", lstm_coupled, ROWS(4, 4, 12), ROWS(4, 4, 3), ROWS(4, 4, 3), ROWS(12, 3),
         ROWS(2, 4, 3), ROWS(9), SNUG_SAMPLE_INT32(4), ROWS(4, 4, 3), ROWS(2, 4, 3)),
};

const snug_op snug_op_recurrent_backward = {
    .name = "recurrent_backward",
    .min_inputs = 5,
    .max_inputs = 9,
    .outputs = 4,
    .attributes = snug_recurrent_table,
    .attributes_size = sizeof(snug_recurrent_attributes),
    .infer = infer,
    .overwrites = 1 << GATES,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_recurrent_backward, NULL};
const snug_op_file snug_ops_recurrent_backward = {ops};
