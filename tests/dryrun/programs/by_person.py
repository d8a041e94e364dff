"""What a person does to a program that does not fit, for bench/fit_table.py: the framework's own
checkpointing of every block, gradients added up over smaller batches, and the compiler's budget for
activations. The programs here take these as options, and do without them by default."""
from torch import nn
from torch.utils.checkpoint import checkpoint


def add_options(parser):
    parser.add_argument("--checkpointing", action="store_true", help="of every block")
    parser.add_argument("--accumulate", type=int, default=1, metavar="N",
                        help="the batch in N parts, their gradients added up")
    parser.add_argument("--budget", type=float, metavar="SHARE",
                        help="compiled, with this share of the activations kept")


def checkpoint_all(model, *kinds):
    """Every module of |kinds| runs under PyTorch's checkpoint, as timm and others have it."""
    def change(module):
        forward = module.forward
        module.forward = lambda *args, **kwargs: checkpoint(forward, *args, use_reentrant=False,
                                                            **kwargs)

    for module in model.modules():
        if isinstance(module, kinds):
            change(module)


def compiled(model: nn.Module, budget):
    if budget is None:
        return model
    import torch
    import torch._functorch.config

    torch._functorch.config.activation_memory_budget = budget
    return torch.compile(model)


def parts(count, *tensors):
    """The batch in |count| parts."""
    return zip(*(tensor.chunk(count) for tensor in tensors))
