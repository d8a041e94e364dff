// PaddlePaddle.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch model",
     .use = SNUG_USE_INFERENCE,
     .fix = "Give it smaller images (det_limit_side_len) or fewer at once (rec_batch_num)",
     .why = "activations grow with them",
     .source = "github.com/PaddlePaddle/PaddleOCR: doc/doc_en/inference_args_en.md"},
    {.causes = "batch model",
     .when = "gpu_mem=",
     .use = SNUG_USE_INFERENCE,
     .fix = "Lower gpu_mem, which is taken at the start, to leave the rest to what comes after",
     .why = "detector, classifier and recogniser each take such a pool",
     .source = "github.com/PaddlePaddle/PaddleOCR: doc/doc_en/inference_args_en.md"},
    {.causes = "batch late-batch model",
     .unless = "create_predictor|ocr.ocr(|/infer/",
     .fix = "Lower the batch size (batch_size_per_card), or the image size",
     .why = "activations grow with them",
     .source = "paddlepaddle.org.cn: FAQ; the message itself"},
    {.causes = "batch",
     .is_16_bit = true,
     .fix = "Train with paddle.amp.auto_cast (use_amp: True)",
     .why = "16-bit activations",
     .source = "paddlepaddle.org.cn: AMP"},
    {.causes = "batch fragmentation model",
     .fix = "Set FLAGS_allocator_strategy=auto_growth, and "
            "FLAGS_fraction_of_gpu_memory_to_use",
     .why = "memory is taken as it is needed",
     .source = "paddlepaddle.org.cn: FLAGS"},
    {0},
};

const snug_tool snug_tool_paddlepaddle = {
    .name = "PaddlePaddle",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words = "paddle",
    .levers = levers,
};
