"""Networks of torchvision on images of random pixels: float32 or autocast, contiguous or
channels-last, with or without cudnn.benchmark."""
import argparse
import contextlib

import by_person
import torch
import torchvision
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.vision_transformer import EncoderBlock


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--amp", choices=["float16", "bfloat16"])
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--benchmark", action="store_true")
    parser.add_argument("--evaluate", action="store_true")
    by_person.add_options(parser)
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = args.benchmark
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    model = torchvision.models.get_model(args.model, weights=None).cuda()
    model = model.to(memory_format=layout)
    if args.checkpointing:
        by_person.checkpoint_all(model, BasicBlock, Bottleneck, EncoderBlock)
    model = by_person.compiled(model, args.budget)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    scaler = torch.amp.GradScaler("cuda", enabled=args.amp == "float16")
    precision = (torch.autocast("cuda", dtype=getattr(torch, args.amp)) if args.amp
                 else contextlib.nullcontext())
    for step in range(args.steps):
        images = torch.rand(args.batch_size, 3, args.size, args.size)
        images = images.cuda().to(memory_format=layout)
        labels = torch.randint(1000, (args.batch_size,)).cuda()
        model.train()
        for at, (part, wanted) in enumerate(by_person.parts(args.accumulate, images, labels)):
            with precision:
                loss = F.cross_entropy(model(part), wanted)
            if at == 0:
                optimizer.zero_grad()
            scaler.scale(loss / args.accumulate).backward()
        scaler.step(optimizer)
        scaler.update()
        print(f"step {step}: loss {loss.item():.3f}")
    if args.evaluate:
        model.eval()
        with torch.inference_mode(), precision:
            right = (model(images).argmax(1) == labels).sum()
        print(f"accuracy {right.item() / len(labels):.3f}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
