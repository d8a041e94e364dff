"""GPT-2 124M in the stages of a published comparison of training speed: attention written out or
PyTorch's, a mask kept or made, float32 or bfloat16 weights, layer norm and GELU written out or
PyTorch's. Says what is reserved after training, an evaluation and some generated tokens."""
import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, LAYERS, LENGTH, DROPOUT = 768, 12, 12, 1024, 0.1


class LayerNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        variance = x.var(dim=-1, keepdim=True, unbiased=False)
        normal = (x - mean) / torch.sqrt(variance + 1e-5)
        return self.scale * normal + self.shift


class GELU(nn.Module):
    def forward(self, x):
        return 0.5 * x * (1 + torch.tanh(
            torch.sqrt(torch.tensor(2.0 / math.pi)) * (x + 0.044715 * torch.pow(x, 3))))


class WrittenAttention(nn.Module):
    def __init__(self, keep_mask):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.out, self.dropout = nn.Linear(WIDTH, WIDTH), nn.Dropout(DROPOUT)
        if keep_mask:
            self.register_buffer("mask", torch.triu(torch.ones(LENGTH, LENGTH), diagonal=1))

    def forward(self, x):
        batch, tokens, _ = x.shape
        keys, queries, values = self.key(x), self.query(x), self.value(x)
        keys, values, queries = (t.view(batch, tokens, HEADS, WIDTH // HEADS).transpose(1, 2)
                                 for t in (keys, values, queries))
        scores = queries @ keys.transpose(2, 3)
        if hasattr(self, "mask"):
            mask = self.mask.bool()[:tokens, :tokens]
        else:
            mask = torch.triu(torch.ones(tokens, tokens, device=x.device), diagonal=1).bool()
        scores.masked_fill_(mask, -torch.inf)
        weights = self.dropout(torch.softmax(scores / keys.shape[-1] ** 0.5, dim=-1))
        context = (weights @ values).transpose(1, 2).reshape(batch, tokens, WIDTH)
        return self.out(context)


class FusedAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, tokens, _ = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        queries, keys, values = qkv
        context = F.scaled_dot_product_attention(
            queries, keys, values, dropout_p=DROPOUT if self.training else 0.0, is_causal=True)
        return self.out(context.transpose(1, 2).contiguous().view(batch, tokens, WIDTH))


class Block(nn.Module):
    def __init__(self, args):
        super().__init__()
        norm = nn.LayerNorm if args.classes else LayerNorm
        self.attention = (FusedAttention() if args.attention == "sdpa"
                          else WrittenAttention(args.attention == "kept-mask"))
        self.feed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH),
                                  nn.GELU(approximate="tanh") if args.classes else GELU(),
                                  nn.Linear(4 * WIDTH, WIDTH))
        self.norm1, self.norm2 = norm(WIDTH), norm(WIDTH)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x):
        shortcut = x
        x = self.norm1(x)
        x = self.attention(x)
        x = self.drop(x)
        x = x + shortcut
        shortcut = x
        x = self.norm2(x)
        x = self.feed(x)
        x = self.drop(x)
        return x + shortcut


class GPT(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.tokens, self.places = nn.Embedding(args.vocabulary, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.drop = nn.Dropout(DROPOUT)
        self.blocks = nn.Sequential(*[Block(args) for _ in range(LAYERS)])
        self.norm = (nn.LayerNorm if args.classes else LayerNorm)(WIDTH)
        self.head = nn.Linear(WIDTH, args.vocabulary, bias=False)

    def forward(self, ids):
        tokens = self.tokens(ids)
        places = self.places(torch.arange(ids.shape[1], device=ids.device))
        x = tokens + places
        x = self.drop(x)
        x = self.blocks(x)
        x = self.norm(x)
        return self.head(x)


def batch_loss(model, ids, targets):
    ids, targets = ids.cuda(), targets.cuda()
    logits = model(ids)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def evaluate(model, args):
    model.eval()
    with torch.no_grad():
        for _ in range(2):
            batch_loss(model, *random_batch(args)).item()
    model.train()


def generate(model, count):
    model.eval()
    ids = torch.randint(1000, (1, 4)).cuda()
    with torch.no_grad():
        for _ in range(count):
            logits = model(ids[:, -LENGTH:])[:, -1, :]
            ids = torch.cat((ids, torch.argmax(logits, dim=-1, keepdim=True)), dim=1)
    model.train()


def random_batch(args):
    ids = torch.randint(args.vocabulary, (args.batch_size, LENGTH + 1))
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--vocabulary", type=int, default=50257)
    parser.add_argument("--attention", choices=["kept-mask", "made-mask", "sdpa"],
                        default="kept-mask")
    parser.add_argument("--classes", action="store_true", help="nn.LayerNorm and nn.GELU")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--fused", action="store_true", help="AdamW fused")
    args = parser.parse_args()
    model = GPT(args).cuda()
    if args.bfloat16:
        model = model.to(torch.bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.1,
                                  **({"fused": True} if args.fused else {}))
    model.train()
    for step in range(4):
        optimizer.zero_grad()
        loss = batch_loss(model, *random_batch(args))
        loss.backward()
        optimizer.step()
        if step % 3 == 0:
            evaluate(model, args)
    generate(model, 50)
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.memory_reserved()}")


if __name__ == "__main__":
    main()
