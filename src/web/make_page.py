#!/usr/bin/env python3
"""Writes the page in a browser: the template with its marks filled.

make_page.py TEMPLATE OUTPUT MARK=TEXT|MARK@FILE[,FILE...]|MARK:FILE ...

A mark is a text, files one after another, or a file in base64.
"""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path


def read(mark: str) -> tuple[str, str]:
    """The mark's name and what it stands for."""
    name, kind, value = re.fullmatch(r"(\w+)([=@:])(.*)", mark).groups()
    if kind == "@":
        value = "".join(Path(file).read_text() for file in value.split(","))
    elif kind == ":":
        value = base64.b64encode(Path(value).read_bytes()).decode()
    return name, value


def main() -> None:
    template, output, *marks = sys.argv[1:]
    texts = dict(read(mark) for mark in marks)
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: texts[found[1]], Path(template).read_text())
    Path(output).write_text(page)


main()
