// Runs a graph on a device, each tensor in memory of its own.
#ifndef TESTS_ONNX_GRAPH_RUN_H
#define TESTS_ONNX_GRAPH_RUN_H

#include "device/device.h"

typedef struct graph_run {
    const snug_graph *graph;
    snug_device *device;
    void **memory; // by tensor; of views, their input's
} graph_run;

snug_status graph_run_open(const snug_graph *graph, snug_device *device, graph_run *out);
// |data| is row-major and of any alignment.
void graph_run_write(const graph_run *self, snug_tensor_id tensor, const void *data);
snug_status graph_run_go(const graph_run *self);
snug_view graph_run_view(const graph_run *self, snug_tensor_id tensor);
void graph_run_close(graph_run *self);

#endif
