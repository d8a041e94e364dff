"""GPT-2 of a small size through Hugging Face's Trainer."""

import sys
import tempfile

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments


class Words(Dataset):
    def __init__(self, count, lengths):
        self.count, self.lengths = count, lengths

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        ids = torch.randint(1000, (self.lengths[index % len(self.lengths)],))
        return {"input_ids": ids, "labels": ids}


class KeepsLosses(Trainer):
    """Adds up its losses with their graphs, as reports do it wrongly."""

    total = 0

    def training_step(self, model, inputs, *rest):
        inputs = self._prepare_inputs(inputs)
        loss = self.compute_loss(model, inputs)
        self.total = self.total + loss
        return loss.detach()


class KeepsOutputs(Trainer):
    outputs = []

    def compute_loss(self, model, inputs, return_outputs=False, **rest):
        found = model(**inputs)
        self.outputs.append(found.logits.detach())
        return (found.loss, found) if return_outputs else found.loss


def main():
    cause = sys.argv[1]
    width, depth = {"model-backward": (1280, 20), "optimizer-state": (1024, 20)}.get(
        cause, (256, 6)
    )
    batch = {"batch": 64, "batch-backward": 34}.get(cause, 1 if width > 256 else 4)
    lengths = [16 if width > 256 else 256]
    if cause == "late-batch":
        batch, lengths = 1, [120, 200, 90, 160, 140, 180, 100, 2000]
    config = GPT2Config(vocab_size=8000, n_embd=width, n_layer=depth, n_head=8, n_positions=2048)
    with torch.device("cuda" if width > 256 else "cpu"):
        model = GPT2LMHeadModel(config)
    kind = {"history": KeepsLosses, "leak": KeepsOutputs}.get(cause, Trainer)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch,
            max_steps=6 if cause in ("none", "evaluation-cache") else 100,
            per_device_eval_batch_size=8,
            report_to=[],
            save_strategy="no",
            logging_steps=50,
            disable_tqdm=True,
            max_grad_norm=0,
            dataloader_pin_memory=False,
            bf16=cause == "batch-backward",
        )
        trainer = kind(
            model=model,
            args=arguments,
            train_dataset=Words(400 if cause != "late-batch" else 8, lengths),
            eval_dataset=Words(800, lengths),
            compute_metrics=lambda found: {"words": found.predictions.shape[1]},
        )
        if cause == "late-batch":
            trainer._get_train_sampler = lambda *rest: torch.utils.data.SequentialSampler(
                trainer.train_dataset
            )
        trainer.train()
        if cause.startswith("evaluation"):
            trainer.evaluate()


if __name__ == "__main__":
    main()
