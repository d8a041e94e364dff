"""A Llama under FSDP2 (fully_shard), made on the meta device: `--model 70b` has 70.6 G parameters,
which no rank ever has whole."""
import argparse
import os
from functools import partial

import torch
import torch.distributed as dist
from small_llama import Llama, Norm, add_sizes, read_sizes
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.utils.checkpoint import checkpoint

try:
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
except ImportError:  # before PyTorch 2.6
    from torch.distributed._composable.fsdp import MixedPrecisionPolicy, fully_shard


def initialise(model):
    for module in model.modules():
        if isinstance(module, Norm):
            nn.init.ones_(module.weight)
        elif isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)


def build(args, mesh):
    with torch.device("meta"):
        model = Llama(args)
    if args.dtype == "bfloat16":
        model.to(torch.bfloat16)
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in model.layers:
        if args.checkpointing:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    model.to_empty(device="cuda")
    initialise(model)
    return model


def main():
    parser = argparse.ArgumentParser()
    add_sizes(parser)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--checkpointing", action="store_true")
    args = read_sizes(parser)
    rank = int(os.environ["RANK"])
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl")
    mesh = init_device_mesh("cuda", (dist.get_world_size(),))
    model = build(args, mesh)
    parameters = sum(one.numel() for one in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for _ in range(args.steps):
        tokens = torch.randint(0, args.vocabulary, (args.batch_size, args.length)).cuda()
        logits = model(tokens)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1).float(), tokens.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    torch.cuda.synchronize()
    print(f"rank {rank}: {parameters} parameters\n"
          f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
