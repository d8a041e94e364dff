// The search for what to recompute against the true optimum: on graphs small enough, the cheapest
// of all ways to run the nodes within a limit, forward nodes again wherever that helps, is found by
// Dijkstra's algorithm over what is done and what is in memory.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "device/device.h"
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "plan/recompute.h"
#include "support/test.h"

enum { ROWS = 4, MOST_DROPPABLE = 13 };

static uint32_t draw(uint64_t seed, uint64_t counter, uint32_t below) {
    return snug_random_at(seed, counter, 0).words[0] % below;
}

static snug_tensor_id linear(snug_graph *graph, snug_tensor_id x, int64_t width, int index) {
    char name[32];
    int64_t dims[] = {width, snug_graph_type(graph, x)->dims[1]};
    snug_type type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, dims);
    sprintf(name, "weight%d", index);
    snug_tensor_id weight = snug_graph_tensor(graph, name, &type, SNUG_ROLE_WEIGHT);
    if (weight >= 0) graph->tensors[weight]->trainable = true;
    return SNUG_EMIT(graph, &snug_op_linear, NULL, x, weight);
}

// A network of |layers| layers: linear ones of random widths, activations, sums and products with
// what an earlier layer of the same width made.
static snug_graph *random_network(uint64_t seed, int layers) {
    static const snug_op *const unary[] = {&snug_op_relu, &snug_op_silu, &snug_op_sigmoid,
                                           &snug_op_gelu, &snug_op_tanh};
    snug_graph *graph;
    assert_int_equal(snug_graph_new(&graph), SNUG_OK);
    snug_type type = snug_type_matrix(SNUG_F32, ROWS, 16 * (1 + draw(seed, 0, 8)));
    snug_tensor_id x = snug_graph_tensor(graph, NULL, &type, SNUG_ROLE_INPUT), made[32];
    x = linear(graph, x, 16 * (1 + draw(seed, 1, 8)), 0);
    for (int i = 0; i < layers; i++) {
        made[i] = x;
        uint32_t kind = draw(seed, 10 + 2 * (uint64_t)i, 9);
        snug_tensor_id other = made[draw(seed, 11 + 2 * (uint64_t)i, (uint32_t)i + 1)];
        bool alike = snug_type_equal(snug_graph_type(graph, x), snug_graph_type(graph, other));
        if (kind < 5 || (kind < 7 && !alike))
            x = SNUG_EMIT(graph, unary[kind % 5], NULL, x);
        else if (kind < 7)
            x = SNUG_EMIT(graph, kind == 5 ? &snug_op_add : &snug_op_multiply, NULL, x, other);
        else
            x = linear(graph, x, 16 * (1 + draw(seed, 50 + (uint64_t)i, 8)), i + 1);
    }
    int64_t samples = ROWS;
    type = snug_type_make(SNUG_I32, SNUG_ROW_MAJOR, 1, &samples);
    snug_tensor_id target = snug_graph_tensor(graph, "target", &type, SNUG_ROLE_INPUT);
    snug_loss_attributes attributes = {.denominator = ROWS};
    snug_tensor_id loss = SNUG_EMIT(graph, &snug_op_cross_entropy, &attributes, x, target);
    assert_int_equal(snug_graph_status(graph), SNUG_OK);
    graph->tensors[loss]->is_result = true;
    assert_int_equal(snug_autodiff(graph, loss, NULL, 0, NULL, NULL, NULL), SNUG_OK);
    return graph;
}

static snug_node_cost *random_costs(const snug_graph *graph, uint64_t seed) {
    snug_node_cost *costs = calloc(graph->node_count, sizeof *costs);
    for (size_t i = 0; i < graph->node_count; i++) {
        costs[i].seconds = 1 + draw(seed, 1000 + i, 100);
        costs[i].workspace_bytes = 64 * (size_t)draw(seed, 2000 + i, 4);
        costs[i].again_seconds = costs[i].seconds;
        costs[i].again_workspace_bytes = costs[i].workspace_bytes;
    }
    return costs;
}

// --- The optimum

typedef struct situation {
    double seconds;
    int32_t done; // nodes of the pass that have run
    uint32_t held;
} situation;

typedef struct solver {
    const snug_graph *graph;
    const snug_node_cost *costs;
    int bit[256];               // by tensor: its place in |held|, -1 for what cannot be dropped
    snug_tensor_id tensors[32]; // by bit
    int bits;
    size_t bytes[256], fixed[256]; // by tensor; by node: bytes that no choice changes while it runs
    size_t between[256];           // by node: the same before it
    int32_t last[256];             // by tensor: its last reader
    situation *heap;
    size_t count, capacity;
    double *best; // by done and held
} solver;

static bool is_before(const situation *a, const situation *b) {
    return a->seconds < b->seconds;
}

static void push(solver *self, situation item) {
    double *best = &self->best[((size_t)item.done << self->bits) + item.held];
    if (item.seconds >= *best) return;
    *best = item.seconds;
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? 2 * self->capacity : 1024;
        self->heap = realloc(self->heap, self->capacity * sizeof *self->heap);
    }
    size_t at = self->count++;
    for (; at > 0 && is_before(&item, &self->heap[(at - 1) / 2]); at = (at - 1) / 2)
        self->heap[at] = self->heap[(at - 1) / 2];
    self->heap[at] = item;
}

static situation pop(solver *self) {
    situation top = self->heap[0], item = self->heap[--self->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < self->count; at = child) {
        if (child + 1 < self->count && is_before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (!is_before(&self->heap[child], &item)) break;
        self->heap[at] = self->heap[child];
    }
    self->heap[at] = item;
    return top;
}

// What is droppable: results of forward nodes, and the input, which cannot be made again.
static void prepare(solver *self, const snug_graph *graph, const snug_node_cost *costs) {
    *self = (solver){.graph = graph, .costs = costs};
    assert_true(graph->tensor_count < 256 && graph->node_count < 256);
    for (size_t t = 0; t < graph->tensor_count; t++) {
        const snug_tensor *tensor = graph->tensors[t];
        self->bit[t] = -1;
        self->last[t] = tensor->producer;
        if (tensor->role == SNUG_ROLE_WEIGHT) continue;
        self->bytes[t] = (snug_type_bytes(&tensor->type) + 63) / 64 * 64;
        bool forward =
            tensor->producer < 0 || graph->nodes[tensor->producer]->phase == SNUG_FORWARD;
        if (!forward || tensor->is_result) continue;
        self->tensors[self->bits] = (snug_tensor_id)t;
        self->bit[t] = self->bits++;
    }
    for (size_t n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n]->input_count; i++)
            if (graph->nodes[n]->inputs[i] >= 0) self->last[graph->nodes[n]->inputs[i]] = (int)n;
    for (size_t t = 0; t < graph->tensor_count; t++) {
        if (self->bit[t] >= 0) continue;
        int32_t end = graph->tensors[t]->is_result ? (int32_t)graph->node_count : self->last[t];
        // What no node makes is there before the first.
        int32_t made = graph->tensors[t]->producer;
        for (int32_t n = made < 0 ? 0 : made; n <= end && n < (int)graph->node_count; n++) {
            self->fixed[n] += self->bytes[t];
            if (n > made) self->between[n] += self->bytes[t];
        }
    }
}

static uint32_t needs(const solver *self, const snug_node *node) {
    uint32_t needed = 0;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0 && self->bit[node->inputs[i]] >= 0)
            needed |= 1u << self->bit[node->inputs[i]];
    return needed;
}

static uint32_t makes(const solver *self, const snug_node *node) {
    uint32_t made = 0;
    for (int i = 0; i < node->output_count; i++)
        if (self->bit[node->outputs[i]] >= 0) made |= 1u << self->bit[node->outputs[i]];
    return made;
}

static size_t held_bytes(const solver *self, uint32_t held) {
    size_t bytes = 0;
    for (int i = 0; i < self->bits; i++)
        if (held >> i & 1) bytes += self->bytes[self->tensors[i]];
    return bytes;
}

// The least seconds of forward nodes that run again; INFINITY: no way within |limit| bytes.
static double solve(solver *self, size_t limit) {
    const snug_graph *graph = self->graph;
    size_t states = (graph->node_count + 1) << self->bits;
    self->best = malloc(states * sizeof *self->best);
    for (size_t i = 0; i < states; i++)
        self->best[i] = INFINITY;
    self->count = 0;
    uint32_t inputs = 0;
    for (int i = 0; i < self->bits; i++)
        if (graph->tensors[self->tensors[i]]->producer < 0) inputs |= 1u << i;
    push(self, (situation){.held = inputs});
    double answer = INFINITY;
    while (self->count > 0) {
        situation at = pop(self);
        if (at.seconds > self->best[((size_t)at.done << self->bits) + at.held]) continue;
        if (at.done == (int32_t)graph->node_count) {
            answer = at.seconds;
            break;
        }
        for (int i = 0; i < self->bits; i++)
            if (at.held >> i & 1)
                push(self, (situation){at.seconds, at.done, at.held & ~(1u << i)});
        for (int32_t n = 0; n <= at.done; n++) {
            const snug_node *node = graph->nodes[n];
            bool again = n < at.done;
            uint32_t needed = needs(self, node), made = makes(self, node);
            if ((needed & ~at.held) ||
                (again && (node->phase != SNUG_FORWARD || !made || !(made & ~at.held))))
                continue;
            size_t bytes = held_bytes(self, at.held | made) + self->costs[n].workspace_bytes +
                           (again ? self->between[at.done] : self->fixed[n]);
            if (bytes > limit) continue;
            push(self, (situation){at.seconds + (again ? self->costs[n].again_seconds : 0),
                                   at.done + !again, at.held | made});
        }
    }
    free(self->best);
    return answer;
}

// --- Against it

typedef struct tally {
    int limits, met, near, recomputing;
} tally;

// Returns whether the limit can be met.
static bool check_limit(snug_graph *graph, uint64_t seed, solver *optimum, size_t limit,
                        tally *total) {
    double best = solve(optimum, limit);
    if (isinf(best)) return false;
    snug_sequence sequence;
    bool fits;
    assert_int_equal(snug_sequence_new(graph, false, random_costs(graph, seed), &sequence),
                     SNUG_OK);
    assert_int_equal(snug_recompute(&sequence, limit, 4000000, &fits), SNUG_OK);
    assert_true(!fits || sequence.load <= limit);
    assert_true(!fits || sequence.seconds >= best - 1e-9); // or the optimum is none
    bool is_near = fits && sequence.seconds <= 1.05 * best + 1e-9;
    if (!is_near)
        print_message("seed %d, %zu bytes: %g s, the optimum is %g s\n", (int)seed, limit,
                      fits ? sequence.seconds : NAN, best);
    total->limits++;
    total->met += fits;
    total->near += is_near;
    total->recomputing += best > 0;
    snug_sequence_clear(&sequence);
    return true;
}

static void test_optimum(void **state) {
    (void)state;
    tally total = {0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        snug_graph *graph = random_network(seed, 3 + (int)(seed % 6));
        snug_node_cost *costs = random_costs(graph, seed);
        solver *optimum = malloc(sizeof *optimum);
        prepare(optimum, graph, costs);
        assert_true(optimum->bits <= MOST_DROPPABLE);
        snug_sequence kept;
        assert_int_equal(snug_sequence_new(graph, false, random_costs(graph, seed), &kept),
                         SNUG_OK);
        assert_int_equal(snug_sequence_lay(&kept, 0), SNUG_OK);
        // From the load without recomputing down to what cannot be.
        for (size_t part = 100; part > 0; part -= 2)
            if (!check_limit(graph, seed, optimum, kept.load * part / 100, &total)) break;
        snug_sequence_clear(&kept);
        snug_graph_free(graph);
        free(optimum->heap);
        free(optimum);
        free(costs);
    }
    print_message("%d limits, %d of them by recomputing: %d met, %d within 5 %% of the optimum\n",
                  total.limits, total.recomputing, total.met, total.near);
    assert_true(total.recomputing > 100);
    assert_int_equal(total.met, total.limits);
    assert_int_equal(total.near, total.limits);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_optimum)};
    return cmocka_run_group_tests_name("recompute", tests, NULL, NULL);
}
