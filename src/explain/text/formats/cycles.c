// Blender's Cycles: scenes that do not fit on the card, nor beside it in the host.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "systemisoutofgpumemory"},    {.text = "systemisoutofgpuandsharedhostmemory"},
    {.text = "outofmemoryincu"},           {.text = "outofmemoryinhip"},
    {.text = "outofmemoryingenericalloc"}, {0},
};

const snug_format snug_format_cycles = {
    .name = "cycles",
    .family = "cycles",
    .anchors = anchors,
    .together = 400,
    .other_framework = true,
    .echoes = true,
    .tool = "Blender",
};
