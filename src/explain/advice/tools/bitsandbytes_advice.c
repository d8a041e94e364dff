// bitsandbytes: weights and optimizer state in few bits.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch unknown late-batch",
     .fix = "Make the batch smaller (per_device_train_batch_size=1 with "
            "gradient_accumulation_steps), or the sequences shorter",
     .why = "bitsandbytes asked for its own buffers where the card was full of the rest",
     .source = "huggingface.co/docs/bitsandbytes: optimizers"},
    {.causes = "optimizer-state batch unknown model",
     .not_loading = true,
     .unless = "paged_adamw",
     .fix = "Take a paged optimizer: optim=\"paged_adamw_8bit\" (bnb.optim.PagedAdamW8bit)",
     .why = "its state goes to the host where the card is full",
     .source = "huggingface.co/docs/bitsandbytes: optimizers"},
    {.causes = "model",
     .when = "dispatchedonthecpu",
     .fix = "Free the card first (nvidia-smi), and take a smaller model where that is not enough",
     .why = "device_map=\"auto\" counts only what is free, and 4-bit weights cannot lie elsewhere",
     .source = "huggingface.co/docs/transformers: quantization/bitsandbytes"},
    {.causes = "model",
     .when = "dispatchedonthecpu",
     .fix = "Set llm_int8_enable_fp32_cpu_offload=True with a device_map of your own",
     .why = "what does not fit stays on the CPU in 32 bits; slow, and not for training",
     .source = "huggingface.co/docs/transformers: quantization/bitsandbytes"},
    {.causes = "model",
     .unless = "load_in_4bit=true|4-bit|dispatchedonthecpu",
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
