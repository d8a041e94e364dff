// DirectML, PyTorch's device on Windows for any card.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "couldnotallocatetensorwith"},
    {.text = "notenoughmemoryresourcesareavailable"},
    {.text = "thereisnotenoughgpuvideomemory"},
    {0},
};

const snug_format snug_format_directml = {
    .name = "directml",
    .family = "directml",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "DirectML",
    .device = "DirectML",
};
