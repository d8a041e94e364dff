#!/usr/bin/env python3
"""Brings the lists of src/standin/names/ up to date with PyTorch's builds.

    tools/standin_names.py FOLDER...

reads the undefined dynamic symbols of every shared library in the folders (`torch/lib` of an
installed or unpacked wheel, or another package that calls CUDA's libraries), and adds those that no
list has, without words, at the end of their library's list. It prints what it added; a name without
words is told in the report of a dry run that calls it, so look at each: names/README.md says what
words there are. Needs `nm`. Existing lines stay as they are.
"""

import re
import subprocess
import sys
from pathlib import Path

LISTS = Path(__file__).resolve().parent.parent / "src" / "standin" / "names"

# The library of a name, by how it begins; the first that fits.
PREFIXES = [
    ("cublasLt", "cublaslt"),
    ("cublas", "cublas"),
    ("cusparseLt", "cusparselt"),
    ("cusparse", "cusparse"),
    ("cusolver", "cusolver"),
    ("cufft", "cufft"),
    ("curand", "curand"),
    ("cudnn", "cudnn"),
    ("nccl", "nccl"),
    ("nvrtc", "nvrtc"),
    ("nvJitLink", "nvjitlink"),
    ("__nvJitLink", "nvjitlink"),
    ("cupti", "cupti"),
    ("nvtx", "nvtx"),
    ("nvml", "nvml"),
    ("nvshmem", "nvshmem"),
    ("cuFile", "cufile"),
    ("cuda", "cudart"),
    ("__cuda", "cudart"),
]


def library_of(name: str) -> str | None:
    """The list that |name| belongs to, None where it is no name of CUDA's."""
    for prefix, library in PREFIXES:
        if name.startswith(prefix):
            return library
    return "cuda" if re.match(r"cu[A-Z]", name) else None


def undefined(path: Path) -> set[str]:
    """Undefined dynamic symbols of a shared library, without their versions."""
    run = subprocess.run(
        ["nm", "-D", "--undefined-only", str(path)], capture_output=True, text=True, check=False
    )
    return {line.split()[-1].split("@")[0] for line in run.stdout.splitlines() if line.split()}


def read(path: Path) -> set[str]:
    """Names of a list."""
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return {words[0] for words in lines if words and words[0] not in ("library", "soname")}


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    wanted: dict[str, set[str]] = {}
    for folder in map(Path, sys.argv[1:]):
        paths = sorted(folder.glob("*.so*"))
        if not paths:
            print(f"{folder}: no shared libraries there", file=sys.stderr)
            return 1
        for path in paths:
            for name in undefined(path):
                library = library_of(name)
                if library:
                    wanted.setdefault(library, set()).add(name)
    added = 0
    for library, names in sorted(wanted.items()):
        path = LISTS / f"{library}.txt"
        if not path.exists():
            print(f"no list {path} for {', '.join(sorted(names)[:3])} ...", file=sys.stderr)
            return 1
        new = sorted(names - read(path))
        if new:
            with path.open("a") as out:
                out.write("\n".join(new) + "\n")
            print(f"{path.name}: " + " ".join(new))
        added += len(new)
    print(f"{added} names added")
    return 0


if __name__ == "__main__":
    sys.exit(main())
