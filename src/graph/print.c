#include "graph/print.h"

static const char *phase_name(snug_phase phase) {
    static const char *const names[] = {"forward", "backward", "update"};
    return names[phase];
}

static void print_value(const snug_attribute *field, const void *base, int index, snug_text *text) {
    const char *at = (const char *)base + field->offset;
    if (field->kind == SNUG_ATTRIBUTE_INT)
        snug_text_append(text, "%lld", (long long)((const int64_t *)(const void *)at)[index]);
    else
        snug_text_append(text, "%.9g", ((const double *)(const void *)at)[index]);
}

static void print_attributes(const snug_node *node, snug_text *text) {
    const snug_attribute *field = node->op->attributes;
    if (!field || !field->name) return;
    snug_text_append(text, " {");
    for (; field->name; field++) {
        snug_text_append(text, "%s=%s", field->name, field->count > 1 ? "[" : "");
        for (int i = 0; i < field->count; i++) {
            if (i) snug_text_append(text, ", ");
            print_value(field, node->attributes, i, text);
        }
        snug_text_append(text, "%s%s", field->count > 1 ? "]" : "", field[1].name ? ", " : "");
    }
    snug_text_append(text, "}");
}

static void print_ids(const snug_tensor_id *ids, int count, snug_text *text) {
    for (int i = 0; i < count; i++) {
        if (i) snug_text_append(text, ", ");
        if (ids[i] == SNUG_NO_TENSOR)
            snug_text_append(text, "-");
        else
            snug_text_append(text, "%%%d", ids[i]);
    }
}

static void print_node(const snug_graph *graph, const snug_node *node, snug_text *text) {
    char type[SNUG_TYPE_TEXT];
    snug_text_append(text, "%s%s ", phase_name(node->phase), node->recomputed ? "*" : "");
    print_ids(node->outputs, node->output_count, text);
    snug_text_append(text, "%s%s(", node->output_count ? " = " : "", node->op->name);
    print_ids(node->inputs, node->input_count, text);
    snug_text_append(text, ")");
    print_attributes(node, text);
    for (int i = 0; i < node->output_count; i++)
        snug_text_append(text, "%s%s", i ? ", " : " ",
                         snug_type_print(snug_graph_type(graph, node->outputs[i]), type));
    if (node->scope[0]) snug_text_append(text, " @%s", node->scope);
    snug_text_append(text, "\n");
}

snug_status snug_graph_print(const snug_graph *graph, snug_text *text) {
    char type[SNUG_TYPE_TEXT];
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        if (tensor->producer != SNUG_NO_NODE) continue;
        snug_text_append(text, "%%%zu %s \"%s\" %s\n", i, snug_role_name(tensor->role),
                         tensor->name ? tensor->name : "", snug_type_print(&tensor->type, type));
    }
    for (size_t i = 0; i < graph->node_count; i++)
        print_node(graph, graph->nodes[i], text);
    return snug_text_status(text);
}
