// THC, PyTorch's tensors up to 1.x: no figures.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "cudaruntimeerror(2)"},  {.text = "cudaruntimeerr(2)"},
    {.text = "cudaruntimeerror(2):"}, {.text = "error=2:outofmemory"},
    {.text = "outofmemoryat/"},       {0},
};

const snug_format snug_format_thc = {
    .name = "thc",
    .family = "thc",
    .anchors = anchors,
    .together = 60,
};
