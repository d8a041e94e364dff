// CuPy and Numba.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown fragmentation",
     .when = "limitsetto:|set_limit(",
     .fix = "Call free_all_blocks() of the pool before the larger array is made, or raise its "
            "set_limit()",
     .why = "the pool counts blocks that it keeps against the limit",
     .source = "docs.cupy.dev: Memory Management"},
    {.causes = "batch model unknown",
     .fix = "Work on a part of the array at a time, in float32 in place of float64",
     .why = "temporaries of an expression are as large as its arrays",
     .source = "docs.cupy.dev: Memory Management"},
    {.causes = "batch model unknown",
     .fix = "Call cupy.get_default_memory_pool().free_all_blocks(), and del arrays that "
            "are done",
     .why = "the pool keeps what was freed",
     .source = "docs.cupy.dev: Memory Management"},
    {.causes = "batch model unknown",
     .fix = "Use managed memory: "
            "cupy.cuda.set_allocator(cupy.cuda.MemoryPool(cupy.cuda.malloc_managed).malloc)",
     .why = "what the card cannot hold goes to the host",
     .source = "docs.cupy.dev: Memory Management"},
    {0},
};

const snug_tool snug_tool_cupy = {
    .name = "CuPy",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words = "cupy|numba.cuda",
    .levers = levers,
};
