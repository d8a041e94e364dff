// Ray, whose monitor kills tasks before the machine is full.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "host-memory",
     .fix = "Give each task more: @ray.remote(num_cpus=2, memory=...), so that fewer run "
            "at once",
     .why = "tasks were killed because all together filled the node",
     .source = "docs.ray.io: Out-Of-Memory Prevention"},
    {.causes = "host-memory",
     .fix = "Raise RAY_memory_usage_threshold (0.95), or set "
            "RAY_memory_monitor_refresh_ms=0",
     .why = "the monitor then kills later, or leaves it to the kernel",
     .source = "docs.ray.io: Out-Of-Memory Prevention"},
    {0},
};

const snug_tool snug_tool_ray = {
    .name = "Ray",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "ray.exceptions|ray::|raylet|thenoderunninglowonmemory",
    .levers = levers,
};
