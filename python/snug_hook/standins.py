"""Loads the stand-ins for CUDA's libraries before PyTorch is loaded.

The loader matches a library that is needed against the sonames of those already loaded, so
PyTorch's links go to the stand-ins whatever its own search path says.
"""

from __future__ import annotations

import ctypes
import glob
import os
import re
import sys

from snug_hook import settings
from snug_hook.guard import guarded

MAJORS = ("12", "13")

#: The driver's stand-in, which has the books; None: not loaded.
driver: ctypes.CDLL | None = None

#: PyTorch's version and its CUDA's, as its version.py has them.
torch_version = ""
cuda_version = ""


def read_version(folders: list[str]) -> dict[str, str]:
    """The texts that torch/version.py sets, read without running it; {} where there is none."""
    for folder in folders:
        try:
            with open(os.path.join(folder, "version.py"), encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        found = re.findall(r"^(\w+)\s*(?::[^=\n]*)?=\s*['\"]([^'\"]*)['\"]", text, re.MULTILINE)
        return dict(found)
    return {}


def pinned_cudnn(folders: list[str]) -> str:
    """The version of cuDNN that the wheel of the PyTorch in |folders| asks for, as cuDNN numbers
    them (9.1.0.70 is 90100, 8.9.2.26 is 8902); "" where none is told. PyTorch's code asks which it
    runs with."""
    for folder in folders:
        for path in glob.glob(os.path.join(os.path.dirname(folder), "torch-*.dist-info/METADATA")):
            with open(path, encoding="utf-8", errors="replace") as file:
                found = re.search(r"^Requires-Dist: nvidia-cudnn-cu\d+\b[^\n\d]*"
                                  r"(\d+)\.(\d+)\.(\d+)", file.read(), re.MULTILINE)
            if found:
                major, minor, patch = map(int, found.groups())
                return str((10000 if major > 8 else 1000) * major + 100 * minor + patch)
    return ""


def load(major: str, cudnn: str) -> None:
    """Loads the stand-ins of CUDA |major|, the driver's first, since the others link it; of cuDNN's
    the one for version |cudnn|, where it is known."""
    global driver
    folder = os.path.join(settings.standins, major)
    other = {"8": "libcudnn.so.9", "9": "libcudnn.so.8"}.get(cudnn[:1])
    names = sorted(name for name in os.listdir(folder) if name != other)
    first = [name for name in names if name.startswith(("libcuda.so", "libcudart.so"))]
    for name in first + [name for name in names if name not in first]:
        library = ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)
        if name.startswith("libcuda.so"):
            driver = library
    # Triton links the driver's library from a folder, not by its soname.
    os.environ["TRITON_LIBCUDA_PATH"] = folder


def refuse(why: str) -> None:
    """Ends the program, which cannot be run dry: its work would be done in earnest, or fail."""
    from snug_hook import ending

    ending.write("cannot", cannot=why)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(4)


@guarded
def prepare(folders: list[str]) -> None:
    """Loads the stand-ins that the PyTorch in |folders| needs, or ends a program that has one for
    which there are none."""
    global torch_version, cuda_version
    version = read_version(folders)
    if not version:
        return  # something else that is called torch
    torch_version = version.get("__version__", "")
    cuda_version = version.get("cuda", "")
    major = cuda_version.split(".")[0]
    if not settings.standins:
        return  # the program runs on a real card
    if version.get("hip"):
        refuse("rocm")
    elif not major:
        refuse("xpu" if version.get("xpu") else "cpu")
    elif major not in MAJORS or not os.path.isdir(os.path.join(settings.standins, major)):
        refuse("major")
    else:
        cudnn = pinned_cudnn(folders)
        if cudnn:
            os.environ["SNUG_STANDIN_CUDNN"] = cudnn
        load(major, cudnn)
