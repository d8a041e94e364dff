"""libsnug.so shows what the headers declare, and each of it has a caller in a test in C.

    public_names.py INCLUDE TESTS [LIBRARY]

A call such as snug_plan_make() is inline and calls snug_plan_make_sized(): one caller is enough.
Without LIBRARY the callers alone are looked at.
"""

import re
import subprocess
import sys
from pathlib import Path

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def declared(include: Path) -> dict[str, str]:
    """The functions marked SNUG_API: name to header."""
    names = {}
    for header in sorted(include.glob("snug/*.h")):
        text = COMMENT.sub("", header.read_text())
        for statement in re.findall(r"^SNUG_API ([^;{]*?)\(", text, re.MULTILINE):
            names[re.split(r"[\s*]+", statement.strip())[-1]] = header.name
        unmarked = re.findall(
            r"^(?!SNUG_API|static|typedef)[a-z][\w *]*?(snug_\w+)\([^;{]*\);", text, re.M
        )
        if unmarked:
            sys.exit(f"{header.name}: without SNUG_API: {', '.join(unmarked)}")
    return names


def exported(library: str) -> set[str]:
    command = ["nm", "-D", "--defined-only", library]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


def called(tests: Path) -> set[str]:
    """Every word before a parenthesis in the tests in C."""
    names: set[str] = set()
    for file in [*tests.rglob("*.c"), *tests.rglob("*.h")]:
        names.update(re.findall(r"\b(snug_\w+)\(", COMMENT.sub("", file.read_text())))
    return names


def main() -> int:
    names = declared(Path(sys.argv[1]))
    calls = called(Path(sys.argv[2]))
    failed = False
    if len(names) < 100:
        sys.exit(f"{len(names)} functions found in {sys.argv[1]}: is this the folder?")
    for name, header in sorted(names.items()):
        if name not in calls and name.removesuffix("_sized") not in calls:
            print(f"FAIL: no test in C calls {name}() of {header}")
            failed = True
    if len(sys.argv) > 3:
        shown = exported(sys.argv[3])
        for name in sorted(shown - names.keys()):
            print(f"FAIL: the library shows {name}, which no header declares")
        for name in sorted(names.keys() - shown):
            print(f"FAIL: the library hides {name}() of {names[name]}")
        failed = failed or shown != names.keys()
    if not failed:
        print(f"{len(names)} public functions, each with a caller")
    return failed


if __name__ == "__main__":
    sys.exit(main())
