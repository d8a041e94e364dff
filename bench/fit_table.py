#!/usr/bin/env python3
"""`snug fit` beside what a person would do: bench/fit_table.py [PYTHON|VERSION] [OPTIONS]

Programs of tests/dryrun/programs/ at the batches that need twice and four times a card of 8, 12 and
24 GB. Of each: what it needs as it is, the fixes that fit chooses, their peak on that card and
predicted overhead, its dry runs and seconds. Beside it, each measured in a dry run without a limit:
every block checkpointed by the framework's own means, the batch in two halves whose gradients are
added up, and (--compile) torch.compile with activation_memory_budget at 0.5.

Then, of each program once, at equal peak: fit gets the memory that checkpointing every block needs,
and may change nothing (`--allow exact`), then rounding. Overheads are shares of a step, predicted
from the same figures: blocks that are all checkpointed run their forward pass once more.

Ends with status 1 where fit found nothing though one of the person's ways fits, where it took more
than 12 dry runs or 3 minutes, or more overhead than checkpointing every block at equal peak.
"""
from __future__ import annotations

import argparse
import json
import pathlib
import resource
import sys
import tempfile
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from cases import PROGRAMS  # noqa: E402
from dry import SNUG, dry_run, pytorch, watched  # noqa: E402

GIB = 2 ** 30
CARDS = {"8 GB": "RTX 3060 Ti", "12 GB": "RTX 3060", "24 GB": "RTX 3090"}
MOST_RUNS, MOST_SECONDS = 12, 180


@dataclass(frozen=True)
class Network:
    name: str
    words: str
    blocks: tuple[str, ...]  # classes of what the framework checkpoints
    batches: tuple[int, int]  # between which what it needs is measured
    cards: tuple[str, ...] = tuple(CARDS)  # on which its weights have room


NETWORKS = [
    Network("GPT-2", "gpt2_amp.py", ("Block",), (4, 16)),
    Network("Llama", "llama.py --layers 4", ("LlamaDecoderLayer",), (2, 8)),
    Network("ResNet-50", "classify.py", ("Bottleneck",), (16, 128)),
    Network("ViT-B/16", "classify.py --model vit_b_16 --amp bfloat16", ("EncoderBlock",),
            (16, 128)),
    Network("U-Net LoRA", "diffusion_unet.py --mode lora",
            ("ResnetBlock2D", "BasicTransformerBlock"), (4, 16)),
    Network("U-Net", "diffusion_unet.py", ("ResnetBlock2D", "BasicTransformerBlock"), (2, 8),
            ("24 GB",)),
    Network("BERT", "bert_trainer.py --length 512", ("BertLayer",), (8, 32)),
]


class Table:
    def __init__(self, python: pathlib.Path, compiles: bool) -> None:
        self.python = python
        self.compiles = compiles
        self.wrong: list[str] = []
        self.lines: dict[str, tuple[float, float]] = {}  # by network: bytes, and bytes a sample

    def command(self, network: Network, batch: int, *more: str) -> list[str]:
        script, *words = network.words.split()
        return [str(self.python), str(PROGRAMS / script), *words, "--batch-size", str(batch), *more]

    def need(self, network: Network, batch: int, *more: str) -> int | None:
        """Bytes of the least card on which it runs; None: it failed."""
        dry = dry_run(self.command(network, batch, *more), timeout=900)
        if dry.status != 0 or dry.report is None:
            print(f"{network.name} {batch} {more}: status {dry.status}\n{dry.tail()}",
                  file=sys.stderr)
            return None
        return dry.report["smallest_memory_bytes"]

    def batch_for(self, network: Network, wanted: int) -> int:
        """The batch that needs about |wanted| bytes: what it needs grows in a line."""
        if network.name not in self.lines:
            low, high = network.batches
            least, most = self.need(network, low), self.need(network, high)
            if least is None or most is None:
                sys.exit(1)
            each = (most - least) / (high - low)
            self.lines[network.name] = least - low * each, each
        base, each = self.lines[network.name]
        return max(1, round((wanted - base) / each))

    def fit(self, network: Network, batch: int, *options: str) -> tuple[dict, float]:
        """What it said, and its seconds of processor time: other machines are not as busy."""
        with tempfile.TemporaryDirectory() as folder:
            start = processor_seconds()
            dry = watched([SNUG, "fit", "--json", "--out", f"{folder}/fixes.json", *options, "--",
                           *self.command(network, batch)], timeout=900)
            seconds = processor_seconds() - start
        lines = [line for line in dry.output.splitlines() if line.startswith('{"event":"fit"')]
        if not lines:
            sys.exit(f"{network.name} {batch}: fit ended with {dry.status}\n{dry.tail()}")
        return json.loads(lines[-1]), seconds

    def row(self, network: Network, card: str, times: int) -> None:
        gpu = CARDS[card]
        total = self.card_bytes(gpu)
        batch = self.batch_for(network, times * total)
        found, seconds = self.fit(network, batch, "--gpu", gpu)
        room = found["card_bytes"] - found["reserve_bytes"]
        ways = {"checkpointing": self.need(network, batch, "--checkpointing"),
                "halves": self.need(network, batch, "--accumulate", "2") if batch > 1 else None}
        if self.compiles:
            ways["budget"] = self.need(network, batch, "--budget", "0.5")
        told = [gib(found["unfixed_bytes"]), *chosen_words(found),
                f"{found['dry_runs']}", f"{seconds:.0f}"]
        for name, need in ways.items():
            cost = f" +{100 * blocks_cost(network, found):.0f} %" if name == "checkpointing" else ""
            told.append("-" if need is None else
                        f"{gib(need)}{cost}{' fits' if need <= room else ''}")
        print(f"| {network.name} {batch} | {card} | " + " | ".join(told) + " |", flush=True)
        where = f"{network.name}, batch {batch}, {card}"
        if not found["fits"] and any(need and need <= room for need in ways.values()):
            self.wrong.append(f"{where}: fit found nothing, a person's way fits")
        if found["dry_runs"] > MOST_RUNS or seconds > MOST_SECONDS:
            self.wrong.append(f"{where}: {found['dry_runs']} dry runs, {seconds:.0f} s")

    def card_bytes(self, gpu: str) -> int:
        dry = watched([SNUG, "cards", "--json"])
        for line in dry.output.splitlines():
            card = json.loads(line)
            if card["gpu"] == gpu:
                return card["card_bytes"]
        sys.exit(f"no card {gpu}")

    def equal_peak(self, network: Network) -> float | None:
        """How much less of a step fit's exact fixes cost than checkpointing every block."""
        card = network.cards[-1] if len(network.cards) == 1 else "12 GB"
        batch = self.batch_for(network, 2 * self.card_bytes(CARDS[card]))
        all_blocks = self.need(network, batch, "--checkpointing")
        if all_blocks is None:
            return None
        told, costs = [], []
        for more in (["--allow", "exact"], ["--allow", "rounding", "--prefer", "speed"]):
            found, _ = self.fit(network, batch, "--gpu", CARDS[card], "--memory", str(all_blocks),
                                *more)
            told += chosen_words(found)
            costs.append(found["chosen"]["overhead"] if found["fits"] else float("inf"))
        cost = blocks_cost(network, found)
        print(f"| {network.name} {batch} | {gib(all_blocks)} | +{100 * cost:.1f} % | "
              + " | ".join(told) + f" | {100 * (cost - costs[0]):.1f} |", flush=True)
        if costs[0] > cost:
            self.wrong.append(f"{network.name}: at equal peak more than checkpointing every block")
        return cost - costs[0]


def processor_seconds() -> float:
    """Of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def gib(size: int) -> str:
    return f"{size / GIB:.2f}"


def chosen_words(found: dict) -> list[str]:
    if not found["fits"]:
        return ["nothing fits", "-", "-"]
    chosen = found["chosen"]
    names = "+".join(fix["fix"] for fix in chosen["fixes"]) or "as it is"
    return [names, gib(chosen["card_peak_bytes"]), f"+{100 * chosen['overhead']:.1f} %"]


def blocks_cost(network: Network, found: dict) -> float:
    return sum(part["forward"] for part in found["parts"] if part["class"] in network.blocks)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pytorch", nargs="?", default="newest", help="a version, or a python")
    parser.add_argument("--only", default="", help="networks with this in their name")
    parser.add_argument("--card", default="", help="only this one: 8, 12 or 24 GB")
    parser.add_argument("--table", choices=["cards", "equal"], help="one of the two (default both)")
    parser.add_argument("--compile", action="store_true", help="also activation_memory_budget")
    given = parser.parse_args()
    table = Table(pytorch(given.pytorch, "--with", "programs"), given.compile)
    networks = [network for network in NETWORKS if given.only in network.name]
    if given.table != "equal":
        budget = " budget 0.5 |" if given.compile else ""
        print("| batch | card | needs | fit's fixes | peak | step | runs | s "
              "| all blocks | halves |" + budget)
        for network in networks:
            for card in network.cards:
                for times in (2, 4):
                    if given.card in card:
                        table.row(network, card, times)
    if given.table != "cards":
        print("\n| batch | all blocks | step | exact | peak | step | rounding, fastest | peak | "
              "step | less, % of a step |")
        gains = [table.equal_peak(network) for network in networks]
        known = [gain for gain in gains if gain is not None]
        print(f"\nby 5 % of a step and more: {sum(gain >= 0.05 for gain in known)} of {len(known)}")
    for line in table.wrong:
        print("WRONG", line)
    return 1 if table.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
