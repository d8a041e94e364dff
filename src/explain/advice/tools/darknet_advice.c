// darknet, whose batch is cut into subdivisions.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown late-batch",
     .fix = "Raise subdivisions in the .cfg, to 32 or 64 (batch stays 64)",
     .why = "batch / subdivisions images are on the card at once; the gradient is that "
            "of the batch",
     .source = "github.com/AlexeyAB/darknet: README, How to train"},
    {.causes = "batch model unknown late-batch",
     .fix = "Lower width and height in the .cfg, to multiples of 32",
     .why = "activations grow with the pixels",
     .source = "github.com/AlexeyAB/darknet: README"},
    {.causes = "batch unknown late-batch",
     .fix = "Set random=0 in the [yolo] sections",
     .why = "else the network is resized up to 1.4 times every ten iterations",
     .source = "github.com/AlexeyAB/darknet: README"},
    {0},
};

const snug_tool snug_tool_darknet = {
    .name = "darknet",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_TRAINING,
    .other_framework = true,
    .words = "darknet:|./darknet|dark_cuda|subdivisions|darknetdetector|darknet.exe",
    .levers = levers,
};
