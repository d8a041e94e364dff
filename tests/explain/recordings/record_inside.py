"""Runs inside one dry run: records each program that standard input lists, one a line as JSON, in a
process of its own. No functions but for the books: the program's own frames are to be outermost.

A line: program (path), cause, stacks ("all", "python", "none"), entries (of the trace; 0: no
trace), file (the snapshot to write), truth (a JSON file, with what is known by construction).
"""

import gc
import json
import os
import signal
import sys
import traceback

import torch

PATIENCE = 120  # seconds a program may take
BLOCK = 512  # what PyTorch rounds every allocation up to


def rounded(tensors):
    """Bytes on the card of the storages of |tensors|, each once."""
    sizes = {}
    for tensor in tensors:
        if tensor is not None and tensor.is_cuda:
            storage = tensor.untyped_storage()
            if storage.data_ptr():
                sizes[storage.data_ptr()] = -(-storage.nbytes() // BLOCK) * BLOCK
    return sum(sizes.values())


def truth(failed):
    """What the program's own objects hold."""
    parameters, others, state = [], [], []
    for item in gc.get_objects():
        kind = type(item)  # isinstance() would ask lazy modules what they are
        if issubclass(kind, torch.nn.Parameter):
            parameters.append(item)
        elif issubclass(kind, torch.nn.Module):
            others += [
                buffer for buffer in vars(item).get("_buffers", {}).values() if buffer is not None
            ]
        elif issubclass(kind, torch.optim.Optimizer):
            state += [
                value
                for values in list(item.state.values())
                for value in values.values()
                if isinstance(value, torch.Tensor)
            ]
    return {
        "failed": failed,
        "weights": rounded(parameters + others),
        "optimizer": rounded(state),
        "gradients": rounded([parameter.grad for parameter in parameters]),
    }


for line in list(sys.stdin):
    task = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        failed = None
        try:
            torch.cuda.init()  # the dry run's hook turns its own recording on here
            torch.cuda.memory._record_memory_history(enabled=None)
            if task["entries"]:
                torch.cuda.memory._record_memory_history(
                    context=None if task["stacks"] == "none" else "all",
                    stacks="all" if task["stacks"] == "none" else task["stacks"],
                    max_entries=task["entries"],
                )
            sys.argv = [task["program"], task["cause"]]
            sys.path.insert(0, os.path.dirname(task["program"]))
            with open(task["program"], encoding="utf-8") as stream:
                code = compile(stream.read(), task["program"], "exec")
            sys.modules["__main__"].__dict__.update(__name__="__main__", __file__=task["program"])
            try:
                exec(code, sys.modules["__main__"].__dict__)
            except torch.cuda.OutOfMemoryError as error:
                failed = error
            torch.cuda.memory._dump_snapshot(task["file"])
            with open(task["truth"], "w", encoding="utf-8") as stream:
                json.dump(truth(failed is not None), stream)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
