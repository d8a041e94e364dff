// PyTorch's warning before it frees its cache and tries again; exact bytes.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"memoryallocationfailedwithoom", 0, 0},
    {"allocationfailedwithoomondevice", 0, 0},
    {0},
};

const snug_format snug_format_warning = {
    .name = "warning",
    .family = "warning",
    .anchors = anchors,
};
