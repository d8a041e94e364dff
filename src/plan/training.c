#include "plan/training.h"
#include "plan/graph_dump.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "graph/autodiff.h"
#include "graph/verify.h"
#include "ops/ops.h"
#include "plan/losses.h"
#include "plan/precision.h"
#include "plan/selection.h"

snug_optimizer snug_optimizer_defaults(snug_optimizer_kind kind) {
    snug_optimizer optimizer = {.kind = kind};
    if (kind == SNUG_OPTIMIZER_SGD) return optimizer;
    optimizer.beta1 = 0.9;
    optimizer.beta2 = 0.999;
    optimizer.eps = 1e-8;
    optimizer.weight_decay = kind == SNUG_OPTIMIZER_ADAMW ? 0.01 : 0;
    return optimizer;
}

// A persistent tensor shaped like |weight|, called "<weight>.<suffix>", that starts at zero.
static snug_tensor_id add_companion(snug_graph *graph, snug_tensor_id weight, const char *suffix,
                                    const snug_type *type, snug_role role) {
    char *name = NULL;
    snug_status status =
        snug_pool_print(&graph->pool, &name, "%s.%s", graph->tensors[weight]->name, suffix);
    if (status != SNUG_OK) return snug_graph_poison(graph, status);
    return snug_graph_tensor(graph, name, type, role);
}

static snug_tensor_id companion(snug_graph *graph, snug_tensor_id weight, const char *suffix,
                                snug_role role) {
    snug_type type = graph->tensors[weight]->type;
    return add_companion(graph, weight, suffix, &type, role);
}

// The 8-bit form of |companion|: the codes, and a scale for each block of them (ops/lean_update.c).
// False where the weight is too small for it.
static bool lean_companions(const snug_training *training, snug_graph *graph, snug_tensor_id weight,
                            const char *suffix, const char *scale_suffix, snug_tensor_id out[2]) {
    const snug_tensor *tensor = graph->tensors[weight];
    int64_t elements = snug_type_elements(&tensor->type);
    if (!training->lean_optimizer || elements < SNUG_LEAN_LEAST) return false;
    snug_type codes = tensor->type;
    codes.dtype = SNUG_U8;
    out[0] = add_companion(graph, weight, suffix, &codes, SNUG_ROLE_OPTIMIZER);
    snug_type scales = snug_type_vector(SNUG_F32, snug_lean_blocks(elements));
    out[1] = add_companion(graph, weight, scale_suffix, &scales, SNUG_ROLE_OPTIMIZER);
    return true;
}

static void emit_sgd(const snug_training *training, snug_graph *graph, snug_tensor_id weight,
                     snug_tensor_id gradient) {
    const snug_optimizer *optimizer = &training->optimizer;
    snug_tensor_id lean[2];
    bool decays = !graph->tensors[weight]->no_decay;
    snug_sgd_attributes attributes = {.momentum = optimizer->momentum,
                                      .dampening = optimizer->dampening,
                                      .weight_decay = decays ? optimizer->weight_decay : 0,
                                      .nesterov = optimizer->nesterov};
    if (optimizer->momentum != 0 && lean_companions(training, graph, weight, "momentum_buffer",
                                                    "momentum_buffer.scale", lean)) {
        SNUG_EMIT(graph, &snug_op_lean_sgd_update, &attributes, weight, gradient, lean[0], lean[1]);
        return;
    }
    snug_tensor_id momentum = optimizer->momentum != 0
                                  ? companion(graph, weight, "momentum_buffer", SNUG_ROLE_OPTIMIZER)
                                  : SNUG_NO_TENSOR;
    SNUG_EMIT(graph, &snug_op_sgd_update, &attributes, weight, gradient, momentum);
}

static void emit_adam(const snug_training *training, snug_graph *graph, snug_tensor_id weight,
                      snug_tensor_id gradient) {
    const snug_optimizer *optimizer = &training->optimizer;
    snug_tensor_id m[2], v[2];
    bool decays = !graph->tensors[weight]->no_decay;
    snug_adam_attributes attributes = {.beta1 = optimizer->beta1,
                                       .beta2 = optimizer->beta2,
                                       .eps = optimizer->eps,
                                       .weight_decay = decays ? optimizer->weight_decay : 0,
                                       .decoupled = optimizer->kind == SNUG_OPTIMIZER_ADAMW};
    if (lean_companions(training, graph, weight, "exp_avg", "exp_avg.scale", m) &&
        lean_companions(training, graph, weight, "exp_avg_sq", "exp_avg_sq.scale", v)) {
        SNUG_EMIT(graph, &snug_op_lean_adam_update, &attributes, weight, gradient, m[0], m[1], v[0],
                  v[1]);
        return;
    }
    snug_tensor_id mean = companion(graph, weight, "exp_avg", SNUG_ROLE_OPTIMIZER);
    snug_tensor_id square = companion(graph, weight, "exp_avg_sq", SNUG_ROLE_OPTIMIZER);
    SNUG_EMIT(graph, &snug_op_adam_update, &attributes, weight, gradient, mean, square);
}

// Adds a gradient's squares to built->norm.
static void emit_norm(snug_training_graph *built, snug_tensor_id gradient) {
    static const snug_fill_attributes nothing = {.value = 0};
    snug_graph *graph = built->graph;
    if (built->norm == SNUG_NO_TENSOR) built->norm = SNUG_EMIT_NONE(graph, &snug_op_fill, &nothing);
    built->norm = SNUG_EMIT(graph, &snug_op_square_sum, NULL, gradient, built->norm);
}

static snug_status emit_update(const snug_training *training, snug_training_graph *built,
                               snug_tensor_id weight, snug_tensor_id gradient) {
    snug_graph *graph = built->graph;
    snug_phase phase = graph->phase;
    graph->phase = SNUG_UPDATE;
    if (training->gradient_norm && training->clip_norm == 0) emit_norm(built, gradient);
    if (training->clip_value > 0) {
        snug_clip_gradient_attributes clip = {.limit = training->clip_value};
        gradient = SNUG_EMIT(graph, &snug_op_clip_gradient, &clip, gradient);
    }
    if (training->optimizer.kind == SNUG_OPTIMIZER_SGD)
        emit_sgd(training, graph, weight, gradient);
    else
        emit_adam(training, graph, weight, gradient);
    graph->phase = phase;
    return graph->status;
}

// What happens to a weight's gradient in each kind of pass.
typedef struct collector {
    const snug_training *training;
    snug_training_graph *built;
    snug_pass_kind kind;
    snug_tensor_id (*pairs)[2]; // deferred updates: weight, gradient
    size_t pair_count, pair_capacity;
} collector;

static snug_status on_gradient(void *context, snug_graph *graph, snug_tensor_id weight,
                               snug_tensor_id gradient) {
    collector *self = context;
    if (self->kind == SNUG_PASS_WHOLE)
        return emit_update(self->training, self->built, weight, gradient);
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

// A norm that no gradient goes through need not keep what it normalises.
static snug_status overwrite_frozen_norms(snug_graph *graph) {
    bool *again = NULL; // read by a later node than the norm itself
    SNUG_TRY(SNUG_NEW(&again, graph->tensor_count));
    for (size_t i = graph->node_count; i-- > 0;) {
        snug_node *node = graph->nodes[i];
        if (node->op == &snug_op_batch_norm && !again[node->inputs[0]])
            node->op = &snug_op_batch_norm_over;
        for (int j = 0; j < node->input_count; j++)
            if (node->inputs[j] != SNUG_NO_TENSOR) again[node->inputs[j]] = true;
    }
    snug_memory_free(again);
    return SNUG_OK;
}

static snug_status differentiate(const snug_training *training, snug_pass_kind kind,
                                 snug_training_graph *built) {
    collector self = {.training = training, .built = built, .kind = kind};
    snug_tensor_id loss = built->loss;
    if (training->scales_loss) loss = SNUG_EMIT(built->graph, &snug_op_scale_loss, NULL, loss);
    snug_status status = snug_autodiff(built->graph, loss, NULL, 0, on_gradient, &self, NULL);
    for (size_t i = 0; i < self.pair_count && status == SNUG_OK; i++)
        status = emit_update(training, built, self.pairs[i][0], self.pairs[i][1]);
    snug_memory_free(self.pairs);
    if (built->norm != SNUG_NO_TENSOR) built->graph->tensors[built->norm]->is_result = true;
    if (status == SNUG_OK) status = overwrite_frozen_norms(built->graph);
    return status;
}

// The model's forward pass in the precision of |training|; logits are float32.
static snug_status build_forward(const snug_training *training, bool training_form,
                                 snug_training_graph *built) {
    bool is_plain = training->activations == SNUG_F32;
    snug_graph *whole = NULL;
    snug_tensor_id *map = NULL;
    snug_model_ends ends;
    snug_status status;
    if (!is_plain) SNUG_TRY(snug_graph_new(&whole));
    SNUG_TRY_GOTO(snug_model_build(training->model, &training->options, built->samples,
                                   training_form, is_plain ? built->graph : whole, &ends),
                  done);
    built->input_count = ends.input_count;
    memcpy(built->inputs, ends.inputs, sizeof built->inputs);
    built->logits = ends.logits;
    snug_graph_dump(is_plain ? built->graph : whole, "network");
    if (is_plain) return SNUG_OK;
    SNUG_TRY_GOTO(SNUG_NEW(&map, whole->tensor_count), done);
    SNUG_TRY_GOTO(snug_precision_copy(whole, training->activations, built->graph, map), done);
    for (int i = 0; i < ends.input_count; i++)
        built->inputs[i] = map[ends.inputs[i]];
    built->graph->scope = "loss";
    built->logits = snug_precision_cast(built->graph, map[ends.logits], SNUG_F32);
    status = built->graph->status;
    snug_graph_dump(built->graph, "precision");
done:
    snug_memory_free(map);
    snug_graph_free(whole);
    return status;
}

static snug_status build_pass(const snug_training *training, snug_pass_kind kind,
                              int64_t denominator, snug_training_graph *built) {
    bool training_form = kind != SNUG_PASS_EVALUATE;
    SNUG_TRY(build_forward(training, training_form, built));
    SNUG_TRY(snug_training_select(training, built->graph, built->logits, training_form));
    SNUG_TRY(snug_training_add_loss(training, training_form, denominator, built));
    return training_form ? differentiate(training, kind, built) : SNUG_OK;
}

// What an update or inspection does with a weight and its accumulator.
static snug_status emit_final(const snug_training *training, snug_pass_kind kind,
                              snug_training_graph *built, snug_tensor_id weight) {
    snug_graph *graph = built->graph;
    snug_tensor_id total = companion(graph, weight, "grad", SNUG_ROLE_GRADIENT);
    if (kind == SNUG_PASS_INSPECT) {
        // The norm of scaled gradients: they are read before they change.
        if (training->clip_norm > 0) emit_norm(built, total);
        if (training->scales_loss)
            built->found = SNUG_EMIT(graph, &snug_op_unscale, NULL, total, built->found);
        return graph->status;
    }
    SNUG_TRY(emit_update(training, built, weight, total));
    snug_graph_node(graph, &snug_op_clear, NULL, &total, 1, NULL);
    return graph->status;
}

// These passes need the weights alone, which a forward pass of any number of samples lists.
static snug_status build_final(const snug_training *training, snug_pass_kind kind, int64_t samples,
                               snug_training_graph *built) {
    static const snug_fill_attributes nothing_found = {.value = 0};
    snug_graph *graph = built->graph, *forward = NULL;
    snug_model_ends ends;
    SNUG_TRY(snug_graph_new(&forward));
    graph->phase = SNUG_UPDATE;
    if (kind == SNUG_PASS_INSPECT && training->scales_loss)
        built->found = SNUG_EMIT_NONE(graph, &snug_op_fill, &nothing_found);
    snug_status status =
        snug_model_build(training->model, &training->options, samples, true, forward, &ends);
    if (status == SNUG_OK) status = snug_training_select(training, forward, ends.logits, true);
    for (size_t i = 0; i < forward->tensor_count && status == SNUG_OK; i++) {
        const snug_tensor *tensor = forward->tensors[i];
        if (tensor->role != SNUG_ROLE_WEIGHT || !tensor->trainable) continue;
        snug_tensor_id weight =
            snug_graph_tensor(graph, tensor->name, &tensor->type, SNUG_ROLE_WEIGHT);
        SNUG_TRY_GOTO(graph->status, done);
        graph->tensors[weight]->trainable = true;
        graph->tensors[weight]->no_decay = tensor->no_decay;
        graph->tensors[weight]->init = tensor->init;
        SNUG_TRY_GOTO(emit_final(training, kind, built, weight), done);
    }
    const snug_tensor_id results[] = {built->found, built->norm};
    for (size_t i = 0; i < sizeof results / sizeof *results && status == SNUG_OK; i++)
        if (results[i] != SNUG_NO_TENSOR) graph->tensors[results[i]]->is_result = true;
done:
    snug_graph_free(forward);
    return status;
}

snug_status snug_training_graph_build(const snug_training *training, snug_pass_kind kind,
                                      int64_t samples, int64_t denominator,
                                      snug_training_graph *out) {
    *out = (snug_training_graph){.target = SNUG_NO_TENSOR,
                                 .logits = SNUG_NO_TENSOR,
                                 .loss = SNUG_NO_TENSOR,
                                 .correct = SNUG_NO_TENSOR,
                                 .found = SNUG_NO_TENSOR,
                                 .norm = SNUG_NO_TENSOR};
    SNUG_TRY(snug_graph_new(&out->graph));
    bool is_final = kind == SNUG_PASS_UPDATE || kind == SNUG_PASS_INSPECT;
    out->samples = is_final ? 0 : samples;
    snug_status status = is_final ? build_final(training, kind, samples, out)
                                  : build_pass(training, kind, denominator, out);
    snug_graph_dump(out->graph, is_final ? "update" : "training");
    if (status == SNUG_OK) status = snug_graph_verify(out->graph);
    if (status != SNUG_OK) {
        snug_graph_free(out->graph);
        out->graph = NULL;
    }
    return status;
}
