#!/bin/sh
# `pip install .` in a new virtual environment: the command on its PATH does what a user of PyTorch
# needs, and links nothing but libc. Skipped (77) where there is no venv or PyPI cannot be reached.
# $1: the sources.
set -eu
sources=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAIL: $*" >&2
    exit 1
}
skip() {
    echo "skipped: $*"
    exit 77
}

python3 -m venv "$folder/env" >/dev/null 2>&1 || skip "python3 -m venv does not work here"
pip="$folder/env/bin/pip --disable-pip-version-check"
# shellcheck disable=SC2086 # a command with its option
$pip download --quiet --no-deps --retries 1 --timeout 20 --dest "$folder/probe" \
    scikit-build-core >/dev/null 2>&1 || skip "PyPI cannot be reached"
export CMAKE_BUILD_PARALLEL_LEVEL=2
# shellcheck disable=SC2086
$pip install --quiet "$sources" || fail "pip install"
cd /
PATH="$folder/env/bin:$PATH"

snug cards | grep -q '^RTX 3060 ' || fail "cards"
snug explain "$sources/tests/explain/snapshots/leak.pickle" | grep -q leak || fail "explain"
snug dry-run --help | grep -q 'usage: snug dry-run' || fail "dry-run --help"
status=0
snug train simple --data synthetic 2>"$folder/said" || status=$?
[ $status -eq 1 ] || fail "train: $status"
grep -q "this build is without" "$folder/said" || fail "train: $(cat "$folder/said")"
[ "snug $(python -c 'import snug; print(snug.__version__)')" = "$(snug --version)" ] ||
    fail "import snug"
needed=$(ldd "$folder/env/bin/snug" | sed 's/^[[:space:]]*//; s/[ (].*//' |
    grep -vE '^(linux-vdso|/lib.*/ld-|ld-|libc\.|libm\.|libpthread\.)' || true)
[ -z "$needed" ] || fail "the command needs $needed"
[ -f "$folder/env/lib/snug/stand-in/13/libcuda.so.1" ] || fail "no stand-ins"
[ -f "$folder/env/lib/snug/python/snug_hook/__init__.py" ] || fail "no hook"
echo "the wheel works"
