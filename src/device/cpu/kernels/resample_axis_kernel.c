// Resizing along one axis, and its gradient, in float32. Which inputs make an output is worked out
// once, as a list of taps for each output; the gradient has the same form with the lists turned
// round, so that threads never share an element.
#include "base/memory.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/resample.h"

typedef struct tap {
    int64_t from;
    float weight;
} tap;

// The taps of output |i| are those from starts[i] up to starts[i + 1]; |offsets| are added.
typedef struct lists {
    int64_t inputs, outputs, stride, blocks;
    int64_t *starts;
    float *offsets;
    tap *taps;
} lists;

typedef struct work {
    const lists *form;
    const float *from;
    float *to;
} work;

SNUG_MULTIARCH static void add_line(const float *x, float weight, int64_t length, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        y[i] += x[i] * weight;
}

static void run_lines(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const lists *form = self->form;
    int64_t stride = form->stride;
    for (int64_t line = begin; line < end; line++) {
        int64_t output = line % form->outputs, block = line / form->outputs;
        const float *x = self->from + block * form->inputs * stride;
        float *y = self->to + line * stride;
        for (int64_t i = 0; i < stride; i++)
            y[i] = form->offsets[output];
        for (int64_t i = form->starts[output]; i < form->starts[output + 1]; i++)
            add_line(x + form->taps[i].from * stride, form->taps[i].weight, stride, y);
    }
}

// Neighbours along the axis are neighbours in memory.
static void run_elements(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const lists *form = self->form;
    for (int64_t line = begin; line < end; line++) {
        int64_t output = line % form->outputs;
        const float *x = self->from + line / form->outputs * form->inputs;
        float sum = form->offsets[output];
        for (int64_t i = form->starts[output]; i < form->starts[output + 1]; i++)
            sum += x[form->taps[i].from] * form->taps[i].weight;
        self->to[line] = sum;
    }
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain_elements = 8192 };
    const lists *form = kernel->state;
    work self = {.form = form, .from = call->inputs[0].data, .to = call->outputs[0].data};
    int64_t taps = form->starts[form->outputs] / form->outputs + 1;
    snug_parallel(kernel->threads, form->blocks * form->outputs,
                  grain_elements / (form->stride * taps) + 1,
                  form->stride == 1 ? run_elements : run_lines, &self);
    return SNUG_OK;
}

static void discard(snug_cpu_kernel *kernel) {
    lists *form = kernel->state;
    if (!form) return;
    snug_memory_free(form->starts);
    snug_memory_free(form->offsets);
    snug_memory_free(form->taps);
    snug_memory_free(form);
}

// Calls |visit| with each pair of an element of x, |input| long, and one of y that has weight.
typedef void visitor(void *context, int64_t x, int64_t y, double weight);
static void visit_taps(const snug_resample_attributes *form, int64_t input, visitor *visit,
                       void *context) {
    for (int64_t y = 0; y < form->length; y++) {
        snug_taps taps = snug_resample_taps(form, input, y);
        for (int64_t i = 0; i < taps.count; i++) {
            double weight = snug_resample_weight(form, &taps, input, i);
            if (weight != 0) visit(context, snug_resample_input(&taps, input, i), y, weight);
        }
    }
}

static void count_forward(void *context, int64_t x, int64_t y, double weight) {
    (void)x, (void)weight;
    ((lists *)context)->starts[y + 1]++;
}

static void count_backward(void *context, int64_t x, int64_t y, double weight) {
    count_forward(context, y, x, weight);
}

// starts[i + 1] is where the next tap of |i| goes, until all are there.
static void put_forward(void *context, int64_t x, int64_t y, double weight) {
    lists *self = context;
    self->taps[self->starts[y + 1]++] = (tap){x, (float)weight};
}

static void put_backward(void *context, int64_t x, int64_t y, double weight) {
    put_forward(context, y, x, weight);
}

static void set_offsets(const snug_resample_attributes *form, lists *self) {
    for (int64_t i = 0; i < self->outputs; i++)
        if (snug_resample_taps(form, self->inputs, i).count == 0)
            self->offsets[i] = (float)form->extrapolation;
}

static snug_status fill_lists(const snug_resample_attributes *form, bool is_backward, lists *self) {
    int64_t input = is_backward ? self->outputs : self->inputs, total = 0;
    SNUG_TRY(SNUG_NEW(&self->starts, (size_t)self->outputs + 2));
    SNUG_TRY(SNUG_NEW(&self->offsets, (size_t)self->outputs));
    visit_taps(form, input, is_backward ? count_backward : count_forward, self);
    // From counts to places: starts[i + 1] becomes where the taps of i begin.
    for (int64_t i = 1; i <= self->outputs; i++) {
        int64_t count = self->starts[i];
        self->starts[i] = total;
        total += count;
    }
    SNUG_TRY(SNUG_NEW(&self->taps, (size_t)total + 1));
    visit_taps(form, input, is_backward ? put_backward : put_forward, self);
    if (!is_backward) set_offsets(form, self);
    return SNUG_OK;
}

static snug_status prepare_as(snug_cpu_kernel *kernel, bool is_backward) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_resample_attributes *form = signature->attributes;
    if (!snug_cpu_all_float(kernel) || snug_type_elements(&signature->inputs[0]) == 0 ||
        snug_type_elements(&signature->outputs[0]) == 0)
        return SNUG_UNSUPPORTED;
    snug_axis to = snug_axis_of(&signature->outputs[0], form->axis);
    lists *self;
    SNUG_TRY(SNUG_NEW(&self, 1));
    kernel->state = self;
    kernel->discard = discard;
    kernel->run = run;
    *self = (lists){.inputs = signature->inputs[0].dims[form->axis],
                    .outputs = to.length,
                    .stride = to.stride,
                    .blocks = to.lines / to.stride};
    return fill_lists(form, is_backward, self);
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    return prepare_as(kernel, false);
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    return prepare_as(kernel, true);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_resample, prepare},
    {&snug_op_resample_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_resample_axis = {entries};
