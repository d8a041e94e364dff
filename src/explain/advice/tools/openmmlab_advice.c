// MMDetection, MMSegmentation and others on MMEngine.
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
     .is_batch = true,
     .fix = "Lower train_dataloader.batch_size (samples_per_gpu), and scale the learning "
            "rate with it",
     .why = "fewer images at once",
     .source = "mmdetection.readthedocs.io: FAQ"},
    {.causes = "batch late-batch",
     .fix = "Make images smaller (img_scale, crop_size)",
     .why = "activations grow with the pixels",
     .source = "mmdetection.readthedocs.io: FAQ"},
    {.causes = "batch late-batch",
     .unless = "with_cp=true",
     .fix = "Set with_cp=True in the backbone",
     .why = "its blocks are computed again in the backward pass",
     .source = "mmdetection.readthedocs.io: FAQ"},
    {.causes = "batch",
     .is_16_bit = true,
     .fix = "Train in 16 bits: --amp (AmpOptimWrapper; fp16 = dict(loss_scale=512.))",
     .why = "16-bit activations",
     .source = "mmdetection.readthedocs.io: FAQ"},
    {.causes = "late-batch batch",
     .unless = "gpu_assign_thr",
     .fix = "Set gpu_assign_thr of the assigner, such as 100",
     .why = "images with more boxes are assigned on the CPU",
     .source = "mmdetection.readthedocs.io: FAQ"},
    {0},
};

const snug_tool snug_tool_openmmlab = {
    .name = "OpenMMLab",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "mmdet|mmcv|mmseg|mmengine|mmpose|mmrotate|mmaction|mmpretrain",
    .levers = levers,
};
