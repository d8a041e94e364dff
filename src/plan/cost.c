#include "plan/cost.h"

double snug_cost_seconds(const snug_device *device, const snug_graph *graph,
                         const snug_node *node) {
    snug_type types[8 + SNUG_MAX_OUTPUTS] = {0};
    double bytes = 0;
    for (int i = 0; i < node->input_count; i++) {
        const snug_type *type = snug_graph_type(graph, node->inputs[i]);
        if (node->inputs[i] != SNUG_NO_TENSOR) bytes += (double)snug_type_bytes(type);
        if (i < 8) types[i] = *type;
    }
    for (int i = 0; i < node->output_count; i++) {
        types[8 + i] = *snug_graph_type(graph, node->outputs[i]);
        bytes += (double)snug_type_bytes(&types[8 + i]);
    }
    double flops = node->op->flops ? node->op->flops(node->attributes, types, types + 8) : 0;
    double arithmetic = flops / device->flops_per_second;
    double traffic = bytes / device->bytes_per_second;
    return arithmetic > traffic ? arithmetic : traffic;
}
