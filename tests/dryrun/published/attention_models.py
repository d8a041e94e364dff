"""Language models of transformers by their configurations, trained as its documentation measured
eager attention against scaled_dot_product_attention: float16 weights, no optimizer, the sum of the
first output (logits; ALBERT has no head) as loss, the peak counted after a warm-up. The outputs of
a step live on during the next forward, as they did there. There, one process went through all
shapes with sdpa, then with eager attention; what is cached of the shapes before decides how closely
blocks fit: --after runs those first."""
import argparse
import gc

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


def new_model(name: str, attention: str, masked: bool) -> torch.nn.Module:
    config = MODELS[name]()
    kind = transformers.AutoModelForMaskedLM if masked else KINDS.get(
        name, transformers.AutoModelForMaskedLM)
    with torch.device("cuda"):
        model = kind.from_config(config, attn_implementation=attention,
                                 torch_dtype=torch.float16)
    model.train()
    return model


def train(model: torch.nn.Module, batch_size: int, length: int, mask: bool) -> None:
    """Ten steps before the peak is counted anew, and three."""
    ids = torch.randint(10, model.config.vocab_size - 1, (batch_size, length)).cuda()
    inputs = {"input_ids": ids}
    if mask:
        inputs["attention_mask"] = torch.ones_like(ids)
    outputs = None
    for step in range(13):
        if step == 10:
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.empty_cache()
        model.zero_grad()
        outputs = model(**inputs)
        outputs[0].sum().backward()
    torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, default="opt-350m")
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="sdpa")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--mask", action="store_true", help="with a mask of ones")
    parser.add_argument("--masked-lm", action="store_true", help="with the head for masked words")
    parser.add_argument("--after", default="", help="all shapes of the process, as 4x256,4x512")
    args = parser.parse_args()
    shapes = [tuple(map(int, shape.split("x"))) for shape in args.after.split(",") if shape]
    wanted = (args.attention, args.batch_size, args.length)
    runs = [(attention, *shape) for attention in ("sdpa", "eager") for shape in shapes]
    runs = runs[:runs.index(wanted) + 1] if shapes else [wanted]
    model, attention = None, None
    for name, batch_size, length in runs:
        if name != attention:
            model = None
            gc.collect()
            model, attention = new_model(args.model, name, args.masked_lm), name
        train(model, batch_size, length, args.mask)
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
