#!/usr/bin/env python3
"""Writes memory snapshots in the form that PyTorch documents, one for each cause of running out of
memory. They are MADE, not recorded: a small model of the caching allocator and of a training loop
stands in for a GPU, until real ones can be recorded. Each says so in its user_metadata.

    make_snapshots.py FOLDER [--seed N]     a snapshot a cause, FOLDER/<cause>-<style>.pickle
    make_snapshots.py --list FOLDER ...     the same, and prints file, cause and the user's line
    make_snapshots.py --stored FOLDER       the ones that the tests keep, with their figures
    make_snapshots.py --big BYTES FILE      one of about that size, for timing

What differs from seed to seed: sizes, layers, iterations, the pickler (Python's protocols 2 to 5,
PyTorch's own), how stacks are recorded, which fields there are, whether the trace lost its start.
"""

import argparse
import os
import pickle
import random
import struct

MIB = 1 << 20
GIB = 1 << 30
SITE = "/usr/lib/python3/dist-packages/torch/"


class OutOfMemory(Exception):
    pass


class Allocator:
    """PyTorch's caching allocator, as far as traces show it."""

    def __init__(self, capacity, others=0, context=500 * MIB):
        self.free_on_device = capacity - others - context
        # [address, size, large, blocks]; a block: [address, size, requested, frames or None]
        self.segments = []
        self.trace = []
        self.next_address = 0x7F2000000000
        self.time = 1_700_000_000_000_000

    def record(self, action, address, size, frames):
        self.time += 37
        key = "device_free" if action == "oom" else "addr"
        self.trace.append(
            {
                "action": action,
                key: address,
                "size": size,
                "stream": 0,
                "time_us": self.time,
                "frames": frames,
            }
        )

    def find(self, size, large):
        best = None
        for segment in self.segments:
            if segment[2] != large:
                continue
            for index, block in enumerate(segment[3]):
                if block[3] is None and block[1] >= size and (best is None or block[1] < best[0]):
                    best = block[1], segment, index
        return best and best[1:]

    def release_cached(self, frames):
        for segment in list(self.segments):
            if len(segment[3]) == 1 and segment[3][0][3] is None:
                self.segments.remove(segment)
                self.free_on_device += segment[1]
                self.record("segment_free", segment[0], segment[1], frames)

    def grow(self, size, large, frames):
        wanted = (
            2 * MIB
            if not large
            else 20 * MIB
            if size < 10 * MIB
            else -(-size // (2 * MIB)) * 2 * MIB
        )
        if wanted > self.free_on_device:
            self.release_cached(frames)
        if wanted > self.free_on_device:
            self.record("oom", self.free_on_device, size, frames)
            raise OutOfMemory
        self.free_on_device -= wanted
        address = self.next_address
        self.next_address += wanted + 2 * MIB
        self.segments.append([address, wanted, large, [[address, wanted, 0, None]]])
        self.record("segment_alloc", address, wanted, frames)

    def alloc(self, bytes_, frames):
        size = max(512, -(-int(bytes_) // 512) * 512)
        large = size > MIB
        found = self.find(size, large)
        if not found:
            self.grow(size, large, frames)
            found = self.find(size, large)
        segment, index = found
        block = segment[3][index]
        rest = block[1] - size
        if rest >= 512 if not large else rest > MIB:
            segment[3].insert(index + 1, [block[0] + size, rest, 0, None])
            block[1] = size
        block[2], block[3] = int(bytes_), frames
        self.record("alloc", block[0], block[1], frames)
        return block[0]

    def free(self, address, frames=()):
        for segment in self.segments:
            if segment[0] <= address < segment[0] + segment[1]:
                break
        blocks = segment[3]
        index = next(i for i, block in enumerate(blocks) if block[0] == address)
        self.record("free_requested", address, blocks[index][1], list(frames))
        self.record("free_completed", address, blocks[index][1], list(frames))
        blocks[index][3] = None
        if index + 1 < len(blocks) and blocks[index + 1][3] is None:
            blocks[index][1] += blocks.pop(index + 1)[1]
        if index > 0 and blocks[index - 1][3] is None:
            blocks[index - 1][1] += blocks.pop(index)[1]

    def reserved(self):
        return sum(segment[1] for segment in self.segments)

    def snapshot(self):
        return [
            {
                "device": 0,
                "address": address,
                "total_size": size,
                "allocated_size": sum(b[1] for b in blocks if b[3] is not None),
                "active_size": sum(b[1] for b in blocks if b[3] is not None),
                "requested_size": sum(b[2] for b in blocks if b[3] is not None),
                "stream": 0,
                "segment_type": "large" if large else "small",
                "segment_pool_id": (0, 0),
                "is_expandable": False,
                "frames": [],
                "blocks": [
                    {
                        "address": b[0],
                        "size": b[1],
                        "requested_size": b[2] or b[1],
                        "state": "inactive" if b[3] is None else "active_allocated",
                        "frames": b[3] or [],
                    }
                    for b in blocks
                ],
            }
            for address, size, large, blocks in sorted(self.segments, key=lambda s: s[0])
        ]


class Stacks:
    """Frames as the recorder sees them. |style|: 'python' (backward has none), 'all' (with C++
    frames), 'plain' (backward under the user's line), 'none', 'late' (recording began after the
    model was loaded)."""

    def __init__(self, style, script):
        self.style, self.script, self.made = style, script, {}

    def frame(self, filename, line, name):
        key = filename, line, name
        return self.made.setdefault(key, {"filename": filename, "line": line, "name": name})

    def build(self, native, frames):
        if self.style == "none":
            return []
        result = []
        if self.style == "all":
            result = [
                self.frame("??", 0, name)
                for name in (
                    "c10::cuda::CUDACachingAllocator::Native::DeviceCachingAllocator::malloc("
                    "signed char, unsigned long, CUstream_st*)",
                    "at::detail::empty_cuda(c10::ArrayRef<long>, c10::ScalarType)",
                    *native,
                )
            ]
        return result + [self.frame(*frame) for frame in frames]

    def main(self, line, function="train"):
        return [
            (self.script, line, function),
            (self.script, 88, "main"),
            (self.script, 92, "<module>"),
        ]

    def call(self):
        module = SITE + "nn/modules/module.py"
        return [(module, 1532, "_call_impl"), (module, 1511, "_wrapped_call_impl")]

    def forward(self, index, kind, caller):
        model = os.path.dirname(self.script) + "/net.py"
        inner = {
            "conv": [
                (SITE + "nn/modules/conv.py", 456, "_conv_forward"),
                (SITE + "nn/modules/conv.py", 460, "forward"),
            ],
            "linear": [(SITE + "nn/modules/linear.py", 116, "forward")],
            "relu": [
                (SITE + "nn/functional.py", 1500, "relu"),
                (SITE + "nn/modules/activation.py", 101, "forward"),
            ],
            "attention": [(SITE + "nn/functional.py", 5500, "scaled_dot_product_attention")],
        }[kind]
        native = {
            "conv": (
                "at::native::cudnn_convolution(at::Tensor const&, at::Tensor const&)",
                "at::_ops::conv2d::call",
            ),
            "linear": ("at::native::structured_addmm_out_cuda", "at::_ops::linear::call"),
            "relu": ("at::native::relu(at::Tensor const&)", "at::_ops::relu::call"),
            "attention": ("at::native::softmax_cuda_out", "at::_ops::softmax::call"),
        }[kind]
        frames = (
            inner
            + (self.call() if kind != "attention" else [])
            + [(model, 30 + index, "forward")]
            + self.call()
            + caller
        )
        return self.build(native, frames)

    def workspace(self, index, caller):
        frames = [
            (SITE + "nn/modules/conv.py", 456, "_conv_forward"),
            (SITE + "nn/modules/conv.py", 460, "forward"),
            *self.call(),
            (os.path.dirname(self.script) + "/net.py", 30 + index, "forward"),
            *self.call(),
            *caller,
        ]
        return self.build(
            ("at::native::raw_cudnn_convolution_forward_out(at::Tensor const&)",), frames
        )

    def loss(self, caller):
        return self.build(
            ("at::native::cross_entropy_loss",),
            [
                (SITE + "nn/functional.py", 3050, "cross_entropy"),
                (SITE + "nn/modules/loss.py", 1170, "forward"),
                *self.call(),
                *caller,
            ],
        )

    def backward(self, kind, caller):
        if self.style in ("python", "late", "none"):
            return []
        if self.style == "all":
            names = {
                "conv": "ConvolutionBackward0::apply",
                "linear": "AddmmBackward0::apply",
                "relu": "ReluBackward0::apply",
                "attention": "SoftmaxBackward0::apply",
            }
            return self.build(
                (
                    f"torch::autograd::generated::{names[kind]}(std::vector<at::Tensor>&&)",
                    "torch::autograd::Engine::evaluate_function",
                    "torch::autograd::Engine::thread_main",
                ),
                [],
            )
        return self.build(
            (),
            [
                (SITE + "autograd/__init__.py", 251, "backward"),
                (SITE + "_tensor.py", 492, "backward"),
                *caller,
            ],
        )

    def load(self):
        module = SITE + "nn/modules/module.py"
        if self.style == "late":
            return []
        return self.build(
            ("at::native::to(at::Tensor const&)",),
            [
                (module, 1150, "convert"),
                (module, 825, "_apply"),
                (module, 802, "_apply"),
                (module, 1152, "to"),
                (self.script, 70, "main"),
                (self.script, 92, "<module>"),
            ],
        )

    def optimizer(self, state, caller):
        inner = [
            (
                SITE + "optim/adam.py",
                121 if state else 530,
                "_init_group" if state else "_multi_tensor_adam",
            ),
            (SITE + "optim/adam.py", 160, "step"),
            (SITE + "optim/optimizer.py", 391, "wrapper"),
        ]
        return self.build(
            ("at::native::zeros_like",) if state else ("at::native::foreach_tensor_sqrt",),
            inner + caller,
        )


class Net:
    """Layers: (kind, weight bytes, activation bytes a sample)."""

    def __init__(self, rng, layers, weight, activation):
        kinds = [rng.choice(["conv", "linear"]) for _ in range(layers)]
        self.layers = [
            (
                kind,
                int(weight * rng.uniform(0.6, 1.4)) // 4 * 4,
                int(activation * rng.uniform(0.6, 1.4)),
            )
            for kind in kinds
        ]


class Run:
    """A process that trains: the allocator, the stacks and what is live."""

    def __init__(self, rng, style, capacity, net, others=0, workspace=0, adam=True):
        self.rng, self.net, self.adam, self.workspace = rng, net, adam, workspace
        self.stacks = Stacks(
            style,
            f"/home/{rng.choice(['ada', 'lin', 'sam'])}"
            f"/{rng.choice(['work', 'vision', 'exp'])}/train.py",
        )
        self.allocator = Allocator(capacity, others)
        self.weights, self.grads, self.state = [], {}, []

    def alloc(self, bytes_, frames):
        return self.allocator.alloc(bytes_, frames)

    def free(self, *addresses):
        for address in addresses:
            self.allocator.free(address)

    def load(self):
        for _, weight, _ in self.net.layers:
            self.weights.append(self.alloc(weight, self.stacks.load()))
            self.alloc(512, self.stacks.load())
        if self.stacks.style == "late":
            self.allocator.trace.clear()

    def forward(self, batch, caller, keep=True):
        """Gives the addresses of what the backward pass needs; without |keep| the output's."""
        saved = [self.alloc(batch * self.net.layers[0][2] // 4, self.stacks.build((), caller))]
        for index, (kind, _, activation) in enumerate(self.net.layers):
            saved.append(self.alloc(batch * activation, self.stacks.forward(index, kind, caller)))
            if kind == "conv" and self.workspace:
                self.free(self.alloc(self.workspace, self.stacks.workspace(index, caller)))
            if not keep:
                self.free(saved.pop(-2))
            else:
                saved.append(
                    self.alloc(batch * activation, self.stacks.forward(index, "relu", caller))
                )
        return saved

    def loss(self, caller):
        return self.alloc(4, self.stacks.loss(caller))

    def backward(self, batch, saved, caller):
        above = None
        for index in reversed(range(len(self.net.layers))):
            kind, weight, activation = self.net.layers[index]
            grad = self.alloc(batch * activation, self.stacks.backward("relu", caller))
            if above is not None:
                self.free(above)
            self.free(saved[2 + 2 * index])
            above = self.alloc(batch * activation, self.stacks.backward(kind, caller))
            if index not in self.grads:
                self.grads[index] = self.alloc(weight, self.stacks.backward(kind, caller))
            self.free(grad, saved[1 + 2 * index])
        self.free(above, saved[0])

    def step(self, caller):
        if self.adam and not self.state:
            for _, weight, _ in self.net.layers:
                self.state.append(self.alloc(weight, self.stacks.optimizer(True, caller)))
                self.state.append(self.alloc(weight, self.stacks.optimizer(True, caller)))
        temporary = [
            self.alloc(weight, self.stacks.optimizer(False, caller))
            for _, weight, _ in self.net.layers
        ]
        self.free(*temporary)

    def zero_grad(self):
        self.free(*self.grads.values())
        self.grads = {}

    def train(self, batch):
        self.zero_grad()
        saved = self.forward(batch, self.stacks.main(41))
        loss = self.loss(self.stacks.main(42))
        self.backward(batch, saved, self.stacks.main(43))
        self.step(self.stacks.main(44))
        return loss


def room(run, factor=1.0):
    """Bytes of a step of one sample beside the weights."""
    return factor * sum(2 * a for _, _, a in run.net.layers)


# Each scenario runs until the allocator refuses, and gives the file and line to be named (None:
# any).


def batch(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8, 16, 24]) * GIB,
        Net(rng, rng.randint(4, 9), rng.uniform(1, 12) * MIB, rng.uniform(4, 30) * MIB),
        workspace=rng.choice([0, 8 * MIB]),
    )
    run.load()
    fits = run.allocator.free_on_device / room(run)
    run.train(int(fits * rng.uniform(1.2, 3)) + 1)


def model(rng, style):
    capacity = rng.choice([4, 8, 16, 24]) * GIB
    layers = rng.randint(6, 16)
    place = rng.choice(["load", "backward"])
    share = 1.3 if place == "load" else rng.uniform(0.6, 0.85)
    run = Run(rng, style, capacity, Net(rng, layers, share * capacity / layers, 256 * 1024))
    run.load()
    run.train(2)


def history(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8, 16]) * GIB,
        Net(rng, rng.randint(3, 7), rng.uniform(1, 8) * MIB, rng.uniform(1, 6) * MIB),
    )
    run.load()
    size = max(1, int(run.allocator.free_on_device / room(run) / rng.uniform(7, 14)))
    caller = run.stacks.main(41)
    while True:
        run.zero_grad()
        kept = run.forward(size, caller)  # total += loss: the graph and what it saved stay
        run.loss(run.stacks.main(42))
        inner = run.forward(size, caller)
        run.backward(size, inner, run.stacks.main(43))
        run.step(run.stacks.main(44))
        del kept


def no_grad(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8, 16]) * GIB,
        Net(rng, rng.randint(3, 7), rng.uniform(1, 8) * MIB, rng.uniform(1, 6) * MIB),
    )
    run.load()
    size = max(1, int(run.allocator.free_on_device / room(run) / rng.uniform(7, 14)))
    function = rng.choice(["evaluate", "validate", "predict"])
    for _ in range(rng.choice([0, 3])):
        run.free(run.train(size))
    run.zero_grad()
    while True:
        run.forward(size, run.stacks.main(57, function))


def leak(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8]) * GIB,
        Net(rng, rng.randint(3, 6), rng.uniform(1, 8) * MIB, rng.uniform(1, 6) * MIB),
    )
    run.load()
    size = max(1, int(run.allocator.free_on_device / room(run) / 3))
    cached = run.allocator.free_on_device / rng.uniform(9, 20)
    cache = os.path.dirname(run.stacks.script) + "/cache.py"
    while True:
        run.free(run.train(size))
        run.alloc(
            cached,
            run.stacks.build(("at::native::clone",), [(cache, 17, "put"), *run.stacks.main(46)]),
        )


def not_freed(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8, 16]) * GIB,
        Net(rng, rng.randint(3, 7), rng.uniform(1, 8) * MIB, rng.uniform(1, 6) * MIB),
    )
    run.load()
    fits = run.allocator.free_on_device / room(run)
    for _ in range(rng.randint(0, 4)):
        run.free(run.train(max(1, int(fits * 0.4))))
    run.zero_grad()
    attempt, size = [], fits * rng.uniform(1.1, 1.4)
    for _ in range(4):
        # The except block refers to the exception, whose traceback holds what the attempt had made.
        try:
            attempt.append(run.forward(int(size), run.stacks.main(41)))
        except OutOfMemory:
            failed = True
        size /= 2
    assert failed
    raise OutOfMemory


def fragmentation(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8, 16]) * GIB,
        Net(rng, rng.randint(3, 6), rng.uniform(1, 8) * MIB, 256 * 1024),
    )
    run.load()
    for _ in range(rng.randint(2, 4)):
        run.free(run.train(2))
    caller = run.stacks.main(41)
    # Each layer's result takes the place of its larger temporary, and what is left beside it is too
    # small for the next one.
    temporary = rng.randint(60, 160) * 2 * MIB
    wanted, layer = int(temporary * rng.uniform(1.5, 2.5)), 10
    while run.allocator.free_on_device > min(temporary * 1.1, wanted):
        size = int(temporary * rng.uniform(0.95, 1.05))
        layer += 1
        run.free(run.alloc(size, run.stacks.forward(layer, "conv", caller)))
        run.alloc(size * 0.6, run.stacks.forward(layer, "relu", caller))
    run.alloc(wanted, run.stacks.forward(layer + 1, "linear", caller))
    raise AssertionError("it fitted")


def other_process(rng, style):
    capacity = rng.choice([16, 24, 40]) * GIB
    run = Run(
        rng,
        style,
        capacity,
        Net(rng, rng.randint(3, 7), rng.uniform(4, 12) * MIB, rng.uniform(2, 8) * MIB),
    )
    run.load()
    fits = run.allocator.free_on_device / room(run)
    for _ in range(rng.randint(3, 5)):
        run.free(run.train(max(1, int(fits * 0.55))))
    run.allocator.release_cached([])
    # Another process takes what is free for now.
    run.allocator.free_on_device = min(
        run.allocator.free_on_device, int(capacity * rng.uniform(0.08, 0.2))
    )
    while True:
        run.free(run.train(max(1, int(fits * 0.55))))


def optimizer_state(rng, style):
    capacity = rng.choice([4, 8, 16, 24]) * GIB
    layers = rng.randint(5, 14)
    run = Run(
        rng,
        style,
        capacity,
        Net(rng, layers, rng.uniform(0.22, 0.3) * capacity / layers, 512 * 1024),
    )
    run.load()
    run.train(max(1, int(0.1 * run.allocator.free_on_device / room(run))))
    raise AssertionError("the state fitted")


def late_batch(rng, style):
    run = Run(
        rng,
        style,
        rng.choice([4, 8, 16, 24]) * GIB,
        Net(rng, rng.randint(3, 7), rng.uniform(1, 10) * MIB, rng.uniform(2, 10) * MIB),
    )
    run.load()
    fits = run.allocator.free_on_device / room(run)
    for _ in range(rng.randint(5, 12)):
        run.free(run.train(max(1, int(fits * rng.uniform(0.25, 0.38)))))
    run.train(int(fits * rng.uniform(1.15, 1.8)) + 1)


def workspace(rng, style):
    capacity = rng.choice([4, 8, 16]) * GIB
    net = Net(rng, rng.randint(3, 6), rng.uniform(1, 8) * MIB, rng.uniform(2, 8) * MIB)
    net.layers = [("conv", w, a) for _, w, a in net.layers]
    run = Run(rng, style, capacity, net, workspace=int(capacity * rng.uniform(0.45, 0.6)))
    run.load()
    fits = run.allocator.free_on_device / room(run)
    for _ in range(rng.randint(0, 2)):
        run.free(run.train(max(1, int(fits * 0.1))))
    run.workspace = int(run.allocator.free_on_device + run.allocator.reserved())
    run.train(max(1, int(fits * 0.1)))


SCENARIOS = {  # name: function, cause
    "batch": (batch, "batch"),
    "model": (model, "model"),
    "history": (history, "history"),
    "no-grad": (no_grad, "history"),
    "leak": (leak, "leak"),
    "not-freed": (not_freed, "not-freed"),
    "fragmentation": (fragmentation, "fragmentation"),
    "other-process": (other_process, "other-process"),
    "optimizer-state": (optimizer_state, "optimizer-state"),
    "late-batch": (late_batch, "late-batch"),
    "workspace": (workspace, "workspace"),
}


def truncate(rng, snapshot, entries):
    """The ring lost what came before the last |entries|."""
    trace = snapshot["device_traces"][0]
    snapshot["device_traces"][0] = trace[-entries:]


def make_old(snapshot):
    """As the first versions wrote it: no block addresses, a history in place of frames."""
    for segment in snapshot["segments"]:
        for key in ("segment_pool_id", "is_expandable", "frames", "requested_size"):
            del segment[key]
        for block in segment["blocks"]:
            frames = block.pop("frames")
            del block["address"]
            requested = block.pop("requested_size")
            if block["state"] != "inactive":
                block["history"] = [{"addr": 0, "frames": frames, "real_size": requested}]
    for trace in snapshot["device_traces"]:
        for entry in trace:
            del entry["time_us"]
    del snapshot["allocator_settings"], snapshot["external_annotations"]


def make(name, seed, style):
    """The snapshot of a scenario, what it is a case of, and the user's script."""
    rng = random.Random(f"{name} {seed} {style}")
    scenario, cause = SCENARIOS[name]
    runs = []
    original = Run.__init__

    def remember(self, *arguments, **named):
        original(self, *arguments, **named)
        runs.append(self)

    Run.__init__ = remember
    try:
        scenario(rng, style)
        raise AssertionError(f"{name} {seed} {style}: it fitted")
    except OutOfMemory:
        pass
    finally:
        Run.__init__ = original
    allocator = runs[0].allocator
    allocator.trace[0]["user_metadata"] = "made by make_snapshots.py, not recorded"
    snapshot = {
        "segments": allocator.snapshot(),
        "device_traces": [allocator.trace],
        "allocator_settings": {
            "PYTORCH_CUDA_ALLOC_CONF": "",
            "max_split_size": -1,
            "garbage_collection_threshold": 0.0,
            "expandable_segments": False,
            "pinned_num_register_threads": 1,
            "release_lock_on_cudamalloc": False,
            "pinned_use_cuda_host_register": False,
            "roundup_power2_divisions": {str(1 << i): 0 for i in range(16)},
        },
        "external_annotations": [],
    }
    return rng, snapshot, cause, runs[0].stacks.script


class PlainPickler:
    """PyTorch's own pickler: protocol 2, containers put into the memo once they are complete."""

    def __init__(self, out):
        self.out, self.memo, self.texts, self.alive = out, {}, {}, []
        out(b"\x80\x02")

    def put(self, table, key):
        number = len(self.memo) + len(self.texts)
        table[key] = number
        self.out(b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number))

    def get(self, number):
        self.out(b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<I", number))

    def write(self, value):
        out = self.out
        if value is None:
            out(b"N")
        elif value is True or value is False:
            out(b"\x88" if value else b"\x89")
        elif isinstance(value, int):
            if 0 <= value < 256:
                out(b"K" + bytes([value]))
            elif 0 <= value < 65536:
                out(b"M" + struct.pack("<H", value))
            elif -(1 << 31) <= value < 1 << 31:
                out(b"J" + struct.pack("<i", value))
            else:
                out(b"\x8a\x08" + struct.pack("<q", value))
        elif isinstance(value, float):
            out(b"G" + struct.pack(">d", value))
        elif isinstance(value, str):
            if value in self.texts:
                return self.get(self.texts[value])
            encoded = value.encode()
            out(b"X" + struct.pack("<I", len(encoded)) + encoded)
            self.put(self.texts, value)
        elif id(value) in self.memo:
            self.get(self.memo[id(value)])
        else:
            self.write_container(value)
            self.alive.append(value)
            self.put(self.memo, id(value))

    def write_container(self, value):
        if isinstance(value, dict):
            self.out(b"}(")
            for key, item in value.items():
                self.write(key)
                self.write(item)
            self.out(b"u")
        elif isinstance(value, list):
            self.out(b"](")
            for item in value:
                self.write(item)
            self.out(b"e")
        else:
            for item in value:
                self.write(item)
            self.out(b"\x86")


def write(snapshot, path, pickler):
    with open(path, "wb") as file:
        if pickler == "plain":
            PlainPickler(file.write).write(snapshot)
            file.write(b".")
        else:
            pickle.dump(snapshot, file, protocol=pickler)


STYLES = ["python", "all", "plain", "late"]


def write_all(folder, seed, listed, names):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        for style in STYLES:
            rng, snapshot, cause, script = make(name, seed, style)
            form = rng.choice(["new", "new", "new", "old", "ring"])
            if form == "old":
                make_old(snapshot)
            if form == "ring":
                truncate(rng, snapshot, len(snapshot["device_traces"][0]) * 3 // 4)
            pickler = rng.choice([2, 3, 4, 5, "plain"])
            path = os.path.join(folder, f"{name}-{style}-{seed}.pickle")
            write(snapshot, path, pickler)
            if listed:
                print(
                    path, cause, script, form, pickler, len(snapshot["device_traces"][0]), sep="\t"
                )


# The tests' own: (scenario, style, seed), and what the report has to name.
STORED = [
    ("batch", "late", 3, "net.py"),
    ("model", "python", 2, "train.py:70"),
    ("history", "python", 4, "train.py:41"),
    ("no-grad", "plain", 5, "train.py:57"),
    ("leak", "plain", 1, "cache.py:17"),
    ("not-freed", "python", 5, "an attempt that failed before"),
    ("fragmentation", "plain", 6, "expandable_segments:True"),
    ("other-process", "python", 13, "something else took"),
    ("optimizer-state", "late", 15, "train.py:44"),
    ("late-batch", "late", 3, "more than 2.3 times the largest before into 2"),
    ("workspace", "all", 3, "a workspace"),
]


def write_stored(folder):
    """The figures are the made allocator's: file, cause, requested, free, live, reserved, words."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "expected.tsv"), "w", encoding="utf-8") as expected:
        for number, (name, style, seed, words) in enumerate(STORED):
            _, snapshot, cause, _ = make(name, seed, style)
            failure = snapshot["device_traces"][0][-1]
            assert failure["action"] == "oom"
            live = sum(segment["allocated_size"] for segment in snapshot["segments"])
            reserved = sum(segment["total_size"] for segment in snapshot["segments"])
            if number % 4 == 3:
                make_old(snapshot)
            write(
                snapshot, os.path.join(folder, name + ".pickle"), [2, 3, "plain", 4, 5][number % 5]
            )
            print(
                name + ".pickle",
                cause,
                failure["size"],
                failure["device_free"],
                live,
                reserved,
                words,
                sep="\t",
                file=expected,
            )


def write_big(target, path):
    """A trace that repeats, with a list of frames for every entry, as PyTorch's pickler has it."""
    stacks = Stacks("all", "/home/ada/work/train.py")
    deep = [
        stacks.forward(i % 40, "conv", stacks.main(41) + [stacks.main(88)[1]] * (i % 5))
        for i in range(400)
    ]
    with open(path, "wb") as file:
        pickler = PlainPickler(file.write)
        file.write(b"}(")
        pickler.write("segments")
        pickler.write(
            [
                {
                    "device": 0,
                    "address": 1 << 40,
                    "total_size": 1 << 30,
                    "stream": 0,
                    "segment_type": "large",
                    "blocks": [
                        {
                            "address": 1 << 40,
                            "size": 1 << 30,
                            "requested_size": 1 << 30,
                            "state": "inactive",
                            "frames": [],
                        }
                    ],
                }
            ]
        )
        pickler.write("device_traces")
        file.write(b"](](")
        count, written, parts = 0, 0, []
        # All texts and frames are in the memo before the first entry that refers to them.
        first = {
            "action": "alloc",
            "addr": 1 << 40,
            "size": MIB,
            "stream": 0,
            "time_us": 1_700_000_000_000_000,
            "compile_context": "N/A",
            "user_metadata": "",
            "frames": [f for stack in deep for f in stack],
        }
        pickler.write(first)
        pickler.write(dict(first, action="free_completed", frames=[]))
        number = len(pickler.memo) + len(pickler.texts)

        def get(table, key):
            return b"j" + struct.pack("<I", table[key])

        keys = {key: get(pickler.texts, key) for key in first}
        stacks_out = [
            b"](" + b"".join(get(pickler.memo, id(frame)) for frame in stack) + b"er"
            for stack in deep
        ]
        actions = [get(pickler.texts, action) for action in ("alloc", "free_completed")]
        tail = (
            keys["compile_context"]
            + get(pickler.texts, "N/A")
            + keys["user_metadata"]
            + get(pickler.texts, "")
        )
        while written < target:
            step = count % 1000
            parts.append(
                b"".join(
                    (
                        b"}(",
                        keys["action"],
                        actions[step >= 500],
                        keys["addr"],
                        b"\x8a\x08",
                        struct.pack("<q", (1 << 40) + (step % 500) * MIB),
                        keys["size"],
                        b"J",
                        struct.pack("<i", MIB),
                        keys["stream"],
                        b"K\x00",
                        keys["time_us"],
                        b"\x8a\x08",
                        struct.pack("<q", 1_700_000_000_000_000 + count),
                        tail,
                        keys["frames"],
                        stacks_out[step % 400],
                        struct.pack("<I", number),
                        b"ur",
                        struct.pack("<I", number + 1),
                    )
                )
            )
            number += 2
            count += 1
            if step == 999:
                chunk = b"".join(parts)
                file.write(chunk)
                written += len(chunk)
                parts = []
        file.write(b"eeu.")
    print(f"{path}: {count} entries")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="where to, or the file with --big")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", choices=list(SCENARIOS))
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--big", type=int, metavar="BYTES")
    given = parser.parse_args()
    if given.stored:
        write_stored(given.folder)
    elif given.big:
        write_big(given.big, given.folder)
    else:
        write_all(given.folder, given.seed, given.list, [given.only] if given.only else SCENARIOS)


if __name__ == "__main__":
    main()
