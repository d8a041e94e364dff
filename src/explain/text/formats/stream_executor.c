// XLA's and TensorFlow's own line about the driver's refusal, which tells the size before the
// error.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "fromdevice:cuda_error_out_of_memory"},
    {.text = "fromdevice:hip_error_outofmemory"},
    {.text = "fromdevice:hiperror_t(#)"},
    {0},
};

const snug_format snug_format_stream_executor = {
    .name = "tensorflow",
    .family = "tensorflow",
    .anchors = anchors,
    .together = 1000000,
    .before = 60,
    .other_framework = true,
    .tool = "TensorFlow",
};
