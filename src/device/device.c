#include "device/device.h"

#include <string.h>

#include "base/text.h"

static const snug_device_class *const classes[] = {&snug_device_cpu, &snug_device_reference};
enum { CLASS_COUNT = sizeof classes / sizeof *classes };

snug_status snug_device_open(const char *name, int threads, snug_device **out) {
    *out = NULL;
    if (threads < 0)
        return snug_fail(SNUG_INVALID, "a number of threads of at least 1 expected, found %d",
                         threads);
    for (int i = 0; i < CLASS_COUNT; i++)
        if (strcmp(classes[i]->name, name) == 0) return classes[i]->open(threads, out);
    snug_text names = {0};
    for (int i = 0; i < CLASS_COUNT; i++)
        snug_text_append(&names, "%s%s", i ? ", " : "", classes[i]->name);
    snug_status status = snug_fail(SNUG_NOT_FOUND, "no device is called \"%s\"; there are: %s",
                                   name, snug_text_view(&names));
    snug_text_clear(&names);
    return status;
}

void snug_device_close(snug_device *device) {
    if (device) device->device_class->close(device);
}

snug_signature snug_signature_of(const snug_graph *graph, const snug_node *node, snug_type *types) {
    snug_type *outputs = types + node->input_count;
    uint32_t present = 0;
    for (int i = 0; i < node->input_count; i++) {
        bool absent = node->inputs[i] == SNUG_NO_TENSOR;
        types[i] = absent ? snug_type_scalar(SNUG_U8) : *snug_graph_type(graph, node->inputs[i]);
        if (!absent && i < 32) present |= UINT32_C(1) << i;
    }
    for (int i = 0; i < node->op->outputs; i++)
        outputs[i] = *snug_graph_type(graph, node->outputs[i]);
    return (snug_signature){.op = node->op,
                            .attributes = node->attributes,
                            .input_count = node->input_count,
                            .output_count = node->op->outputs,
                            .inputs = types,
                            .outputs = outputs,
                            .present = present};
}
