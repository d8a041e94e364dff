// PaddlePaddle, whose figures carry plain labels.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "outofmemoryerroronmlu"},
    {.text = "outofmemoryerrorongpu"},
    {.text = "resourceexhaustederror:outofmemoryerror"},
    {0},
};

const snug_format snug_format_paddle = {
    .name = "paddle",
    .family = "paddle",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "PaddlePaddle",
};
