// Softmax, cross-entropy and the count of correct rows, where a row of classes is contiguous.
// Workspace of the sums over rows: one double a thread.
#include <math.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/axis.h"
#include "ops/loss.h"
#include "ops/ops.h"

typedef struct work {
    const float *x, *dy; // logits, or a softmax's result and its gradient
    const int32_t *target;
    float *y;
    int64_t length; // of a row
    double smoothing, scale;
    double *sums; // by part
} work;

SNUG_MULTIARCH static float highest_of(const float *x, int64_t length) {
    float highest = -INFINITY;
#pragma omp simd reduction(max : highest)
    for (int64_t i = 0; i < length; i++)
        highest = x[i] > highest ? x[i] : highest;
    return highest;
}

SNUG_MULTIARCH static float sum_exp(const float *x, float highest, int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += snug_exp(x[i] - highest);
    return sum;
}

// y = exp(x - highest) * scale - shift.
SNUG_MULTIARCH static void scaled_exp(const float *x, float highest, float scale, float shift,
                                      int64_t length, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        y[i] = snug_exp(x[i] - highest) * scale - shift;
}

SNUG_MULTIARCH static float sum_of(const float *x, int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += x[i];
    return sum;
}

SNUG_MULTIARCH static float dot_of(const float *x, const float *y, int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += x[i] * y[i];
    return sum;
}

SNUG_MULTIARCH static void multiply_centred(const float *y, const float *dy, float centre,
                                            int64_t length, float *dx) {
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        dx[i] = y[i] * (dy[i] - centre);
}

static void softmax_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    for (int64_t row = begin; row < end; row++) {
        const float *x = self->x + row * self->length;
        float highest = highest_of(x, self->length);
        float scale = 1 / sum_exp(x, highest, self->length);
        scaled_exp(x, highest, scale, 0, self->length, self->y + row * self->length);
    }
}

static void softmax_backward_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    for (int64_t row = begin; row < end; row++) {
        int64_t at = row * self->length;
        float centre = dot_of(self->x + at, self->dy + at, self->length);
        multiply_centred(self->x + at, self->dy + at, centre, self->length, self->y + at);
    }
}

// A negative target leaves its row out.
static double row_loss(const work *self, int64_t row) {
    const float *x = self->x + row * self->length;
    if (self->target[row] < 0) return 0;
    float highest = highest_of(x, self->length);
    double normalizer = (double)highest + log((double)sum_exp(x, highest, self->length));
    double loss = (1 - self->smoothing) * (normalizer - (double)x[self->target[row]]);
    if (self->smoothing == 0) return loss; // 0 * infinity must not reach the sum
    double mean = (double)sum_of(x, self->length) / (double)self->length;
    return loss + self->smoothing * (normalizer - mean);
}

static void loss_rows(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    double sum = 0;
    for (int64_t row = begin; row < end; row++)
        sum += row_loss(self, row);
    self->sums[part] = sum;
}

static void loss_backward_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    double wanted = self->scale * (1 - self->smoothing);
    double everywhere = self->scale * self->smoothing / (double)self->length;
    for (int64_t row = begin; row < end; row++) {
        const float *x = self->x + row * self->length;
        float *dx = self->y + row * self->length;
        if (self->target[row] < 0) {
            memset(dx, 0, (size_t)self->length * sizeof *dx);
            continue;
        }
        float highest = highest_of(x, self->length);
        double scale = self->scale / (double)sum_exp(x, highest, self->length);
        scaled_exp(x, highest, (float)scale, (float)everywhere, self->length, dx);
        dx[self->target[row]] -= (float)wanted;
    }
}

// Whether the target's logit is the first of the largest.
static bool is_correct(const float *x, int64_t target, int64_t length) {
    if (target < 0 || target >= length) return false;
    for (int64_t i = 0; i < length; i++)
        if (!(i < target ? x[target] > x[i] : x[target] >= x[i])) return false;
    return true;
}

static void correct_rows(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    int64_t count = 0;
    for (int64_t row = begin; row < end; row++)
        count += is_correct(self->x + row * self->length, self->target[row], self->length);
    self->sums[part] = (double)count;
}

static int parallel_rows(const snug_cpu_kernel *kernel, const work *self, int64_t rows,
                         snug_range_work *apply) {
    enum { grain_elements = 4096 };
    return snug_parallel(kernel->threads, rows, grain_elements / (self->length + 1) + 1, apply,
                         self);
}

static double total_of(const work *self, int parts) {
    double total = 0;
    for (int i = 0; i < parts; i++)
        total += self->sums[i];
    return total;
}

static snug_status run_softmax(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    snug_axis axis = snug_axis_of(&call->inputs[0].type, along->axis);
    work self = {.x = call->inputs[0].data, .y = call->outputs[0].data, .length = axis.length};
    parallel_rows(kernel, &self, axis.lines, softmax_rows);
    return SNUG_OK;
}

static snug_status run_softmax_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    snug_axis axis = snug_axis_of(&call->inputs[0].type, along->axis);
    work self = {.x = call->inputs[0].data,
                 .dy = call->inputs[1].data,
                 .y = call->outputs[0].data,
                 .length = axis.length};
    parallel_rows(kernel, &self, axis.lines, softmax_backward_rows);
    return SNUG_OK;
}

static work loss_work(const snug_call *call, const snug_axis *axis) {
    const snug_loss_attributes *loss = call->attributes;
    return (work){.x = call->inputs[0].data,
                  .target = call->inputs[1].data,
                  .y = call->outputs[0].data,
                  .length = axis->length,
                  .smoothing = loss->label_smoothing,
                  .scale = 1 / snug_loss_denominator(loss, axis->lines),
                  .sums = call->workspace};
}

static bool targets_fit(const snug_call *call, const snug_axis *axis) {
    const int32_t *target = call->inputs[1].data;
    for (int64_t i = 0; i < axis->lines; i++)
        if (target[i] >= axis->length) return false;
    return true;
}

static snug_status run_loss(snug_cpu_kernel *kernel, const snug_call *call) {
    snug_axis axis = snug_axis_of(&call->inputs[0].type, 1);
    work self = loss_work(call, &axis);
    // The reference kernel knows how to say what is wrong.
    if (!targets_fit(call, &axis)) return kernel->cached.signature.op->reference(call);
    double total = total_of(&self, parallel_rows(kernel, &self, axis.lines, loss_rows));
    *self.y = (float)(total * self.scale);
    return SNUG_OK;
}

static snug_status run_loss_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    snug_axis axis = snug_axis_of(&call->inputs[0].type, 1);
    work self = loss_work(call, &axis);
    if (!targets_fit(call, &axis)) return kernel->cached.signature.op->reference(call);
    self.scale *= (double)*(const float *)call->inputs[2].data;
    parallel_rows(kernel, &self, axis.lines, loss_backward_rows);
    return SNUG_OK;
}

static snug_status run_correct(snug_cpu_kernel *kernel, const snug_call *call) {
    snug_axis axis = snug_axis_of(&call->inputs[0].type, 1);
    work self = {.x = call->inputs[0].data,
                 .target = call->inputs[1].data,
                 .length = axis.length,
                 .sums = call->workspace};
    int parts = parallel_rows(kernel, &self, axis.lines, correct_rows);
    *(float *)call->outputs[0].data = (float)total_of(&self, parts);
    return SNUG_OK;
}

static bool is_contiguous(const snug_cpu_kernel *kernel, int64_t dimension) {
    const snug_type *x = &kernel->cached.signature.inputs[0];
    return x->dtype == SNUG_F32 && snug_axis_of(x, dimension).stride == 1;
}

static snug_status prepare_softmax(snug_cpu_kernel *kernel) {
    const snug_axis_attributes *along = kernel->cached.signature.attributes;
    kernel->run = run_softmax;
    return is_contiguous(kernel, along->axis) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_softmax_backward(snug_cpu_kernel *kernel) {
    const snug_axis_attributes *along = kernel->cached.signature.attributes;
    kernel->run = run_softmax_backward;
    return is_contiguous(kernel, along->axis) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_loss(snug_cpu_kernel *kernel) {
    kernel->run = run_loss;
    kernel->cached.kernel.workspace_bytes = (size_t)kernel->threads * sizeof(double);
    return is_contiguous(kernel, 1) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_loss_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_loss_backward;
    bool fits = is_contiguous(kernel, 1) && kernel->cached.signature.inputs[2].dtype == SNUG_F32;
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_correct(snug_cpu_kernel *kernel) {
    kernel->run = run_correct;
    kernel->cached.kernel.workspace_bytes = (size_t)kernel->threads * sizeof(double);
    return is_contiguous(kernel, 1) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_softmax, prepare_softmax},
    {&snug_op_softmax_backward, prepare_softmax_backward},
    {&snug_op_cross_entropy, prepare_loss},
    {&snug_op_cross_entropy_backward, prepare_loss_backward},
    {&snug_op_correct, prepare_correct},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_loss = {entries};
