"""EfficientNet-B0 of timm with an average of its weights, in bfloat16 and channels-last."""
import argparse

import timm
import timm.loss
import torch
from timm.utils import ModelEmaV2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    model = timm.create_model("efficientnet_b0", pretrained=False, num_classes=100, drop_rate=0.2)
    model = model.cuda().to(memory_format=torch.channels_last)
    average = ModelEmaV2(model, decay=0.999)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.9)
    criterion = timm.loss.LabelSmoothingCrossEntropy(0.1)
    for step in range(args.steps):
        images = torch.rand(args.batch_size, 3, 224, 224).cuda()
        labels = torch.randint(100, (args.batch_size,)).cuda()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            output = model(images.contiguous(memory_format=torch.channels_last))
            loss = criterion(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update(model)
        print(f"step {step}: loss {loss.item():.3f}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
