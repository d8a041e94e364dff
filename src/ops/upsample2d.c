// Up-sampling as torch.nn.functional.interpolate, nearest or bilinear. Each output is a weighted
// sum of at most four pixels; the gradient spreads by the same weights.
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_upsample2d_attributes, output, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_upsample2d_attributes, bilinear, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_upsample2d_attributes, align_corners, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_upsample2d_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer_to(const snug_type *from, const int64_t extent[2], snug_type *to) {
    char text[SNUG_TYPE_TEXT];
    if (from->rank != 4 || from->layout != SNUG_CHANNELS_LAST || extent[0] < 1 || extent[1] < 1)
        return snug_fail(SNUG_INVALID,
                         "images (N, C, H, W) expected, found %s; resized to "
                         "%lldx%lld",
                         snug_type_print(from, text), (long long)extent[0], (long long)extent[1]);
    *to = snug_type_image(from->dtype, from->dims[0], from->dims[1], extent[0], extent[1]);
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_upsample2d_attributes *upsample = attributes;
    return infer_to(&inputs[0], upsample->output, &outputs[0]);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    const snug_upsample2d_attributes *upsample = attributes;
    return infer_to(&inputs[0], upsample->input, &outputs[0]);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_upsample2d_attributes upsample =
        *(const snug_upsample2d_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    upsample.input[0] = x->dims[2];
    upsample.input[1] = x->dims[3];
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_upsample2d_backward, &upsample,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

// The two pixels along one axis that output |index| mixes, and the share of the second.
typedef struct mix {
    int64_t pixel[2];
    double share;
} mix;

static mix mix_at(const snug_upsample2d_attributes *upsample, int64_t index, int64_t input,
                  int64_t output) {
    if (!upsample->bilinear) {
        int64_t nearest = index * input / output;
        return (mix){{nearest, nearest}, 0};
    }
    double source = upsample->align_corners
                        ? (output > 1 ? (double)(index * (input - 1)) / (double)(output - 1) : 0)
                        : ((double)index + 0.5) * (double)input / (double)output - 0.5;
    if (source < 0) source = 0;
    int64_t first = (int64_t)source;
    if (first > input - 1) first = input - 1;
    int64_t second = first + 1 < input ? first + 1 : first;
    return (mix){{first, second}, source - (double)first};
}

typedef void (*visitor)(const snug_call *call, int64_t small, int64_t large, double weight);

// Visits each pixel's part in each output: indices into the small and the large image.
static void visit(const snug_call *call, const snug_type *small, const snug_type *large,
                  visitor visitor_) {
    const snug_upsample2d_attributes *upsample = call->attributes;
    int64_t elements = snug_type_elements(large);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK];
        snug_reference_coordinates(large, i, at);
        mix rows = mix_at(upsample, at[2], small->dims[2], large->dims[2]);
        mix columns = mix_at(upsample, at[3], small->dims[3], large->dims[3]);
        int64_t to = snug_image_index(large, at[0], at[1], at[2], at[3]);
        for (int corner = 0; corner < 4; corner++) {
            int h = corner >> 1, w = corner & 1;
            double weight =
                (h ? rows.share : 1 - rows.share) * (w ? columns.share : 1 - columns.share);
            if (weight == 0) continue;
            visitor_(call, snug_image_index(small, at[0], at[1], rows.pixel[h], columns.pixel[w]),
                     to, weight);
        }
    }
}

static void gather(const snug_call *call, int64_t small, int64_t large, double weight) {
    const snug_view *y = &call->outputs[0];
    snug_view_set(y, large,
                  snug_view_get(y, large) + weight * snug_view_get(&call->inputs[0], small));
}

static void scatter(const snug_call *call, int64_t small, int64_t large, double weight) {
    const snug_view *dx = &call->outputs[0];
    snug_view_set(dx, small,
                  snug_view_get(dx, small) + weight * snug_view_get(&call->inputs[0], large));
}

static void clear(const snug_view *view) {
    int64_t elements = snug_type_elements(&view->type);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(view, i, 0);
}

static snug_status kernel(const snug_call *call) {
    clear(&call->outputs[0]);
    visit(call, &call->inputs[0].type, &call->outputs[0].type, gather);
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    clear(&call->outputs[0]);
    visit(call, &call->outputs[0].type, &call->inputs[0].type, scatter);
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes;
    int64_t in = snug_type_elements(&inputs[0]), out = snug_type_elements(&outputs[0]);
    return 8 * (double)(in > out ? in : out);
}

static const snug_upsample2d_attributes nearest = {.output = {6, 9}, .input = {3, 4}},
                                        half = {.output = {6, 8}, .bilinear = 1, .input = {3, 4}},
                                        corners = {.output = {6, 7},
                                                   .bilinear = 1,
                                                   .align_corners = 1,
                                                   .input = {3, 4}};

#define SAMPLE(label, form, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(form), .input_count = 1, .inputs = {                      \
            SNUG_SAMPLE_IMAGE(__VA_ARGS__)                                                         \
        }                                                                                          \
    }
static const snug_sample samples[] = {
    SAMPLE("nearest", nearest, 2, 3, 3, 4),
    SAMPLE("bilinear", half, 2, 3, 3, 4),
    SAMPLE("bilinear, corners aligned", corners, 1, 2, 3, 4),
};
static const snug_sample backward_samples[] = {
    SAMPLE("nearest", nearest, 2, 3, 6, 9),
    SAMPLE("bilinear", half, 2, 3, 6, 8),
    SAMPLE("bilinear, corners aligned", corners, 1, 2, 6, 7),
};

#define SHARED                                                                                     \
    .min_inputs = 1, .max_inputs = 1, .outputs = 1, .attributes = attributes_table,                \
    .attributes_size = sizeof(snug_upsample2d_attributes), .flops = flops

const snug_op snug_op_upsample2d = {
    .name = "upsample2d",
    SHARED,
    .infer = infer,
    .gradient = gradient,
    .rows = {.inputs = 1},
    .reference = kernel,
    .onnx = "Resize",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_upsample2d_backward = {
    .name = "upsample2d_backward",
    SHARED,
    .infer = infer_backward,
    .rows = {.inputs = 1},
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_upsample2d, &snug_op_upsample2d_backward, NULL};
const snug_op_file snug_ops_upsample2d = {ops};
