#!/usr/bin/env python3
"""Writes tests/onnx/shared: networks with shared weights as PyTorch's exporters write them, for
tests/onnx/test_shared_names.c. <network>-<exporter>.onnx; <network>.txt has the keys of PyTorch's
state_dict(), one a line.

Needs torch, onnx and onnxscript from PyPI: tools/onnx_shared_cases.py FOLDER
"""

import contextlib
import io
import pathlib
import sys

import torch
from torch import nn

import onnx

SCOPES = "pkg.torch.onnx.name_scopes"
SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"


class Tied(nn.Module):
    """Two embeddings and a head with one weight, two norms with one scale."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"embed": nn.Embedding(20, 8), "norm": nn.LayerNorm(8)})
        self.decoder = nn.ModuleDict({"embed": nn.Embedding(20, 8), "norm": nn.LayerNorm(8)})
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.decoder["embed"].weight = self.encoder["embed"].weight
        self.decoder["norm"].weight = self.encoder["norm"].weight

    def forward(self, tokens):
        seen = self.encoder["norm"](self.encoder["embed"](tokens))
        return self.head(seen + self.decoder["norm"](self.decoder["embed"](tokens)))


class Blocks(nn.Module):
    """Layers of several blocks that share a weight."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(2))
        self.blocks[1][0].weight = self.blocks[0][0].weight
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(x)


class Alone(nn.Module):
    """Nothing is shared; a module reads another's weight in a function of its own."""

    def __init__(self):
        super().__init__()
        self.embed, self.read = nn.Embedding(20, 8), Reader()

    def forward(self, tokens):
        return self.read(self.embed(tokens), self.embed.weight)


class Reader(nn.Module):
    def forward(self, x, weight):
        return torch.tanh(x) @ weight.t()


def export(net, x, path, dynamo):
    batch = torch.export.Dim("n")
    more = (
        {"dynamic_shapes": ({0: batch},), "optimize": False, "external_data": False}
        if dynamo
        else {
            "dynamic_axes": {"x": {0: "n"}, "y": {0: "n"}},
            "do_constant_folding": False,
            "training": torch.onnx.TrainingMode.TRAINING,
        }
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(
            net, (x,), path, input_names=["x"], output_names=["y"], dynamo=dynamo, **more
        )
    model = onnx.load(path)
    for part in [*model.graph.node, model.graph]:
        part.ClearField("doc_string")
        told = [entry for entry in part.metadata_props if entry.key in (SCOPES, SIGNATURE)]
        del part.metadata_props[:]
        part.metadata_props.extend(told)
    del model.metadata_props[:]
    onnx.save(model, path)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokens = torch.randint(0, 20, (2, 6))
    cases = {"tied": (Tied(), tokens), "blocks": (Blocks(), torch.randn(2, 8))}
    cases["alone"] = (Alone(), tokens)
    for name, (net, x) in cases.items():
        (folder / f"{name}.txt").write_text("".join(key + "\n" for key in net.state_dict()))
        for dynamo in (False, True):
            export(net, x, folder / f"{name}-{'dynamo' if dynamo else 'script'}.onnx", dynamo)


if __name__ == "__main__":
    main()
