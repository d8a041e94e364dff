// darknet: CUDA's status as its check_error() prints it.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "cudaerror:outofmemorydarknet:"},          {.text = "cudaerrorprev:outofmemory"},
    {.text = "cudastatuserror:file:./src/dark_cuda.c"}, {.text = "cudaerror:outofmemory:resource"},
    {.text = "trytosetsubdivisions=64inyourcfg"},       {0},
};

const snug_format snug_format_darknet = {
    .name = "darknet",
    .family = "darknet",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "darknet",
};
