// RAPIDS and XGBoost on the GPU: tables, not networks.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown",
     .fix = "Let tables spill to the host: cudf.set_option(\"spill\", True), or managed "
            "memory: rmm.reinitialize(managed_memory=True)",
     .why = "what the card cannot hold goes to the host",
     .source = "docs.rapids.ai: RMM; cuDF options"},
    {.causes = "batch model unknown",
     .fix = "Work on a part at a time: dask_cudf, fewer rows or columns, 32-bit types",
     .why = "a join or sort needs two to four times its table",
     .source = "docs.rapids.ai: RMM; cuDF options"},
    {0},
};

const snug_tool snug_tool_rapids = {
    .name = "RAPIDS",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words = "rmm::|/rmm/|cudf|cuml|rapids|rmm_",
    .levers = levers,
};
