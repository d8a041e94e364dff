#!/usr/bin/env python3
"""Recordings of small PyTorch programs whose cause of running out of memory is known because they
were written to have it, and what `snug explain` says of them.

    matrix.py record FOLDER --python PYTHON  records them by dry runs; makes variants
    matrix.py table FOLDER...                right and wrong, program by program
    matrix.py store FOLDER                   the small ones, into stored/, which ctest reads

PYTHON is one with PyTorch; `trainer` wants transformers, `module` wants lightning: where they are
missing, no such recordings are made. A snapshot with all stacks gives, as PyTorch would have
written them: Python's stacks alone ("python"), none ("none"), the trace's end alone ("cut"), and no
trace ("untraced"). Exit status of table: 0 where 97 % are right, and none that keeps nothing is
told to keep something.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SNUG = pathlib.Path(os.environ.get("SNUG", ROOT / "build" / "bin" / "snug"))
STORED = HERE / "stored"
ENTRIES = 200_000
GROWS = ("history", "leak")

PROGRAMS = {
    "plain": "batch batch-backward model model-backward not-freed history leak fragmentation "
    "late-batch optimizer-state none",
    "functions": "batch batch-backward model model-backward not-freed history leak late-batch "
    "optimizer-state evaluation evaluation-cache none",
    "own_optimizer": "batch batch-backward model model-backward history leak late-batch "
    "optimizer-state evaluation none",
    "ddp": "batch batch-amp batch-backward model model-backward history leak late-batch "
    "optimizer-state evaluation none",
    "parallel": "batch model-backward history leak late-batch optimizer-state none",
    "compiled": "batch batch-backward model-backward history leak optimizer-state none",
    "trainer": "batch batch-backward model-backward history leak late-batch optimizer-state "
    "evaluation-cache none",
    "module": "batch batch-backward model-backward history leak late-batch optimizer-state none",
    "libraries": "workspace-streams workspace-graphs none",
    "fsdp": "batch batch-backward model model-backward history leak late-batch optimizer-state "
    "evaluation-cache none",
}
# Not looked at while the rules were made; 32 of 37 recorded were right at first sight.
HELD_OUT = {
    "gan": "batch history leak none",
    "carried": "batch history none",
    "accumulation": "batch late-batch leak optimizer-state none",
    "experts": "batch history model-backward optimizer-state none",
    "vit_amp": "batch evaluation",
    "replay": "leak none",
    "checkpointed": "batch history not-freed none",
    "unet": "batch late-batch evaluation evaluation-cache",
    "seq2seq": "batch history late-batch optimizer-state none",
    "teacher": "batch model model-backward leak none",
}
# What a program written for the first is to be told as; "none" keeps nothing and has no failure.
TOLD_AS = {
    "batch-backward": "batch",
    "batch-amp": "batch",
    "model-backward": "model",
    "evaluation": "history",
    "evaluation-cache": "leak",
    "workspace-streams": "workspace",
    "workspace-graphs": "workspace",
}
# Two cards, for DataParallel; as many as there are ranks.
RANKS = {"fsdp": 8}
CARDS = {"parallel": 2, **RANKS}


@dataclass
class Recording:
    """A snapshot, and beside it a JSON file with what is known of it."""

    path: pathlib.Path

    @property
    def program(self) -> str:
        return self.path.stem.split("-")[0]

    @property
    def cause(self) -> str:
        return "-".join(self.path.stem.split("-")[1:-1])

    @property
    def variant(self) -> str:
        return self.path.stem.split("-")[-1]

    def known(self) -> dict:
        name = "-".join(self.path.stem.split("-")[:-1]) + "-all.json"
        return json.loads((self.path.parent / name).read_text())


# ---- Recording ------------------------------------------------------------------------------


def tasks(folder: pathlib.Path, only: str) -> Iterator[tuple[int, dict]]:
    for place, programs in (("programs", PROGRAMS), ("held_out", HELD_OUT)):
        for program, causes in programs.items():
            for cause in causes.split():
                name = f"{program}-{cause}-all"
                if only not in name:
                    continue
                yield (
                    CARDS.get(program, 1),
                    {
                        "program": str(HERE / place / f"{program}.py"),
                        "cause": cause,
                        "stacks": "all",
                        "entries": ENTRIES,
                        "file": str(folder / f"{name}.pickle"),
                        "truth": str(folder / f"{name}.json"),
                        "ranks": RANKS.get(program, 1),
                        "text": str(folder / f"{program}-{cause}-text.log"),
                    },
                )


def record(folder: pathlib.Path, python: str, only: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for cards in sorted(set(CARDS.values()) | {1}):
        lines = [json.dumps(task) for count, task in tasks(folder, only) if count == cards]
        if lines:
            subprocess.run(
                [
                    SNUG,
                    "dry-run",
                    "--until-end",
                    "--gpu",
                    "RTX 3060",
                    "--memory",
                    "3GiB",
                    "--gpus",
                    str(cards),
                    "--",
                    python,
                    HERE / "record_inside.py",
                ],
                input="\n".join(lines),
                text=True,
                check=False,
                stdout=subprocess.DEVNULL,
            )
    for path in sorted(folder.glob("*-all.pickle")):
        derive(path)


# ---- Variants -------------------------------------------------------------------------------


def is_python(frame: dict) -> bool:
    return frame["filename"].endswith(".py") or frame["filename"].startswith("<")


def is_recorder(frame: dict) -> bool:
    """A frame of ours, not of the program's."""
    return frame["filename"].endswith("record_inside.py") or "/snug_hook/" in frame["filename"]


def elsewhere(file: str) -> str:
    """|file| as on another machine: where it was recorded is nobody's business."""
    file = re.sub(r"^.*/site-packages/", "/home/lin/venv/lib/python3.11/site-packages/", file)
    file = re.sub(r"^.*/recordings/(programs|held_out)/", "/home/lin/train/", file)
    file = re.sub(r"^.*/(bin|lib)/((lib)?python[^/]*)$", r"/usr/local/\1/\2", file)
    return (
        re.sub(r"^.*/lib/(python3\.\d+)/", r"/usr/local/lib/\1/", file)
        if ("site-packages" not in file)
        else file
    )


def with_stacks(snapshot: dict, keep) -> dict:
    """The snapshot with |keep(frame)| frames of each stack; equal stacks, frames and texts are one
    object each, so that a pickle has them once. The recorder's own frames are left out."""
    made: dict = {}

    def one(value):
        return made.setdefault(value, value) if isinstance(value, str) else value

    def frame_of(frame: dict) -> dict:
        key = ("frame", frame["filename"], frame["line"], frame["name"])
        if key not in made:
            made[key] = {
                one("filename"): one(elsewhere(frame["filename"])),
                one("line"): frame["line"],
                one("name"): one(frame["name"]),
            }
        return made[key]

    def stack_of(frames: list) -> list:
        kept = tuple(id(frame_of(f)) for f in frames if keep(f) and not is_recorder(f))
        if ("stack", kept) not in made:
            made["stack", kept] = [frame_of(f) for f in frames if keep(f) and not is_recorder(f)]
        return made["stack", kept]

    def copy(item: dict) -> dict:
        fresh = {
            one(key): one(value)
            for key, value in item.items()
            if key not in ("history", "compile_context", "user_metadata")
        }
        if "frames" in fresh:
            fresh["frames"] = stack_of(item["frames"])
        if "blocks" in fresh:
            fresh["blocks"] = [copy(block) for block in item["blocks"]]
        return fresh

    return {
        "segments": [copy(segment) for segment in snapshot["segments"]],
        "device_traces": [[copy(entry) for entry in trace] for trace in snapshot["device_traces"]],
        "allocator_settings": snapshot.get("allocator_settings", {}),
    }


def write(snapshot: dict, path: pathlib.Path) -> None:
    with path.open("wb") as stream:
        pickle.dump(snapshot, stream, protocol=4)


def derive(path: pathlib.Path) -> None:
    with path.open("rb") as stream:
        whole = pickle.load(stream)
    name = str(path).removesuffix("-all.pickle")
    everything = with_stacks(whole, bool)
    write(everything, path)
    python = with_stacks(whole, is_python)
    write(python, pathlib.Path(f"{name}-python.pickle"))
    write(with_stacks(whole, lambda frame: False), pathlib.Path(f"{name}-none.pickle"))
    # A ring of fewer entries loses the oldest of them.
    cut = {
        **everything,
        "device_traces": [trace[len(trace) * 2 // 5 :] for trace in everything["device_traces"]],
    }
    write(cut, pathlib.Path(f"{name}-cut.pickle"))
    bare = with_stacks(whole, lambda frame: False)
    bare["device_traces"] = [[] for _ in bare["device_traces"]]
    write(bare, pathlib.Path(f"{name}-untraced.pickle"))


# ---- What explain says -----------------------------------------------------------------------


def explain(path: pathlib.Path) -> dict:
    done = subprocess.run(
        [SNUG, "explain", "--json", path], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        return {"causes": [{"cause": "refused: " + done.stderr.strip()[:60], "confidence": 0}]}
    return json.loads(done.stdout.splitlines()[0])


def judge(recording: Recording, report: dict) -> str:
    """ "right", "wrong", or "unsure" where it has too little to tell by and says so."""
    want = TOLD_AS.get(recording.cause, recording.cause)
    first = report["causes"][0]
    blamed = [
        cause for cause in report["causes"] if cause["cause"] in GROWS and cause["confidence"] > 0.5
    ]
    if want not in GROWS and blamed:
        return "wrong: keeps"
    if want == "none":
        fragmented = first["cause"] == "fragmentation" and first["confidence"] > 0.5
        return "wrong" if fragmented else "right"
    if first["cause"] == want:
        return "right"
    little = recording.variant in ("none", "untraced")
    return "unsure" if little and first["confidence"] <= 0.55 else "wrong"


def table(folders: list[pathlib.Path]) -> int:
    counts: dict = {}
    worst = 0
    for path in sorted(path for folder in folders for path in folder.glob("*-*-*.pickle")):
        recording = Recording(path)
        report = explain(path)
        verdict = judge(recording, report)
        said = ", ".join(
            f"{cause['cause']} {cause['confidence']:.2f}" for cause in report["causes"][:3]
        )
        if verdict != "right":
            print(f"{verdict:12}  {path.stem:40}  {said}")
        group = "held out" if recording.program in HELD_OUT else "matrix"
        key = group, recording.variant
        counts.setdefault(key, {}).setdefault(verdict, 0)
        counts[key][verdict] += 1
        worst += verdict == "wrong: keeps"
    print(f"\n{'':10}{'variant':12}{'right':>7}{'unsure':>8}{'wrong':>7}{'of':>5}")
    right = wrong = 0
    for (group, variant), found in sorted(counts.items()):
        bad = found.get("wrong", 0) + found.get("wrong: keeps", 0)
        print(
            f"{group:10}{variant:12}{found.get('right', 0):7}{found.get('unsure', 0):8}{bad:7}"
            f"{sum(found.values()):5}"
        )
        if variant in ("all", "python", "cut") and group == "matrix":
            right += found.get("right", 0)
            wrong += bad
    share = right / max(1, right + wrong)
    print(
        f"\nOf the matrix with stacks and a trace: {right} of {right + wrong} right "
        f"({100 * share:.1f} %)"
    )
    return 0 if share >= 0.97 and worst == 0 else 1


# ---- What ctest reads ------------------------------------------------------------------------


def amount(recording: Recording, known: dict, name: str) -> str:
    """Gradients are known where no backward pass was under way, state where PyTorch keeps it."""
    passes = name == "gradients" and recording.cause != "optimizer-state"
    own = name == "optimizer" and recording.program == "own_optimizer"
    if passes or own or not known.get("failed") or not known.get("weights"):
        return "-"
    return str(known[name])


# What is stored: whole, or the last so many entries of a trace.
STORE = {
    "own_optimizer-model-all": 0,
    "plain-batch-all": 0,
    "compiled-batch-all": 0,
    "parallel-batch-all": 0,
    "functions-batch-all": 0,
    "own_optimizer-model-backward-all": 0,
    "own_optimizer-optimizer-state-all": 0,
    "module-batch-python": 0,
    "ddp-batch-python": 0,
    "plain-not-freed-python": 0,
    "plain-fragmentation-python": 0,
    "plain-batch-none": 0,
    "compiled-batch-untraced": 0,
    "parallel-none-untraced": 0,
    "plain-none-untraced": 0,
    "compiled-history-all": 800,
    "plain-history-python": 600,
    "plain-leak-python": 1000,
    "plain-late-batch-python": 1100,
    "functions-evaluation-python": 1500,
    "functions-none-python": 1200,
    "plain-none-all": 500,
    "fsdp-batch-python": 120,
    "libraries-workspace-streams-python": 120,
    "libraries-workspace-graphs-untraced": 0,
}


def shortened(snapshot: dict, entries: int) -> dict:
    """With the trace's last |entries| alone, and no stacks of what was freed before them."""
    return with_stacks(
        {**snapshot, "device_traces": [trace[-entries:] for trace in snapshot["device_traces"]]},
        bool,
    )


def store(folder: pathlib.Path) -> None:
    """stored/expected.tsv: file, cause, bytes of weights, gradients, optimizer ("-": unknown)."""
    STORED.mkdir(exist_ok=True)
    for old in STORED.glob("*.pickle"):
        old.unlink()
    lines = []
    for name, entries in sorted(STORE.items()):
        path = folder / f"{name}.pickle"
        if not path.is_file():
            print(f"not recorded: {name}")
            continue
        with path.open("rb") as stream:
            snapshot = pickle.load(stream)
        kept = STORED / path.name
        write(shortened(snapshot, entries) if entries else with_stacks(snapshot, bool), kept)
        recording = Recording(path)
        whole = entries == 0 and recording.variant in ("all", "python")
        known = recording.known() if whole else {}
        verdict = judge(recording, explain(kept))
        print(f"{verdict:8} {kept.stat().st_size >> 10:5} KiB  {name}")
        lines.append(
            "\t".join(
                [
                    path.name,
                    TOLD_AS.get(recording.cause, recording.cause),
                    *(
                        amount(recording, known, kind)
                        for kind in ("weights", "gradients", "optimizer")
                    ),
                ]
            )
        )
    (STORED / "expected.tsv").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} recordings, {sum(p.stat().st_size for p in STORED.iterdir()) >> 10} KiB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("command", choices=("record", "derive", "table", "store"))
    parser.add_argument("folder", type=pathlib.Path, nargs="+")
    parser.add_argument("--python", default=sys.executable, help="one with PyTorch, to record with")
    parser.add_argument("--only", default="", help="a part of a recording's name")
    args = parser.parse_args()
    if args.command == "table":
        return table(args.folder)
    folder = args.folder[0].resolve()
    if args.command == "record":
        record(folder, args.python, args.only)
    elif args.command == "derive":
        for path in sorted(folder.glob("*-all.pickle")):
            derive(path)
    else:
        store(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
