#!/bin/sh
# What the documents say of the code is so. $1: the project's folder.
set -u
cd "$1" || exit 1
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# ONNX opsets: the importer's range is the documents'.
range=$(sed -nE 's/^enum \{ OLDEST_OPSET = ([0-9]+), NEWEST_OPSET = ([0-9]+) \};/opsets \1 to \2/p' \
    src/onnx/import.c)
[ -n "$range" ] || fail "src/onnx/import.c tells no range of opsets"
for document in docs/engine.md CHANGELOG.md; do
    grep -q "$range" $document || fail "$document does not say '$range', as src/onnx/import.c does"
    grep -oE 'opsets [0-9]+ to [0-9]+' $document | grep -qv "^$range\$" &&
        fail "$document says other opsets than '$range'"
done

# The tree of ARCHITECTURE.md has every folder of src/, and no other.
for folder in src/*/; do
    grep -q "^    $folder" ARCHITECTURE.md || fail "ARCHITECTURE.md's tree lacks $folder"
done
for folder in $(grep -oE '^    src/[a-z_]+/' ARCHITECTURE.md); do
    [ -d "$folder" ] || fail "ARCHITECTURE.md's tree has $folder, which is not there"
done
for file in $(grep -oE '`(src/)?[a-z_]+(/[a-z_]+)+\.[ch]`' ARCHITECTURE.md | tr -d '`' | sort -u); do
    [ -f "$file" ] || [ -f "src/$file" ] || fail "ARCHITECTURE.md names $file, which is not there"
done

# Each fix for PyTorch programs has a page, to which docs/fit.md leads.
for source in src/fit/fixes/*_for_pytorch.c; do
    name=$(basename "$source" _for_pytorch.c | tr _ -)
    [ -f "docs/fixes/$name.md" ] || fail "docs/fixes/$name.md is missing"
    grep -q "(fixes/$name.md)" docs/fit.md || fail "docs/fit.md has no link to fixes/$name.md"
done

[ $failed -eq 0 ] && echo "documents agree with the code"
exit $failed
