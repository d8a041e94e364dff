#include "device/device.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const snug_device_class *const classes[] = {&snug_device_cpu, &snug_device_reference};
enum { CLASS_COUNT = sizeof classes / sizeof *classes };

snug_status snug_device_open(const char *name, int threads, snug_device **out) {
    SNUG_REQUIRE(out, "a place for the device");
    *out = NULL;
    SNUG_REQUIRE(name, "the name of a device");
    SNUG_REQUIRE(threads >= 0, "a number of threads, or 0");
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

snug_status snug_device_prepare(snug_device *device, const snug_graph *graph, const snug_node *node,
                                const snug_kernel **out) {
    snug_type *types = NULL;
    SNUG_TRY(SNUG_NEW(&types, (size_t)(node->input_count + node->op->outputs) + 1));
    snug_signature signature = snug_signature_of(graph, node, types);
    snug_status status = device->device_class->prepare(device, &signature, out);
    snug_memory_free(types);
    return status;
}

const char *snug_device_name(const snug_device *device) {
    if (!device) return NULL;
    return device->device_class->name;
}

int snug_device_threads(const snug_device *device) {
    if (!device) return 0;
    return device->threads;
}

size_t snug_device_free_bytes(const snug_device *device) {
    if (!device) return 0;
    return device->device_class->free_bytes(device);
}

size_t snug_device_allocated_bytes(const snug_device *device) {
    if (!device) return 0;
    return device->allocated_bytes;
}

size_t snug_device_allocated_peak(const snug_device *device) {
    if (!device) return 0;
    return device->allocated_peak;
}

const char *snug_device_name_at(int index) {
    return index >= 0 && index < CLASS_COUNT ? classes[index]->name : NULL;
}
