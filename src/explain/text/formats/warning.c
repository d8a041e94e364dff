// PyTorch's warning before it frees its cache and tries again; exact bytes.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "memoryallocationfailedwithoom"},
    {.text = "allocationfailedwithoomondevice"},
    {0},
};

const snug_format snug_format_warning = {
    .name = "warning",
    .family = "warning",
    .anchors = anchors,
};
