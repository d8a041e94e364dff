"""A Llama of 1.24 G parameters (the shape of Llama 3.2 1B) in bfloat16: whole, with gradient
checkpointing, or with LoRA."""
import argparse

import by_person
import torch
from transformers import LlamaConfig, LlamaForCausalLM


def build(args):
    config = LlamaConfig(
        hidden_size=2048, num_hidden_layers=args.layers, num_attention_heads=32,
        num_key_value_heads=8, intermediate_size=8192, vocab_size=128256,
        max_position_embeddings=8192, tie_word_embeddings=True, use_cache=False)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    if args.checkpointing:
        model.gradient_checkpointing_enable()
    if args.lora:
        from peft import LoraConfig, get_peft_model

        model.enable_input_require_grads()
        model = get_peft_model(model, LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.05, task_type="CAUSAL_LM",
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
        model.print_trainable_parameters()
    return model.train()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--lora", action="store_true")
    by_person.add_options(parser)
    args = parser.parse_args()
    model = by_person.compiled(build(args), args.budget)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    for step in range(args.steps):
        ids = torch.randint(128256, (args.batch_size, args.length)).cuda()
        for (part,) in by_person.parts(args.accumulate, ids):
            loss = model(input_ids=part, labels=part).loss
            (loss / args.accumulate).backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step}: loss {loss.item():.3f}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
