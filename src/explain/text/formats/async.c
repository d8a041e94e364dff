// PyTorch on cudaMallocAsync, over several lines.
#include <string.h>

#include "explain/text/message.h"

// ComfyUI names the node that failed, mostly just before: "Node Type: CheckpointLoaderSimple".
static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    enum { BEFORE = 120, AFTER = 2000, NAME = 60 };
    size_t before = message->start < BEFORE ? message->start : BEFORE;
    size_t left = clean->squeezed_length - message->start;
    const char *from = clean->squeezed + message->start - before;
    size_t length = before + (left < AFTER ? left : AFTER);
    const char *name = memmem(from, length, "nodetype:", 9);
    if (name) {
        length -= (size_t)(name - from);
        length = length < NAME ? length : NAME;
    } else {
        name = from;
        length = before < NAME ? before : NAME;
        name += before - length;
    }
    bool loads = memmem(name, length, "loader", 6) && !memmem(name, length, "dataloader", 10);
    if (loads) facts->phase = SNUG_PHASE_LOAD;
}

static const snug_anchor anchors[] = {
    {.text = "wouldexceedallowedmemory"},
    {.text = "allocationondevice"},
    {0},
};

const snug_format snug_format_async = {
    .name = "async",
    .family = "pytorch",
    .anchors = anchors,
    .together = 30,
    .tell = tell,
};
