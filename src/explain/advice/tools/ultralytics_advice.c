// YOLO, by ultralytics and those made from it.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .use = SNUG_USE_TRAINING,
     .is_batch = true,
     .fix = "Lower batch= (--batch-size); batch=-1 chooses one for the card",
     .why = "fewer images at once",
     .source = "docs.ultralytics.com: Train settings; yolov5 train.py"},
    {.causes = "batch late-batch",
     .fix = "Lower imgsz= (--img), such as 640 or 480",
     .why = "activations grow with the pixels",
     .source = "docs.ultralytics.com: Train settings; yolov5 train.py"},
    {.causes = "batch model",
     .fix = "Take a smaller model (n or s in place of m, l or x)",
     .why = "fewer and narrower layers",
     .source = "docs.ultralytics.com: Train settings; yolov5 train.py"},
    {.causes = "host-memory shared-memory",
     .fix = "Lower workers= (--workers), to 0 if need be",
     .why = "each has its own copy of the set and its batches in memory",
     .source = "docs.ultralytics.com: Train settings; yolov5 train.py"},
    {.causes = "host-memory",
     .fix = "Set cache=False, or cache=\"disk\"",
     .why = "cache=True (--cache) keeps all images in the host",
     .source = "docs.ultralytics.com: Train settings; yolov5 train.py"},
    {.causes = "history evaluation",
     .fix = "Lower batch= of the validation (val takes twice the training batch), and "
            "set save_json=False",
     .why = "validation has a batch of its own",
     .source = "docs.ultralytics.com: Train settings; yolov5 train.py"},
    {0},
};

const snug_tool snug_tool_ultralytics = {
    .name = "ultralytics",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_TRAINING,
    .words = "ultralytics|yolov5|yolov8|yolov7|yolo/engine|yolo11|yolov9",
    .levers = levers,
};
