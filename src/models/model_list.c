#include "base/sized.h"
#include "models/model.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"
#include "snug/near.h"
#include "snug/plan.h"

// Model |index| in the order of the families, or NULL.
static const snug_model *model_at(int index) {
    for (const snug_model_file *const *file = snug_model_files; *file; file++) {
        if (index < (*file)->count) return index < 0 ? NULL : &(*file)->models[index];
        index -= (*file)->count;
    }
    return NULL;
}

int snug_model_total(void) {
    int total = 0;
    while (model_at(total))
        total++;
    return total;
}

// Whether |name| is what PyTorch's programs save networks as.
static bool is_saved_module(const char *name) {
    static const char *const endings[] = {".pt",  ".pth", ".pt2",         ".ckpt",
                                          ".bin", ".pkl", ".safetensors", ".jit"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(dot, endings[i]) == 0) return true;
    return false;
}

snug_status snug_model_find(const char *name, const snug_model **out) {
    const char *names[128] = {0};
    *out = NULL;
    for (int i = 0; model_at(i) && i < 127; i++) {
        names[i] = model_at(i)->name;
        if (strcmp(names[i], name) == 0) {
            *out = model_at(i);
            return SNUG_OK;
        }
    }
    if (is_saved_module(name))
        return snug_fail(SNUG_NOT_FOUND,
                         "'%s' holds weights or Python objects, not a network's operators: in "
                         "PyTorch, torch.onnx.export(net.train(), (x,), 'net.onnx', dynamo=True, "
                         "optimize=False) writes them, and 'net.onnx' is a model here",
                         name);
    const char *near = snug_near_match(name, names);
    return snug_fail(SNUG_NOT_FOUND, "no model '%s'%s%s%s: `snug models` lists them", name,
                     near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static snug_status check_size(const snug_model *model, const char *what, int64_t size) {
    if (size < model->minimum_size)
        return snug_fail(SNUG_INVALID, "%s takes images of at least %lldx%lld: the %s is %lld",
                         model->name, (long long)model->minimum_size,
                         (long long)model->minimum_size, what, (long long)size);
    if (size % model->size_multiple)
        return snug_fail(SNUG_INVALID, "%s takes images whose %s is a multiple of %lld, not %lld",
                         model->name, what, (long long)model->size_multiple, (long long)size);
    if (size > 1 << 15)
        return snug_fail(SNUG_INVALID, "an image %s of %lld: at most %d is supported", what,
                         (long long)size, 1 << 15);
    return SNUG_OK;
}

snug_status snug_model_resolve(const snug_model *model, snug_model_options *options) {
    if (model->resolve) return model->resolve(model, options);
    if (options->input_rank != 0 && options->input_rank != 3)
        return snug_fail(SNUG_INVALID,
                         "%s takes images: channels, height and width expected, such as 3x224x224",
                         model->name);
    if (options->output)
        return snug_fail(SNUG_INVALID, "%s has one output: only a file has several", model->name);
    if (options->classes == 0) options->classes = model->default_classes;
    if (options->channels == 0) options->channels = 3;
    if (options->height == 0) options->height = model->default_size;
    if (options->width == 0) options->width = model->default_size;
    if (options->width_multiplier == 0) options->width_multiplier = 1;
    if (options->classes < 1 || options->classes > 1 << 24)
        return snug_fail(SNUG_INVALID, "a number of classes from 1 to %d expected, found %lld",
                         1 << 24, (long long)options->classes);
    if (options->channels < 1 || options->channels > 4096)
        return snug_fail(SNUG_INVALID, "1 to 4096 input channels expected, found %lld",
                         (long long)options->channels);
    if (!(options->width_multiplier >= 0.01 && options->width_multiplier <= 16))
        return snug_fail(SNUG_INVALID, "a width multiplier from 0.01 to 16 expected, found %g",
                         options->width_multiplier);
    SNUG_TRY(check_size(model, "height", options->height));
    return check_size(model, "width", options->width);
}

bool snug_model_options_equal(const snug_model_options *a, const snug_model_options *b) {
    bool size = a->classes == b->classes && a->channels == b->channels && a->height == b->height &&
                a->width == b->width && a->width_multiplier == b->width_multiplier;
    bool form = a->drop == b->drop && a->separable == b->separable && a->fuse == b->fuse &&
                a->freeze_bn == b->freeze_bn && a->random_init == b->random_init;
    bool input = a->input_rank == b->input_rank && a->input_suggested == b->input_suggested &&
                 memcmp(a->input_dims, b->input_dims, sizeof a->input_dims) == 0;
    return size && form && input && a->output == b->output && a->data_inputs == b->data_inputs &&
           a->data_input_count == b->data_input_count;
}

snug_status snug_model_build(const snug_model *model, const snug_model_options *options,
                             int64_t batch, bool training, snug_graph *graph,
                             snug_model_ends *out) {
    *out = (snug_model_ends){.logits = SNUG_NO_TENSOR};
    if (model->build_file) {
        SNUG_TRY(model->build_file(model, options, batch, training, graph, out));
    } else {
        snug_type type =
            snug_type_image(SNUG_F32, batch, options->channels, options->height, options->width);
        out->input_count = 1;
        out->inputs[0] = snug_graph_tensor(graph, "input", &type, SNUG_ROLE_INPUT);
        out->logits = model->build(model, options, graph, out->inputs[0], training);
    }
    graph->scope = "";
    return snug_graph_status(graph);
}

// A multiply-add is two floating-point operations of a convolution or a matrix product.
static double node_multiply_adds(const snug_graph *graph, const snug_node *node) {
    if (!node->op->is_product || !node->op->flops) return 0;
    snug_type inputs[3] = {0};
    for (int i = 0; i < node->input_count && i < 3; i++)
        inputs[i] = *snug_graph_type(graph, node->inputs[i]);
    return node->op->flops(node->attributes, inputs, snug_graph_type(graph, node->outputs[0])) / 2;
}

snug_status snug_model_count(const snug_model *model, const snug_model_options *options,
                             int64_t *parameters, int64_t *multiply_adds) {
    *parameters = *multiply_adds = 0;
    snug_graph *graph = NULL;
    snug_model_ends ends;
    SNUG_TRY(snug_graph_new(&graph));
    snug_status status = snug_model_build(model, options, 1, false, graph, &ends);
    double total = 0;
    for (size_t i = 0; i < graph->tensor_count && status == SNUG_OK; i++)
        if (graph->tensors[i]->trainable)
            *parameters += snug_type_elements(&graph->tensors[i]->type);
    for (size_t i = 0; i < graph->node_count && status == SNUG_OK; i++)
        total += node_multiply_adds(graph, graph->nodes[i]);
    *multiply_adds = (int64_t)llround(total);
    snug_graph_free(graph);
    return status;
}

static snug_status describe(int index, snug_model_info *out) {
    const snug_model *model = model_at(index);
    if (!model) return snug_fail(SNUG_NOT_FOUND, "model %d of %d", index, snug_model_total());
    snug_model_options options = {.drop = true};
    SNUG_TRY(snug_model_resolve(model, &options));
    *out = (snug_model_info){.name = model->name,
                             .summary = model->summary,
                             .channels = options.channels,
                             .height = options.height,
                             .width = options.width,
                             .classes = options.classes};
    return snug_model_count(model, &options, &out->parameters, &out->multiply_adds);
}

snug_status snug_model_describe_sized(int index, snug_model_info *out, size_t out_bytes) {
    SNUG_REQUIRE(out, "a place for what is told of the model");
    snug_model_info found = {0};
    snug_status status = describe(index, &found);
    snug_sized_give(out, out_bytes, &found, sizeof found);
    return status;
}
