#!/usr/bin/env python3
"""Writes tests/onnx/training: small networks as PyTorch's exporters write them, and what PyTorch
makes of them, for tests/onnx/test_training.c.

<network>-<exporter>-<mode>.onnx is trained on `input` and `target` of <network>.safetensors. There,
`losses/<exporter>-<mode>` are PyTorch's losses of ten steps of SGD from the same weights (of the
network with its batch norms folded where the exporter did that), and the loss in evaluation form
after them; the learning rate, the momentum and the loss are in the metadata. `updates/<form>` there
has a line for each weight that the file has as PyTorch has it, or transposed: its name, the norm of
what the ten steps changed, and four sums over the trained weight, each element times
sqrt(2) cos(k i) for each k of WAVES. Weights that an exporter put in another order (recurrent
gates) have no line.

Needs torch, torchvision, onnx and onnxscript from PyPI:
    tools/onnx_training_cases.py FOLDER [NETWORK...]
"""

import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import compare_with_pytorch as comparison  # noqa: E402
import exported_networks as networks  # noqa: E402
import onnx.numpy_helper  # noqa: E402
import torch  # noqa: E402

import onnx  # noqa: E402

# The metadata that snug reads.
READ = ("pkg.torch.export.graph_signature.InputSpec.kind", "pkg.onnxscript.optimizer.folded_from")


def strip(path):
    """Exporters write where in the program nodes come from, and names that nobody reads."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("name")
        del node.metadata_props[:]
    for value in [
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        *model.graph.initializer,
    ]:
        value.ClearField("doc_string")
        told = [entry for entry in value.metadata_props if entry.key in READ]
        del value.metadata_props[:]
        value.metadata_props.extend(told)
    values = [value for value in model.graph.value_info if value.metadata_props]
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    model.graph.value_info.extend(values)
    model.graph.ClearField("doc_string")
    onnx.save(model, path)


def trained(name, folds):
    """The losses, and the network."""
    losses, net = networks.train(name, networks.ALL[name].rate, folds)
    x, target = networks.make(name)[1:]
    net.eval()
    with torch.no_grad():
        losses.append(networks.loss_of(name, net, x, target).item())
    return torch.tensor(losses), net


WAVES = (0.37, 1.13, 1.91, 2.61)


def waves_of(weight):
    weight = weight.detach().double().flatten()
    place = torch.arange(len(weight), dtype=torch.float64)
    return [(weight * torch.cos(k * place)).sum().item() * math.sqrt(2) for k in WAVES]


def updates_of(name, folds, path, net):
    """Each weight's line: by its own name, else that of the one in the file with its numbers."""
    first, x, _ = networks.make(name)
    if folds:
        networks.fold(first, x, networks.FOLDS[folds])
    stored = {
        entry.name: torch.from_numpy(onnx.numpy_helper.to_array(entry).copy())
        for entry in onnx.load(path).graph.initializer
    }
    lines = []
    for (label, before), after in zip(first.named_parameters(), net.parameters()):
        for turn in (lambda w: w, lambda w: w.t() if w.dim() == 2 else w):
            same = [
                key
                for key, value in stored.items()
                if (value.shape, value.dtype) == (turn(before).shape, before.dtype)
                and torch.allclose(value, turn(before), rtol=1e-5, atol=1e-7)
            ]
            if same:
                key = label if label in same else same[0]
                numbers = [(after - before).norm().item(), *waves_of(turn(after))]
                lines.append(" ".join([key, *(f"{number:.9g}" for number in numbers)]))
                break
    return "\n".join(lines)


# (dynamo, training) of what is stored: few of each network, to keep the files small.
ALL, DYNAMO = comparison.FORMS, [(True, False), (True, True)]
STORED = {
    "conv": ALL,
    "mixer": DYNAMO,
    "unet": [(False, True), (True, False)],
    "transformer": [(False, True), (True, False)],
    "tabular": DYNAMO,
    "recurrent": [(False, False), (True, False)],
}


def write(short, folder):
    name = "tiny_" + short
    net, x, target = networks.make(name)
    tensors, updates = {"input": x, "target": target}, {}
    for dynamo, training in STORED[short]:
        form = f"{'dynamo' if dynamo else 'script'}-{'training' if training else 'evaluation'}"
        path = folder / f"{short}-{form}.onnx"
        networks.export(net, x, path, dynamo, training)
        strip(path)
        folds = networks.folds_of(net, x, path)
        tensors["losses/" + form], after = trained(name, folds)
        updates["updates/" + form] = updates_of(name, folds, path, after)
    network = networks.ALL[name]
    comparison.save_file(
        tensors,
        folder / f"{short}.safetensors",
        {
            "learning_rate": repr(network.rate),
            "loss": network.loss,
            "momentum": repr(networks.MOMENTUM),
            **updates,
        },
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for short in sys.argv[2:] or STORED:
        write(short, folder)


if __name__ == "__main__":
    main()
