#!/usr/bin/env python3
"""Writes tests/onnx/training: small networks as PyTorch's exporters write them, and what PyTorch
makes of them, for tests/onnx/test_training.c.

<network>-<exporter>-<mode>.onnx is trained on `input` and `target` of <network>.safetensors. There,
`losses/<exporter>-<mode>` are PyTorch's losses of ten steps of SGD from the same weights (of the
network with its batch norms folded where the exporter did that), and the loss in evaluation form
after them; the learning rate, the momentum and the loss are in the metadata.

Needs torch, torchvision, onnx and onnxscript from PyPI:
    tools/onnx_training_cases.py FOLDER [NETWORK...]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import compare_with_pytorch as comparison  # noqa: E402
import exported_networks as networks  # noqa: E402
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


def losses_of(name, folds):
    losses, net = networks.train(name, networks.ALL[name].rate, folds)
    x, target = networks.make(name)[1:]
    net.eval()
    with torch.no_grad():
        losses.append(networks.loss_of(name, net, x, target).item())
    return torch.tensor(losses)


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
    tensors = {"input": x, "target": target}
    for dynamo, training in STORED[short]:
        form = f"{'dynamo' if dynamo else 'script'}-{'training' if training else 'evaluation'}"
        path = folder / f"{short}-{form}.onnx"
        networks.export(net, x, path, dynamo, training)
        strip(path)
        tensors["losses/" + form] = losses_of(name, networks.folds_of(net, x, path))
    network = networks.ALL[name]
    comparison.save_file(
        tensors,
        folder / f"{short}.safetensors",
        {
            "learning_rate": repr(network.rate),
            "loss": network.loss,
            "momentum": repr(networks.MOMENTUM),
        },
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for short in sys.argv[2:] or STORED:
        write(short, folder)


if __name__ == "__main__":
    main()
