// PaddlePaddle, whose figures carry plain labels.
#include <string.h>

#include "explain/text/message.h"

// Where the driver does not tell, "127.994262TB memory has been allocated"; and the host's refusal.
static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    const uint64_t absurd = (uint64_t)16 << 40;
    if (facts->figures.allocated.bytes > absurd) facts->figures.allocated.known = false;
    size_t length = message->end - message->start;
    if (!memmem(clean->squeezed + message->start, length, "failtoalloc", 11)) return;
    facts->host = true;
    facts->device = "CPU";
    facts->shortage = SNUG_SHORTAGE_HOST;
}

static const snug_anchor anchors[] = {
    {.text = "outofmemoryerroronmlu"},
    {.text = "outofmemoryerrorongpu"},
    {.text = "resourceexhaustederror:outofmemoryerror"},
    {.text = "resourceexhaustederror:failtoallocmemoryof#size"},
    {.text = "failtoallocmemoryof#size"},
    {0},
};

const snug_format snug_format_paddle = {
    .name = "paddle",
    .family = "paddle",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "PaddlePaddle",
    .tell = tell,
};
