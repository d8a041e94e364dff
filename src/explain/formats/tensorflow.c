// TensorFlow's BFC allocator and the operation that it failed.
#include "explain/message.h"

static const snug_anchor anchors[] = {
    {"oomwhenallocatingtensor", 0, 0}, {"ranoutofmemorytryingtoallocate", 0, 0},
    {"_bfc)ranoutofmemory", 0, 0},     {"allocator(gpu_#_bfc)", 0, 0},
    {"resourceexhausted:oom", 0, 0},   {"resourceexhaustederror:oom", 0, 0},
    {"resourceexhaustederror:", 0, 0}, {"resourceexhaustederror:{{", 0, 0},
    {"limit:#inuse:", 0, 0},           {0},
};

// Between the allocator's line and the operation's lies its dump of every chunk.
const snug_format snug_format_tensorflow = {
    .name = "tensorflow",
    .family = "tensorflow",
    .anchors = anchors,
    .together = 1000000,
    .other_framework = true,
};
