#!/usr/bin/env python3
"""Compares snug's training of exported networks with PyTorch's.

Each network is exported by both of PyTorch's exporters, in training and in evaluation mode; snug
plans it and trains it for ten steps from the same weights on the same data, without dropout and
stochastic depth, and the losses are held against PyTorch's: of a network with its batch norms
folded into convolutions where the exporter did that. The round trip follows: weights as
safetensors into PyTorch, as ONNX through onnx.checker and ONNX Runtime, `snug eval`, and two more
runs that go on from the exported weights.

The learning rate is the network's (exported_networks.py), lowered until PyTorch's float32 and
float64 agree within a tenth of the tolerance, and still moves the loss.

Columns: `plan` of the network; `rate`; `moved`, how far ten steps move the loss, relative; `own`,
PyTorch's float32 from its float64; `losses`, snug's from PyTorch's, the worst of ten, relative;
`trip`, the worst distance of outputs and losses on the round trip; `trained`, that of the outputs
of PyTorch's trained network from snug's.

Needs torch, torchvision, onnx, onnxruntime and onnxscript from PyPI:
    tools/compare_with_pytorch.py [--snug build/bin/snug] [--only NAME,...] [--keep FOLDER]

With --libraries, thirty small networks of transformers, diffusers, timm and torchvision (which it
needs as well) take their place: library_comparison.py.
"""

import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

# Threads that spin while they wait starve each other on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import exported_networks as networks  # noqa: E402
import torch  # noqa: E402

TOLERANCE, TRIP_TOLERANCE = 1e-3, 1e-4
TIME_LIMIT = 300  # seconds, of one call of snug
FORMS = [(dynamo, training) for dynamo in (False, True) for training in (False, True)]
TYPES = {torch.float32: "F32", torch.int64: "I64"}


# --- safetensors: a length, JSON, bytes ---
def save_file(tensors, path, metadata=None):
    header, at, data = {"__metadata__": metadata} if metadata else {}, 0, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {
            "dtype": TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(raw)],
        }
        at += len(raw)
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def load_file(path):
    raw = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    types = {text: dtype for dtype, text in TYPES.items()}
    tensors = {}
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        data = bytearray(raw[8 + length + begin : 8 + length + end])
        tensor = torch.frombuffer(data, dtype=types[entry["dtype"]]) if data else torch.empty(0)
        tensors[name] = tensor.reshape(entry["shape"])
    return tensors


# --- snug ---
class Failed(Exception):
    pass


class Snug:
    def __init__(self, program, loss):
        self.program, self.loss = program, loss

    def run(self, *arguments):
        command = [str(a) for a in (self.program, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
        if done.returncode != 0:
            raise Failed(f"exit {done.returncode}: {' '.join(done.stderr.split())}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def plan(self, model):
        self.run(
            "plan", model, "--batch-size", networks.BATCH, "--cost", "model", "--loss", self.loss
        )

    def losses(self, model, data, rate, out, *more):
        events = self.run(
            "train",
            model,
            "--data",
            data,
            "--batch-size",
            networks.BATCH,
            "--json",
            "--epochs",
            networks.STEPS,
            "--lr",
            repr(rate),
            "--momentum",
            networks.MOMENTUM,
            "--weight-decay",
            0,
            "--no-drop",
            "--no-eval",
            "--cost",
            "model",
            "--fixes",
            "free-early",
            "--loss",
            self.loss,
            "--out",
            out,
            *more,
        )
        done = next(e for e in events if e["event"] == "done")
        if done["planned_peak_bytes"] != done["measured_peak_bytes"]:
            raise Failed("the measured peak differs from the planned one")
        return [e["loss"] for e in events if e["event"] == "step"]

    def evaluate(self, run, data):
        events = self.run("eval", run, "--data", data, "--batch-size", networks.BATCH, "--json")
        return next(e for e in events if e["event"] == "eval")["loss"]

    def export(self, run, kind, out):
        self.run("export", run, "--format", kind, "--out", out)


# --- PyTorch's side ---
class Expected:
    """What PyTorch makes of a network, by what is folded in it."""

    def __init__(self, name):
        self.name, self.known = name, {}

    def of(self, folds):
        if folds not in self.known:
            self.known[folds] = self.find(folds)
        return self.known[folds]

    def find(self, folds):
        rate = networks.ALL[self.name].rate
        for _ in range(12):
            losses, net = networks.train(self.name, rate, folds)
            exact = networks.train(self.name, rate, folds, torch.float64)[0]
            own = networks.distance(losses, exact)
            if own < TOLERANCE / 10:
                moved = (max(losses) - min(losses)) / abs(losses[0])
                return {"rate": rate, "losses": losses, "net": net, "own": own, "moved": moved}
            rate /= 4
        raise Failed("PyTorch's float32 and float64 disagree at every learning rate")


def outputs_of(net, x):
    net.eval()
    with torch.no_grad():
        return net(x)


def relative(found, expected):
    return (found - expected).abs().max().item() / expected.abs().max().item()


def load_into(name, weights):
    """The network with exported weights; their names must be its own."""
    net = networks.make(name)[0]
    tensors, state = load_file(weights), net.state_dict()
    unexpected = [key for key in tensors if key not in state]
    lost = [key for key in state if key not in tensors and not key.endswith("num_batches_tracked")]
    if lost or unexpected:
        raise Failed(f"state_dict: missing {lost[:3]}, unexpected {unexpected[:3]}")
    state.update(tensors)  # MNASNet asks for a version beside the tensors
    net.load_state_dict(state)
    return net


def run_onnx(file, x):
    import onnxruntime

    import onnx

    onnx.checker.check_model(onnx.load(file), full_check=True)
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


def round_trip(snug, name, model, data, folder, expected, has_names):
    """The worst distance on the round trip of folder/run, and that of PyTorch's trained network."""
    x, target = networks.make(name)[1:]
    weights, file = folder / "back.safetensors", folder / "back.onnx"
    snug.export(folder / "run", "safetensors", weights)
    snug.export(folder / "run", "onnx", file)
    ours = run_onnx(file, x)
    loss = networks.loss_of(name, lambda _: ours, x, target).item()
    found = {"eval": abs(snug.evaluate(folder / "run", data) - loss) / loss}
    if has_names:
        found["pytorch"] = relative(ours, outputs_of(load_into(name, weights), x))
    resumed = snug.losses(model, data, expected["rate"], folder / "resumed", "--init", weights)
    again = snug.losses(file, data, expected["rate"], folder / "again")
    found["resume"] = networks.distance(resumed[:1], again[:1])
    if has_names:
        first = networks.loss_of(name, load_into(name, weights).train(), x, target).item()
        found["resume"] = max(found["resume"], abs(resumed[0] - first) / first)
    return max(found.values()), relative(ours, outputs_of(expected["net"], x)), found


def compare_form(snug, name, dynamo, training, folder, expected, row):
    """Fills |row| as far as it comes; returns what is wrong."""
    net, x, target = networks.make(name)
    data, model = folder / "data.safetensors", folder / f"{row['exporter']}-{row['mode']}.onnx"
    save_file({"input": x, "target": target}, data)
    networks.export(net, x, model, dynamo, training)
    row["plan"] = "failed"
    snug.plan(model)
    row["plan"] = "ok"
    folds = networks.folds_of(net, x, model)
    row["folded"] = folds or "-"
    wanted = expected.of(folds)
    row.update({key: f"{wanted[key]:.1e}" for key in ("rate", "moved", "own")})
    found = snug.losses(model, data, wanted["rate"], folder / "run")
    off = networks.distance(found, wanted["losses"])
    row["losses"] = f"{off:.1e}"
    trip, trained, parts = round_trip(snug, name, model, data, folder, wanted, training)
    row["trip"], row["trained"] = f"{trip:.1e}", f"{trained:.1e}"
    wrong = []
    if off >= TOLERANCE:
        wrong.append("losses")
    if trip >= TRIP_TOLERANCE:
        wrong.append("round trip " + ", ".join(f"{k} {v:.1e}" for k, v in parts.items()))
    if wanted["moved"] < 10 * TOLERANCE:
        wrong.append("the loss hardly moves")
    return "; ".join(wrong)


COLUMNS = {
    "network": 22,
    "exporter": 8,
    "mode": 10,
    "plan": 6,
    "folded": 6,
    "rate": 7,
    "moved": 7,
    "own": 7,
    "losses": 7,
    "trip": 7,
    "trained": 7,
    "verdict": 0,
}


def show(row):
    print(
        "  ".join(f"{row.get(key, '-'):{width}}" for key, width in COLUMNS.items()).rstrip(),
        flush=True,
    )


def compare(program, name, folder, forms):
    """One row for each form; returns how many agree."""
    torch.set_num_threads(2)
    snug, expected = Snug(program, networks.ALL[name].loss), Expected(name)
    passed = 0
    for dynamo, training in forms:
        row = {
            "network": name,
            "exporter": "dynamo" if dynamo else "script",
            "mode": "training" if training else "evaluation",
        }
        try:
            wrong = compare_form(snug, name, dynamo, training, folder, expected, row)
        except Exception as error:  # one form's failure is a line of the report
            wrong = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
        row["verdict"] = f"FAIL {wrong}" if wrong else "ok"
        show(row)
        passed += not wrong
    return passed


def read_forms(text):
    return [FORMS["0123".index(i)] for i in text.replace(",", "")]


def compare_libraries(given):
    import library_comparison
    import library_networks

    torch.set_num_threads(2)
    names = given.only.split(",") if given.only else list(library_networks.NETWORKS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(given.keep or temporary)
        failed = library_comparison.compare(
            sys.modules[__name__], given.snug.resolve(), names, folder
        )
    return 1 if failed else 0


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "build" / "bin" / "snug"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snug", default=default, type=pathlib.Path)
    parser.add_argument("--only", help="networks, by comma")
    parser.add_argument("--more", action="store_true", help="networks beyond the usual ones, too")
    parser.add_argument(
        "--forms",
        type=read_forms,
        default=FORMS,
        help="of 0 to 3: script evaluation, training, dynamo likewise",
    )
    parser.add_argument("--keep", help="a folder for the files")
    parser.add_argument(
        "--libraries", action="store_true", help="networks of transformers, diffusers, timm, ..."
    )
    given = parser.parse_args()
    if given.libraries:
        return compare_libraries(given)
    table = networks.ALL if given.more else networks.NETWORKS
    names = given.only.split(",") if given.only else list(table)
    passed = 0
    show({key: key for key in COLUMNS})
    for name in names:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(given.keep or temporary) / name
            folder.mkdir(parents=True, exist_ok=True)
            passed += compare(given.snug.resolve(), name, folder, given.forms)
    failed = len(names) * len(given.forms) - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
