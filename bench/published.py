#!/usr/bin/env python3
"""Holds dry runs against peaks that others measured on real cards and published with their
configuration: bench/published.py [--only WORD] [--json FILE]

Each row is run with the PyTorch of its measurement where an environment for it can be made
(tools/pytorch_env), else with the nearest, which the table names. Bounds: 0.5 % where no
convolution is involved; with convolutions, whose workspaces are a model's, from 1 % under to 8 %
over. Prints measured | dry | difference, and ends with status 1 where a row is outside.
"""
from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from dry import dry_run, pytorch  # noqa: E402

SCRIPTS = ROOT / "tests" / "dryrun" / "published"
UNITS = {"MB": 10 ** 6, "MiB": 2 ** 20, "GiB": 2 ** 30, "GB": 10 ** 9}


@dataclass(frozen=True)
class Row:
    source: str
    words: str  # script and arguments
    card: str
    measured: float
    unit: str = "MiB"
    what: str = "alloc"  # or "resv"
    torch: str = "2.4.0"  # that of the environment; |then| that of the measurement
    then: str = ""
    convolutions: bool = False


def shapes(batches: str, lengths: str) -> str:
    """All shapes of the process that measured one after another."""
    return " --after " + ",".join(f"{b}x{n}" for b in batches.split() for n in lengths.split())


def attention(source: str, model: str, card: str, then: str, rows: str, extra: str = "",
              names: tuple[str, ...] = ("eager", "sdpa"), torch: str = "2.4.0") -> list[Row]:
    """Rows "batch length eager sdpa; ...", in MB, of transformers' tables of attentions."""
    out = []
    for row in rows.split(";"):
        batch, length, *figures = row.split()
        for name, figure in zip(names, figures, strict=False):
            words = (f"attention_models.py --model {model} --attention {name} "
                     f"--batch-size {batch} --length {length}{extra}")
            out.append(Row(source, words, card, float(figure), "MB", torch=torch, then=then))
    return out


def kernel(part: str, rows: dict[int, float], card: str = "A100 80GB SXM") -> list[Row]:
    return [Row("Liger-Kernel, benchmark/data", f"kernels.py {part} {size}", card, figure,
                then="2.4 or 2.5") for size, figure in rows.items()]


def gpt2(words: str, measured: float) -> Row:
    return Row("LLMs-from-scratch ch05/10", f"gpt2_from_scratch.py {words}", "A100 40GB SXM",
               measured, "GiB", "resv", "2.6.0", "2.6.0")


def conv(words: str, measured: float, unit: str = "GiB", card: str = "P100 PCIe",
         source: str = "MONeT") -> Row:
    then = "a PyTorch of its time" if source.startswith("diffusers") else "1.5 to 1.7"
    torch = "2.9.1" if source.startswith("diffusers") else "2.6.0"
    return Row(source, words, card, measured, unit, torch=torch, then=then, convolutions=True)


ROWS = [
    *attention("transformers model_doc/opt", "opt-350m", "L40S", "2.4.0",
               "1 128 1474.611 1474.32; 1 512 1973.544 1551.35; 1 2048 15662.224 2715.75;"
               "2 2048 30572.058 4750.55; 8 512 10985.391 4750.55; 8 1024 34175.763 8821.18"),
    *attention("transformers model_doc/bert", "bert-base", "A100 80GB SXM", "2.2.0",
               "4 256 939.213 764.834; 4 512 1970.447 1227.162; 8 256 1594.295 1226.114;"
               "8 512 3629.401 2134.262; 16 256 2874.426 2134.262; 16 512 6964.659 3961.013",
               shapes("4 8 16", "256 512"), torch="2.2.0"),
    *attention("transformers model_doc/albert", "albert-base", "RTX 2060 Super", "2.3.1",
               "2 256 358.411 321.088; 4 512 1434.820 1134.140; 8 512 2820.398 2219.695",
               shapes("2 4 8", "256 512"), torch="2.3.1"),
    *attention("transformers pull request 32092", "albert-base", "RTX 2060 Super", "2.3.1",
               "1 256 234.781 217.758; 1 512 454.029 378.171; 2 256 416.281 378.171;"
               "2 512 868.131 717.332; 4 256 794.206 717.332; 4 512 1664.025 1363.268",
               " --masked-lm" + shapes("1 2 4", "256 512"), torch="2.3.1"),
    gpt2("", 26.2617),
    gpt2("--attention made-mask", 26.2422),
    gpt2("--attention made-mask --fused", 26.2422),
    gpt2("--attention made-mask --fused --bfloat16", 13.7871),
    gpt2("--attention made-mask --fused --bfloat16 --classes", 11.5645),
    gpt2("--attention sdpa --fused --bfloat16 --classes", 5.9004),
    *kernel("cross-entropy", {4096: 1280.126, 32768: 10240.126, 131072: 40960.125}),
    *kernel("layer-norm", {1024: 80.0625, 16384: 1280.531}),
    *kernel("rms-norm", {1024: 80.02, 4096: 320.055, 32768: 2560.383}),
    *kernel("kl-div", {4096: 1792.0, 131072: 57344.0}, "H100 PCIe"),
    *kernel("swiglu", {1024: 1294.25, 8192: 6372.25}),
    *kernel("geglu", {1024: 1992.25, 8192: 12212.25}),
    *kernel("head-and-loss", {4096: 6092.282, 32768: 27582.5}),
    Row("torchtitan llama3_h100_202412", "llama_8b_fsdp2.py", "H100 NVL", 82.4, "GiB", "resv",
        "2.6.0", "nightly of 2024-12-23"),
    # Convolutions: the scripts say what is known of each configuration.
    conv("conv_classify.py --model resnet50 --batch-size 184", 15.06),
    conv("conv_unet.py --batch-size 11", 14.32),
    conv("conv_classify.py --model googlenet --batch-size 320", 14.93),
    conv("conv_classify.py --model vgg16 --batch-size 176", 14.12),
    conv("conv_classify.py --model mobilenet_v2 --batch-size 272", 14.46),
    conv("conv_fcn.py --depth 50", 5.7 * 1000, "MiB", "V100 SXM2 16GB", "mmsegmentation"),
    conv("conv_fcn.py --depth 18", 1.7 * 1000, "MiB", "V100 SXM2 16GB", "mmsegmentation"),
    conv("conv_sdxl.py --images 1", 10.47, "GiB", "A100 40GB SXM", "diffusers loading.md"),
    conv("conv_sdxl.py --images 4", 21.72, "GiB", "A100 40GB SXM", "diffusers loading.md"),
]


def bounds(row: Row) -> tuple[float, float]:
    return (-1.0, 8.0) if row.convolutions else (-0.5, 0.5)


def run(row: Row, python: pathlib.Path) -> dict:
    script, *arguments = row.words.split()
    found = {"source": row.source, "program": row.words, "card": row.card, "what": row.what,
             "measured_bytes": round(row.measured * UNITS[row.unit]), "dry_bytes": None,
             "torch": row.torch, "torch_measured": row.then, "outside": True, "difference": None}
    # cuDNN's benchmark mode takes what the card has; a peak is told even where it does not fit.
    command = [python, SCRIPTS / script, *arguments]
    dry = dry_run(command, "--gpu", row.card)
    if dry.status == 3:
        found["does_not_fit"] = True
        dry = dry_run(command, "--gpu", row.card, "--memory", "400GiB")
    printed = dry.printed()
    if printed is None:
        found["error"] = f"status {dry.status}\n{dry.tail(5)}"
        return found
    found["dry_bytes"] = printed[0 if row.what == "alloc" else 1]
    found["difference"] = 100 * (found["dry_bytes"] / found["measured_bytes"] - 1)
    low, high = bounds(row)
    found["outside"] = not low <= found["difference"] <= high
    return found


def line(row: Row, found: dict) -> str:
    unit = UNITS[row.unit]
    short = re.sub(r"\.py|--(model|attention|batch-size|length) ", "", row.words)
    if found["dry_bytes"] is None:
        return f"{short:58} {row.measured:10.3f} {row.unit:3} {found['error']}"
    return (f"{short:58} {row.measured:10.3f} {found['dry_bytes'] / unit:10.3f} "
            f"{row.unit:3} {row.what} {found['difference']:+7.3f} %"
            f"{'  OUTSIDE' if found['outside'] else ''}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default="", help="rows with this word in program or source")
    parser.add_argument("--json", type=pathlib.Path, help="the rows, one object a line")
    parser.add_argument("--python", help="this python for all rows")
    options = parser.parse_args()
    pythons: dict[str, pathlib.Path] = {}
    outside, count, source = 0, 0, ""
    lines = []
    for row in ROWS:
        if options.only not in row.words + row.source:
            continue
        if not (SCRIPTS / row.words.split()[0]).is_file():
            print(f"{row.words}: no such script")
            continue
        if row.torch not in pythons:
            pythons[row.torch] = pytorch(options.python or row.torch, "--with", "programs")
        if row.source != source:
            source = row.source
            print(f"\n{source}: measured with {row.then}, run with {row.torch}, {row.card}")
        found = run(row, pythons[row.torch])
        print(line(row, found), flush=True)
        lines.append(json.dumps(found))
        outside += found["outside"]
        count += 1
    if options.json:
        options.json.write_text("\n".join(lines) + "\n")
    print(f"\n{count} rows, {outside} outside of the bounds")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
