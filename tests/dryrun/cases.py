"""The programs of tests/dryrun/programs/ with the arguments that tests and benchmarks run them
with."""
from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


@dataclass(frozen=True)
class Case:
    name: str
    words: str  # the script and its arguments
    alone: bool = False  # needs PyTorch only
    quick: bool = False  # among those that `make test` runs; needs PyTorch only
    convolutions: bool = False
    ranks: int = 0  # started by torchrun, with so many processes
    # How many batches lie in pinned memory at once depends on when DataLoader's threads run.
    loader: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, python: pathlib.Path) -> list[str]:
        script, *arguments = self.words.split()
        start = [str(python)]
        if self.ranks:
            start += ["-m", "torch.distributed.run", f"--nproc_per_node={self.ranks}",
                      "--rdzv_backend=c10d", "--rdzv_endpoint=localhost:0"]
        return [*start, str(PROGRAMS / script), *arguments]

    def cards(self) -> list[str]:
        """Options of the command: as many cards as ranks."""
        return ["--gpus", str(self.ranks)] if self.ranks else []


EXPANDABLE = {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}

CASES = [
    Case("by hand", "by_hand.py", alone=True, quick=True),
    Case("maps", "maps.py", alone=True, quick=True),
    Case("gpt2 amp", "gpt2_amp.py", alone=True, quick=True),
    Case("gpt2 expandable", "gpt2_amp.py --layers 4", alone=True, quick=True,
         environment=EXPANDABLE),
    Case("operations", "operations.py", alone=True, quick=True, convolutions=True),
    Case("mathematics", "mathematics.py", alone=True),
    Case("loader workers", "loader_workers.py", alone=True, quick=True, convolutions=True,
         loader=True),
    Case("loader spawned", "loader_workers.py --workers 2 --start spawn", alone=True,
         convolutions=True, loader=True),
    Case("cuda graph", "cuda_graph.py", alone=True, quick=True),
    Case("lstm", "lstm.py", alone=True),
    Case("gan", "gan.py", alone=True, convolutions=True),
    Case("llama", "llama.py"),
    Case("llama checkpointing", "llama.py --checkpointing"),
    Case("llama lora", "llama.py --lora"),
    Case("bert trainer", "bert_trainer.py"),
    Case("bert trainer fp16", "bert_trainer.py --fp16 --batch-size 32"),
    Case("resnet50", "classify.py --evaluate", convolutions=True),
    Case("resnet50 amp", "classify.py --amp float16", convolutions=True),
    Case("resnet50 channels-last", "classify.py --channels-last --amp bfloat16",
         convolutions=True),
    Case("resnet50 benchmark", "classify.py --benchmark", convolutions=True),
    Case("vit", "classify.py --model vit_b_16 --evaluate", convolutions=True),
    Case("vit amp", "classify.py --model vit_b_16 --amp bfloat16", convolutions=True),
    Case("efficientnet", "efficientnet.py", convolutions=True),
    Case("segmentation fcn", "segmentation.py", convolutions=True),
    Case("segmentation deeplab", "segmentation.py --model deeplabv3_resnet50", convolutions=True),
    Case("diffusion train", "diffusion_unet.py", convolutions=True),
    Case("diffusion lora", "diffusion_unet.py --mode lora", convolutions=True),
    Case("diffusion infer", "diffusion_unet.py --mode infer", convolutions=True),
    Case("vae 1024", "vae_decode.py", convolutions=True),
    Case("compiled", "compiled.py"),
    Case("ddp", "ddp_resnet.py", alone=True, convolutions=True, ranks=2),
    Case("tensor parallel", "tensor_parallel.py", alone=True, ranks=2),
    Case("fsdp2", "fsdp2_llama.py --checkpointing", alone=True, ranks=8),
]
