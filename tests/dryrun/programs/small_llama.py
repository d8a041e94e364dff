"""A Llama in plain PyTorch, for the programs of several ranks: sizes are arguments."""
import torch
from torch import nn
from torch.nn import functional


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5)
        return (x.float() * scale).type_as(x) * self.weight


def rotate(x):
    """Rotary embedding; |x| is (batch, heads, length, width)."""
    length, width = x.shape[-2:]
    places = torch.arange(length, device=x.device, dtype=torch.float32)
    rates = 10000 ** (-torch.arange(0, width, 2, device=x.device, dtype=torch.float32) / width)
    angles = torch.outer(places, rates).repeat(1, 2)
    half = torch.cat([-x[..., width // 2:], x[..., :width // 2]], -1)
    return x * angles.cos().to(x.dtype) + half * angles.sin().to(x.dtype)


class Attention(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.head = width // heads
        self.q = nn.Linear(width, heads * self.head, bias=False)
        self.k = nn.Linear(width, kv_heads * self.head, bias=False)
        self.v = nn.Linear(width, kv_heads * self.head, bias=False)
        self.o = nn.Linear(heads * self.head, width, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        # -1: under tensor parallelism a rank has some of the heads.
        q, k, v = (layer(x).view(batch, length, -1, self.head).transpose(1, 2)
                   for layer in (self.q, self.k, self.v))
        k = k.repeat_interleave(q.shape[1] // k.shape[1], 1)
        v = v.repeat_interleave(q.shape[1] // v.shape[1], 1)
        out = functional.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
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

    def forward(self, x):
        x = x + self.attention(self.before(x))
        return x + self.feed_forward(self.between(x))


class Llama(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.width)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))
        self.norm = Norm(sizes.width)
        self.head = nn.Linear(sizes.width, sizes.vocabulary, bias=False)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
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
