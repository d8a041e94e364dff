"""Runs inside one dry run: records each program that standard input lists, one a line as JSON, in a
process of its own. No functions but for the books: the program's own frames are to be outermost.

A line: program (path), cause, stacks ("all", "python", "none"), entries (of the trace; 0: no
trace), file (the snapshot to write), truth (a JSON file, with what is known by construction), ranks
(how many processes run it together), text (what they print of their failures goes there).

Of several ranks the first one's snapshot is kept, and the text is of all.
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
            local = getattr(tensor, "to_local", None)  # a DTensor's shard
            storage = (local() if local else tensor).untyped_storage()
            if storage.nbytes() and storage.data_ptr():
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


def print_failure(error, file, rank):
    """As an uncaught exception ends a process, under torchrun: every line says whose it is."""
    frames = error.__traceback__.tb_next  # without ours
    with open(f"{file}.{rank}", "w", encoding="utf-8") as stream:
        for line in traceback.format_exception(type(error), error, frames):
            stream.writelines(f"[rank{rank}]: {part}\n" for part in line.rstrip("\n").split("\n"))


def run(task, rank):
    """The program, to its end or its failure."""
    failed = None
    if task["ranks"] > 1:
        world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": task["ranks"]}
        os.environ.update({name: str(value) for name, value in world.items()})
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(29541))
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
        if task["ranks"] > 1:
            print_failure(error, task["text"], rank)
    if rank == 0:
        torch.cuda.memory._dump_snapshot(task["file"])
        with open(task["truth"], "w", encoding="utf-8") as stream:
            json.dump(truth(failed is not None), stream)


def start(task, rank):
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        try:
            run(task, rank)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(0)
    return child


def gather(file, ranks):
    """One log of all ranks' failures, where there were any."""
    parts = [f"{file}.{rank}" for rank in range(ranks)]
    found = [part for part in parts if os.path.exists(part)]
    if found:
        with open(file, "w", encoding="utf-8") as log:
            for part in found:
                with open(part, encoding="utf-8") as stream:
                    log.write(stream.read())
                os.remove(part)


for line in list(sys.stdin):
    task = json.loads(line)
    for child in [start(task, rank) for rank in range(task["ranks"])]:
        os.waitpid(child, 0)
    if task["ranks"] > 1:
        gather(task["text"], task["ranks"])
