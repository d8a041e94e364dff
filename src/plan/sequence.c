#include "plan/sequence.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "device/device.h"

enum { NONE = -1 };

// --- What the graph says, once

// Outputs of views of persistent tensors have no memory of their own, as in lifetime.c.
static void find_bytes(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        if (tensor->producer != SNUG_NO_NODE || tensor->role == SNUG_ROLE_INPUT)
            self->bytes[i] =
                snug_size_align(snug_type_bytes(&tensor->type) + !snug_type_bytes(&tensor->type),
                                SNUG_ARENA_ALIGNMENT);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view && !self->bytes[node->inputs[0]]) self->bytes[node->outputs[0]] = 0;
    }
}

static bool mutates(const snug_node *node, int input) {
    return input < 32 && (node->op->mutates >> input & 1);
}

// The arena rounds workspaces as it does tensors.
static void round_workspaces(snug_sequence *self) {
    for (size_t i = 0; i < self->graph->node_count; i++) {
        snug_node_cost *cost = &self->costs[i];
        cost->workspace_bytes = snug_size_align(cost->workspace_bytes, SNUG_ARENA_ALIGNMENT);
        cost->again_workspace_bytes =
            snug_size_align(cost->again_workspace_bytes, SNUG_ARENA_ALIGNMENT);
    }
}

// A node is as old as the weights it reads: it cannot run again once one of them was updated.
static snug_status find_expiry(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    snug_node_id *changed = NULL;
    SNUG_TRY(SNUG_NEW(&changed, graph->tensor_count));
    for (size_t i = 0; i < graph->tensor_count; i++)
        changed[i] = (snug_node_id)graph->node_count;
    for (size_t i = graph->node_count; i-- > 0;)
        for (int j = 0; j < graph->nodes[i]->input_count; j++)
            if (mutates(graph->nodes[i], j) && graph->nodes[i]->inputs[j] != SNUG_NO_TENSOR)
                changed[graph->nodes[i]->inputs[j]] = (snug_node_id)i;
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view && changed[node->inputs[0]] < changed[node->outputs[0]])
            changed[node->outputs[0]] = changed[node->inputs[0]];
        self->nodes[i].expires = (snug_node_id)graph->node_count;
        for (int j = 0; j < node->input_count; j++) {
            snug_tensor_id id = node->inputs[j];
            if (id == SNUG_NO_TENSOR || mutates(node, j)) continue;
            if (changed[id] < self->nodes[i].expires) self->nodes[i].expires = changed[id];
        }
    }
    snug_memory_free(changed);
    return SNUG_OK;
}

static snug_tensor_id again_input(const snug_node *node, int index) {
    int from = node->op->again_inputs[index];
    return from >= 0 ? node->inputs[from] : node->outputs[-from];
}

snug_node snug_sequence_again(const snug_node *node, snug_tensor_id inputs[8]) {
    snug_node again = *node;
    again.op = node->op->again;
    again.inputs = inputs;
    again.input_count = again.op ? node->op->again_input_count : 0;
    again.output_count = 1;
    for (int i = 0; i < again.input_count; i++)
        inputs[i] = again_input(node, i);
    return again;
}

// Lists what |node| reads, normally and when it runs again; returns the entries used.
static size_t list_inputs(snug_sequence *self, const snug_node *node, snug_sequence_input *next) {
    snug_sequence_node *entry = &self->nodes[node->id];
    snug_sequence_input *start = next;
    entry->inputs = next;
    entry->is_view = node->op->is_view;
    entry->is_forward = node->phase == SNUG_FORWARD;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != SNUG_NO_TENSOR && self->bytes[node->inputs[i]])
            *next++ =
                (snug_sequence_input){node->inputs[i], i < 32 && (node->op->overwrites >> i & 1)};
    entry->input_count = (int32_t)(next - start);
    entry->makes_one = node->op->again != NULL;
    entry->can_run_again = node->phase == SNUG_FORWARD && (node->op->again || !node->op->mutates);
    entry->again_inputs = entry->inputs;
    entry->again_input_count = entry->input_count;
    if (!entry->makes_one) return (size_t)(next - start);
    entry->again_inputs = next;
    for (int i = 0; i < node->op->again_input_count; i++) {
        snug_tensor_id id = again_input(node, i);
        if (id != SNUG_NO_TENSOR && self->bytes[id])
            *next++ = (snug_sequence_input){id, node->op->again->overwrites >> i & 1};
    }
    entry->again_input_count = (int32_t)(next - entry->again_inputs);
    return (size_t)(next - start);
}

static snug_status find_inputs(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        count += (size_t)(graph->nodes[i]->input_count + graph->nodes[i]->op->again_input_count);
    SNUG_TRY(SNUG_NEW(&self->inputs, count));
    SNUG_TRY(SNUG_NEW(&self->outputs, graph->tensor_count));
    count = 0;
    snug_tensor_id *output = self->outputs;
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        count += list_inputs(self, node, self->inputs + count);
        self->nodes[i].outputs = output;
        self->nodes[i].output_count = node->output_count;
        for (int j = 0; j < node->output_count; j++)
            *output++ = node->outputs[j];
    }
    return SNUG_OK;
}

// Flat copies of what every layout asks for.
static snug_status find_tensors(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    SNUG_TRY(SNUG_NEW(&self->producer, graph->tensor_count));
    SNUG_TRY(SNUG_NEW(&self->results, graph->tensor_count));
    SNUG_TRY(SNUG_GROW(&self->values, &self->value_capacity, graph->tensor_count));
    for (size_t i = 0; i < graph->tensor_count; i++) {
        self->producer[i] = graph->tensors[i]->producer;
        self->values[i] = (snug_value){.tensor = (snug_tensor_id)i};
        if (graph->tensors[i]->is_result) self->results[self->result_count++] = (snug_tensor_id)i;
    }
    return SNUG_OK;
}

snug_status snug_sequence_new(snug_graph *graph, bool in_place, snug_node_cost *costs,
                              snug_sequence *out) {
    *out = (snug_sequence){.graph = graph, .in_place = in_place, .costs = costs};
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&out->nodes, graph->node_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->bytes, graph->tensor_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->drops, graph->tensor_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->first_gap, graph->node_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->last_reader, graph->tensor_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->accessible, graph->tensor_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->in_gap, graph->tensor_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->made, graph->tensor_count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->passing, graph->tensor_count), failed);
    SNUG_TRY_GOTO(find_tensors(out), failed);
    find_bytes(out);
    round_workspaces(out);
    SNUG_TRY_GOTO(find_expiry(out), failed);
    SNUG_TRY_GOTO(find_inputs(out), failed);
    SNUG_TRY_GOTO(snug_sequence_find_choices(out), failed);
    return SNUG_OK;
failed:
    snug_sequence_clear(out);
    return status;
}

void snug_sequence_clear(snug_sequence *self) {
    void *owned[] = {self->costs,      self->nodes,     self->inputs,     self->bytes,
                     self->candidates, self->drops,     self->steps,      self->values,
                     self->spans,      self->change,    self->made,       self->step_values,
                     self->passing,    self->demands,   self->accessible, self->last_reader,
                     self->gaps,       self->first_gap, self->producer,   self->results,
                     self->outputs,    self->in_gap};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        snug_memory_free(owned[i]);
    *self = (snug_sequence){0};
}

// --- Which nodes run, and on which values

// Makes room for one more step with |values| values.
static snug_status reserve(snug_sequence *self, size_t values) {
    SNUG_TRY(SNUG_GROW(&self->steps, &self->step_capacity, self->step_count + 1));
    SNUG_TRY(
        SNUG_GROW(&self->step_values, &self->step_value_capacity, self->step_value_count + values));
    return SNUG_GROW(&self->values, &self->value_capacity, self->value_count + values);
}

static snug_status begin_step(snug_sequence *self, snug_node_id node, bool is_again, int32_t inputs,
                              snug_step **out) {
    int32_t outputs = self->nodes[node].output_count;
    if (is_again && self->nodes[node].makes_one) outputs = 1;
    size_t values = (size_t)inputs + (size_t)outputs;
    if (self->step_count == self->step_capacity ||
        self->step_value_count + values > self->step_value_capacity ||
        self->value_count + values > self->value_capacity)
        SNUG_TRY(reserve(self, values));
    *out = &self->steps[self->step_count++];
    **out = (snug_step){.node = node,
                        .is_again = is_again,
                        .first_value = (int32_t)self->step_value_count,
                        .input_count = inputs,
                        .output_count = outputs};
    self->step_value_count += values;
    self->work++;
    return SNUG_OK;
}

// Puts |value| into the next place of the last step, which touches it.
static void use(snug_sequence *self, int32_t **next, int32_t value) {
    self->values[value].end = (int32_t)self->step_count;
    *(*next)++ = value;
}

// |value| of tensor |id| was made while the layout is at node |now|: it stays, unless this making
// is one of those to let go. What the forward pass has still to read stays until then.
static void publish(snug_sequence *self, snug_tensor_id id, int32_t value, snug_node_id now) {
    if (self->accessible[id] != NONE) return;
    self->accessible[id] = value;
    if (self->in_gap[id]) {
        self->passing[self->passing_count++] = id;
        return;
    }
    if (self->made[id] < SNUG_DROP_ALWAYS) self->made[id]++;
    if (now < self->last_reader[id] || !self->bytes[id]) return;
    if (self->made[id] <= self->drops[id]) self->passing[self->passing_count++] = id;
}

static void forget_passing(snug_sequence *self) {
    while (self->passing_count > 0)
        self->accessible[self->passing[--self->passing_count]] = NONE;
}

// Runs |producer| again, whose inputs can be read.
static snug_status run_again(snug_sequence *self, snug_node_id producer, snug_node_id now) {
    const snug_sequence_node *node = &self->nodes[producer];
    snug_step *step;
    SNUG_TRY(begin_step(self, producer, true, node->again_input_count, &step));
    int32_t *values = self->step_values + step->first_value;
    for (int32_t i = 0; i < node->again_input_count; i++)
        use(self, &values, self->accessible[node->again_inputs[i].tensor]);
    for (int32_t i = 0; i < step->output_count; i++) {
        snug_tensor_id output = node->outputs[i];
        int32_t value = (int32_t)self->value_count++;
        self->values[value].tensor = output;
        use(self, &values, value);
        publish(self, output, value, now);
    }
    self->seconds += self->costs[producer].again_seconds;
    self->again_count += !node->is_view;
    return SNUG_OK;
}

// Puts the producer of |id| on the stack of nodes to run again, unless |id| can be read.
static snug_status push_demand(snug_sequence *self, snug_tensor_id id, snug_node_id now,
                               size_t *depth) {
    if (self->accessible[id] != NONE) return SNUG_OK;
    const snug_sequence_node *node = &self->nodes[self->producer[id]];
    self->is_possible = node->can_run_again && node->expires >= now;
    if (!self->is_possible) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&self->demands, &self->demand_capacity, *depth + 1));
    self->demands[(*depth)++] = (snug_sequence_demand){.tensor = id};
    return SNUG_OK;
}

// Makes sure that |id| can be read at node |now|, running its producer again where it was let go.
// Chains are as long as a file likes: no recursion.
static snug_status demand(snug_sequence *self, snug_tensor_id id, snug_node_id now) {
    size_t depth = 0;
    if (!self->is_possible) return SNUG_OK;
    SNUG_TRY(push_demand(self, id, now, &depth));
    while (depth > 0 && self->is_possible) {
        snug_sequence_demand *top = &self->demands[depth - 1];
        snug_node_id producer = self->producer[top->tensor];
        const snug_sequence_node *node = &self->nodes[producer];
        if (top->next_input < node->again_input_count) {
            SNUG_TRY(push_demand(self, node->again_inputs[top->next_input++].tensor, now, &depth));
            continue;
        }
        SNUG_TRY(run_again(self, producer, now));
        depth--;
    }
    return SNUG_OK;
}

// A node has run: gaps after it begin, and what is dropped goes with its last reader in the forward
// pass. Letting go in a gap does not count as one of the drops.
static void forget_read(snug_sequence *self, snug_node_id id) {
    const snug_sequence_node *node = &self->nodes[id];
    for (int32_t i = self->first_gap[id]; i != NONE; i = self->gaps[i].next) {
        snug_tensor_id read = self->gaps[i].tensor;
        int drops = self->drops[self->graph->tensor_count + (size_t)i];
        if (drops == 0 || self->accessible[read] == NONE) continue;
        self->accessible[read] = NONE;
        self->in_gap[read] = drops > 1;
        self->made[read]--;
    }
    if (!node->is_forward) return;
    for (int32_t i = 0; i < node->input_count; i++) {
        snug_tensor_id read = node->inputs[i].tensor;
        if (self->last_reader[read] == id && self->made[read] && self->bytes[read] &&
            self->made[read] <= self->drops[read])
            self->accessible[read] = NONE;
    }
}

static snug_status lay_node(snug_sequence *self, snug_node_id id) {
    const snug_sequence_node *node = &self->nodes[id];
    for (int32_t i = 0; i < node->input_count; i++)
        self->in_gap[node->inputs[i].tensor] = 0;
    for (int32_t i = 0; i < node->input_count; i++)
        SNUG_TRY(demand(self, node->inputs[i].tensor, id));
    if (!self->is_possible) return SNUG_OK;
    snug_step *step;
    SNUG_TRY(begin_step(self, id, false, node->input_count, &step));
    int32_t *values = self->step_values + step->first_value;
    for (int32_t i = 0; i < node->input_count; i++)
        use(self, &values, self->accessible[node->inputs[i].tensor]);
    for (int32_t i = 0; i < node->output_count; i++) {
        use(self, &values, node->outputs[i]);
        publish(self, node->outputs[i], node->outputs[i], id);
    }
    forget_passing(self);
    forget_read(self, id);
    return SNUG_OK;
}

static snug_status lay_nodes(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    self->step_count = self->step_value_count = self->passing_count = self->again_count = 0;
    self->seconds = 0;
    self->is_possible = true;
    self->value_count = graph->tensor_count;
    memset(self->made, 0, graph->tensor_count);
    memset(self->in_gap, 0, graph->tensor_count);
    for (size_t i = 0; i < graph->tensor_count; i++) {
        self->values[i].end = 0;
        self->accessible[i] = self->producer[i] == SNUG_NO_NODE ? (int32_t)i : NONE;
    }
    for (size_t i = 0; i < graph->node_count && self->is_possible; i++)
        SNUG_TRY(lay_node(self, (snug_node_id)i));
    for (size_t i = 0; i < self->result_count; i++)
        self->values[self->results[i]].end = (int32_t)self->step_count;
    return SNUG_OK;
}

// --- What the layout takes: the rules of lifetime.c on values

static snug_status new_span(snug_sequence *self, int32_t value, int32_t first) {
    if (self->span_count == self->span_capacity)
        SNUG_TRY(SNUG_GROW(&self->spans, &self->span_capacity, self->span_count + 1));
    self->spans[self->span_count] =
        (snug_memory_span){.bytes = self->bytes[self->values[value].tensor],
                           .first = first,
                           .end = self->values[value].end};
    self->values[value].storage = (int32_t)self->span_count++;
    return SNUG_OK;
}

static int32_t reusable_span(const snug_sequence *self, size_t index) {
    const snug_step *step = &self->steps[index];
    const snug_sequence_node *node = &self->nodes[step->node];
    const snug_sequence_input *inputs = step->is_again ? node->again_inputs : node->inputs;
    const int32_t *values = self->step_values + step->first_value;
    size_t bytes = self->bytes[self->values[values[step->input_count]].tensor];
    for (int32_t i = 0; i < step->input_count; i++) {
        if (!inputs[i].may_be_overwritten) continue;
        int32_t storage = self->values[values[i]].storage;
        bool is_shared = false;
        for (int32_t j = 0; j < step->input_count; j++)
            is_shared = is_shared || (j != i && self->values[values[j]].storage == storage);
        const snug_memory_span *span = &self->spans[storage];
        if (span->end == (int32_t)index + 1 && span->bytes == bytes && !is_shared) return storage;
    }
    return NONE;
}

static snug_status place_outputs(snug_sequence *self, size_t index) {
    const snug_step *step = &self->steps[index];
    bool is_view = self->nodes[step->node].is_view;
    const int32_t *values = self->step_values + step->first_value;
    for (int32_t i = 0; i < step->output_count; i++) {
        int32_t value = values[step->input_count + i], storage = NONE;
        if (!self->bytes[self->values[value].tensor]) continue;
        if (i == 0 && is_view)
            storage = self->values[values[0]].storage;
        else if (i == 0 && self->in_place)
            storage = reusable_span(self, index);
        if (storage == NONE) {
            SNUG_TRY(new_span(self, value, (int32_t)index));
            continue;
        }
        self->values[value].storage = storage;
        if (self->values[value].end > self->spans[storage].end)
            self->spans[storage].end = self->values[value].end;
    }
    return SNUG_OK;
}

static snug_status place_all(snug_sequence *self) {
    self->span_count = 0;
    for (size_t i = 0; i < self->graph->tensor_count; i++)
        if (self->producer[i] == SNUG_NO_NODE && self->bytes[i]) {
            if (self->values[i].end == 0) self->values[i].end = 1;
            SNUG_TRY(new_span(self, (int32_t)i, 0));
        }
    for (size_t i = 0; i < self->step_count; i++)
        SNUG_TRY(place_outputs(self, i));
    return SNUG_OK;
}

size_t snug_sequence_workspace(const snug_sequence *self, size_t index) {
    const snug_step *step = &self->steps[index];
    const snug_node_cost *cost = &self->costs[step->node];
    return step->is_again ? cost->again_workspace_bytes : cost->workspace_bytes;
}

static snug_status measure(snug_sequence *self, size_t limit) {
    SNUG_TRY(SNUG_GROW(&self->change, &self->change_capacity, self->step_count + 1));
    memset(self->change, 0, (self->step_count + 1) * sizeof *self->change);
    for (size_t i = 0; i < self->span_count; i++) {
        self->change[self->spans[i].first] += (int64_t)self->spans[i].bytes;
        self->change[self->spans[i].end] -= (int64_t)self->spans[i].bytes;
    }
    int64_t live = 0;
    size_t most = 0; // while one node of the graph and what it demands run
    self->load = 0;
    self->excess = 0;
    for (size_t i = 0; i < self->step_count; i++) {
        live += self->change[i];
        size_t load = (size_t)live + snug_sequence_workspace(self, i);
        if (load > most) most = load;
        if (self->steps[i].is_again) continue;
        if (most > limit) self->excess += (double)(most - limit);
        if (most > self->load) self->load = most;
        most = 0;
    }
    return SNUG_OK;
}

snug_status snug_sequence_lay(snug_sequence *self, size_t limit) {
    SNUG_TRY(lay_nodes(self));
    if (!self->is_possible) return SNUG_OK;
    SNUG_TRY(place_all(self));
    return measure(self, limit);
}

// --- The graph of a layout

// Adds the copy of |node| that |step| runs again in |phase|; |tensor_of| maps values to tensors.
static snug_status add_again(snug_sequence *self, const snug_step *step, snug_phase phase,
                             snug_tensor_id *tensor_of) {
    snug_graph *graph = self->graph;
    const snug_node *node = graph->nodes[step->node];
    const snug_op *op = node->op->again ? node->op->again : node->op;
    int count = node->op->again ? node->op->again_input_count : node->input_count;
    const int32_t *values = self->step_values + step->first_value;
    snug_tensor_id *inputs = NULL, outputs[SNUG_MAX_OUTPUTS];
    SNUG_TRY(SNUG_NEW(&inputs, (size_t)count + 1));
    for (int i = 0; i < count; i++) {
        inputs[i] = node->op->again ? again_input(node, i) : node->inputs[i];
        if (inputs[i] != SNUG_NO_TENSOR && self->bytes[inputs[i]]) inputs[i] = tensor_of[*values++];
    }
    graph->phase = phase;
    graph->scope = node->scope;
    snug_node_id id = snug_graph_node(graph, op, node->attributes, inputs, count, outputs);
    snug_memory_free(inputs);
    SNUG_TRY(graph->status);
    graph->nodes[id]->recomputed = true;
    for (int32_t i = 0; i < step->output_count; i++)
        tensor_of[values[i]] = outputs[i];
    return SNUG_OK;
}

// Points the inputs of the graph's own node at the values it reads in this layout.
static void redirect(snug_sequence *self, const snug_step *step, const snug_tensor_id *tensor_of) {
    snug_node *node = self->graph->nodes[step->node];
    const int32_t *values = self->step_values + step->first_value;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != SNUG_NO_TENSOR && self->bytes[node->inputs[i]])
            node->inputs[i] = tensor_of[*values++];
}

// The phase of the node that step |index| runs for.
static snug_phase phase_at(const snug_sequence *self, size_t index) {
    while (self->steps[index].is_again)
        index++;
    return self->graph->nodes[self->steps[index].node]->phase;
}

snug_status snug_sequence_apply(snug_sequence *self) {
    assert(self->is_possible);
    snug_graph *graph = self->graph;
    snug_phase phase = graph->phase;
    const char *scope = graph->scope;
    snug_tensor_id *tensor_of = NULL;
    snug_node_id *order = NULL;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&tensor_of, self->value_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&order, self->step_count), done);
    for (size_t i = 0; i < graph->tensor_count; i++)
        tensor_of[i] = (snug_tensor_id)i;
    // Copies read their originals' inputs, so these are redirected last.
    for (size_t i = 0; i < self->step_count; i++) {
        order[i] = self->steps[i].node;
        if (!self->steps[i].is_again) continue;
        order[i] = (snug_node_id)graph->node_count;
        SNUG_TRY_GOTO(add_again(self, &self->steps[i], phase_at(self, i), tensor_of), done);
    }
    for (size_t i = 0; i < self->step_count; i++)
        if (!self->steps[i].is_again) redirect(self, &self->steps[i], tensor_of);
    status = snug_graph_reorder(graph, order);
done:
    graph->phase = phase;
    graph->scope = scope;
    snug_memory_free(tensor_of);
    snug_memory_free(order);
    return status;
}
