// TensorFlow's BFC allocator and the operation that it failed.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"oomwhenallocatingtensor", 0, 0}, {"ranoutofmemorytryingtoallocate", 0, 0},
    {"_bfc)ranoutofmemory", 0, 0},     {"allocator(gpu_#_bfc)", 0, 0},
    {"resourceexhausted:oom", 0, 0},   {"resourceexhaustederror:oom", 0, 0},
    {"resourceexhaustederror:", 0, 0}, {"resourceexhaustederror:{{", 0, 0},
    {"limit:#inuse:", 0, 0},           {0},
};

static const snug_fix_found fixes[] = {
    {"Call tf.config.experimental.set_memory_growth() for each GPU",
     "TensorFlow otherwise takes all of the device at once, from others as well"},
    {"Use mixed precision: keras.mixed_precision.set_global_policy('mixed_float16')",
     "16-bit activations take half"},
    {0},
};

// Between the allocator's line and the operation's lies its dump of every chunk.
const snug_format snug_format_tensorflow = {
    .name = "tensorflow",
    .family = "tensorflow",
    .anchors = anchors,
    .together = 1000000,
    .other_framework = true,
    .fixes = fixes,
};
