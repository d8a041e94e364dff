// PaddlePaddle and CuPy, whose figures carry plain labels.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"outofmemoryerrorongpu", 0, 0},
    {"cupy.cuda.memory.outofmemoryerror", 0, 0},
    {"cupy_backends.cuda.api.runtime.cudaruntimeerror:cudaerrormemory", 0, 0},
    {0},
};

const snug_format snug_format_paddle = {
    .name = "other",
    .family = "other",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
};
