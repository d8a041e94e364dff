"""A Llama in plain PyTorch, for the programs of several ranks: sizes are arguments."""
import torch
from torch import nn
from torch.nn import functional


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return functional.rms_norm(x, x.shape[-1:], self.weight, 1e-5)


def rotary_table(length, width, like):
    """Cosines and sines of the rotary embedding, each (length, width)."""
    places = torch.arange(length, device=like.device, dtype=torch.float32)
    rates = 10000 ** (-torch.arange(0, width, 2, device=like.device, dtype=torch.float32) / width)
    angles = torch.outer(places, rates).repeat(1, 2)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def rotate(x, table):
    """|x| is (batch, heads, length, width)."""
    first, second = x.chunk(2, -1)
    return x * table[0] + torch.cat([-second, first], -1) * table[1]


class Attention(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.head = width // heads
        self.q = nn.Linear(width, heads * self.head, bias=False)
        self.k = nn.Linear(width, kv_heads * self.head, bias=False)
        self.v = nn.Linear(width, kv_heads * self.head, bias=False)
        self.o = nn.Linear(heads * self.head, width, bias=False)

    def forward(self, x, table):
        batch, length, _ = x.shape
        # -1: under tensor parallelism a rank has some of the heads.
        q, k, v = (layer(x).view(batch, length, -1, self.head).transpose(1, 2)
                   for layer in (self.q, self.k, self.v))
        k = k.repeat_interleave(q.shape[1] // k.shape[1], 1)
        v = v.repeat_interleave(q.shape[1] // v.shape[1], 1)
        q, k = rotate(q, table), rotate(k, table)
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(out.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.before = Norm(sizes.width)
        self.attention = Attention(sizes.width, sizes.heads, sizes.kv_heads)
        self.between = Norm(sizes.width)
        self.feed_forward = FeedForward(sizes.width, sizes.inner)

    def forward(self, x, table):
        x = x + self.attention(self.before(x), table)
        return x + self.feed_forward(self.between(x))


class Llama(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.head_width = sizes.width // sizes.heads
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.width)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))
        self.norm = Norm(sizes.width)
        self.head = nn.Linear(sizes.width, sizes.vocabulary, bias=False)

    def forward(self, tokens):
        x = self.embedding(tokens)
        table = rotary_table(tokens.shape[1], self.head_width, x)
        for layer in self.layers:
            x = layer(x, table)
        return self.head(self.norm(x))


def add_sizes(parser):
    """Arguments of a model's sizes; --model 70b: those of Llama 3 70B."""
    parser.add_argument("--model", choices=["tiny", "70b"], default="tiny")
    for name, size in (("width", 256), ("layers", 4), ("heads", 8), ("kv-heads", 8),
                       ("inner", 688), ("vocabulary", 1024)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3)


def read_sizes(parser):
    args = parser.parse_args()
    if args.model == "70b":
        args.width, args.layers, args.heads, args.kv_heads = 8192, 80, 64, 8
        args.inner, args.vocabulary = 28672, 128256
    return args
