"""One Linear layer without bias whose bytes can be counted by hand: float32 weights, gradients and
Adam's two moments, a batch, its output and loss. Says after each stage what PyTorch counts."""
import argparse

import torch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=4096)
    parser.add_argument("--outputs", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=512)
    args = parser.parse_args()

    def tell(stage):
        print(f"{stage}: {torch.cuda.memory_allocated()} {torch.cuda.max_memory_allocated()}")

    layer = torch.nn.Linear(args.inputs, args.outputs, bias=False, device="cuda")
    tell("weights")
    optimizer = torch.optim.Adam(layer.parameters(), foreach=False)
    batch = torch.ones(args.batch_size, args.inputs, device="cuda")
    tell("batch")
    layer.weight.grad = torch.zeros_like(layer.weight)
    tell("gradients")
    optimizer.step()
    tell("state")
    moved = torch.tensor([3.25, -1.5, 1e-3]).cuda()
    print("back", *(moved[1:].clone().tolist() + [moved[0].item()]), batch.shape[0])
    # A table that is known, as samplers of diffusion models look up their steps.
    table = torch.arange(1000., 0, -50, device="cpu").cuda()
    print("found", (table == table[3]).nonzero().item(), bool((table != 0).all()))
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
