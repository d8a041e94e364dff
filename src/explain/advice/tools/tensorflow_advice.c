// TensorFlow and Keras.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .is_batch = true,
     .fix = "Lower batch_size of fit() or of the Dataset",
     .why = "activations grow with it",
     .source = "tensorflow.org/guide/gpu; tensorflow.org/guide/mixed_precision"},
    {.causes = "batch late-batch",
     .fix = "Make the image, the crop or the sequence smaller",
     .why = "activations grow with them",
     .source = "tensorflow.org/guide/gpu; tensorflow.org/guide/mixed_precision"},
    {.causes = "batch",
     .is_16_bit = true,
     .fix = "Use mixed precision: "
            "keras.mixed_precision.set_global_policy(\"mixed_float16\")",
     .why = "16-bit activations take half",
     .source = "tensorflow.org/guide/gpu; tensorflow.org/guide/mixed_precision"},
    {.causes = "model optimizer-state",
     .fix = "Make the largest tensor smaller: fewer units, a smaller vocabulary or embedding",
     .why = "its gradient and the optimizer's slots have the same shape again, each",
     .source = "tensorflow.org/guide/gpu"},
    {.causes = "other-process unknown model hidden",
     .unless = "set_memory_growth",
     .fix = "Call tf.config.experimental.set_memory_growth() for each GPU",
     .why = "TensorFlow otherwise takes all of the device at once, from others as well",
     .source = "tensorflow.org/guide/gpu; tensorflow.org/guide/mixed_precision"},
    {.causes = "fragmentation batch",
     .unless = "cuda_malloc_async",
     .fix = "Set TF_GPU_ALLOCATOR=cuda_malloc_async",
     .why = "the driver's pool leaves fewer pieces",
     .source = "tensorflow.org/guide/gpu; tensorflow.org/guide/mixed_precision"},
    {0},
};

const snug_tool snug_tool_tensorflow = {
    .name = "TensorFlow",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words =
        "tensorflow/core|tensorflow/stream_executor|tensorflow/compiler|/tensorflow/|tensorflow.python",
    .levers = levers,
};
