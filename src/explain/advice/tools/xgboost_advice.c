// XGBoost on the GPU, and its matrices in the host.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown",
     .fix = "Use QuantileDMatrix (device=\"cuda\") in place of DMatrix, and a lower max_bin",
     .why = "quantised data take a fraction",
     .source = "xgboost.readthedocs.io: XGBoost GPU Support"},
    {.causes = "batch model unknown",
     .fix = "Train on a part of the rows and columns, from external memory, or with "
            "subsample and sampling_method=\"gradient_based\"",
     .why = "the data lie on the card whole",
     .source = "xgboost.readthedocs.io: XGBoost GPU Support; Using XGBoost External Memory "
               "Version"},
    {.causes = "host-memory",
     .fix = "Read the data in parts: an iterator into QuantileDMatrix or "
            "ExtMemQuantileDMatrix, float32 in place of float64",
     .why = "DMatrix holds a copy of all the data beside them",
     .source = "xgboost.readthedocs.io: Using XGBoost External Memory Version"},
    {0},
};

const snug_tool snug_tool_xgboost = {
    .name = "XGBoost",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_TRAINING,
    .other_framework = true,
    .words = "xgboost",
    .levers = levers,
};
