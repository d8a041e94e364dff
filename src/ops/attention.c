// Scaled dot-product attention (Vaswani et al., 2017), whose shares, a number for each pair of
// positions, are made anew in the backward pass from what each row of them was divided by (Dao et
// al., 2022).
#include <math.h>

#include "graph/autodiff.h"
#include "ops/attention.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_attention_attributes, scale, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_attention_attributes, positions_first, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status refuse(const snug_type *found, const char *what) {
    char text[SNUG_TYPE_TEXT];
    return snug_fail(SNUG_INVALID, "%s expected, found %s", what, snug_type_print(found, text));
}

// Checks the operands that both directions have; |mask| may be NULL.
static snug_status check(const snug_attention_attributes *attention, const snug_type *inputs,
                         const snug_type *mask) {
    for (int i = 0; i < 3; i++)
        if (inputs[i].rank != 4 || inputs[i].layout != SNUG_ROW_MAJOR ||
            inputs[i].dtype != inputs[0].dtype)
            return refuse(&inputs[i], "queries, keys and values of four dimensions and one type");
    snug_attention_sizes sizes = snug_attention_sizes_of(attention, inputs);
    snug_type key =
        snug_attention_type(attention, &sizes, inputs[0].dtype, sizes.keys, sizes.width);
    snug_type value =
        snug_attention_type(attention, &sizes, inputs[0].dtype, sizes.keys, sizes.value_width);
    if (!snug_type_same_shape(&key, &inputs[1])) return refuse(&inputs[1], "keys like the queries");
    if (!snug_type_same_shape(&value, &inputs[2]))
        return refuse(&inputs[2], "values like the keys");
    if (!mask || mask->rank == 0) return SNUG_OK;
    const int64_t full[] = {sizes.batch, sizes.heads, sizes.queries, sizes.keys};
    bool fits = mask->rank == 4 && mask->layout == SNUG_ROW_MAJOR;
    for (int i = 0; i < 4 && fits; i++)
        fits = mask->dims[i] == 1 || mask->dims[i] == full[i];
    return fits ? SNUG_OK : refuse(mask, "a mask that broadcasts to the scores");
}

static snug_type row_type(const snug_attention_sizes *sizes, snug_dtype dtype) {
    const int64_t rows[] = {sizes->batch, sizes->heads, sizes->queries};
    return snug_type_make(dtype, SNUG_ROW_MAJOR, 3, rows);
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    SNUG_TRY(check(attributes, inputs, input_count > 3 ? &inputs[3] : NULL));
    snug_attention_sizes sizes = snug_attention_sizes_of(attributes, inputs);
    outputs[0] =
        snug_attention_type(attributes, &sizes, inputs[0].dtype, sizes.queries, sizes.value_width);
    outputs[1] = row_type(&sizes, inputs[0].dtype);
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    SNUG_TRY(check(attributes, inputs, input_count > 6 ? &inputs[6] : NULL));
    snug_attention_sizes sizes = snug_attention_sizes_of(attributes, inputs);
    snug_type y =
        snug_attention_type(attributes, &sizes, inputs[0].dtype, sizes.queries, sizes.value_width);
    snug_type rows = row_type(&sizes, inputs[0].dtype);
    if (!snug_type_equal(&y, &inputs[3]) || !snug_type_equal(&y, &inputs[5]) ||
        !snug_type_same_shape(&rows, &inputs[4]))
        return refuse(&inputs[5], "y, its rows and dy as the operands have them");
    for (int i = 0; i < 3; i++)
        outputs[i] = inputs[i];
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    bool is_masked = node->input_count > 3;
    const snug_tensor_id inputs[] = {node->inputs[0],
                                     node->inputs[1],
                                     node->inputs[2],
                                     node->outputs[0],
                                     node->outputs[1],
                                     snug_backward_of(backward, node, 0),
                                     is_masked ? node->inputs[3] : SNUG_NO_TENSOR};
    snug_backward_emit(backward, node, &snug_op_attention_backward, inputs, is_masked ? 7 : 6);
    return SNUG_OK;
}

// Where the reference kernels are in a call.
typedef struct place {
    const snug_call *call;
    const snug_attention_attributes *attention;
    snug_attention_sizes sizes;
    const snug_view *mask; // or NULL
    int64_t sample, head, query;
} place;

static place place_of(const snug_call *call, int mask, int64_t row) {
    const snug_type types[] = {call->inputs[0].type, call->inputs[1].type, call->inputs[2].type};
    place self = {.call = call,
                  .attention = call->attributes,
                  .sizes = snug_attention_sizes_of(call->attributes, types)};
    bool is_masked = call->input_count > mask && call->inputs[mask].data;
    self.mask = is_masked ? &call->inputs[mask] : NULL;
    self.query = row % self.sizes.queries;
    self.head = row / self.sizes.queries % self.sizes.heads;
    self.sample = row / self.sizes.queries / self.sizes.heads;
    return self;
}

static int64_t at(const place *self, int64_t positions, int64_t width, int64_t position) {
    int64_t heads = self->sizes.heads;
    return self->attention->positions_first
               ? ((self->sample * positions + position) * heads + self->head) * width
               : ((self->sample * heads + self->head) * positions + position) * width;
}

static int64_t query_at(const place *self, int64_t width) {
    return at(self, self->sizes.queries, width, self->query);
}

static int64_t key_at(const place *self, int64_t width, int64_t key) {
    return at(self, self->sizes.keys, width, key);
}

static double product(const snug_view *a, int64_t from_a, const snug_view *b, int64_t from_b,
                      int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += snug_view_get(a, from_a + i) * snug_view_get(b, from_b + i);
    return sum;
}

static double score(const place *self, int64_t key) {
    const snug_view *inputs = self->call->inputs;
    double value =
        self->attention->scale * product(&inputs[0], query_at(self, self->sizes.width), &inputs[1],
                                         key_at(self, self->sizes.width, key), self->sizes.width);
    if (!self->mask) return value;
    const int64_t coordinates[] = {self->sample, self->head, self->query, key};
    return value + snug_view_get(self->mask,
                                 snug_reference_broadcast_index(&self->mask->type, 4, coordinates));
}

static void add(const snug_view *view, int64_t from, double factor, const snug_view *other,
                int64_t other_from, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        snug_view_set(view, from + i,
                      snug_view_get(view, from + i) +
                          factor * snug_view_get(other, other_from + i));
}

static void clear(const snug_view *view) {
    for (int64_t i = 0; i < snug_type_elements(&view->type); i++)
        snug_view_set(view, i, 0);
}

// A row of scores that are all -infinity mixes nothing: y is 0.
static snug_status kernel(const snug_call *call) {
    int64_t rows = snug_type_elements(&call->outputs[1].type);
    clear(&call->outputs[0]);
    for (int64_t row = 0; row < rows; row++) {
        place self = place_of(call, 3, row);
        int64_t width = self.sizes.value_width;
        double highest = -INFINITY, sum = 0;
        for (int64_t key = 0; key < self.sizes.keys; key++)
            highest = fmax(highest, score(&self, key));
        bool is_hidden = highest == -INFINITY;
        for (int64_t key = 0; key < self.sizes.keys && !is_hidden; key++)
            sum += exp(score(&self, key) - highest);
        for (int64_t key = 0; key < self.sizes.keys && !is_hidden; key++)
            add(&call->outputs[0], query_at(&self, width), exp(score(&self, key) - highest) / sum,
                &call->inputs[2], key_at(&self, width, key), width);
        snug_view_set(&call->outputs[1], row, is_hidden ? 0 : highest + log(sum));
    }
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_view *inputs = call->inputs;
    int64_t rows = snug_type_elements(&inputs[4].type);
    for (int i = 0; i < 3; i++)
        clear(&call->outputs[i]);
    for (int64_t row = 0; row < rows; row++) {
        place self = place_of(call, 6, row);
        int64_t width = self.sizes.width, value_width = self.sizes.value_width;
        int64_t from = query_at(&self, width), y = query_at(&self, value_width);
        double mixed = product(&inputs[5], y, &inputs[3], y, value_width);
        for (int64_t key = 0; key < self.sizes.keys; key++) {
            int64_t key_from = key_at(&self, width, key);
            int64_t value_from = key_at(&self, value_width, key);
            double share = exp(score(&self, key) - snug_view_get(&inputs[4], row));
            double slope = product(&inputs[5], y, &inputs[2], value_from, value_width) - mixed;
            double back = share * slope * self.attention->scale;
            add(&call->outputs[0], from, back, &inputs[1], key_from, width);
            add(&call->outputs[1], key_from, back, &inputs[0], from, width);
            add(&call->outputs[2], value_from, share, &inputs[5], y, value_width);
        }
    }
    return SNUG_OK;
}

static double pairs(const void *attributes, const snug_type *inputs) {
    snug_attention_sizes sizes = snug_attention_sizes_of(attributes, inputs);
    return (double)sizes.batch * (double)sizes.heads * (double)sizes.queries * (double)sizes.keys;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)outputs;
    snug_attention_sizes sizes = snug_attention_sizes_of(attributes, inputs);
    return pairs(attributes, inputs) * 2 * (double)(sizes.width + sizes.value_width);
}

static double backward_flops(const void *attributes, const snug_type *inputs,
                             const snug_type *outputs) {
    return 2.5 * flops(attributes, inputs, outputs);
}

static const snug_attention_attributes heads_first = {.scale = 0.5},
                                       positions_first = {.scale = 0.7, .positions_first = 1};

#define T SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    {.name = "heads first",
     .attributes = &heads_first,
     .input_count = 3,
     .inputs = {T(2, 3, 5, 4), T(2, 3, 7, 4), T(2, 3, 7, 6)}},
    {.name = "positions first, mask of keys",
     .attributes = &positions_first,
     .input_count = 4,
     .inputs = {T(2, 5, 3, 4), T(2, 7, 3, 4), T(2, 7, 3, 4), T(2, 1, 1, 7)},
     .no_gradient = 8},
    {.name = "mask of pairs",
     .attributes = &heads_first,
     .input_count = 4,
     .inputs = {T(2, 2, 5, 4), T(2, 2, 5, 4), T(2, 2, 5, 4), T(1, 2, 5, 5)},
     .no_gradient = 8},
};
// 700 keys: the rows of scores of one head do not fit into a kernel's block at once.
static const snug_sample backward_samples[] = {
    {.name = "heads first",
     .attributes = &heads_first,
     .input_count = 6,
     .inputs = {T(2, 3, 5, 4), T(2, 3, 7, 4), T(2, 3, 7, 6), T(2, 3, 5, 6), T(2, 3, 5),
                T(2, 3, 5, 6)},
     .low = 0.1,
     .high = 1},
    {.name = "positions first, mask",
     .attributes = &positions_first,
     .input_count = 7,
     .inputs = {T(2, 5, 3, 4), T(2, 7, 3, 4), T(2, 7, 3, 4), T(2, 5, 3, 4), T(2, 3, 5),
                T(2, 5, 3, 4), T(2, 1, 1, 7)},
     .low = 0.1,
     .high = 1},
    {.name = "several blocks",
     .attributes = &positions_first,
     .input_count = 6,
     .inputs = {T(1, 250, 2, 2), T(1, 700, 2, 2), T(1, 700, 2, 2), T(1, 250, 2, 2), T(1, 2, 250),
                T(1, 250, 2, 2)},
     .low = 0.1,
     .high = 1},
};

#define SHARED                                                                                     \
    .attributes = attributes_table, .attributes_size = sizeof(snug_attention_attributes),          \
    .is_product = true, .precision = SNUG_PRECISION_FULL

const snug_op snug_op_attention = {
    .name = "attention",
    SHARED,
    .min_inputs = 3,
    .max_inputs = 4,
    .outputs = 2,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 15,
    .gradient_outputs = 3,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_attention_backward = {
    .name = "attention_backward",
    SHARED,
    .min_inputs = 6,
    .max_inputs = 7,
    .outputs = 3,
    .infer = infer_backward,
    .flops = backward_flops,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_attention, &snug_op_attention_backward, NULL};
const snug_op_file snug_ops_attention = {ops};
