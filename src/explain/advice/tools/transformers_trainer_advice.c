// Hugging Face's Trainer, and those made from it (TRL, LLaMA-Factory, axolotl).
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "evaluation",
     .unless = "eval_accumulation_steps=",
     .fix = "Set eval_accumulation_steps, such as 16, in TrainingArguments",
     .why = "predictions move to the host after that many steps, not at the end",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "evaluation",
     .unless = "preprocess_logits_for_metrics=",
     .fix = "Give Trainer a preprocess_logits_for_metrics that keeps only what the "
            "metric needs, such as logits.argmax(-1)",
     .why = "logits over a vocabulary are thousands of times as large as the classes "
            "chosen",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "evaluation",
     .fix = "Set prediction_loss_only=True where no metric needs predictions, or "
            "evaluate a part of the set",
     .why = "nothing is gathered then",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "evaluation",
     .fix = "Lower per_device_eval_batch_size (8 unless set)",
     .why = "fewer samples at once while evaluating",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "history batch",
     .evaluating = true,
     .fix = "Lower per_device_eval_batch_size, and set eval_accumulation_steps",
     .why = "evaluation has a batch size of its own, and keeps what it predicts on the "
            "card",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "batch late-batch",
     .unless = "per_device_train_batch_size=1,|per_device_train_batch_size1-|"
               "per_device_train_batch_size:1,|per_device_train_batch_size=1)|"
               "per_device_train_batch_size1\\",
     .is_batch = true,
     .fix = "Halve per_device_train_batch_size and double gradient_accumulation_steps",
     .why = "the same batch in smaller parts",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "batch late-batch model",
     .not_loading = true,
     .unless = "gradient_checkpointing=true|gradient_checkpointing:true|"
               "gradient_checkpointingtrue",
     .fix = "Set gradient_checkpointing=True",
     .why = "activations are computed again in the backward pass, for about 30 % more "
            "time",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "batch late-batch",
     .fix = "Shorten the sequences: max_length (cutoff_len, max_seq_length), and "
            "group_by_length=True",
     .why = "activations grow with the longest of a batch",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "batch model",
     .not_loading = true,
     .is_16_bit = true,
     .fix = "Set bf16=True (fp16=True on cards before Ampere)",
     .why = "16-bit activations",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "model optimizer-state",
     .unless = "lora|peft",
     .fix = "Train an adapter (PEFT, LoRA), over weights in 4 bits (QLoRA) where they "
            "are most of it",
     .why = "no gradients and state for the frozen weights",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "model optimizer-state batch",
     .not_loading = true,
     .unless = "adamw_bnb_8bit|adafactor|adamw_8bit|paged_adamw",
     .fix = "Set optim=\"adamw_bnb_8bit\" or \"adafactor\"",
     .why = "a quarter of the optimizer state, or less",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "model optimizer-state",
     .unless = "deepspeed|fsdp",
     .fix = "Shard over the cards: deepspeed=\"zero3.json\", or fsdp=\"full_shard auto_wrap\"",
     .why = "each card holds a part of weights, gradients and state",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {.causes = "host-memory",
     .shortage = SNUG_SHORTAGE_KILLED,
     .when = "dataloader|num_workers",
     .fix = "Lower dataloader_num_workers, and load the set as a stream or from Arrow "
            "files",
     .why = "each worker has its own copy of what the set holds in Python",
     .source = "huggingface.co/docs/transformers: TrainingArguments; GPU memory"},
    {0},
};

const snug_tool snug_tool_transformers_trainer = {
    .name = "transformers' Trainer",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "transformers/trainer.py|trainer_pt_utils|trainer.evaluate(|"
             "trainingarguments|per_device_train_batch_size|seq2seqtrainer|"
             "_inner_training_loop|sfttrainer|trl/trainer|transformers\\trainer.py|"
             "trainer_seq2seq|sftconfig|llamafactory|train_bash.py|axolotl",
    .levers = levers,
};
