// Chains as long as a hostile file likes: what plans them neither recurses along them nor looks at
// all nodes at each link.
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "device/device.h"
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "plan/losses.h"
#include "plan/sequence.h"
#include "support/test.h"

enum { LINKS = 30000, STACK_BYTES = 512 * 1024 };

// A linear layer and |LINKS| activations, all of which backward reads.
static snug_graph *activations(void) {
    snug_graph *graph;
    assert_int_equal(snug_graph_new(&graph), SNUG_OK);
    snug_type matrix = snug_type_matrix(SNUG_F32, 4, 8), square = snug_type_matrix(SNUG_F32, 8, 8),
              classes = snug_type_vector(SNUG_I32, 4);
    snug_tensor_id x = snug_graph_tensor(graph, NULL, &matrix, SNUG_ROLE_INPUT),
                   weight = snug_graph_tensor(graph, "weight", &square, SNUG_ROLE_WEIGHT),
                   target = snug_graph_tensor(graph, "target", &classes, SNUG_ROLE_INPUT);
    graph->tensors[weight]->trainable = true;
    x = SNUG_EMIT(graph, &snug_op_linear, NULL, x, weight);
    for (int i = 0; i < LINKS; i++)
        x = SNUG_EMIT(graph, &snug_op_silu, NULL, x);
    snug_loss_attributes attributes = {.denominator = 4};
    x = SNUG_EMIT(graph, &snug_op_cross_entropy, &attributes, x, target);
    assert_int_equal(snug_graph_status(graph), SNUG_OK);
    graph->tensors[x]->is_result = true;
    assert_int_equal(snug_autodiff(graph, x, NULL, 0, NULL, NULL, NULL), SNUG_OK);
    return graph;
}

static void *lay_chain(void *again_count) {
    snug_graph *graph = activations();
    snug_sequence sequence;
    snug_node_cost *costs = NULL;
    assert_int_equal(SNUG_NEW(&costs, graph->node_count), SNUG_OK);
    assert_int_equal(snug_sequence_new(graph, true, costs, &sequence), SNUG_OK);
    // All are let go but the first, from which the last gradient's reader makes them all again.
    for (size_t i = 0; i < sequence.candidate_count; i++)
        sequence.drops[sequence.candidates[i]] = 1;
    assert_int_equal(snug_sequence_lay(&sequence, SIZE_MAX), SNUG_OK);
    assert_true(sequence.is_possible);
    *(size_t *)again_count = sequence.again_count;
    snug_sequence_clear(&sequence);
    snug_graph_free(graph);
    return NULL;
}

// Calls |function| with |out| on a thread whose stack has no room for a call each link.
static void call_on_small_stack(void *(*function)(void *), void *out) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, function, out), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

static void test_recomputed(void **state) {
    (void)state;
    size_t again_count = 0;
    call_on_small_stack(lay_chain, &again_count);
    assert_true(again_count >= LINKS - 2);
}

// Tokens through |LINKS| casts into a table of 7 rows: what they are below is still found.
static void *find_bound(void *seconds) {
    snug_graph *graph;
    assert_int_equal(snug_graph_new(&graph), SNUG_OK);
    snug_type tokens = snug_type_matrix(SNUG_I64, 2, 4), rows = snug_type_matrix(SNUG_F32, 7, 3);
    snug_tensor_id input = snug_graph_tensor(graph, "tokens", &tokens, SNUG_ROLE_INPUT),
                   table = snug_graph_tensor(graph, "table", &rows, SNUG_ROLE_WEIGHT), x = input;
    for (int i = 0; i < LINKS; i++) {
        snug_cast_attributes attributes = {.dtype = i % 2 ? SNUG_I64 : SNUG_I32};
        x = SNUG_EMIT(graph, &snug_op_cast, &attributes, x);
    }
    snug_gather_attributes attributes = {0};
    x = SNUG_EMIT(graph, &snug_op_gather, &attributes, table, x);
    assert_int_equal(snug_graph_status(graph), SNUG_OK);
    snug_training training = {.loss = SNUG_LOSS_MSE};
    snug_training_graph built = {.graph = graph,
                                 .inputs = {input},
                                 .input_count = 1,
                                 .target = input,
                                 .logits = x,
                                 .samples = 2};
    snug_sample_type sample;
    clock_t began = clock();
    assert_int_equal(snug_training_sample(&training, &built, &sample), SNUG_OK);
    *(double *)seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    assert_int_equal(sample.inputs[0].below, 7);
    snug_graph_free(graph);
    return NULL;
}

static void test_casts(void **state) {
    (void)state;
    double seconds = 0;
    call_on_small_stack(find_bound, &seconds);
    // A look at all nodes from each link would be a thousand million steps.
    if (seconds > 0.5) fail_msg("%.1f s of processor time", seconds);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recomputed),
                                       cmocka_unit_test(test_casts)};
    return cmocka_run_group_tests_name("long chains", tests, NULL, NULL);
}
