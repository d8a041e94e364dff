// transformers, which refuses to load quantised weights that the cards have no room for.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "somemodulesaredispatchedonthecpuorthedisk"},
    {.text = "makesureyouhaveenoughgpuramtofit"},
    {0},
};

static snug_run_phase tell_phase(const char *message, size_t length) {
    (void)message;
    (void)length;
    return SNUG_PHASE_LOAD;
}

const snug_format snug_format_dispatch = {
    .name = "dispatch",
    .family = "dispatch",
    .anchors = anchors,
    .together = 60,
    .phase = tell_phase,
    .tool = "bitsandbytes",
};
