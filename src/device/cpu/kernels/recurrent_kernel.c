// Recurrent layers forward, in float32: one product over all steps for the input, one or two a step
// for the state, and between them each sample's gates in a row. The final states hold those of the
// step at hand, so that samples of other lengths need nothing of their own.
//
// Workspace: [h R^T: B x G*H | r h: B x H, where the reset comes before | scratchpad].
#include <string.h>

#include "device/cpu/recurrent_parts.h"
#include "device/cpu/threads.h"

enum { X, W, R, INITIAL, BIAS, EXTRA, LENGTHS };
enum { Y, FINAL, GATES, KEPT };
enum { PROJECTION, RECURRENCE, CANDIDATE }; // products
enum { SCRATCHPAD, RECURRENT, RESET };      // places

// A plain layer's only gate is its result.
static int gates_of(const snug_recurrent_shape *shape) {
    return shape->gates > 1 ? GATES : Y;
}

// What a step of one sample reads and writes.
typedef struct row {
    const snug_recurrent_attributes *layer;
    int64_t hidden;
    float *gates, *y, *h;
    float *kept, *c, *reset; // of those cells that have them
    const float *recurrent, *extra;
} row;

static row row_of(const snug_recurrent_step *step, int64_t sample) {
    const snug_call *call = step->call;
    const snug_recurrent_plan *plan = step->plan;
    const snug_recurrent_shape *shape = &plan->shape;
    int64_t at = step->time * shape->batch + sample, hidden = shape->hidden;
    return (row){
        .layer = step->layer,
        .hidden = hidden,
        .gates = snug_recurrent_row(&call->outputs[gates_of(shape)], at),
        .y = snug_recurrent_row(&call->outputs[Y], at),
        .kept = snug_recurrent_row(&call->outputs[KEPT], shape->keeps ? at : 0),
        .h = snug_recurrent_row(&call->outputs[FINAL], sample),
        .c = snug_recurrent_row(&call->outputs[FINAL], (shape->states - 1) * shape->batch + sample),
        .reset = snug_recurrent_place(plan, call, RESET) + sample * hidden,
        .recurrent = snug_recurrent_place(plan, call, RECURRENT) + sample * shape->gates * hidden,
        .extra = step->extra ? step->extra->data : NULL,
    };
}

SNUG_MULTIARCH static void add(float *restrict x, const float *restrict y, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        x[i] += y[i];
}

SNUG_MULTIARCH static void add_product(float *restrict x, const float *restrict a,
                                       const float *restrict b, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        x[i] += a[i] * b[i];
}

SNUG_MULTIARCH static void multiply(float *restrict x, const float *restrict a,
                                    const float *restrict b, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        x[i] = a[i] * b[i];
}

static void step_plain(const row *self) {
    add(self->gates, self->recurrent, self->hidden);
    snug_recurrent_curve(self->layer, 0, self->gates, self->hidden);
    memcpy(self->h, self->gates, (size_t)self->hidden * sizeof(float));
}

static void open_gru(const row *self) {
    add(self->gates, self->recurrent, 2 * self->hidden);
    snug_recurrent_curve(self->layer, 0, self->gates, 2 * self->hidden);
}

SNUG_MULTIARCH static void blend(float *restrict h, const float *restrict z,
                                 const float *restrict n, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        h[i] = (1 - z[i]) * n[i] + z[i] * h[i];
}

static void step_gru(const row *self) {
    int64_t hidden = self->hidden;
    float *r = self->gates + hidden, *n = r + hidden;
    const float *recurrent = self->recurrent + 2 * hidden;
    if (self->layer->after) {
        open_gru(self);
        memcpy(self->kept, recurrent, (size_t)hidden * sizeof(float));
        if (self->extra) add(self->kept, self->extra, hidden);
        add_product(n, r, self->kept, hidden);
    } else {
        add(n, recurrent, hidden);
    }
    snug_recurrent_curve(self->layer, 1, n, hidden);
    blend(self->h, self->gates, n, hidden);
}

SNUG_MULTIARCH static void couple(float *restrict f, const float *restrict i, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        f[k] = 1 - i[k];
}

SNUG_MULTIARCH static void move_cell(float *restrict c, float *restrict kept,
                                     const float *restrict i, const float *restrict f,
                                     const float *restrict g, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        kept[k] = c[k] = f[k] * c[k] + i[k] * g[k];
}

static void step_lstm(const row *self) {
    const snug_recurrent_attributes *layer = self->layer;
    int64_t hidden = self->hidden;
    float *i = self->gates, *o = i + hidden, *f = o + hidden, *g = f + hidden;
    const float *peephole = self->extra;
    add(self->gates, self->recurrent, 4 * hidden);
    if (peephole) {
        add_product(i, peephole, self->c, hidden);
        add_product(f, peephole + 2 * hidden, self->c, hidden);
    }
    snug_recurrent_curve(layer, 0, i, hidden);
    if (layer->coupled)
        couple(f, i, hidden);
    else
        snug_recurrent_curve(layer, 0, f, hidden);
    snug_recurrent_curve(layer, 1, g, hidden);
    move_cell(self->c, self->kept, i, f, g, hidden);
    if (peephole) add_product(o, peephole + hidden, self->c, hidden);
    snug_recurrent_curve(layer, 0, o, hidden);
    memcpy(self->y, self->c, (size_t)hidden * sizeof(float));
    snug_recurrent_curve(layer, 2, self->y, hidden);
    multiply(self->h, self->y, o, hidden);
}

static void clear(const row *self, const snug_recurrent_shape *shape) {
    size_t bytes = (size_t)self->hidden * sizeof(float);
    memset(self->gates, 0, (size_t)shape->gates * bytes);
    memset(self->y, 0, bytes);
    if (shape->keeps) memset(self->kept, 0, bytes);
}

static void run_rows(const void *context, int part, int64_t begin, int64_t end) {
    const snug_recurrent_step *step = context;
    (void)part;
    for (int64_t i = begin; i < end; i++) {
        row self = row_of(step, i);
        bool is_first;
        if (!snug_recurrent_has_step(step, i, &is_first)) {
            clear(&self, &step->plan->shape);
            continue;
        }
        if (step->layer->cell == SNUG_CELL_PLAIN) step_plain(&self);
        if (step->layer->cell == SNUG_CELL_GRU) step_gru(&self);
        if (step->layer->cell == SNUG_CELL_LSTM) step_lstm(&self);
        if (step->layer->cell != SNUG_CELL_PLAIN)
            memcpy(self.y, self.h, (size_t)self.hidden * sizeof(float));
    }
}

// The reset gates, before the product that they go into.
static void run_resets(const void *context, int part, int64_t begin, int64_t end) {
    const snug_recurrent_step *step = context;
    (void)part;
    for (int64_t i = begin; i < end; i++) {
        row self = row_of(step, i);
        open_gru(&self);
        multiply(self.reset, self.gates + self.hidden, self.h, self.hidden);
    }
}

static snug_status run_step(const snug_cpu_kernel *kernel, const snug_recurrent_step *step) {
    const snug_recurrent_plan *plan = step->plan;
    const snug_call *call = step->call;
    int64_t hidden = plan->shape.hidden, grain = snug_recurrent_grain(&plan->shape);
    const float *r = call->inputs[R].data;
    float *recurrent = snug_recurrent_place(plan, call, RECURRENT);
    SNUG_TRY(snug_recurrent_multiply(plan, call, RECURRENCE, call->outputs[FINAL].data, r, NULL,
                                     recurrent));
    if (snug_recurrent_resets_before(step->layer)) {
        snug_parallel(kernel->threads, plan->shape.batch, grain, run_resets, step);
        SNUG_TRY(snug_recurrent_multiply(plan, call, CANDIDATE,
                                         snug_recurrent_place(plan, call, RESET),
                                         r + 2 * hidden * hidden, NULL, recurrent + 2 * hidden));
    }
    snug_parallel(kernel->threads, plan->shape.batch, grain, run_rows, step);
    return SNUG_OK;
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_recurrent_plan *plan = kernel->state;
    const snug_view *bias = snug_recurrent_input(call, BIAS);
    snug_recurrent_step step = {.plan = plan,
                                .call = call,
                                .layer = call->attributes,
                                .extra = snug_recurrent_input(call, EXTRA),
                                .lengths = snug_recurrent_input(call, LENGTHS)};
    SNUG_TRY(snug_recurrent_check_lengths(&step));
    if (!plan->shape.keeps) *(float *)call->outputs[KEPT].data = 0;
    if (plan->shape.gates == 1) *(float *)call->outputs[GATES].data = 0;
    memcpy(call->outputs[FINAL].data, call->inputs[INITIAL].data,
           snug_type_bytes(&call->inputs[INITIAL].type));
    SNUG_TRY(snug_recurrent_multiply(plan, call, PROJECTION, call->inputs[X].data,
                                     call->inputs[W].data, bias ? bias->data : NULL,
                                     call->outputs[gates_of(&plan->shape)].data));
    for (int64_t i = 0; i < plan->shape.steps; i++) {
        step.time = snug_recurrent_time(step.layer, plan->shape.steps, i);
        SNUG_TRY(run_step(kernel, &step));
    }
    return SNUG_OK;
}

static snug_status new_products(const snug_cpu_kernel *kernel, snug_recurrent_plan *plan) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_recurrent_shape *shape = &plan->shape;
    int64_t hidden = shape->hidden, width = shape->gates * hidden;
    int64_t rows = shape->steps * shape->batch, features = signature->inputs[X].dims[2];
    bool before = snug_recurrent_resets_before(signature->attributes);
    bool has_bias = signature->input_count > BIAS && signature->present >> BIAS & 1 &&
                    signature->inputs[BIAS].rank > 0;
    int64_t recurrent = before ? 2 * hidden : width;
    snug_onednn_form bias = snug_recurrent_matrix(1, width, width, 1);
    snug_onednn_form state = snug_recurrent_matrix(shape->batch, hidden, hidden, 1);
    SNUG_TRY(snug_recurrent_product(
        kernel, plan, PROJECTION, snug_recurrent_matrix(rows, features, features, 1),
        snug_recurrent_matrix(features, width, 1, features), has_bias ? &bias : NULL, width));
    SNUG_TRY(snug_recurrent_product(kernel, plan, RECURRENCE, state,
                                    snug_recurrent_matrix(hidden, recurrent, 1, hidden), NULL,
                                    width));
    if (!before) return SNUG_OK;
    return snug_recurrent_product(kernel, plan, CANDIDATE, state,
                                  snug_recurrent_matrix(hidden, hidden, 1, hidden), NULL, width);
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    snug_recurrent_shape shape = snug_recurrent_shape_of(
        signature->attributes, &signature->inputs[X], &signature->inputs[INITIAL]);
    snug_recurrent_plan *plan = NULL;
    SNUG_TRY(snug_recurrent_plan_new(kernel, &shape, &plan));
    snug_recurrent_reserve(plan, RECURRENT, shape.batch * shape.gates * shape.hidden);
    if (snug_recurrent_resets_before(signature->attributes))
        snug_recurrent_reserve(plan, RESET, shape.batch * shape.hidden);
    kernel->run = run;
    return snug_recurrent_adopt(kernel, plan, new_products(kernel, plan));
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_recurrent, prepare},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_recurrent = {entries};
