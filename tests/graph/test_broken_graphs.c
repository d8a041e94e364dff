// The verifier on a table of broken graphs: each is one whole graph with one thing wrong, and is
// refused in the words for that.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph/verify.h"
#include "ops/ops.h"

// (x, weight, bias) -> linear -> relu -> z; the weight steps at the end.
enum { X, WEIGHT, BIAS, GRADIENT, LINEAR, RELU, TENSORS };
enum { NODE_LINEAR, NODE_RELU, NODE_UPDATE, NODES };

static snug_graph *whole_graph(void) {
    snug_graph *graph;
    assert_int_equal(snug_graph_new(&graph), SNUG_OK);
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, (const int64_t[]){2, 3});
    snug_type weight = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, (const int64_t[]){4, 3});
    snug_type bias = snug_type_vector(SNUG_F32, 4);
    snug_graph_tensor(graph, "x", &x, SNUG_ROLE_INPUT);
    snug_graph_tensor(graph, "fc.weight", &weight, SNUG_ROLE_WEIGHT);
    snug_graph_tensor(graph, "fc.bias", &bias, SNUG_ROLE_WEIGHT);
    snug_graph_tensor(graph, "fc.weight", &weight, SNUG_ROLE_GRADIENT);
    SNUG_EMIT(graph, &snug_op_linear, NULL, X, WEIGHT, BIAS);
    SNUG_EMIT(graph, &snug_op_relu, NULL, LINEAR);
    snug_sgd_attributes sgd = {0};
    SNUG_EMIT(graph, &snug_op_sgd_update, &sgd, WEIGHT, GRADIENT);
    assert_int_equal(graph->tensor_count, TENSORS);
    assert_int_equal(graph->node_count, NODES);
    return graph;
}

static void swap_nodes(snug_graph *graph, int a, int b) {
    snug_node *node = graph->nodes[a];
    graph->nodes[a] = graph->nodes[b];
    graph->nodes[b] = node;
    graph->nodes[a]->id = a;
    graph->nodes[b]->id = b;
}

// What is done to the graph.
static void number_again(snug_graph *graph) {
    graph->nodes[NODE_RELU]->id = 7;
}
static void drop_an_input(snug_graph *graph) {
    graph->nodes[NODE_LINEAR]->input_count = 1;
}
static void repeat_an_input(snug_graph *graph) {
    graph->nodes[NODE_UPDATE]->input_count = 4;
}
static void drop_the_output(snug_graph *graph) {
    graph->nodes[NODE_RELU]->output_count = 0;
}
static void leave_an_input_out(snug_graph *graph) {
    graph->nodes[NODE_RELU]->inputs[0] = SNUG_NO_TENSOR;
}
static void read_beyond(snug_graph *graph) {
    graph->nodes[NODE_RELU]->inputs[0] = TENSORS;
}
static void read_too_early(snug_graph *graph) {
    swap_nodes(graph, NODE_LINEAR, NODE_RELU);
    graph->tensors[LINEAR]->producer = NODE_RELU;
    graph->tensors[RELU]->producer = NODE_LINEAR;
}
static void read_what_was_stepped(snug_graph *graph) {
    swap_nodes(graph, NODE_LINEAR, NODE_UPDATE);
    swap_nodes(graph, NODE_RELU, NODE_UPDATE);
    graph->tensors[LINEAR]->producer = NODE_RELU;
    graph->tensors[RELU]->producer = NODE_UPDATE;
}
static void make_what_is_there(snug_graph *graph) {
    graph->nodes[NODE_RELU]->outputs[0] = X;
}
static void make_twice(snug_graph *graph) {
    graph->nodes[NODE_RELU]->outputs[0] = LINEAR;
}
static void make_beyond(snug_graph *graph) {
    graph->nodes[NODE_RELU]->outputs[0] = 1000;
}
static void name_another_producer(snug_graph *graph) {
    graph->tensors[RELU]->producer = NODE_LINEAR;
}
static void name_a_producer_that_makes_nothing(snug_graph *graph) {
    graph->tensors[GRADIENT]->producer = NODE_LINEAR;
    graph->nodes[NODE_UPDATE]->inputs[1] = WEIGHT;
}
static void change_the_shape(snug_graph *graph) {
    graph->tensors[RELU]->type.dims[1] = 5;
}
static void change_the_type(snug_graph *graph) {
    graph->tensors[RELU]->type.dtype = SNUG_BF16;
}
static void change_an_operand(snug_graph *graph) {
    graph->tensors[BIAS]->type.dims[0] = 3;
}
static void share_a_name(snug_graph *graph) {
    graph->tensors[BIAS]->name = "fc.weight";
}
static void lose_a_name(snug_graph *graph) {
    graph->tensors[BIAS]->name = NULL;
}
static void keep_a_failure(snug_graph *graph) {
    SNUG_EMIT(graph, &snug_op_linear, NULL, X, BIAS);
}

static const struct {
    const char *name;
    void (*breaks)(snug_graph *graph);
    snug_status status;
    const char *says; // part of the message
} rows[] = {
    {"numbers", number_again, SNUG_INTERNAL, "graph node 7 (relu at ''): has another number"},
    {"few inputs", drop_an_input, SNUG_INTERNAL, "has 1 inputs, where it takes 2 to 3"},
    {"many inputs", repeat_an_input, SNUG_INTERNAL, "has 4 inputs, where it takes 2 to 3"},
    {"no output", drop_the_output, SNUG_INTERNAL, "has 0 outputs, where it makes 1"},
    {"input left out", leave_an_input_out, SNUG_INTERNAL, "reads a tensor that is not there"},
    {"input beyond", read_beyond, SNUG_INTERNAL, "reads a tensor that is not there (tensor 6)"},
    {"order", read_too_early, SNUG_INTERNAL, "reads a tensor before it is made (tensor 4)"},
    {"order of the step", read_what_was_stepped, SNUG_INTERNAL,
     "reads a tensor after it was updated in place (tensor 1)"},
    {"an input made", make_what_is_there, SNUG_INTERNAL, "(tensor 0)"},
    {"made twice", make_twice, SNUG_INTERNAL, "makes a tensor that is there already (tensor 4)"},
    {"made beyond", make_beyond, SNUG_INTERNAL, "makes a tensor that is not there (tensor 1000)"},
    {"producer", name_another_producer, SNUG_INTERNAL,
     "makes a tensor that names another producer (tensor 5)"},
    {"producer of nothing", name_a_producer_that_makes_nothing, SNUG_INTERNAL,
     "graph tensor 3 names node 0, which does not make it"},
    {"shape", change_the_shape, SNUG_INTERNAL, "has an output of another type than inferred"},
    {"type", change_the_type, SNUG_INTERNAL, "has an output of another type than inferred"},
    {"operand", change_an_operand, SNUG_INVALID, "bias"},
    {"two of a name", share_a_name, SNUG_INTERNAL, "two tensors of a graph are called 'fc.weight'"},
    {"no name", lose_a_name, SNUG_INTERNAL, "graph tensor 2 lives on but has no name"},
    {"construction", keep_a_failure, SNUG_INVALID, "linear"},
};

static void a_whole_graph_passes(void **unused) {
    (void)unused;
    snug_graph *graph = whole_graph();
    assert_int_equal(snug_graph_verify(graph), SNUG_OK);
    snug_graph_free(graph);
}

static void broken_graphs_are_refused(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snug_graph *graph = whole_graph();
        rows[i].breaks(graph);
        snug_status status = snug_graph_verify(graph);
        if (status != rows[i].status)
            fail_msg("%s: %s, %s expected", rows[i].name, snug_status_name(status),
                     snug_status_name(rows[i].status));
        if (!strstr(snug_error_message(), rows[i].says))
            fail_msg("%s: \"%s\", \"%s\" expected", rows[i].name, snug_error_message(),
                     rows[i].says);
        snug_graph_free(graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_graph_passes),
        cmocka_unit_test(broken_graphs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
