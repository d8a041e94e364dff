#include "ops/sample.h"
#include "ops/scatter.h"

// The type of the slices of |x| that |indices| point to.
static snug_status sliced(const snug_type *x, const snug_type *indices, int64_t batch,
                          snug_type *out) {
    int64_t places = indices->rank ? indices->dims[indices->rank - 1] : 0;
    bool fits = batch >= 0 && batch < indices->rank && places <= x->rank - batch;
    for (int i = 0; fits && i < batch; i++)
        fits = x->dims[i] == indices->dims[i];
    int rank = fits ? indices->rank - 1 + x->rank - (int)(batch + places) : 0;
    if (!fits || rank > SNUG_MAX_RANK) {
        char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID,
                         "indices with %lld dimensions of %s and a last one within the others "
                         "expected, found %s",
                         (long long)batch, snug_type_print(x, text),
                         snug_type_print(indices, other));
    }
    SNUG_TRY(snug_check_indices(indices));
    *out = (snug_type){.dtype = x->dtype, .rank = rank};
    int to = 0;
    for (int i = 0; i < indices->rank - 1; i++)
        out->dims[to++] = indices->dims[i];
    for (int i = (int)(batch + places); i < x->rank; i++)
        out->dims[to++] = x->dims[i];
    return SNUG_OK;
}

static snug_status infer_gather(const void *attributes, const snug_type *inputs, int input_count,
                                snug_type *outputs) {
    const snug_scatter_attributes *scatter = attributes;
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    return sliced(&inputs[0], &inputs[1], scatter->batch, &outputs[0]);
}

static snug_status infer_scatter(const void *attributes, const snug_type *inputs, int input_count,
                                 snug_type *outputs) {
    const snug_scatter_attributes *scatter = attributes;
    snug_type updates;
    SNUG_TRY(snug_scatter_check(scatter));
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    SNUG_TRY(sliced(&inputs[0], &inputs[1], scatter->batch, &updates));
    if (!snug_type_equal(&updates, &inputs[2])) {
        char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "updates %s expected, found %s",
                         snug_type_print(&updates, text), snug_type_print(&inputs[2], other));
    }
    outputs[0] = inputs[0];
    return SNUG_OK;
}

// Slices of |length| elements of a tensor, |count| of them.
typedef struct slices {
    int64_t count, length, places, per_batch;
} slices;

static slices slices_of(const snug_type *x, const snug_type *indices, int64_t batch) {
    slices self = {.count = 1, .length = 1, .per_batch = 1};
    self.places = indices->dims[indices->rank - 1];
    for (int i = 0; i < indices->rank - 1; i++) {
        self.count *= indices->dims[i];
        if (i >= batch) self.per_batch *= indices->dims[i];
    }
    for (int i = (int)(batch + self.places); i < x->rank; i++)
        self.length *= x->dims[i];
    return self;
}

// Where slice |number| begins in a tensor of the type |x|.
static snug_status find(const slices *self, const snug_view *indices, const snug_type *x,
                        int64_t batch, int64_t number, int64_t *out) {
    int64_t strides[SNUG_MAX_RANK] = {0}, place;
    snug_type_strides(x, strides);
    int64_t block = batch ? number / self->per_batch : 0;
    *out = batch ? block * strides[batch - 1] : 0;
    for (int64_t i = 0; i < self->places; i++) {
        SNUG_TRY(snug_view_place(indices, number * self->places + i, x->dims[batch + i], &place));
        *out += place * strides[batch + i];
    }
    return SNUG_OK;
}

static snug_status gather_kernel(const snug_call *call) {
    const snug_scatter_attributes *scatter = call->attributes;
    const snug_view *x = &call->inputs[0], *indices = &call->inputs[1], *y = &call->outputs[0];
    slices self = slices_of(&x->type, &indices->type, scatter->batch);
    for (int64_t i = 0; i < self.count && self.length > 0; i++) {
        int64_t from;
        SNUG_TRY(find(&self, indices, &x->type, scatter->batch, i, &from));
        for (int64_t j = 0; j < self.length; j++)
            snug_view_copy(y, i * self.length + j, x, from + j);
    }
    return SNUG_OK;
}

static snug_status scatter_kernel(const snug_call *call) {
    const snug_scatter_attributes *scatter = call->attributes;
    const snug_view *indices = &call->inputs[1], *updates = &call->inputs[2],
                    *y = &call->outputs[0];
    slices self = slices_of(&y->type, &indices->type, scatter->batch);
    snug_scatter_begin(call);
    for (int64_t i = 0; i < self.count && self.length > 0; i++) {
        int64_t to;
        SNUG_TRY(find(&self, indices, &y->type, scatter->batch, i, &to));
        for (int64_t j = 0; j < self.length; j++)
            snug_scatter_put(y, to + j, updates, i * self.length + j, scatter->reduction);
    }
    return SNUG_OK;
}

static snug_status gather_gradient(snug_backward *backward, const snug_node *node) {
    return snug_gather_gradient(backward, node, &snug_op_scatter_nd);
}

static snug_status scatter_gradient(snug_backward *backward, const snug_node *node) {
    return snug_scatter_gradient(backward, node, &snug_op_gather_nd, &snug_op_scatter_nd);
}

static const snug_scatter_attributes plain = {0}, batched = {.batch = 1},
                                     added = {.reduction = SNUG_SCATTER_ADD};

#define I64(...) SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, __VA_ARGS__)
#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define SAMPLE(label, settings, below, count, ...)                                                 \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = (count),                        \
        .inputs = {__VA_ARGS__}, .integer_below = (below)                                          \
    }
static const snug_sample gather_samples[] = {
    SAMPLE("rows", plain, 5, 2, ROWS(5, 7), I64(3, 4, 1)),
    SAMPLE("elements", plain, 4, 2, ROWS(5, 4), I64(6, 2)),
    SAMPLE("batched", batched, 4, 2, ROWS(2, 4, 5), I64(2, 3, 1)),
};
static const snug_sample scatter_samples[] = {
    SAMPLE("put", plain, 1, 3, ROWS(5, 7), I64(1, 1), ROWS(1, 7)),
    SAMPLE("added", added, 4, 3, ROWS(5, 4), I64(6, 2), ROWS(6)),
};

SNUG_SCATTER_OP(gather_nd, 2, infer_gather, gather_gradient, 2, 0, gather_kernel, "GatherND",
                gather_samples);
SNUG_SCATTER_OP(scatter_nd, 3, infer_scatter, scatter_gradient, 2, 1, scatter_kernel, "ScatterND",
                scatter_samples);

static const snug_op *const ops[] = {&snug_op_gather_nd, &snug_op_scatter_nd, NULL};
const snug_op_file snug_ops_gather_nd = {ops};
