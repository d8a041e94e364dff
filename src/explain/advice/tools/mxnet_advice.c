// MXNet and Gluon.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch unknown late-batch",
     .is_batch = true,
     .fix = "Lower batch_size (of the iterator or DataLoader, per GPU)",
     .why = "activations grow with it",
     .source = "mxnet.apache.org: FAQ; Environment Variables"},
    {.causes = "batch unknown late-batch",
     .fix = "Make images smaller (data_shape, the scales of a detector's configuration)",
     .why = "activations grow with the pixels",
     .source = "mxnet.apache.org: FAQ; Environment Variables"},
    {.causes = "batch unknown",
     .when = "performancetests|cudnn_algoreg",
     .fix = "Set MXNET_CUDNN_AUTOTUNE_DEFAULT=0",
     .why = "the fastest convolutions want the largest workspaces",
     .source = "mxnet.apache.org: Environment Variables"},
    {.causes = "batch unknown fragmentation",
     .fix = "Set MXNET_GPU_MEM_POOL_TYPE=Round, for sizes that change from batch to batch",
     .why = "the pool keeps every size it ever gave, and reuses few of them",
     .source = "mxnet.apache.org: Environment Variables"},
    {0},
};

const snug_tool snug_tool_mxnet = {
    .name = "MXNet",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words = "mxnet|pooled_storage_manager|gluoncv|gluonnlp",
    .levers = levers,
};
