"""BERT base, two classes, through Hugging Face's Trainer with an evaluation at the end of the
epoch."""
import argparse
import tempfile

import by_person
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments


class Sentences(Dataset):
    """Random sentences, padded to one length."""

    def __init__(self, count, length):
        generator = torch.Generator().manual_seed(count)
        self.ids = torch.randint(1000, 30000, (count, length), generator=generator)
        self.labels = torch.randint(2, (count,), generator=generator)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        ids = self.ids[index]
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids),
                "labels": self.labels[index]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--fp16", action="store_true")
    by_person.add_options(parser)
    args = parser.parse_args()
    model = BertForSequenceClassification(BertConfig(num_hidden_layers=args.layers))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder, gradient_checkpointing=args.checkpointing,
                per_device_train_batch_size=args.batch_size // args.accumulate,
                gradient_accumulation_steps=args.accumulate,
                per_device_eval_batch_size=2 * args.batch_size, num_train_epochs=1,
                eval_strategy="epoch", save_strategy="no", logging_steps=1, report_to=[],
                fp16=args.fp16, disable_tqdm=True),
            train_dataset=Sentences(args.batch_size * args.steps, args.length),
            eval_dataset=Sentences(4 * args.batch_size, args.length),
            compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(-1)
                                                          == p.label_ids).mean())})
        trainer.train()
        print(trainer.evaluate())
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
