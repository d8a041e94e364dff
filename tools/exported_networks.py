"""Networks that are exported to ONNX, and what PyTorch makes of them: for compare_with_pytorch.py
and onnx_training_cases.py."""

import contextlib
import copy
import io
import math
import pathlib
import warnings

import torch
import torchvision.models as zoo
from torch import nn
from torch.nn.utils import fusion

STEPS, MOMENTUM, CLASSES, BATCH, SEED = 10, 0.9, 10, 4, 1
WORDS, LENGTH = 50, 12


# --- Networks that torchvision has not ---
class Block(nn.Sequential):
    def __init__(self, inputs, out):
        super().__init__(
            nn.Conv2d(inputs, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        )


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down1, self.down2, self.middle = (
            Block(3, width),
            Block(width, 2 * width),
            Block(2 * width, 4 * width),
        )
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.block2, self.block1 = Block(4 * width, 2 * width), Block(3 * width, width)
        self.out = nn.Conv2d(width, CLASSES, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        x = self.block2(torch.cat([self.up2(self.middle(self.pool(b))), b], 1))
        return self.out(self.block1(torch.cat([self.up1(x), a], 1)))


class Transformer(nn.Module):
    """A class for each token."""

    def __init__(self, width=32, layers=2, batch_first=True, norm_first=True):
        super().__init__()
        self.batch_first = batch_first
        self.words = nn.Embedding(WORDS, width)
        self.places = nn.Parameter(torch.randn(1, LENGTH, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, 0.0, "gelu", batch_first=batch_first, norm_first=norm_first
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.out = nn.Linear(width, CLASSES)

    def forward(self, tokens):
        x = self.words(tokens) + self.places
        if self.batch_first:
            return self.out(self.layers(x))
        return self.out(self.layers(x.transpose(0, 1)).transpose(0, 1))


class Attention(nn.Module):
    """Sequences of vectors; a class for each sequence."""

    def __init__(self, features=6, width=16):
        super().__init__()
        self.into = nn.Linear(features, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.into(x)
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        return self.out(x.mean(1))


class DecoderBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )
        self.register_buffer(
            "mask", torch.tril(torch.ones(64, 64)).view(1, 1, 64, 64), persistent=False
        )

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).split(c, 2)
        q, k, v = (y.view(n, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(c // self.heads)
        scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        y = (scores.softmax(-1) @ v).transpose(1, 2).contiguous().view(n, t, c)
        x = x + self.project(y)
        return x + self.mlp(self.norm2(x))


class Decoder(nn.Module):
    """A GPT: each token's class from those before it; the mask is the network's own."""

    def __init__(self, width=32):
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, width), nn.Embedding(64, width)
        self.blocks = nn.ModuleList(DecoderBlock(width, 4) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES, bias=False)

    def forward(self, tokens):
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class CausalAttention(nn.Module):
    """The same by scaled_dot_product_attention(is_causal=True)."""

    def __init__(self, width=32):
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.qkv, self.head = nn.Linear(width, 3 * width), nn.Linear(width, CLASSES)

    def forward(self, tokens):
        n, t = tokens.shape
        x = self.words(tokens)
        q, k, v = self.qkv(x).view(n, t, 3, 4, -1).permute(2, 0, 3, 1, 4).unbind(0)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(x + y.transpose(1, 2).reshape(n, t, -1))


def tabular():
    return nn.Sequential(
        nn.Linear(9, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.SiLU(),
        nn.Linear(32, CLASSES),
    )


def conv1d():
    return nn.Sequential(
        nn.Conv1d(4, 16, 5, padding=2),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(16, 32, 3, padding=1, groups=2),
        nn.BatchNorm1d(32),
        nn.LeakyReLU(0.1),
        nn.AvgPool1d(2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )


def conv3d():
    return nn.Sequential(
        nn.Conv3d(2, 8, 3, padding=1),
        nn.BatchNorm3d(8),
        nn.ReLU(),
        nn.MaxPool3d(2),
        nn.Conv3d(8, 16, 3, padding=1),
        nn.BatchNorm3d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1),
        nn.Sigmoid(),
    )


def tiny_conv():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, groups=4, bias=False),
        nn.BatchNorm2d(16),
        nn.Hardswish(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


class Mixer(nn.Module):
    """What ShuffleNet and ConvNeXt do to shapes, on few channels."""

    def __init__(self, width=8):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, width, 2, stride=2), nn.BatchNorm2d(width)
        self.branch = nn.Conv2d(width // 2, width // 2, 3, padding=1, groups=width // 2)
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            zoo.convnext.Permute([0, 2, 3, 1]),
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            zoo.convnext.Permute([0, 3, 1, 2]),
        )
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.5))
        self.head = nn.Sequential(
            zoo.convnext.LayerNorm2d(width), nn.Flatten(1), nn.Linear(width, CLASSES)
        )

    def forward(self, x):
        a, b = torch.relu(self.norm(self.stem(x))).chunk(2, 1)
        x = zoo.shufflenetv2.channel_shuffle(torch.cat([a, self.branch(b)], 1), 2)
        x = self.scale * self.block(x) + x  # strided as channels last, as the pool sees
        return self.head(nn.functional.adaptive_avg_pool2d(x, 1))


class Recurrent(nn.Module):
    """A GRU, then an LSTM of two layers in both directions; the last state of each counts."""

    def __init__(self, features, width):
        super().__init__()
        self.gru = nn.GRU(features, width, batch_first=True)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(4 * width, CLASSES)

    def forward(self, x):
        x, last = self.gru(x)
        x, (_, cell) = self.lstm(x)
        return self.head(torch.cat([x[:, -1], last[0], cell[0]], 1))


# --- The table ---
class Network:
    """|shape|: of a sample, "tokens", or pixels of a square image. |rate|: the learning rate; it is
    lowered until PyTorch's own float32 and float64 agree far better than the comparison's
    tolerance. |calm|: what the scales of batch norms are multiplied by at first; deep residual
    networks with fresh weights magnify rounding until nothing can be compared."""

    def __init__(self, build, shape, rate=1e-2, loss="cross-entropy", dense=False, calm=1.0):
        self.build, self.rate, self.loss, self.dense = build, rate, loss, dense
        self.calm = calm
        self.shape = (3, shape, shape) if isinstance(shape, int) else shape

    def sample(self, generator):
        if self.shape == "tokens":
            return torch.randint(WORDS, (BATCH, LENGTH), generator=generator)
        return torch.randn(BATCH, *self.shape, generator=generator)

    def target(self, x, generator):
        if self.loss == "mse":
            return torch.rand(x.shape, generator=generator)
        shape = tuple(x.shape) if self.shape == "tokens" else (BATCH,)
        shape += tuple(x.shape[2:]) if self.dense else ()
        return torch.randint(CLASSES, shape, generator=generator)


def vision(name, size, rate, calm=1.0, **options):
    return Network(
        lambda: getattr(zoo, name)(num_classes=CLASSES, **options), size, rate, calm=calm
    )


# Acceptance asks for these.
NETWORKS = {
    "mobilenet_v2": vision("mobilenet_v2", 64, 1e-6),
    "resnet18": vision("resnet18", 64, 1e-5),
    "resnet50": vision("resnet50", 64, 2.5e-7, 0.1),
    "efficientnet_b0": vision("efficientnet_b0", 64, 1e-6),
    "vgg11_bn": vision("vgg11_bn", 224, 1e-5),
    "googlenet": vision("googlenet", 64, 2.5e-7, aux_logits=False, init_weights=False),
    "densenet121": vision("densenet121", 64, 1e-6),
    "shufflenet_v2_x1_0": vision("shufflenet_v2_x1_0", 64, 1e-6),
    "squeezenet1_1": vision("squeezenet1_1", 64, 1e-4),
    "mnasnet1_0": vision("mnasnet1_0", 64, 1e-8, 0.3),
    "convnext_tiny": vision("convnext_tiny", 64, 1e-4),
    "vit_b_16": vision("vit_b_16", 64, 1e-4, image_size=64),
    "unet": Network(UNet, 32, dense=True),
    "transformer": Network(Transformer, "tokens"),
}
# These go further.
MORE = {
    "regnet_y_400mf": vision("regnet_y_400mf", 64, 6e-8),
    "mobilenet_v3_small": vision("mobilenet_v3_small", 64, 1e-3),
    "efficientnet_v2_s": vision("efficientnet_v2_s", 64, 1e-6),
    "swin_t": vision("swin_t", 64, 1e-4),
    "resnext50_32x4d": vision("resnext50_32x4d", 64, 1e-6),
    "wide_resnet50_2": vision("wide_resnet50_2", 64, 1e-6),
    "inception_v3": vision("inception_v3", 96, 1e-6, aux_logits=False, init_weights=False),
    "maxvit_t": vision("maxvit_t", 224, 1e-6),
    "maxvit": Network(
        lambda: zoo.MaxVit(
            (64, 64),
            stem_channels=16,
            partition_size=8,
            block_channels=[16, 32],
            block_layers=[1, 1],
            head_dim=8,
            stochastic_depth_prob=0.0,
            num_classes=CLASSES,
        ),
        64,
    ),
    "attention": Network(Attention, (7, 6)),
    "transformer_time_first": Network(
        lambda: Transformer(batch_first=False, norm_first=False), "tokens"
    ),
    "decoder": Network(Decoder, "tokens"),
    "causal_attention": Network(CausalAttention, "tokens"),
    "tabular": Network(tabular, (9,)),
    "recurrent": Network(lambda: Recurrent(6, 16), (20, 6), 0.1),
    "conv1d": Network(conv1d, (4, 40)),
    "conv3d": Network(conv3d, (2, 8, 8, 8)),
    "autoencoder": Network(autoencoder, 16, 0.5, loss="mse"),
}
# These are small enough to be stored.
TINY = {
    "conv": Network(tiny_conv, 8),
    "mixer": Network(Mixer, 8),
    "unet": Network(lambda: UNet(2), 8, dense=True),
    "transformer": Network(lambda: Transformer(8, layers=1), "tokens"),
    "tabular": Network(tabular, (9,)),
    "recurrent": Network(lambda: Recurrent(3, 4), (5, 3), 0.1),
}
ALL = {**NETWORKS, **MORE, **{"tiny_" + name: network for name, network in TINY.items()}}
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def without_dropping(net):
    for module in net.modules():
        if isinstance(module, (nn.Dropout, nn.MultiheadAttention)):
            setattr(module, "dropout" if hasattr(module, "dropout") else "p", 0.0)
        if type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    return net


def settle(net, x, calm):
    """A network as it is after some training: parameters that are not equal, which exporters make
    one of, and running statistics of the data. Evaluation without them, and a network that they are
    folded into, has activations that grow layer by layer."""
    with torch.no_grad():
        for value in net.parameters():
            value.add_(torch.randn_like(value) * (0.02 if value.dim() <= 1 else 0.002))
        norms = [module for module in net.modules() if isinstance(module, NORMS)]
        for norm in norms:
            norm.weight.mul_(calm)
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of what follows
        net.train()
        net(x)
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            norm.num_batches_tracked.zero_()
    return net


def make(name):
    """The network in its first state, its input and target."""
    network = ALL[name]
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = without_dropping(network.build())
    generator = torch.Generator().manual_seed(SEED)
    x = network.sample(generator)
    target = network.target(x, generator)
    return settle(net, x, network.calm), x, target


def loss_of(name, net, x, target):
    logits = net(x)
    if ALL[name].loss == "mse":
        return nn.functional.mse_loss(logits, target)
    if logits.dim() == 3:  # (N, T, C)
        logits = logits.transpose(1, 2)
    return nn.functional.cross_entropy(logits, target)


def fold(net, x, kinds):
    """Makes batch norms part of the layers of |kinds| whose results they alone take, as exporters
    do. Returns how many."""
    net.eval()
    makers, readers, hooks, keep = {}, [], [], []

    def seen(module, given, result):
        keep.append(result)  # no address is used twice
        makers[id(result)] = module

    def norm_seen(module, given):
        keep.append(given[0])
        readers.append((module, id(given[0])))

    for module in net.modules():
        if isinstance(module, kinds):
            hooks.append(module.register_forward_hook(seen))
        if isinstance(module, NORMS):
            hooks.append(module.register_forward_pre_hook(norm_seen))
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    parents = {
        id(child): (parent, name)
        for parent in net.modules()
        for name, child in parent.named_children()
    }
    count = 0
    for norm, source in readers:
        layer = makers.get(source)
        if layer is None:
            continue
        axis_first = isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d))
        layer.weight, layer.bias = fusion.fuse_conv_bn_weights(
            layer.weight,
            layer.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
            axis_first,
        )
        layer.bias.requires_grad_(True)  # also where there was none
        parent, name = parents[id(norm)]
        setattr(parent, name, nn.Identity())
        count += 1
    return count


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
OTHER_LINEAR = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
FOLDS = {"": (), "conv": CONVOLUTIONS, "all": CONVOLUTIONS + OTHER_LINEAR}


def train(name, rate, folds="", dtype=torch.float32):
    """PyTorch's losses, and the trained network."""
    net, x, target = make(name)
    if folds:
        fold(net, x, FOLDS[folds])
    net = net.to(dtype).train()
    if x.is_floating_point():
        x = x.to(dtype)
    if target.is_floating_point():
        target = target.to(dtype)
    optimizer = torch.optim.SGD(net.parameters(), rate, MOMENTUM)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(name, net, x, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, net


def distance(found, expected):
    return max(
        abs(a - b) / abs(b) if math.isfinite(a) else math.inf
        for a, b in zip(found, expected, strict=True)
    )


def put_back(path, state):
    """Tracing in training mode moves running statistics before they are written."""
    import onnx

    model = onnx.load(path)
    for tensor in model.graph.initializer:
        value = state.get(tensor.name)
        if value is not None and value.dtype == torch.float32 and tensor.HasField("raw_data"):
            tensor.raw_data = value.contiguous().numpy().tobytes()
    onnx.save(model, path)


def export(net, x, path, dynamo, training):
    """With a dynamic batch, as an ordinary user exports it."""
    state = copy.deepcopy(net.state_dict())
    net.train(training)
    mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
    quiet = contextlib.redirect_stdout(io.StringIO())
    with quiet, contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(
                net,
                (x,),
                path,
                dynamo=True,
                input_names=["input"],
                output_names=["logits"],
                external_data=False,
                verbose=False,
                optimize=not training,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        else:
            torch.onnx.export(
                net,
                (x,),
                path,
                dynamo=False,
                input_names=["input"],
                output_names=["logits"],
                training=mode,
                do_constant_folding=not training,
                dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
            )
    net.load_state_dict(state)
    if training:
        put_back(pathlib.Path(path), state)


def folds_of(net, x, path):
    """Which of FOLDS the exporter has done."""
    import onnx

    nodes = onnx.load(path, load_external_data=False).graph.node
    kept = sum(node.op_type == "BatchNormalization" for node in nodes)
    norms = sum(isinstance(module, NORMS) for module in net.modules())
    for name, kinds in FOLDS.items():
        twin = copy.deepcopy(net)
        if norms - (fold(twin, x, kinds) if kinds else 0) == kept:
            return name
    raise ValueError(f"{kept} of {norms} batch norms are left: no known folding")
