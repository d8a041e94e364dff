"""A Llama under tensor parallelism, with sequence parallelism around the norms."""
import argparse
import os

import torch
import torch.distributed as dist
from small_llama import Llama, add_sizes, read_sizes
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)


def parallelize(model, mesh):
    """The plan of PyTorch's tutorial: between the products of matrices, ranks have parts of the
    sequence."""
    def whole(*others):
        """All of the sequence comes in; |others| are inputs that stay as they are."""
        return PrepareModuleInput(input_layouts=(Shard(1), *others),
                                  desired_input_layouts=(Replicate(), *others))

    parallelize_module(model, mesh, {
        "embedding": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1)),
        "norm": SequenceParallel(),
        "head": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate())})
    for layer in model.layers:
        parallelize_module(layer, mesh, {
            "before": SequenceParallel(),
            "attention": whole(None),
            "attention.q": ColwiseParallel(),
            "attention.k": ColwiseParallel(),
            "attention.v": ColwiseParallel(),
            "attention.o": RowwiseParallel(output_layouts=Shard(1)),
            "between": SequenceParallel(),
            "feed_forward": whole(),
            "feed_forward.gate": ColwiseParallel(),
            "feed_forward.up": ColwiseParallel(),
            "feed_forward.down": RowwiseParallel(output_layouts=Shard(1))})


def main():
    parser = argparse.ArgumentParser()
    add_sizes(parser)
    args = read_sizes(parser)
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    mesh = init_device_mesh("cuda", (int(os.environ["WORLD_SIZE"]),))
    with torch.device("cuda"):
        model = Llama(args)
    parallelize(model, mesh)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for _ in range(args.steps):
        tokens = torch.randint(0, args.vocabulary, (args.batch_size, args.length)).cuda()
        loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
