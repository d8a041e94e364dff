// What kernels cost in seconds: measured on the device, predicted from one that is alike and was
// measured (plan/alike.h), or modelled from arithmetic and bandwidth. Measured times are kept in
// the user's cache directory
// ($XDG_CACHE_HOME/snug or ~/.cache/snug), a file for each machine, thread count and library
// version.
#ifndef SNUG_PLAN_COST_H
#define SNUG_PLAN_COST_H

#include "device/device.h"
#include "snug/plan.h"

typedef struct snug_costs snug_costs;

// Times on |device|, which is borrowed, in the way that |request| asks for. A kernel whose tensors
// alone exceed |budget| bytes is modelled: no plan within the budget can run it.
snug_status snug_costs_new(snug_device *device, const snug_plan_request *request, size_t budget,
                           snug_costs **out);

// Seconds that |node| takes in a graph for |samples| samples. More than 64 samples are measured as
// 64 and scaled, and fewer where a run takes long. A device that cannot run its kernels is
// modelled.
snug_status snug_costs_find(snug_costs *costs, const snug_graph *graph, const snug_node *node,
                            int64_t samples, double *out);

// The same without measuring: a search that uses it finds the same on every day.
double snug_costs_model(const snug_device *device, const snug_graph *graph, const snug_node *node);

// Keeps what was measured for later runs, as far as the cache directory can be written. Frees.
void snug_costs_free(snug_costs *costs);

#endif
