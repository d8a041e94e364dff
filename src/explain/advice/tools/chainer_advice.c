// Chainer, which trains on CuPy's arrays.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown late-batch",
     .fix = "Lower the batch size (--batchsize, -b; of the iterator), or the crop's size",
     .why = "activations grow with them",
     .source = "docs.chainer.org: Tips and FAQs"},
    {.causes = "batch model unknown leak",
     .fix = "Evaluate under chainer.using_config(\"train\", False) and chainer.no_backprop_mode()",
     .why = "outputs otherwise keep the graph that made them",
     .source = "docs.chainer.org: Configuring Chainer"},
    {0},
};

const snug_tool snug_tool_chainer = {
    .name = "Chainer",
    .rank = SNUG_TOOL_TRAINER,
    .other_framework = true,
    .words = "chainer",
    .levers = levers,
};
