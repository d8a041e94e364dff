"""Memory that libraries take beside the tensors: workspaces of cuBLAS, pools of CUDA graphs."""

import sys

import torch
from torch import nn


def serve_on_streams(streams):
    """A stream a client: cuBLAS is given a workspace for each."""
    layer = nn.Linear(512, 512).cuda()
    clients = [torch.cuda.Stream() for _ in range(streams)]
    with torch.no_grad():
        for stream in clients:
            with torch.cuda.stream(stream):
                layer(torch.randn(8, 512, device="cuda"))
    torch.cuda.synchronize()


def capture(sizes):
    """A CUDA graph for each batch size, every one with a pool of its own."""
    model = nn.Sequential(
        *[nn.Sequential(nn.Linear(256, 2048), nn.GELU(), nn.Linear(2048, 256))] * 3
    )
    model.cuda().eval()
    graphs = []
    with torch.no_grad():
        for size in sizes:
            inputs = torch.randn(size, 256, device="cuda")
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                model(inputs)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = model(inputs)
            graphs.append((graph, inputs, outputs))
    for graph, _, _ in graphs:
        graph.replay()


def main(cause):
    if cause == "workspace-streams":
        serve_on_streams(600)
    elif cause == "workspace-graphs":
        capture([512 * n for n in range(1, 65)])
    else:
        serve_on_streams(3)
        capture([64, 128])


if __name__ == "__main__":
    main(sys.argv[1])
