// Blender's Cycles, which needs the whole scene on the card while it renders.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown other-process workspace",
     .fix = "Make the scene lighter: Render properties, Simplify: a texture limit and fewer "
            "subdivisions",
     .why = "textures and geometry lie on the card uncompressed",
     .source = "docs.blender.org/manual: Render, Cycles, GPU Rendering; Simplify"},
    {.causes = "batch model unknown workspace",
     .fix = "Render in tiles: Performance, Memory, Use Tiling, and leave Persistent Data off",
     .why = "buffers grow with the pixels that are rendered at once; data of the frame before goes",
     .source = "docs.blender.org/manual: Render, Cycles, Performance"},
    {.causes = "batch model unknown other-process workspace",
     .fix = "Close the viewport's rendered view and other programs that use the card",
     .why = "each has a copy of the scene, or a part of the card",
     .source = "docs.blender.org/manual: Render, Cycles, GPU Rendering"},
    {.causes = "batch model unknown",
     .fix = "Render on the CPU, which has the host's memory",
     .why = "slower, but the scene then may be as large as that",
     .source = "docs.blender.org/manual: Render, Cycles, GPU Rendering"},
    {0},
};

const snug_tool snug_tool_blender = {
    .name = "Blender",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_IMAGES,
    .other_framework = true,
    .words = "intern/cycles|intern\\cycles|updatingscenebvh|cyclesgpurendering",
    .levers = levers,
};
