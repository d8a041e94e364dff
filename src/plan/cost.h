// How long a node takes: the slower of its arithmetic and its memory traffic at the device's rates.
#ifndef SNUG_PLAN_COST_H
#define SNUG_PLAN_COST_H

#include "device/device.h"

double snug_cost_seconds(const snug_device *device, const snug_graph *graph, const snug_node *node);

#endif
