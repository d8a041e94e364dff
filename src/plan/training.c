#include "plan/training.h"

#include <stdio.h>

#include "base/memory.h"
#include "graph/autodiff.h"
#include "graph/verify.h"
#include "ops/ops.h"
#include "plan/precision.h"

enum { NAME_BYTES = 512 };

snug_optimizer snug_optimizer_defaults(snug_optimizer_kind kind) {
    snug_optimizer optimizer = {.kind = kind};
    if (kind == SNUG_SGD) return optimizer;
    optimizer.beta1 = 0.9;
    optimizer.beta2 = 0.999;
    optimizer.eps = 1e-8;
    optimizer.weight_decay = kind == SNUG_ADAMW ? 0.01 : 0;
    return optimizer;
}

// A persistent tensor shaped like |weight|, called "<weight>.<suffix>", that starts at zero.
static snug_tensor_id companion(snug_graph *graph, snug_tensor_id weight, const char *suffix,
                                snug_role role) {
    const snug_tensor *tensor = graph->tensors[weight];
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", tensor->name, suffix);
    snug_type type = tensor->type;
    return snug_graph_tensor(graph, name, &type, role);
}

static void emit_sgd(const snug_optimizer *optimizer, snug_graph *graph, snug_tensor_id weight,
                     snug_tensor_id gradient) {
    snug_sgd_attributes attributes = {.momentum = optimizer->momentum,
                                      .dampening = optimizer->dampening,
                                      .weight_decay = optimizer->weight_decay,
                                      .nesterov = optimizer->nesterov};
    snug_tensor_id momentum = optimizer->momentum != 0
                                  ? companion(graph, weight, "momentum_buffer", SNUG_ROLE_OPTIMIZER)
                                  : SNUG_NO_TENSOR;
    SNUG_EMIT(graph, &snug_op_sgd_update, &attributes, weight, gradient, momentum);
}

static void emit_adam(const snug_optimizer *optimizer, snug_graph *graph, snug_tensor_id weight,
                      snug_tensor_id gradient) {
    snug_adam_attributes attributes = {.beta1 = optimizer->beta1,
                                       .beta2 = optimizer->beta2,
                                       .eps = optimizer->eps,
                                       .weight_decay = optimizer->weight_decay,
                                       .decoupled = optimizer->kind == SNUG_ADAMW};
    snug_tensor_id mean = companion(graph, weight, "exp_avg", SNUG_ROLE_OPTIMIZER);
    snug_tensor_id square = companion(graph, weight, "exp_avg_sq", SNUG_ROLE_OPTIMIZER);
    SNUG_EMIT(graph, &snug_op_adam_update, &attributes, weight, gradient, mean, square);
}

static snug_status emit_update(const snug_optimizer *optimizer, snug_graph *graph,
                               snug_tensor_id weight, snug_tensor_id gradient) {
    snug_phase phase = graph->phase;
    graph->phase = SNUG_UPDATE;
    if (optimizer->kind == SNUG_SGD)
        emit_sgd(optimizer, graph, weight, gradient);
    else
        emit_adam(optimizer, graph, weight, gradient);
    graph->phase = phase;
    return graph->status;
}

// What happens to a weight's gradient in each kind of pass.
typedef struct collector {
    const snug_training *training;
    snug_pass_kind kind;
    snug_tensor_id (*pairs)[2]; // deferred updates: weight, gradient
    size_t pair_count, pair_capacity;
} collector;

static snug_status on_gradient(void *context, snug_graph *graph, snug_tensor_id weight,
                               snug_tensor_id gradient) {
    collector *self = context;
    if (self->kind == SNUG_PASS_WHOLE)
        return emit_update(&self->training->optimizer, graph, weight, gradient);
    if (self->kind == SNUG_PASS_MICRO) {
        snug_tensor_id total = companion(graph, weight, "grad", SNUG_ROLE_GRADIENT);
        SNUG_EMIT(graph, &snug_op_accumulate, NULL, total, gradient);
        return graph->status;
    }
    SNUG_TRY(SNUG_GROW(&self->pairs, &self->pair_capacity, self->pair_count + 1));
    self->pairs[self->pair_count][0] = weight;
    self->pairs[self->pair_count++][1] = gradient;
    return SNUG_OK;
}

static snug_status differentiate(const snug_training *training, snug_pass_kind kind,
                                 snug_training_graph *built) {
    collector self = {.training = training, .kind = kind};
    snug_status status =
        snug_autodiff(built->graph, built->loss, NULL, 0, on_gradient, &self, NULL);
    for (size_t i = 0; i < self.pair_count && status == SNUG_OK; i++)
        status =
            emit_update(&training->optimizer, built->graph, self.pairs[i][0], self.pairs[i][1]);
    snug_memory_free(self.pairs);
    return status;
}

static snug_tensor_id add_target(const snug_training *training, snug_graph *graph,
                                 snug_tensor_id logits, int64_t samples) {
    const snug_type *type = snug_graph_type(graph, logits);
    int64_t dims[] = {samples, type->dims[2], type->dims[3]};
    snug_type target =
        snug_type_make(SNUG_I32, SNUG_ROW_MAJOR, training->model->per_pixel ? 3 : 1, dims);
    return snug_graph_tensor(graph, "target", &target, SNUG_ROLE_INPUT);
}

// Targets of one sample: 1, or its pixels. The loss is a mean over all of them.
static int64_t targets_per_sample(const snug_graph *graph, const snug_training_graph *built) {
    return built->samples > 0
               ? snug_type_elements(snug_graph_type(graph, built->target)) / built->samples
               : 1;
}

// The model's forward pass in the precision of |training|; logits are float32.
static snug_status build_forward(const snug_training *training, bool training_form,
                                 snug_training_graph *built, snug_tensor_id *logits) {
    if (training->activations == SNUG_F32)
        return snug_model_build(training->model, &training->options, built->samples, training_form,
                                built->graph, &built->input, logits);
    snug_graph *whole = NULL;
    snug_tensor_id *map = NULL, input;
    snug_status status;
    SNUG_TRY(snug_graph_new(&whole));
    SNUG_TRY_GOTO(snug_model_build(training->model, &training->options, built->samples,
                                   training_form, whole, &input, logits),
                  done);
    SNUG_TRY_GOTO(SNUG_NEW(&map, whole->tensor_count), done);
    SNUG_TRY_GOTO(snug_precision_copy(whole, training->activations, built->graph, map), done);
    built->input = map[input];
    built->graph->scope = "loss";
    *logits = snug_precision_cast(built->graph, map[*logits], SNUG_F32);
    status = built->graph->status;
done:
    snug_memory_free(map);
    snug_graph_free(whole);
    return status;
}

static snug_status build_pass(const snug_training *training, snug_pass_kind kind,
                              int64_t denominator, snug_training_graph *built) {
    snug_graph *graph = built->graph;
    bool training_form = kind != SNUG_PASS_EVALUATE;
    snug_tensor_id logits;
    SNUG_TRY(build_forward(training, training_form, built, &logits));
    built->target = add_target(training, graph, logits, built->samples);
    SNUG_TRY(graph->status);
    snug_loss_attributes loss = {.label_smoothing = training_form ? training->label_smoothing : 0,
                                 .denominator = (training_form ? denominator : 1) *
                                                targets_per_sample(graph, built)};
    graph->scope = "loss";
    built->loss = SNUG_EMIT(graph, &snug_op_cross_entropy, &loss, logits, built->target);
    if (kind == SNUG_PASS_EVALUATE) {
        built->correct = SNUG_EMIT(graph, &snug_op_correct, NULL, logits, built->target);
        SNUG_TRY(graph->status);
        graph->tensors[built->correct]->is_result = true;
    }
    SNUG_TRY(graph->status);
    graph->tensors[built->loss]->is_result = true;
    return training_form ? differentiate(training, kind, built) : SNUG_OK;
}

// The update pass needs the weights alone, which a forward pass of one sample lists.
static snug_status build_update(const snug_training *training, snug_graph *graph) {
    snug_graph *forward = NULL;
    snug_tensor_id input, logits;
    SNUG_TRY(snug_graph_new(&forward));
    snug_status status =
        snug_model_build(training->model, &training->options, 1, false, forward, &input, &logits);
    for (size_t i = 0; i < forward->tensor_count && status == SNUG_OK; i++) {
        const snug_tensor *tensor = forward->tensors[i];
        if (tensor->role != SNUG_ROLE_WEIGHT || !tensor->trainable) continue;
        snug_tensor_id weight =
            snug_graph_tensor(graph, tensor->name, &tensor->type, SNUG_ROLE_WEIGHT);
        SNUG_TRY_GOTO(graph->status, done);
        graph->tensors[weight]->trainable = true;
        graph->tensors[weight]->init = tensor->init;
        snug_tensor_id total = companion(graph, weight, "grad", SNUG_ROLE_GRADIENT);
        SNUG_TRY_GOTO(emit_update(&training->optimizer, graph, weight, total), done);
        snug_graph_node(graph, &snug_op_clear, NULL, &total, 1, NULL);
        status = graph->status;
    }
done:
    snug_graph_free(forward);
    return status;
}

snug_status snug_training_graph_build(const snug_training *training, snug_pass_kind kind,
                                      int64_t samples, int64_t denominator,
                                      snug_training_graph *out) {
    *out = (snug_training_graph){.input = SNUG_NO_TENSOR,
                                 .target = SNUG_NO_TENSOR,
                                 .loss = SNUG_NO_TENSOR,
                                 .correct = SNUG_NO_TENSOR,
                                 .samples = kind == SNUG_PASS_UPDATE ? 0 : samples};
    SNUG_TRY(snug_graph_new(&out->graph));
    snug_status status;
    if (kind == SNUG_PASS_UPDATE) {
        out->graph->phase = SNUG_UPDATE;
        status = build_update(training, out->graph);
    } else {
        status = build_pass(training, kind, denominator, out);
    }
    if (status == SNUG_OK) status = snug_graph_verify(out->graph);
    if (status != SNUG_OK) {
        snug_graph_free(out->graph);
        out->graph = NULL;
    }
    return status;
}
