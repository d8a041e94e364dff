"""Language models of transformers by their configurations, trained as its documentation measured
eager attention against scaled_dot_product_attention: float16 weights, no optimizer, the sum of the
first output (logits; ALBERT has no head) as loss, the peak counted after a warm-up. The outputs of
a step live on during the next forward, as they did there."""
import argparse

import torch
import transformers

MODELS = {
    "opt-350m": lambda: transformers.OPTConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, ffn_dim=4096,
        vocab_size=50272, word_embed_proj_dim=512, do_layer_norm_before=False,
        max_position_embeddings=2048),
    "bert-base": lambda: transformers.BertConfig(),
    "albert-base": lambda: transformers.AlbertConfig(
        vocab_size=30000, embedding_size=128, hidden_size=768, num_attention_heads=12,
        intermediate_size=3072),
    "distilbert-base": lambda: transformers.DistilBertConfig(),
    "pythia-410m": lambda: transformers.GPTNeoXConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        vocab_size=50304, max_position_embeddings=2048, rotary_pct=0.25,
        use_parallel_residual=True),
}

KINDS = {"opt-350m": transformers.AutoModelForCausalLM,
         "pythia-410m": transformers.AutoModelForCausalLM,
         "albert-base": transformers.AutoModel}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, default="opt-350m")
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="sdpa")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--mask", action="store_true", help="with a mask of ones")
    args = parser.parse_args()
    config = MODELS[args.model]()
    kind = KINDS.get(args.model, transformers.AutoModelForMaskedLM)
    with torch.device("cuda"):
        model = kind.from_config(config, attn_implementation=args.attention,
                                 torch_dtype=torch.float16)
    model.train()
    ids = torch.randint(10, config.vocab_size - 1, (args.batch_size, args.length)).cuda()
    inputs = {"input_ids": ids}
    if args.mask:
        inputs["attention_mask"] = torch.ones_like(ids)
    outputs = None
    for step in range(5):
        if step == 2:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        model.zero_grad()
        outputs = model(**inputs)
        outputs[0].sum().backward()
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
