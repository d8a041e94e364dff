// TensorFlow's BFC allocator and the operation that it failed.
#include <string.h>

#include "explain/text/message.h"

// A batch of one by the shape that was refused: four dimensions or more, the first of them 1.
static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    enum { WITHIN = 200 };
    size_t length = clean->squeezed_length - message->start;
    const char *text = clean->squeezed + message->start;
    const char *shape = memmem(text, length < WITHIN ? length : WITHIN, "shape[1,", 8);
    if (!shape) return;
    int more = 0;
    for (const char *at = shape + 8; (*at >= '0' && *at <= '9') || *at == ','; at++)
        more += *at == ',';
    bool one = shape[8] == '1' && shape[9] == ','; // a kernel, more likely
    if (more >= 2 && !one) facts->batch_size = 1;
}

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
    .tell = tell,
};
