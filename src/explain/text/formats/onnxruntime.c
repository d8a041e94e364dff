// ONNX Runtime's arena.
#include <string.h>

#include "explain/text/message.h"

// Only the CPU's provider has blocked layouts.
static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    enum { BEFORE = 300 };
    size_t length = message->start < BEFORE ? message->start : BEFORE;
    const char *before = clean->squeezed + message->start - length;
    if (!memmem(before, length, "_nchwc", 6) && !memmem(before, length, "reorder", 7)) return;
    facts->host = true;
    facts->device = "CPU";
    facts->shortage = SNUG_SHORTAGE_HOST;
}

// "[I:onnxruntime:..., bfc_arena.cc:317 onnxruntime::BFCArena::AllocateRawInternal] Extending" is
// how the arena grows.
static bool is_no_note(const snug_clean *clean, size_t at, size_t length) {
    return clean->squeezed[at + length] != ']';
}

static const snug_anchor anchors[] = {
    {.text = "failedtoallocatememoryforrequestedbuffer"},
    {.text = "failedtoallocatedmemoryforrequestedbuffer"},
    {.text = "bfcarena::allocaterawinternal", .fits = is_no_note},
    {.text = "issmallerthanrequestedbytesof"},
    {.text = "availablememoryof#issmaller"},
    {0},
};

const snug_format snug_format_onnxruntime = {
    .name = "onnxruntime",
    .family = "onnxruntime",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "ONNX Runtime",
    .tell = tell,
};
