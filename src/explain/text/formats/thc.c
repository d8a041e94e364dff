// THC, PyTorch's tensors up to 1.x: no figures.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"cudaruntimeerror(2)", 0, 0},
    {"cudaruntimeerr(2)", 0, 0},
    {"cudaruntimeerror(2):", 0, 0},
    {"error=2:outofmemory", 0, 0},
    {"thcudacheckfail", 0, 0},
    {"outofmemoryat/", 0, 0},
    {0},
};

const snug_format snug_format_thc = {
    .name = "thc",
    .family = "thc",
    .anchors = anchors,
    .together = 60,
};
