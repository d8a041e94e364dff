// ollama, which compares a model with the host's memory before it loads it.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "modelrequiresmoresystemmemory"},
    {.text = "requiresmoresystemmemory("},
    {.text = "maynothaveenoughavailablememorytorunthismodel"},
    {0},
};

const snug_format snug_format_ollama = {
    .name = "ollama",
    .family = "ollama",
    .anchors = anchors,
    .together = 200,
    .other_framework = true,
    .host = true,
    .shortage = SNUG_SHORTAGE_HOST,
    .tool = "ollama",
    .device = "CPU",
};
