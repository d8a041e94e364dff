"""Llama 3.1 8B under FSDP2 on one rank of eight, with PyTorch's fake process group: bfloat16
parameters and float32 reduction, activations checkpointed operator by operator (every second
matrix product is computed again), AdamW, as torchtitan trains it."""
import argparse
from collections import defaultdict

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn import functional as F
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

WIDTH, LAYERS, HEADS, KEYS, INNER, VOCABULARY, EPS = 4096, 32, 32, 8, 14336, 128256, 1e-5


def rotate(x, turns):
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    turns = turns[:x.shape[1]].view(1, x.shape[1], 1, -1)
    return torch.view_as_real(pairs * turns).flatten(3).type_as(x)


def repeat(x, times):
    batch, length, heads, width = x.shape
    x = x.unsqueeze(3).expand(batch, length, heads, times, width)
    return x.reshape(batch, length, heads * times, width)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        each = WIDTH // HEADS
        self.wq, self.wo = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))
        self.wk, self.wv = (nn.Linear(WIDTH, KEYS * each, bias=False) for _ in range(2))

    def forward(self, x, turns):
        batch, length, _ = x.shape
        each = WIDTH // HEADS
        q, k, v = self.wq(x), self.wk(x), self.wv(x)
        q, k, v = (t.view(batch, length, -1, each) for t in (q, k, v))
        q, k = rotate(q, turns), rotate(k, turns)
        keys, values = repeat(k, HEADS // KEYS), repeat(v, HEADS // KEYS)
        q, k, v = (t.transpose(1, 2) for t in (q, keys, values))
        output = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        output = output.transpose(1, 2).contiguous()
        return self.wo(output.view(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1, self.w3 = (nn.Linear(WIDTH, INNER, bias=False) for _ in range(2))
        self.w2 = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.feed_forward = Attention(), FeedForward()
        self.attention_norm, self.ffn_norm = (nn.RMSNorm(WIDTH, eps=EPS) for _ in range(2))

    def forward(self, x, turns):
        h = x + self.attention(self.attention_norm(x), turns)
        return h + self.feed_forward(self.ffn_norm(h))


class Llama(nn.Module):
    def __init__(self, layers, length):
        super().__init__()
        self.tok_embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(layers))
        self.norm = nn.RMSNorm(WIDTH, eps=EPS)
        self.output = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.register_buffer("turns", torch.empty(length, WIDTH // HEADS // 2,
                                                  dtype=torch.complex64))

    def forward(self, ids):
        h = self.tok_embeddings(ids)
        for layer in self.layers:
            h = layer(h, self.turns)
        return self.output(self.norm(h))


def selective():
    saved = {torch.ops.aten.mm.default,
             torch.ops.aten._scaled_dot_product_efficient_attention.default,
             torch.ops.aten._scaled_dot_product_flash_attention.default,
             torch.ops._c10d_functional.reduce_scatter_tensor.default}
    counts = defaultdict(int)

    def policy(context, function, *args, **kwargs):
        key = context.is_recompute
        if function == torch.ops.aten.mm.default:
            counts[key] += 1
        keep = function in saved and not (
            function == torch.ops.aten.mm.default and counts[key] % 2 == 0)
        return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.PREFER_RECOMPUTE
    return create_selective_checkpoint_contexts(policy)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--length", type=int, default=8192)
    args = parser.parse_args()
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=args.ranks)
    mesh = init_device_mesh("cuda", (args.ranks,), mesh_dim_names=("dp",))
    with torch.device("meta"):
        model = Llama(args.layers, args.length)
    for index, layer in enumerate(model.layers):
        model.layers[index] = checkpoint_wrapper(layer, context_fn=selective,
                                                 preserve_rng_state=False)
    how = {"mesh": mesh, "mp_policy": MixedPrecisionPolicy(param_dtype=torch.bfloat16,
                                                           reduce_dtype=torch.float32)}
    for index, layer in enumerate(model.layers):
        fully_shard(layer, **how, reshard_after_forward=index < args.layers - 1)
    fully_shard(model, **how, reshard_after_forward=True)
    model.to_empty(device="cuda")
    with torch.no_grad():
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.02)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95),
                                  weight_decay=0.1, fused=True)
    for step in range(3):
        batch = torch.randint(VOCABULARY, (args.batch_size, args.length + 1))
        ids, labels = batch[:, :-1].contiguous().cuda(), batch[:, 1:].contiguous().cuda()
        optimizer.zero_grad()
        prediction = model(ids)
        loss = F.cross_entropy(prediction.flatten(0, 1).float(), labels.flatten(0, 1))
        # Freed before the backward pass, which need not keep it.
        del prediction
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        print(f"step {step}: reserved {torch.cuda.max_memory_reserved() / 2 ** 30:.2f} GiB")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
