// Lifetimes and packing against an independent overlap checker, on random graphs and on training
// graphs; packing against brute force.
#include <stdlib.h>

#include "base/random.h"
#include "device/device.h"
#include "graph/verify.h"
#include "ops/ops.h"
#include "plan/pack.h"
#include "plan/pass.h"
#include "support/test.h"

static uint32_t draw(uint64_t seed, uint64_t counter, uint32_t below) {
    return snug_random_at(seed, counter, 0).words[0] % below;
}

// A tensor of |type| among those of the graph so far.
static snug_tensor_id pick(const snug_graph *graph, const snug_type *type, uint64_t seed,
                           uint64_t counter) {
    snug_tensor_id id = (snug_tensor_id)draw(seed, counter, (uint32_t)graph->tensor_count);
    while (!snug_type_equal(snug_graph_type(graph, id), type))
        id--;
    return id;
}

// A graph of elementwise nodes over random earlier tensors.
static snug_graph *random_graph(uint64_t seed) {
    static const snug_op *const unary[] = {&snug_op_relu, &snug_op_silu, &snug_op_sigmoid,
                                           &snug_op_gelu};
    snug_graph *graph;
    assert_int_equal(snug_graph_new(&graph), SNUG_OK);
    snug_type type = snug_type_matrix(SNUG_F32, 4, 1 + draw(seed, 0, 64));
    for (int i = 0; i < 2; i++)
        snug_graph_tensor(graph, NULL, &type, SNUG_ROLE_INPUT);
    uint32_t nodes = 3 + draw(seed, 1, 40);
    for (uint32_t i = 0; i < nodes; i++) {
        snug_tensor_id a = pick(graph, &type, seed, 10 + 3 * i);
        snug_tensor_id b = pick(graph, &type, seed, 11 + 3 * i);
        uint32_t kind = draw(seed, 12 + 3 * i, 6);
        snug_reshape_attributes flat = {.rank = 2, .dims = {type.dims[1], 4}};
        snug_reshape_attributes back = {.rank = 2, .dims = {4, type.dims[1]}};
        if (kind < 4)
            SNUG_EMIT(graph, unary[kind], NULL, a);
        else if (kind == 4)
            SNUG_EMIT(graph, &snug_op_add, NULL, a, b);
        else
            SNUG_EMIT(graph, &snug_op_reshape, &back, SNUG_EMIT(graph, &snug_op_reshape, &flat, a));
    }
    assert_int_equal(snug_graph_status(graph), SNUG_OK);
    graph->tensors[graph->tensor_count - 1]->is_result = true;
    return graph;
}

// Symbolic execution over memory cells of 64 bytes: a cell remembers which value it holds, and
// every read must find the value it is meant to read. Knows nothing of lifetimes.
static void check_placement(const snug_graph *graph, const snug_pass *pass) {
    size_t cells = pass->bytes / SNUG_ARENA_ALIGNMENT + 1;
    int64_t *cell = malloc(cells * sizeof *cell);
    int64_t *value = malloc(graph->tensor_count * sizeof *value);
    for (size_t i = 0; i < cells; i++)
        cell[i] = -1;
#define EACH_CELL(id)                                                                              \
    size_t begin_##id = pass->offsets[pass->lifetimes.storage_of[id]] / SNUG_ARENA_ALIGNMENT,      \
           end_##id = begin_##id +                                                                 \
                      (snug_type_bytes(snug_graph_type(graph, id)) + SNUG_ARENA_ALIGNMENT - 1) /   \
                          SNUG_ARENA_ALIGNMENT;                                                    \
    for (size_t c = begin_##id; c < end_##id; c++)
    for (size_t i = 0; i < graph->tensor_count; i++) {
        value[i] = (int64_t)i;
        snug_tensor_id t = (snug_tensor_id)i;
        if (graph->tensors[i]->role == SNUG_ROLE_INPUT && graph->tensors[i]->producer < 0) {
            EACH_CELL(t) cell[c] = value[t];
        }
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        const snug_node *node = graph->nodes[n];
        for (int j = 0; j < node->input_count; j++) {
            snug_tensor_id t = node->inputs[j];
            if (t < 0 || pass->lifetimes.storage_of[t] < 0) continue;
            EACH_CELL(t) assert_true(cell[c] == value[t]);
        }
        size_t scratch = pass->workspace_offsets[n] / SNUG_ARENA_ALIGNMENT;
        for (size_t c = 0; c * SNUG_ARENA_ALIGNMENT < pass->workspace_bytes[n]; c++)
            cell[scratch + c] = -2 - (int64_t)n; // this node's own mark
        for (int j = 0; j < node->output_count; j++) {
            snug_tensor_id t = node->outputs[j];
            if (pass->lifetimes.storage_of[t] < 0) continue;
            if (node->op->is_view) value[t] = value[node->inputs[0]];
            EACH_CELL(t) {
                // A result may lie over an input only where the operator allows, over nothing
                // else that this node touches.
                assert_true(cell[c] != -2 - (int64_t)n);
                cell[c] = value[t];
            }
        }
        // What this node reads must not lie in its workspace either: it would have been overwritten
        // before the node ended. Inputs that were not overwritten still hold their values.
        for (int j = 0; j < node->input_count; j++) {
            snug_tensor_id t = node->inputs[j];
            bool may = j < 32 && (node->op->overwrites >> j & 1);
            if (t < 0 || pass->lifetimes.storage_of[t] < 0 || may || node->op->is_view) continue;
            EACH_CELL(t) assert_true(cell[c] == value[t]);
        }
    }
    for (size_t i = 0; i < graph->tensor_count; i++) {
        snug_tensor_id t = (snug_tensor_id)i;
        if (graph->tensors[i]->is_result) {
            EACH_CELL(t) assert_true(cell[c] == value[t]);
        }
    }
#undef EACH_CELL
    free(cell);
    free(value);
}

static snug_costs *model_costs(snug_device *device) {
    static const snug_plan_request request = {.cost = SNUG_COST_SOURCE_MODEL};
    snug_costs *costs;
    assert_int_equal(snug_costs_new(device, &request, 0, &costs), SNUG_OK);
    return costs;
}

static void test_random_graphs(void **state) {
    (void)state;
    snug_device *device;
    assert_int_equal(snug_device_open("reference", 1, &device), SNUG_OK);
    snug_costs *costs = model_costs(device);
    for (uint64_t seed = 0; seed < 300; seed++) {
        snug_training_graph built = {.graph = random_graph(seed)};
        assert_int_equal(snug_graph_verify(built.graph), SNUG_OK);
        snug_pass pass;
        assert_int_equal(snug_pass_make(device, costs, built,
                                        &(snug_pass_options){.in_place = seed % 4 != 0}, &pass),
                         SNUG_OK);
        assert_true(pass.load <= pass.bytes);
        check_placement(pass.built.graph, &pass);
        snug_pass_clear(&pass);
    }
    snug_costs_free(costs);
    snug_device_close(device);
}

// As it is, and with forward nodes run again for less and less memory.
static void check_training_graph(snug_device *device, snug_costs *costs,
                                 const snug_training *training, snug_pass_kind kind) {
    size_t unfixed = 0;
    for (int tenths = 10; tenths >= 0; tenths -= 2) {
        snug_training_graph built;
        snug_pass pass;
        assert_int_equal(snug_training_graph_build(training, kind, 2, 4, &built), SNUG_OK);
        snug_pass_options options = {.in_place = kind != SNUG_PASS_DEFERRED,
                                     .recompute = tenths < 10,
                                     .limit_bytes = unfixed / 10 * (size_t)tenths,
                                     .effort = 200000};
        assert_int_equal(snug_pass_make(device, costs, built, &options, &pass), SNUG_OK);
        check_placement(pass.built.graph, &pass);
        if (tenths == 10) unfixed = pass.bytes;
        assert_true(pass.bytes <= unfixed);
        if (pass.bytes == unfixed) assert_int_equal(pass.recomputed_ops, 0);
        snug_pass_clear(&pass);
    }
}

static void test_training_graphs(void **state) {
    (void)state;
    static const char *const models[] = {"simple", "mobilenet_v2", "googlenet", "efficientnet_b0",
                                         "unet"};
    static const snug_pass_kind kinds[] = {SNUG_PASS_WHOLE, SNUG_PASS_DEFERRED, SNUG_PASS_MICRO,
                                           SNUG_PASS_UPDATE, SNUG_PASS_EVALUATE};
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    snug_costs *costs = model_costs(device);
    for (size_t m = 0; m < 5; m++) {
        snug_training training = {.options = {.height = 32, .width = 32, .drop = true},
                                  .optimizer = {.momentum = 0.9}};
        assert_int_equal(snug_model_find(models[m], &training.model), SNUG_OK);
        assert_int_equal(snug_model_resolve(training.model, &training.options), SNUG_OK);
        for (size_t k = 0; k < 5; k++)
            check_training_graph(device, costs, &training, kinds[k]);
    }
    snug_costs_free(costs);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_training_graphs),
    };
    return cmocka_run_group_tests_name("lifetimes", tests, NULL, NULL);
}
