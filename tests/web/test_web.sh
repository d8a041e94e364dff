#!/bin/sh
# Builds the page in a browser, as `make web` does but without installing anything, and compares it
# with the command. $1: the snug binary, $2: the sources. Exits 77 without emscripten or Chromium.
set -eu
snug=$1
cd "$2"
for program in emcc python3; do
    command -v $program >/dev/null || { echo "skipped: no $program here (tools/bootstrap web)"; exit 77; }
done
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "skipped: no Chromium here (Debian's package is chromium)"
    exit 77
}
cmake --preset web >/dev/null
cmake --build --preset web -- --quiet
exec python3 tests/web/test_web.py build-web/explain.html "$snug" . "$browser" --large 80
