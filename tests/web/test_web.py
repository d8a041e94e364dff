#!/usr/bin/env python3
"""The page in a browser against the command, in headless Chromium.

    test_web.py PAGE SNUG SOURCES CHROMIUM [--large MEGABYTES] [--pictures FOLDER]

Every report of the page is the command's text, and its pictures are drawn; it reaches nothing
outside itself, answers the keyboard, tells a screen reader what it does, and fits a phone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chromium import Page

SETTLED = "['explained', 'failed'].includes(document.body.dataset.state)"
STATE = "document.body.dataset.state"
PASTED = "the pasted text"  # the page's name for it
TEXT = """Traceback (most recent call last):
  File "/home/ada/train.py", line 41, in <module>
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.07 GiB. GPU 0 has a total capacity \
of 79.11 GiB of which 2.27 GiB is free. Process 7 has 76.80 GiB memory in use. Of the allocated \
memory 61.50 GiB is allocated by PyTorch, and 14.40 GiB is reserved by PyTorch but unallocated.
<img src=x onerror="document.body.dataset.owned='yes'">
"""
RECORDINGS = (
    "plain-batch-all",
    "plain-fragmentation-python",
    "compiled-history-all",
    "plain-leak-python",
    "parallel-none-untraced",
    "own_optimizer-optimizer-state-all",
)

failures = 0


def check(condition: bool, words: str) -> None:
    global failures
    if not condition:
        failures += 1
        print("FAIL:", words)


def command(snug: Path, file: Path, *options: str) -> tuple[str, str]:
    """What the command says of a file that the page knows by its name alone."""
    done = subprocess.run(
        [snug, "explain", *options, file.name], cwd=file.parent, capture_output=True
    )
    return done.stdout.decode(), " ".join(done.stderr.decode().split())


def check_answer(page: Page, file: Path, said: tuple[str, str]) -> None:
    """What the page shows of |file| is what the command says."""
    page.wait(SETTLED)
    text, error = said
    shown = page.run("document.getElementById('error').textContent")
    if not text:
        check(page.run(STATE) == "failed", f"{file.name}: explained")
        check(
            bool(shown) and " ".join(shown.split()) in error, f"{file.name}: {shown}, not {error}"
        )
        check(page.run("document.getElementById('report').hidden"), f"{file.name}: a report")
        return
    check(page.run(STATE) == "explained", f"{file.name}: {shown}")
    printed = page.run("document.getElementById('printed').textContent")
    check(printed == text, f"{file.name}: another text than the command's:\n{printed}")
    check(page.run("document.activeElement.id") == "source", f"{file.name}: the focus is elsewhere")
    check(
        page.run("document.querySelectorAll('.finding .causes').length") > 0, f"{file.name}: empty"
    )


def explain(page: Page, snug: Path, file: Path, *options: str) -> None:
    page.run(f"{STATE} = 'waiting'")
    page.choose("#file", file)
    check_answer(page, file, command(snug, file, *options))


def check_policy(page: Page) -> None:
    policy = page.run("document.querySelector('meta[http-equiv]').content")
    check("default-src 'none'" in policy, f"the policy is {policy}")
    for attempt in (
        "fetch('data:,x')",
        "fetch('https://example.org/')",
        "new Promise((yes, no) => { const i = new Image(); i.onload = yes; i.onerror = no; "
        "i.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='; })",
        "new Promise((yes, no) => { try { const s = new WebSocket('ws://127.0.0.1:9'); "
        "s.onopen = yes; s.onerror = no; } catch { no(); } })",
    ):
        check(page.run(f"{attempt}.then(() => false, () => true)"), f"not forbidden: {attempt}")


def check_reach(page: Page) -> None:
    """Nothing was loaded but the page and its worker, and no script failed."""
    for event in page.events:
        method, told = event["method"], event["params"]
        if method == "Network.requestWillBeSent":
            url = told["request"]["url"]
            check(url.startswith(("file:", "blob:", "about:")), f"loads {url}")
        check(method != "Runtime.exceptionThrown", f"{told}")
    page.events.clear()


def check_access(page: Page) -> None:
    """Whatever takes the focus has a name, and what changes is announced."""
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    for node in nodes:
        role = node.get("role", {}).get("value")
        focusable = any(
            each["name"] == "focusable" and each["value"]["value"]
            for each in node.get("properties", [])
        )
        if node["ignored"] or not focusable or role == "RootWebArea":
            continue
        check(bool(node.get("name", {}).get("value")), f"a {role} without a name")
    for id, role in (("state", "status"), ("error", "alert")):
        check(
            page.run(f"document.getElementById('{id}').getAttribute('role')") == role,
            f"#{id} is no {role}",
        )


def check_width(page: Page, what: str) -> None:
    for width in (1200, 400, 320):
        page.size(width)
        page.wait(f"innerWidth === {width}")
        wide = page.run("document.documentElement.scrollWidth")
        check(wide <= width, f"{what}: {wide} pixels wide where there are {width}")


def check_text(page: Page, snug: Path, folder: Path) -> None:
    """With the keyboard alone: Tab to the field, the text, Ctrl+Enter."""
    file = folder / PASTED
    file.write_text(TEXT)
    page.key("Tab", 9)
    check(page.run("document.activeElement.id") == "text", "Tab does not come to the field first")
    page.key("Enter", 13, control=True)
    check(page.run(STATE) == "failed", "no text, and no word about it")
    page.type(TEXT)
    page.run(f"{STATE} = 'waiting'")
    page.key("Enter", 13, control=True)
    check_answer(page, file, command(snug, file))
    check(page.run("document.body.dataset.owned === undefined"), "a text became markup")
    check(page.run("document.querySelectorAll('svg.strip').length") == 1, "the text has no picture")


def check_ways(page: Page, snug: Path, folder: Path) -> None:
    """A file that is dropped, a text that is pasted beside the field, and no worker to be had."""
    file, pasted = folder / "dropped.log", folder / PASTED
    file.write_text("epoch 3\n" + TEXT)
    transfer = f"const of = new DataTransfer(); const text = {json.dumps(file.read_text())};"
    for event, add, source in (
        ("DragEvent('drop', {dataTransfer", "of.items.add(new File([text], 'dropped.log'))", file),
        ("ClipboardEvent('paste', {clipboardData", "of.setData('text/plain', text)", pasted),
    ):
        source.write_text(file.read_text())
        page.run(f"{STATE} = 'waiting'")
        page.run(
            f"{{ {transfer} {add}; document.body.dispatchEvent("
            f"new {event}: of, bubbles: true, cancelable: true}})); }}"
        )
        check_answer(page, source, command(snug, source))
    page.run("window.Worker = undefined")
    explain(page, snug, file)


def check_large(page: Page, snug: Path, sources: Path, folder: Path, megabytes: int) -> None:
    """The page answers while a large file is read, and the last that was opened is what counts."""
    file = folder / "large.pickle"
    make = [sys.executable, sources / "tools/make_snapshots.py", "--big", str(megabytes * 10**6)]
    subprocess.run([*make, file], check=True, stdout=subprocess.DEVNULL)
    said = command(snug, file)
    page.run(f"{STATE} = 'waiting'")
    start = time.monotonic()
    page.choose("#file", file)
    check(page.run(STATE) == "reading", "the page does not answer while it reads")
    page.wait(SETTLED, 240)
    seconds = time.monotonic() - start
    check_answer(page, file, said)
    print(f"a snapshot of {file.stat().st_size / 1e6:.0f} MB takes {seconds:.1f} s")
    page.choose("#file", file)
    explain(page, snug, sources / "tests/explain/snapshots/leak.pickle")
    check(page.run("document.getElementById('source').textContent") == "leak.pickle", "overtaken")


def check_page(page: Page, given: argparse.Namespace, folder: Path) -> None:
    snug, recordings = given.snug.resolve(), given.sources / "tests/explain/recordings/stored"
    check(given.page.stat().st_size < 3_000_000, f"{given.page.stat().st_size} bytes")
    page.open(given.page)
    check_policy(page)
    page.events.clear()
    page.open(given.page)
    check_access(page)
    check_width(page, "the empty page")
    page.size(1200)
    check_text(page, snug, folder)
    check_access(page)
    check_width(page, "a text's report")
    page.size(1200)
    for name in RECORDINGS:
        explain(page, snug, recordings / f"{name}.pickle")
        check(
            page.run("document.querySelectorAll('#segments rect.box').length") > 0, f"{name}: bare"
        )
    check_access(page)
    check_width(page, "a snapshot's report")
    page.size(1200)
    page.run("document.getElementById('replay').click()")
    explain(page, snug, recordings / "plain-fragmentation-python.pickle", "--what-if")
    check(page.run("document.querySelectorAll('#what-if tbody tr').length") > 3, "no replay")
    (folder / "plain.txt").write_text("epoch 3: loss 0.25\n")
    (folder / "empty.txt").write_text("")
    (folder / "cut.pickle").write_bytes((recordings / "plain-batch-all.pickle").read_bytes()[:9000])
    for file in (snug, folder / "plain.txt", folder / "empty.txt", folder / "cut.pickle"):
        explain(page, snug, file)
    page.run("document.getElementById('replay').click()")
    check_width(page, "an error")
    if given.large:
        check_large(page, snug, given.sources, folder, given.large)
    check_ways(page, snug, folder)
    colours = []
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        colours.append(page.run("getComputedStyle(document.body).backgroundColor"))
    check(colours[0] != colours[1], f"{colours[0]} in light and dark")
    check_reach(page)


def take_pictures(page: Page, given: argparse.Namespace) -> None:
    recording = given.sources / "tests/explain/recordings/stored/plain-fragmentation-python.pickle"
    for scheme in ("light", "dark"):
        for width in (1200, 400):
            page.scheme(scheme)
            page.open(given.page, width)
            page.picture(given.pictures / f"empty-{scheme}-{width}.png")
            page.choose("#file", recording)
            page.wait(SETTLED)
            page.picture(given.pictures / f"snapshot-{scheme}-{width}.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("page", "snug", "sources"):
        parser.add_argument(name, type=Path)
    parser.add_argument("chromium")
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    # A process of the browser's may write as long as it dies.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        try:
            page = Page(given.chromium, Path(name) / "profile")
        except (OSError, RuntimeError) as error:
            print(f"skipped: Chromium does not start here: {error}")
            return 77
        try:
            if given.pictures:
                take_pictures(page, given)
            else:
                check_page(page, given, Path(name))
        finally:
            page.close()
    print("the page does not work" if failures else "the page says what the command says")
    return failures > 0


sys.exit(main())
