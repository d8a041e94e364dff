// Reinforcement learning with a server beside the training on the same cards.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model late-batch other-process",
     .fix = "Lower actor_rollout_ref.rollout.gpu_memory_utilization "
            "(--vllm_gpu_memory_utilization), such as to 0.4",
     .why = "the server beside the training keeps that share of the card",
     .source = "verl.readthedocs.io: performance tuning"},
    {.causes = "batch late-batch",
     .fix = "Lower ppo_micro_batch_size_per_gpu and log_prob_micro_batch_size_per_gpu "
            "(--micro_train_batch_size)",
     .why = "fewer sequences at once",
     .source = "verl.readthedocs.io: performance tuning"},
    {.causes = "batch model",
     .fix = "Set enable_gradient_checkpointing=True, and fsdp_config.param_offload and "
            "optimizer_offload=True",
     .why = "activations are computed again; weights and state leave the card while it "
            "generates",
     .source = "verl.readthedocs.io: performance tuning"},
    {0},
};

const snug_tool snug_tool_verl = {
    .name = "verl and OpenRLHF",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "verl/|openrlhf|verl.|grpotrainer",
    .levers = levers,
};
