// TensorFlow's BFC allocator and the operation that it failed.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "oomwhenallocatingtensor"}, {.text = "ranoutofmemorytryingtoallocate"},
    {.text = "_bfc)ranoutofmemory"},     {.text = "allocator(gpu_#_bfc)"},
    {.text = "resourceexhausted:oom"},   {.text = "resourceexhaustederror:oom"},
    {.text = "resourceexhaustederror:"}, {.text = "resourceexhaustederror:{{"},
    {.text = "limit:#inuse:"},           {0},
};

// Between the allocator's line and the operation's lies its dump of every chunk.
const snug_format snug_format_tensorflow = {
    .name = "tensorflow",
    .family = "tensorflow",
    .anchors = anchors,
    .together = 1000000,
    .other_framework = true,
    .tool = "TensorFlow",
};
