// detectron2.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch history evaluation unknown",
     .when = "paste_mask",
     .fix = "Scale the image down before it is given to the detector, or paste the masks on the "
            "CPU (fewer boxes, a smaller GPU_MEM_LIMIT)",
     .why = "each box's mask is pasted into an image of the original size, all boxes at once",
     .source = "github.com/open-mmlab/mmdetection/issues/8232; "
               "detectron2/layers/mask_ops.py: paste_masks_in_image"},
    {.causes = "batch late-batch",
     .fix = "Lower SOLVER.IMS_PER_BATCH, and SOLVER.BASE_LR with it",
     .why = "fewer images at once",
     .source = "detectron2.readthedocs.io: Config References"},
    {.causes = "batch late-batch",
     .fix = "Lower INPUT.MAX_SIZE_TRAIN and INPUT.MIN_SIZE_TRAIN",
     .why = "activations grow with the pixels",
     .source = "detectron2.readthedocs.io: Config References"},
    {.causes = "batch",
     .is_16_bit = true,
     .fix = "Set SOLVER.AMP.ENABLED True",
     .why = "16-bit activations",
     .source = "detectron2.readthedocs.io: Config References"},
    {0},
};

const snug_tool snug_tool_detectron2 = {
    .name = "detectron2",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "detectron2",
    .levers = levers,
};
