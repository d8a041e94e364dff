"""A step of training captured into a CUDA graph and replayed, and make_graphed_callables."""
import argparse

import torch
from torch import nn


def whole_step(args):
    model = nn.Sequential(nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 1024)).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, capturable=True)
    x, y = torch.randn(2, args.batch_size, 1024, device="cuda")

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
    torch.cuda.current_stream().wait_stream(side)

    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    for step in range(args.steps):
        x.copy_(torch.randn(args.batch_size, 1024))
        graph.replay()
        print(f"step {step}: loss {loss.item():.3f}")


def parts(args):
    encoder = nn.Sequential(nn.Linear(512, 2048), nn.GELU(), nn.Linear(2048, 512)).cuda()
    head = nn.Linear(512, 10).cuda()
    sample = torch.randn(args.batch_size, 512, device="cuda", requires_grad=True)
    encoder = torch.cuda.make_graphed_callables(encoder, (sample,))
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
    for _ in range(args.steps):
        x = torch.randn(args.batch_size, 512, device="cuda")
        y = torch.randint(10, (args.batch_size,), device="cuda")
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(head(encoder(x)), y).backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    whole_step(args)
    parts(args)
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
