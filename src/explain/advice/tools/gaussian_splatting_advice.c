// 3D Gaussian splatting, whose number of Gaussians grows while it trains.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model leak not-freed late-batch fragmentation",
     .when = "iteration|backward(|it/s|nerfstudio|gsplat|splatfacto|%oftraining",
     .fix = "Make fewer Gaussians: raise --densify_grad_threshold and "
            "--densification_interval, or lower --densify_until_iter (nerfstudio: "
            "--pipeline.model.densify-grad-thresh)",
     .why = "their number grows while it trains, and all that is kept with it",
     .source = "github.com/graphdeco-inria/gaussian-splatting: README"},
    {.causes = "batch model leak not-freed history late-batch",
     .unless = "data_devicecpu",
     .fix = "Take --data_device cpu",
     .why = "the images stay in the host and come to the card one at a time",
     .source = "github.com/graphdeco-inria/gaussian-splatting: README"},
    {.causes = "batch model leak not-freed late-batch",
     .fix = "Lower the resolution (-r 2 or -r 4)",
     .why = "rendered images and their gradients are smaller",
     .source = "github.com/graphdeco-inria/gaussian-splatting: README"},
    {.causes = "batch model leak not-freed late-batch",
     .unless = "iteration|backward(|it/s|nerfstudio|gsplat|splatfacto|%oftraining",
     .fix = "Raise --densify_grad_threshold and --densification_interval, or lower "
            "--densify_until_iter",
     .why = "fewer Gaussians are made",
     .source = "github.com/graphdeco-inria/gaussian-splatting: README"},
    {0},
};

const snug_tool snug_tool_gaussian_splatting = {
    .name = "Gaussian splatting",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_TRAINING,
    .words = "gaussian-splatting|gaussian_renderer|diff_gaussian|nerfstudio|gsplat|"
             "gaussian_splatting|splatfacto|gaussiansplat|rasterize_gaussians",
    .levers = levers,
};
