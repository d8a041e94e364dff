"""Tells from which files the libraries of CUDA's names were loaded into this process."""
import re

import torch

torch.ones(1000, device="cuda").sum().item()
name = re.compile(r"/(lib(cuda|cudart|cublas|cublasLt|cudnn|cusparse|cusolver|cufft|curand|nvrtc|"
                  r"nccl|cupti|nvToolsExt|cufile|cusparseLt|nvshmem_host|nvidia-ml)\.so[.0-9]*)$")
with open("/proc/self/maps") as maps:
    paths = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
for path in sorted(paths):
    if name.search(path):
        print("library", path)
print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
      f"reserved {torch.cuda.max_memory_reserved()}")
