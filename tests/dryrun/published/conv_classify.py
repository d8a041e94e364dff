"""torchvision's classifiers, forward and backward alone, with cuDNN's benchmark mode, float32, as
MONeT measured PyTorch's own memory (utsaslab/MONeT, examples/check_runtime_original.py; P100,
torch 1.5.1): the sum of the outputs is the loss, gradients add up, the peak counts from the first
step."""
import argparse

import torch
import torchvision
from torch import nn


def mobilenet_v2(relu6: bool) -> nn.Module:
    """Its parts in a row, as MONeT runs it. PyTorch 2 clones the input of an in-place ReLU6 where
    the measured version did not; ReLU keeps what that one kept."""
    model = torchvision.models.mobilenet_v2()
    if not relu6:
        for module in list(model.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.ReLU6):
                    setattr(module, name, nn.ReLU(inplace=True))
    return nn.Sequential(model.features, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(1),
                         *model.classifier)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet50",
                        choices=["resnet50", "googlenet", "vgg16", "mobilenet_v2"])
    parser.add_argument("--batch-size", type=int, default=184)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--relu6", action="store_true", help="MobileNetV2 as torchvision has it")
    parser.add_argument("--no-benchmark", action="store_true")
    args = parser.parse_args()
    if args.model == "mobilenet_v2":
        model = mobilenet_v2(args.relu6)
    elif args.model == "googlenet":
        model = torchvision.models.googlenet(init_weights=False)
    else:
        model = getattr(torchvision.models, args.model)()
    model = model.cuda()
    images = torch.randn(args.batch_size, 3, 224, 224).cuda()
    torch.cuda.reset_peak_memory_stats()
    torch.backends.cudnn.benchmark = not args.no_benchmark
    for _ in range(args.steps):
        outputs = model(images)
        if not isinstance(outputs, torch.Tensor):  # GoogLeNet's three heads
            outputs = outputs[0] + outputs[1] + outputs[2]
        outputs.sum().backward()
        del outputs
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
