// DeepSpeed: what ZeRO shards over the cards, and what it moves to the host.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "host-memory",
     .shortage = SNUG_SHORTAGE_KILLED,
     .when = "offload|cpuadam|cpu_adam",
     .fix = "Offload less: \"offload_optimizer\" to \"nvme\" or \"none\", the parameters "
            "likewise; or give the machine more memory or swap",
     .why = "ZeRO-Offload keeps 12 to 16 bytes a weight in the host, and every process "
            "first reads its own copy of the checkpoint",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "host-memory",
     .shortage = SNUG_SHORTAGE_KILLED,
     .fix = "Give the machine more memory or swap, or start fewer processes on it "
            "(--num_gpus), and load with zero.Init (stage 3) or low_cpu_mem_usage",
     .why = "each process has its own copy of the weights while it loads",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "host-memory",
     .when = "pin_memory",
     .fix = "Set \"pin_memory\": false for what is offloaded, and watch free -h while it "
            "starts",
     .why = "pinned memory cannot be swapped",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "batch late-batch",
     .is_batch = true,
     .fix = "Lower train_micro_batch_size_per_gpu and raise gradient_accumulation_steps",
     .why = "the same batch in smaller parts",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "optimizer-state model",
     .unless = "\"stage\":3|zero_stage3|zero3|zero_stage=3|stage3",
     .fix = "Raise the ZeRO stage: \"zero_optimization\": {\"stage\": 3}",
     .why = "state, gradients (2) and weights (3) are sharded over the cards",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "optimizer-state model batch",
     .unless = "offload_optimizer\":{\"device\":\"cpu|offload_optimizer_device:cpu|cpuadam|"
               "zero3_offload|_offload",
     .fix = "Move the state to the host: \"offload_optimizer\": {\"device\": \"cpu\"}",
     .why = "8 to 12 bytes a weight leave the card; the host needs them instead",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "model",
     .unless = "offload_param\":{\"device\":\"cpu",
     .fix = "Move the weights, too: \"offload_param\": {\"device\": \"cpu\"} (stage 3)",
     .why = "weights come to the card layer by layer",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {.causes = "batch optimizer-state",
     .fix = "Lower \"reduce_bucket_size\", \"allgather_bucket_size\" and "
            "\"stage3_max_live_parameters\", such as to 5e7",
     .why = "buffers of communication are that many elements",
     .source = "deepspeed.ai: configuration JSON; ZeRO-Offload"},
    {0},
};

const snug_tool snug_tool_deepspeed = {
    .name = "DeepSpeed",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "deepspeed|killingsubprocess|max_ma0|max_ca",
    .levers = levers,
};
