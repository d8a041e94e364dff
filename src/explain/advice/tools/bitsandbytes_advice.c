// bitsandbytes: weights and optimizer state in few bits.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch unknown late-batch",
     .fix = "Make the batch smaller (per_device_train_batch_size=1 with "
            "gradient_accumulation_steps), or the sequences shorter",
     .why = "bitsandbytes asked for its own buffers where the card was full of the rest",
     .source = "huggingface.co/docs/bitsandbytes: optimizers"},
    {.causes = "optimizer-state batch unknown model",
     .unless = "paged_adamw",
     .fix = "Take a paged optimizer: optim=\"paged_adamw_8bit\" (bnb.optim.PagedAdamW8bit)",
     .why = "its state goes to the host where the card is full",
     .source = "huggingface.co/docs/bitsandbytes: optimizers"},
    {.causes = "model",
     .unless = "load_in_4bit=true",
     .fix = "Load in 4 bits in place of 8: load_in_4bit=True, "
            "bnb_4bit_use_double_quant=True",
     .why = "half of 8-bit weights",
     .source = "huggingface.co/docs/bitsandbytes: quantization"},
    {0},
};

const snug_tool snug_tool_bitsandbytes = {
    .name = "bitsandbytes",
    .rank = SNUG_TOOL_LIBRARY,
    .words = "bitsandbytes|pythoninterface.c",
    .levers = levers,
};
