// PyTorch Lightning.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .use = SNUG_USE_TRAINING,
     .is_batch = true,
     .fix = "Halve the DataLoader's batch and set Trainer(accumulate_grad_batches=2)",
     .why = "the same batch in smaller parts",
     .source = "lightning.ai/docs/pytorch: Trainer; effective training"},
    {.causes = "batch",
     .use = SNUG_USE_TRAINING,
     .is_16_bit = true,
     .fix = "Set Trainer(precision=\"bf16-mixed\") (\"16-mixed\" before Ampere; 16 in 1.x)",
     .why = "16-bit activations",
     .source = "lightning.ai/docs/pytorch: Trainer; effective training"},
    {.causes = "model optimizer-state",
     .unless = "fsdp|deepspeed",
     .fix = "Shard over the cards: Trainer(strategy=\"fsdp\") or \"deepspeed_stage_2\"",
     .why = "each holds a part of state and weights",
     .source = "lightning.ai/docs/pytorch: Trainer; effective training"},
    {.causes = "history leak not-freed",
     .fix = "In training_step and validation_step return and log .detach() values, not "
            "lists of outputs",
     .why = "what *_epoch_end gathers lives through the epoch",
     .source = "lightning.ai/docs/pytorch: Trainer; effective training"},
    {0},
};

const snug_tool snug_tool_lightning = {
    .name = "Lightning",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "pytorch_lightning|lightning/pytorch|lightning.pytorch|lightning_fabric",
    .levers = levers,
};
