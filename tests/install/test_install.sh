#!/bin/sh
# An installation works wherever it is moved: the command, what it finds beside itself, and the
# library for a program in C. $1: the build's folder, $2: the sources.
set -eu
build=$1 sources=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAIL: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$folder/first" >/dev/null
mv "$folder/first" "$folder/moved here"
prefix="$folder/moved here"
cd /

"$prefix/bin/snug" cards | grep -q '^RTX 3060 ' || fail "cards"
# The README's lines of the list are those that it has.
"$prefix/bin/snug" cards >"$folder/cards"
grep -E '^    (RTX|H100) .* [0-9]+\.[0-9] +[0-9]+ ' "$sources/README.md" | sed 's/^    //' >"$folder/lines"
[ "$(wc -l <"$folder/lines")" -ge 3 ] || fail "the README shows no cards"
while IFS= read -r line; do
    grep -qxF -- "$line" "$folder/cards" || fail "snug cards does not say: $line"
done <"$folder/lines"

"$prefix/bin/snug" explain "$sources/tests/explain/snapshots/leak.pickle" | grep -q leak ||
    fail "explain"
for major in 12 13; do
    for list in "$sources"/src/standin/names/*.txt; do
        for soname in $(sed -n "s/^soname $major \([^ ]*\).*/\1/p" "$list"); do
            [ -f "$prefix/lib/snug/stand-in/$major/$soname" ] || fail "no stand-in $major/$soname"
        done
    done
done
for file in "$sources"/python/snug_hook/*.py "$sources"/python/start/*.py; do
    [ -e "$file" ] || continue
    [ -f "$prefix/lib/snug/python/${file#"$sources/python/"}" ] || fail "no hook: $file"
done

# From C, by pkg-config; the static library needs what it stands on named, the shared one does not.
cat >"$folder/client.c" <<'END'
#include <snug/gpu.h>
#include <snug/version.h>
#include <stdio.h>
int main(void) {
    const snug_gpu_info *gpu;
    if (snug_gpu_find("rtx 3060", &gpu) != SNUG_OK) return 1;
    printf("%s %s\n", snug_version(), gpu->reported);
    return 0;
}
END
pc=$(dirname "$(find "$prefix" -name snug.pc)")
flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs snug)
(eval "cc -o '$folder/client' '$folder/client.c' $flags")
library=$(dirname "$(find "$prefix" -name libsnug.so)")
found=$(LD_LIBRARY_PATH=$library "$folder/client") || fail "the client"
version=$("$prefix/bin/snug" --version)
[ "snug ${found%% *}" = "$version" ] || fail "the client is told $found, the command $version"
[ "${found#* }" = "NVIDIA GeForce RTX 3060" ] || fail "the client is told $found"
echo "an installation can be moved"
