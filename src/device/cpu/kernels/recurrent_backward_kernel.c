// The gradient of recurrent layers in float32, step by step from the last. dinitial holds what
// reaches the state of the step at hand, so that samples of other lengths need nothing of their
// own; what R was multiplied with is kept, and dR is one product over all steps (a GRU's: two).
//
// Workspace: [back through R: B x H | GRU, back through R_h: B x H | states: T*B x H | GRU, what
// goes into dR_h: T*B x H | dextra of each thread, in doubles | scratchpad].
#include <string.h>

#include "device/cpu/recurrent_parts.h"
#include "device/cpu/threads.h"

enum { GATES, Y, KEPT, R, INITIAL, EXTRA, LENGTHS, DY, DFINAL };
enum { DGATES, DR, DINITIAL, DEXTRA };
enum { BACK, CANDIDATE_BACK, WEIGHTS, CANDIDATE_WEIGHTS };                   // products
enum { SCRATCHPAD, RETURNED, CANDIDATE_RETURNED, STATES, CANDIDATES, SUMS }; // places
enum { BLOCK = 256 };

// What a step of one sample reads and writes. |gates| and |dgates| may be the same.
typedef struct row {
    const snug_recurrent_attributes *layer;
    int64_t hidden;
    const float *gates, *kept, *h, *c, *dy, *extra; // h and c: before the step
    float *dgates, *state, *candidate, *dh, *dc;
    float *returned, *candidate_returned;
    double *sums;
} row;

// The states before the step of |sample|: |which| 0 is h, 1 an LSTM's c.
static const float *before(const snug_recurrent_step *step, int64_t sample, bool is_first,
                           int which) {
    const snug_call *call = step->call;
    int64_t batch = step->plan->shape.batch;
    if (is_first) return snug_recurrent_row(&call->inputs[INITIAL], which * batch + sample);
    int64_t time = step->layer->reverse ? step->time + 1 : step->time - 1;
    return snug_recurrent_row(&call->inputs[which ? KEPT : Y], time * batch + sample);
}

static row row_of(const snug_recurrent_step *step, int64_t sample, bool is_first, int part) {
    const snug_call *call = step->call;
    const snug_recurrent_plan *plan = step->plan;
    const snug_view *dy = snug_recurrent_input(call, DY);
    int64_t hidden = plan->shape.hidden, batch = plan->shape.batch;
    int64_t at = step->time * batch + sample;
    bool is_gru = step->layer->cell == SNUG_CELL_GRU, has_cell = plan->shape.states > 1;
    row self = {
        .layer = step->layer,
        .hidden = hidden,
        .gates = snug_recurrent_row(&call->inputs[GATES], at),
        .kept = plan->shape.keeps ? snug_recurrent_row(&call->inputs[KEPT], at) : NULL,
        .h = before(step, sample, is_first, 0),
        .c = has_cell ? before(step, sample, is_first, 1) : NULL,
        .dy = dy ? snug_recurrent_row(dy, at) : NULL,
        .extra = step->extra ? step->extra->data : NULL,
        .dgates = snug_recurrent_row(&call->outputs[DGATES], at),
        .state = snug_recurrent_place(plan, call, STATES) + at * hidden,
        .dh = snug_recurrent_row(&call->outputs[DINITIAL], sample),
        .dc = has_cell ? snug_recurrent_row(&call->outputs[DINITIAL], batch + sample) : NULL,
        .returned = snug_recurrent_place(plan, call, RETURNED) + sample * hidden,
    };
    if (is_gru) {
        self.candidate = snug_recurrent_place(plan, call, CANDIDATES) + at * hidden;
        self.candidate_returned =
            snug_recurrent_place(plan, call, CANDIDATE_RETURNED) + sample * hidden;
    }
    if (self.extra)
        self.sums = (double *)(void *)snug_recurrent_place(plan, call, SUMS) +
                    part * snug_type_elements(&step->extra->type);
    return self;
}

SNUG_MULTIARCH static void add(float *x, const float *y, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        x[i] += y[i];
}

// sums += a * b
SNUG_MULTIARCH static void sum_products(double *sums, const float *a, const float *b,
                                        int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        sums[i] += (double)a[i] * (double)b[i];
}

// dx = dy * slope, and dy = 0.
SNUG_MULTIARCH static void take(float *dx, float *dy, const float *slope, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        dx[i] = dy[i] * slope[i];
        dy[i] = 0;
    }
}

static void step_plain(const row *self, int64_t at, int64_t count) {
    float slopes[BLOCK];
    snug_recurrent_slopes(self->layer, 0, self->gates + at, slopes, count);
    take(self->dgates + at, self->dh + at, slopes, count);
}

// --- LSTM ---

typedef struct lstm_block {
    float i[BLOCK], o[BLOCK], f[BLOCK], g[BLOCK], h[BLOCK]; // slopes
    float value[BLOCK];                                     // of the activation of c
} lstm_block;

// |peephole|: of i, f and o at the block, zeros where there are none.
SNUG_MULTIARCH static void lstm_gates(const row *self, const lstm_block *slope, int64_t at,
                                      int64_t count, const float *const peephole[3]) {
    int64_t hidden = self->hidden;
    const float *i = self->gates + at, *o = i + hidden, *f = o + hidden, *g = f + hidden;
    float *di = self->dgates + at, *dout = di + hidden, *df = dout + hidden, *dg = df + hidden;
    const float *c = self->c + at, *pi = peephole[0], *pf = peephole[1], *po = peephole[2];
    float *dh = self->dh + at, *dc = self->dc + at;
    float coupled = self->layer->coupled ? 1 : 0;
#pragma omp simd
    for (int64_t k = 0; k < count; k++) {
        float out = dh[k] * slope->value[k] * slope->o[k];
        float cell = dc[k] + dh[k] * o[k] * slope->h[k] + out * po[k];
        float in = cell * (g[k] - coupled * c[k]) * slope->i[k];
        float forget = (1 - coupled) * cell * c[k] * slope->f[k];
        float candidate = cell * i[k] * slope->g[k];
        dc[k] = cell * f[k] + in * pi[k] + forget * pf[k];
        dh[k] = 0;
        di[k] = in;
        dout[k] = out;
        df[k] = forget;
        dg[k] = candidate;
    }
}

static void step_lstm(const row *self, int64_t at, int64_t count) {
    static const float zeros[BLOCK];
    const snug_recurrent_attributes *layer = self->layer;
    int64_t hidden = self->hidden;
    const float *gates = self->gates + at, *extra = self->extra ? self->extra + at : NULL;
    const float *peephole[] = {extra ? extra : zeros, extra ? extra + 2 * hidden : zeros,
                               extra ? extra + hidden : zeros};
    lstm_block slope;
    memcpy(slope.value, self->kept + at, (size_t)count * sizeof(float));
    snug_recurrent_curve(layer, 2, slope.value, count);
    snug_recurrent_slopes(layer, 2, slope.value, slope.h, count);
    snug_recurrent_slopes(layer, 0, gates, slope.i, count);
    snug_recurrent_slopes(layer, 0, gates + hidden, slope.o, count);
    snug_recurrent_slopes(layer, 0, gates + 2 * hidden, slope.f, count);
    snug_recurrent_slopes(layer, 1, gates + 3 * hidden, slope.g, count);
    lstm_gates(self, &slope, at, count, peephole);
    if (!extra) return;
    const float *d = self->dgates + at;
    sum_products(self->sums + at, d, self->c + at, count);
    sum_products(self->sums + hidden + at, d + hidden, self->kept + at, count);
    sum_products(self->sums + 2 * hidden + at, d + 2 * hidden, self->c + at, count);
}

// --- GRU ---

// |candidate|: where the reset comes before, r h, and r stays in its place of |dgates|; else what
// R_h was multiplied back with.
SNUG_MULTIARCH static void gru_gates(const row *self, const float *slope_z, const float *slope_r,
                                     const float *slope_n, int64_t at, int64_t count) {
    int64_t hidden = self->hidden;
    const float *z = self->gates + at, *r = z + hidden, *n = r + hidden, *h = self->h + at;
    const float *kept = self->kept ? self->kept + at : NULL;
    float *dz = self->dgates + at, *dr = dz + hidden, *dn = dr + hidden;
    float *candidate = self->candidate + at, *dh = self->dh + at;
#pragma omp simd
    for (int64_t k = 0; k < count; k++) {
        float reset = r[k], through = dh[k] * (1 - z[k]) * slope_n[k];
        float update = dh[k] * (h[k] - n[k]) * slope_z[k];
        dh[k] *= z[k];
        candidate[k] = kept ? through * reset : reset * h[k];
        dr[k] = kept ? through * kept[k] * slope_r[k] : reset;
        dz[k] = update;
        dn[k] = through;
    }
}

static void step_gru(const row *self, int64_t at, int64_t count) {
    float z[BLOCK], r[BLOCK], n[BLOCK];
    const float *gates = self->gates + at;
    snug_recurrent_slopes(self->layer, 0, gates, z, count);
    snug_recurrent_slopes(self->layer, 0, gates + self->hidden, r, count);
    snug_recurrent_slopes(self->layer, 1, gates + 2 * self->hidden, n, count);
    gru_gates(self, z, r, n, at, count);
    for (int64_t k = 0; self->extra && k < count; k++)
        self->sums[at + k] += (double)self->candidate[at + k];
}

// The reset gate's gradient, where R_h comes after it.
SNUG_MULTIARCH static void reset_gate(const row *self, const float *slope, int64_t at,
                                      int64_t count) {
    const float *returned = self->candidate_returned + at, *h = self->h + at;
    float *r = self->dgates + self->hidden + at, *dh = self->dh + at;
#pragma omp simd
    for (int64_t k = 0; k < count; k++) {
        dh[k] += returned[k] * r[k];
        r[k] = returned[k] * h[k] * slope[k];
    }
}

// --- Steps ---

static void clear(const row *self, int64_t gates) {
    size_t bytes = (size_t)self->hidden * sizeof(float);
    memset(self->dgates, 0, (size_t)gates * bytes);
    memset(self->state, 0, bytes);
    if (self->candidate) memset(self->candidate, 0, bytes);
}

static void run_rows(const void *context, int part, int64_t begin, int64_t end) {
    const snug_recurrent_step *step = context;
    for (int64_t i = begin; i < end; i++) {
        bool is_first, is_there = snug_recurrent_has_step(step, i, &is_first);
        row self = row_of(step, i, is_first || !is_there, part);
        if (!is_there) {
            clear(&self, step->plan->shape.gates);
            continue;
        }
        memcpy(self.state, self.h, (size_t)self.hidden * sizeof(float));
        if (self.dy) add(self.dh, self.dy, self.hidden);
        for (int64_t at = 0; at < self.hidden; at += BLOCK) {
            int64_t count = self.hidden - at < BLOCK ? self.hidden - at : BLOCK;
            if (step->layer->cell == SNUG_CELL_PLAIN) step_plain(&self, at, count);
            if (step->layer->cell == SNUG_CELL_GRU) step_gru(&self, at, count);
            if (step->layer->cell == SNUG_CELL_LSTM) step_lstm(&self, at, count);
        }
    }
}

static void run_resets(const void *context, int part, int64_t begin, int64_t end) {
    const snug_recurrent_step *step = context;
    for (int64_t i = begin; i < end; i++) {
        bool is_first;
        if (!snug_recurrent_has_step(step, i, &is_first)) continue;
        row self = row_of(step, i, is_first, part);
        for (int64_t at = 0; at < self.hidden; at += BLOCK) {
            int64_t count = self.hidden - at < BLOCK ? self.hidden - at : BLOCK;
            float slope[BLOCK];
            snug_recurrent_slopes(self.layer, 0, self.dgates + self.hidden + at, slope, count);
            reset_gate(&self, slope, at, count);
        }
    }
}

// What came back reaches the state before; nothing did where there was no step.
static void run_returns(const void *context, int part, int64_t begin, int64_t end) {
    const snug_recurrent_step *step = context;
    bool also = step->layer->cell == SNUG_CELL_GRU && step->layer->after;
    for (int64_t i = begin; i < end; i++) {
        row self = row_of(step, i, true, part);
        add(self.dh, self.returned, self.hidden);
        if (also) add(self.dh, self.candidate_returned, self.hidden);
    }
}

static snug_status run_step(const snug_cpu_kernel *kernel, const snug_recurrent_step *step) {
    const snug_recurrent_plan *plan = step->plan;
    const snug_call *call = step->call;
    int64_t hidden = plan->shape.hidden, batch = plan->shape.batch;
    int64_t grain = snug_recurrent_grain(&plan->shape);
    bool is_gru = step->layer->cell == SNUG_CELL_GRU;
    const float *r = call->inputs[R].data;
    float *dgates = snug_recurrent_row(&call->outputs[DGATES], step->time * batch);
    snug_parallel(kernel->threads, batch, grain, run_rows, step);
    if (is_gru) {
        const float *through = step->layer->after ? snug_recurrent_place(plan, call, CANDIDATES) +
                                                        step->time * batch * hidden
                                                  : dgates + 2 * hidden;
        SNUG_TRY(snug_recurrent_multiply(plan, call, CANDIDATE_BACK, through,
                                         r + 2 * hidden * hidden, NULL,
                                         snug_recurrent_place(plan, call, CANDIDATE_RETURNED)));
    }
    if (snug_recurrent_resets_before(step->layer))
        snug_parallel(kernel->threads, batch, grain, run_resets, step);
    SNUG_TRY(snug_recurrent_multiply(plan, call, BACK, dgates, r, NULL,
                                     snug_recurrent_place(plan, call, RETURNED)));
    snug_parallel(kernel->threads, batch, grain, run_returns, step);
    return SNUG_OK;
}

static snug_status sum_weights(const snug_recurrent_plan *plan, const snug_call *call,
                               const snug_recurrent_attributes *layer) {
    int64_t hidden = plan->shape.hidden;
    float *dgates = call->outputs[DGATES].data, *dr = call->outputs[DR].data;
    const float *states = snug_recurrent_place(plan, call, STATES);
    SNUG_TRY(snug_recurrent_multiply(plan, call, WEIGHTS, dgates, states, NULL, dr));
    if (layer->cell != SNUG_CELL_GRU) return SNUG_OK;
    const float *candidates = snug_recurrent_place(plan, call, CANDIDATES);
    return snug_recurrent_multiply(
        plan, call, CANDIDATE_WEIGHTS, layer->after ? candidates : dgates + 2 * hidden,
        layer->after ? states : candidates, NULL, dr + 2 * hidden * hidden);
}

static void sum_extra(const snug_cpu_kernel *kernel, const snug_recurrent_step *step) {
    float *out = step->call->outputs[DEXTRA].data;
    out[0] = 0;
    if (!step->extra) return;
    int64_t count = snug_type_elements(&step->extra->type);
    const double *sums =
        (const double *)(const void *)snug_recurrent_place(step->plan, step->call, SUMS);
    for (int64_t i = 0; i < count; i++) {
        double total = 0;
        for (int part = 0; part < kernel->threads; part++)
            total += sums[part * count + i];
        out[i] = (float)total;
    }
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_recurrent_plan *plan = kernel->state;
    const snug_view *dfinal = snug_recurrent_input(call, DFINAL);
    snug_recurrent_step step = {.plan = plan,
                                .call = call,
                                .layer = call->attributes,
                                .extra = snug_recurrent_input(call, EXTRA),
                                .lengths = snug_recurrent_input(call, LENGTHS)};
    size_t bytes = snug_type_bytes(&call->inputs[INITIAL].type);
    SNUG_TRY(snug_recurrent_check_lengths(&step));
    if (dfinal)
        memcpy(call->outputs[DINITIAL].data, dfinal->data, bytes);
    else
        memset(call->outputs[DINITIAL].data, 0, bytes);
    if (step.extra)
        memset(snug_recurrent_place(plan, call, SUMS), 0,
               (size_t)kernel->threads * (size_t)snug_type_elements(&step.extra->type) *
                   sizeof(double));
    for (int64_t i = plan->shape.steps; i-- > 0;) {
        step.time = snug_recurrent_time(step.layer, plan->shape.steps, i);
        SNUG_TRY(run_step(kernel, &step));
    }
    sum_extra(kernel, &step);
    return sum_weights(plan, call, step.layer);
}

static snug_status new_products(const snug_cpu_kernel *kernel, snug_recurrent_plan *plan) {
    const snug_recurrent_attributes *layer = kernel->cached.signature.attributes;
    const snug_recurrent_shape *shape = &plan->shape;
    bool is_gru = layer->cell == SNUG_CELL_GRU;
    int64_t hidden = shape->hidden, width = shape->gates * hidden;
    int64_t rows = shape->steps * shape->batch, recurrent = is_gru ? 2 * hidden : width;
    int64_t stride = layer->after ? hidden : width; // of what goes through R_h
    snug_onednn_form states = snug_recurrent_matrix(rows, hidden, hidden, 1);
    SNUG_TRY(snug_recurrent_product(
        kernel, plan, BACK, snug_recurrent_matrix(shape->batch, recurrent, width, 1),
        snug_recurrent_matrix(recurrent, hidden, hidden, 1), NULL, hidden));
    SNUG_TRY(snug_recurrent_product(kernel, plan, WEIGHTS,
                                    snug_recurrent_matrix(recurrent, rows, 1, width), states, NULL,
                                    hidden));
    if (!is_gru) return SNUG_OK;
    SNUG_TRY(snug_recurrent_product(
        kernel, plan, CANDIDATE_BACK, snug_recurrent_matrix(shape->batch, hidden, stride, 1),
        snug_recurrent_matrix(hidden, hidden, hidden, 1), NULL, hidden));
    return snug_recurrent_product(kernel, plan, CANDIDATE_WEIGHTS,
                                  snug_recurrent_matrix(hidden, rows, 1, stride), states, NULL,
                                  hidden);
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_recurrent_attributes *layer = signature->attributes;
    const snug_type *extra = &signature->inputs[EXTRA];
    snug_recurrent_shape shape =
        snug_recurrent_shape_of(layer, &signature->inputs[GATES], &signature->inputs[INITIAL]);
    snug_recurrent_plan *plan = NULL;
    SNUG_TRY(snug_recurrent_plan_new(kernel, &shape, &plan));
    bool is_gru = layer->cell == SNUG_CELL_GRU;
    bool has_extra = signature->present >> EXTRA & 1 && extra->rank > 0;
    int64_t states = shape.batch * shape.hidden;
    snug_recurrent_reserve(plan, RETURNED, states);
    if (is_gru) snug_recurrent_reserve(plan, CANDIDATE_RETURNED, states);
    snug_recurrent_reserve(plan, STATES, shape.steps * states);
    if (is_gru) snug_recurrent_reserve(plan, CANDIDATES, shape.steps * states);
    if (has_extra)
        snug_recurrent_reserve(plan, SUMS, 2 * kernel->threads * snug_type_elements(extra));
    kernel->run = run;
    return snug_recurrent_adopt(kernel, plan, new_products(kernel, plan));
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_recurrent_backward, prepare},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_recurrent_backward = {entries};
