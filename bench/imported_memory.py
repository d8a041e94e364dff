#!/usr/bin/env python3
"""What imported networks keep: snug's plan of a batch without fixes ("unfixed") over the peak of
eager PyTorch on the CPU, a table.

Small configurations of diffusers' UNet2D, UNet2DCondition and VAE, transformers' ViT, T5 and
Llama, a ResNet with group norms, ConvNeXt and Swin, with random weights, exported by torch.onnx in
training form with a dynamic batch (by the older exporter where the newer one fails). Both sides
train with plain SGD on the mean squared error. PyTorch's peak is that of its CPU allocator, as its
profiler records it over two steps, weights, gradients and batch included; snug's is the plan's, and
its step the sum of its kernels' times, measured or predicted. The first losses, of the same weights
and batch, are compared as well.

Needs torch, torchvision, diffusers, transformers, onnx and onnxscript, and a release build. A
PyTorch without NVIDIA's packages takes stand-ins for their libraries, found by themselves:
    bench/imported_memory.py [--exporter dynamo|script] [--keep FOLDER] [NAME ...]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings

PROJECT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests" / "dryrun"))
THREADS = 2


def images(batch, channels=3, size=32):
    import torch

    return torch.randn(batch, channels, size, size)


def tokens(batch, length=64, words=256):
    import torch

    return torch.randint(words, (batch, length))


class Wrapped:
    """Makes a module that returns one tensor, and its inputs."""

    def __init__(self, network, inputs, call):
        import torch

        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.network = network

            def forward(self, *values):
                return call(self.network, *values)

        self.module, self.inputs = Module(), inputs


def unet2d(batch):
    import torch
    from diffusers import UNet2DModel

    net = UNet2DModel(
        sample_size=32, in_channels=3, out_channels=3, layers_per_block=1,
        block_out_channels=(32, 64, 64), norm_num_groups=8, attention_head_dim=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    inputs = (images(batch), torch.randint(1000, (batch,)))
    return Wrapped(net, inputs, lambda net, x, t: net(x, t).sample)


def unet2d_condition(batch):
    import torch
    from diffusers import UNet2DConditionModel

    net = UNet2DConditionModel(
        sample_size=32, in_channels=4, out_channels=4, layers_per_block=1,
        block_out_channels=(32, 64), norm_num_groups=8, attention_head_dim=8,
        cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    inputs = (images(batch, 4), torch.randint(1000, (batch,)), torch.randn(batch, 16, 32))
    return Wrapped(net, inputs, lambda net, x, t, c: net(x, t, c).sample)


def vae(batch):
    from diffusers import AutoencoderKL

    net = AutoencoderKL(
        block_out_channels=(16, 32), norm_num_groups=8, layers_per_block=1, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    return Wrapped(
        net,
        (images(batch, 3, 64),),
        lambda net, x: net.decode(net.encode(x).latent_dist.mean).sample,
    )


def vit(batch):
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        image_size=64, patch_size=8, hidden_size=96, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=384, num_labels=10, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return Wrapped(
        ViTForImageClassification(config), (images(batch, 3, 64),), lambda net, x: net(x).logits
    )


def t5(batch):
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=256, d_model=96, d_kv=24, d_ff=256, num_layers=3, num_heads=4,
        dropout_rate=0.0, use_cache=False, decoder_start_token_id=0,
    )  # fmt: skip
    return Wrapped(
        T5ForConditionalGeneration(config), (tokens(batch), tokens(batch, 48)),
        lambda net, x, y: net(input_ids=x, decoder_input_ids=y, use_cache=False).logits,
    )  # fmt: skip


def llama(batch):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=256, hidden_size=96, intermediate_size=256, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, use_cache=False,
    )  # fmt: skip
    return Wrapped(
        LlamaForCausalLM(config), (tokens(batch),), lambda net, x: net(x, use_cache=False).logits
    )


def groupnorm_resnet(batch):
    import torch
    import torchvision

    net = torchvision.models.ResNet(
        torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10,
        norm_layer=lambda channels: torch.nn.GroupNorm(8, channels),
    )  # fmt: skip
    return Wrapped(net, (images(batch, 3, 64),), lambda net, x: net(x))


def convnext(batch):
    import torchvision
    from torchvision.models.convnext import CNBlockConfig

    blocks = [CNBlockConfig(24, 48, 1), CNBlockConfig(48, 96, 2), CNBlockConfig(96, None, 1)]
    net = torchvision.models.ConvNeXt(blocks, num_classes=10, stochastic_depth_prob=0.0)
    return Wrapped(net, (images(batch, 3, 64),), lambda net, x: net(x))


def swin(batch):
    import torchvision

    net = torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=24, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4],
        num_classes=10, stochastic_depth_prob=0.0,
    )  # fmt: skip
    return Wrapped(net, (images(batch, 3, 64),), lambda net, x: net(x))


NETWORKS = {
    f.__name__: f
    for f in (unet2d, unet2d_condition, vae, vit, t5, llama, groupnorm_resnet, convnext, swin)
}


def make(name, batch):
    import torch

    torch.manual_seed(0)
    made = NETWORKS[name](batch)
    with torch.no_grad():
        target = torch.randn_like(made.module(*made.inputs))
    return made, target


def peak_of_trace(path):
    """The most that the CPU allocator had at once, by the profiler's record of its calls."""
    events = json.loads(pathlib.Path(path).read_text())["traceEvents"]
    calls = sorted(
        ((e["ts"], e["args"]["Bytes"]) for e in events
         if e.get("name") == "[memory]" and e["args"]["Device Type"] == 0),
        key=lambda call: call[0],
    )  # fmt: skip
    live = peak = 0
    for _, amount in calls:
        live += amount
        peak = max(peak, live)
    return peak


def run_pytorch(name, batch, folder):
    """Its peak in bytes, the median step, the first loss; leaves the batch in |folder|."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.set_num_threads(THREADS)
    seconds, losses = [], []

    def train(steps):
        made, target = make(name, batch)
        made.module.train()
        optimizer = torch.optim.SGD(made.module.parameters(), lr=1e-3)
        for _ in range(steps):
            began = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.mse_loss(made.module(*made.inputs), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            seconds.append(time.perf_counter() - began)

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        train(2)
    trace = str(folder / "trace.json")
    record.export_chrome_trace(trace)
    first = losses[0]
    seconds.clear()
    train(8)
    return peak_of_trace(trace), statistics.median(seconds[2:]), first


def export(name, path, exporter):
    import torch

    made, _ = make(name, 2)
    names = [f"input{i}" for i in range(len(made.inputs))]
    made.module.train()
    common = {"input_names": names, "output_names": ["logits"]}
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        if exporter == "script":
            torch.onnx.export(
                made.module, made.inputs, path, dynamo=False, do_constant_folding=False,
                training=torch.onnx.TrainingMode.TRAINING, opset_version=17,
                dynamic_axes={n: {0: "batch"} for n in [*names, "logits"]}, **common,
            )  # fmt: skip
            return
        dims = {0: torch.export.Dim("batch")}
        torch.onnx.export(
            made.module, made.inputs, path, dynamo=True, external_data=False, verbose=False,
            optimize=False, dynamic_shapes={"values": tuple(dims for _ in names)}, **common,
        )  # fmt: skip


def write_batch(name, batch, path):
    """A safetensors file of the samples and targets."""
    made, target = make(name, batch)
    tensors = {f"input{i}": value for i, value in enumerate(made.inputs)} | {"target": target}
    header, data = {}, b""
    for key, value in tensors.items():
        raw = value.contiguous().numpy().tobytes()
        kind = "F32" if value.is_floating_point() else "I64"
        header[key] = {
            "dtype": kind,
            "shape": list(value.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def run_child(arguments):
    """What a process of its own does with PyTorch; prints JSON."""
    warnings.filterwarnings("ignore")
    name, batch, folder = arguments.names[0], arguments.batch, pathlib.Path(arguments.keep)
    exporter = arguments.exporter
    model = folder / f"{name}-{exporter}.onnx"
    try:
        export(name, str(model), exporter)
    except Exception:  # whatever the newer exporter meets: T5 in 2.15
        if exporter == "script":
            raise
        exporter = "script"
        export(name, str(model), exporter)
    write_batch(name, batch, folder / f"{name}.safetensors")
    peak, seconds, loss = run_pytorch(name, batch, folder)
    print(
        json.dumps(
            {
                "peak": peak,
                "seconds": seconds,
                "loss": loss,
                "model": str(model),
                "exporter": exporter,
            }
        )
    )


def run_snug(snug, model, batch, cost):
    """The plan's bytes without fixes, and its step then."""
    command = [snug, "plan", model, "--batch-size", batch, "--loss", "mse", "--optimizer", "sgd"]
    command += ["--momentum", 0, "--weight-decay", 0, "--allow", "exact", "--threads", THREADS]
    command += ["--cost", cost, "--json", "--quiet", "--memory", "64GiB", "--precision", "float32"]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().replace("\n", " ")[:300])
    return json.loads(done.stdout.splitlines()[0])


def first_loss(snug, model, data, batch, folder):
    """The loss of the first step, in which no weight has changed."""
    command = [snug, "train", model, "--data", data, "--batch-size", batch, "--loss", "mse"]
    command += ["--optimizer", "sgd", "--momentum", 0, "--weight-decay", 0, "--no-eval", "--json"]
    command += ["--max-steps", 1, "--cost", "model", "--threads", THREADS, "--memory", "64GiB"]
    command += ["--precision", "float32", "--out", folder / "run", "--overwrite"]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    steps = [json.loads(line) for line in done.stdout.splitlines() if '"event":"step"' in line]
    return steps[0]["loss"] if steps else float("nan")


def compare(arguments, name, folder, environment):
    kept = folder / f"{name}-{arguments.exporter}-{arguments.batch}.json"
    if not kept.exists():
        command = [sys.executable, __file__, "--child", "--exporter", arguments.exporter]
        command += ["--batch", str(arguments.batch), "--keep", str(folder), name]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            print(f"{name:18} {done.stderr.strip().splitlines()[-1][:300]}", flush=True)
            return
        kept.write_text(done.stdout.splitlines()[-1])
    theirs = json.loads(kept.read_text())
    try:
        plan = run_snug(arguments.snug, theirs["model"], arguments.batch, arguments.cost)
    except RuntimeError as failure:
        print(f"{name:18} {failure}", flush=True)
        return
    unfixed = plan["unfixed_bytes"]
    step = plan["candidates"][0]["step_seconds"]
    data = folder / f"{name}.safetensors"
    loss = first_loss(arguments.snug, theirs["model"], data, arguments.batch, folder)
    print(
        f"{name:18}{theirs['peak'] / 1e6:9.2f}{unfixed / 1e6:9.2f}{unfixed / theirs['peak']:7.2f}"
        f"{1e3 * theirs['seconds']:9.1f}{1e3 * step:9.1f}{abs(loss / theirs['loss'] - 1):10.1e}"
        f"  {theirs['exporter']}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NETWORKS))
    parser.add_argument("--exporter", default="dynamo", choices=["dynamo", "script"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--cost", default="measured", choices=["measured", "model"])
    parser.add_argument("--keep", help="a folder in which PyTorch's part is kept, and found")
    parser.add_argument("--snug", default=str(PROJECT / "build" / "bin" / "snug"))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(arguments)
        return
    from dry import without_device

    environment = without_device(sys.executable)
    print(f"batch {arguments.batch}, {arguments.exporter} exporter")
    print(
        f"{'network':18}{'PyTorch':>9}{'unfixed':>9}{'ratio':>7}{'PyTorch':>9}{'snug':>9}{'losses':>10}"
    )
    print(f"{'':18}{'MB':>9}{'MB':>9}{'':>7}{'ms':>9}{'ms':>9}{'differ by':>10}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or NETWORKS:
            compare(arguments, name, folder, environment)


if __name__ == "__main__":
    main()
