#!/bin/sh
# The programs under examples/, compiled against an installed copy by pkg-config and by CMake, do what
# they say. $1: the build's folder, $2: the sources.
set -eu
build=$1 sources=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAIL: $*" >&2
    exit 1
}
cmake --install "$build" --prefix "$folder/installed" >/dev/null
cd "$folder"
pc=$(dirname "$(find installed -name snug.pc)")
library=$(dirname "$(find "$folder/installed" -name libsnug.so)")
cmake -S "$sources/examples" -B by-cmake -DCMAKE_PREFIX_PATH="$folder/installed" >log 2>&1 ||
    fail "CMake does not find it: $(cat log)"
cmake --build by-cmake >log 2>&1 || fail "by CMake: $(cat log)"
flags=$(PKG_CONFIG_PATH=$folder/$pc pkg-config --cflags --libs snug)
for source in "$sources"/examples/*.c; do
    name=$(basename "$source" .c)
    [ -x "by-cmake/$name" ] || fail "examples/CMakeLists.txt leaves out $name"
    # shellcheck disable=SC2086 # a list of flags
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$name" "$source" $flags \
        -Wl,-rpath,"$library"
done
cmp -s "$sources/include/snug/api.h" installed/include/snug/api.h || fail "no api.h"

./own_loop 4 >own || fail "own_loop: $(cat own)"
accuracy=$(sed -n 's/^accuracy \([0-9]*\).*/\1/p' own)
[ "$accuracy" -ge 90 ] || fail "own_loop learns nothing: $(cat own)"
peak=$(sed -n 's/^memory: planned \([0-9]*\) bytes.*/\1/p' own)
grep -q "measured $peak" own || fail "own_loop: the peak is not the planned one"
[ "$peak" -le $((4 << 20)) ] || fail "own_loop: over its budget"

installed/bin/snug train simple --data synthetic --batch-size 32 --max-steps 10 --cost model \
    --memory 64MiB --threads 2 --out run --quiet || fail "train"
[ "$(./predict run | grep -c 'with probability [01]')" = 3 ] || fail "predict"
! by-cmake/predict nowhere 2>refused || fail "predict takes a folder that is not there"
grep -q "not found" refused || fail "predict says $(cat refused)"

by-cmake/plan_only resnet18 "RTX 3060" >plan || fail "plan_only: $(cat plan)"
[ "$(grep -c 'fits$' plan)" = 3 ] || fail "plan_only says $(cat plan)"

# Twenty steps at once, or in three goes: the same bits.
mkdir at-once in-parts
./resume at-once 20 | tail -n 1 >whole
./resume in-parts 7 >/dev/null
by-cmake/resume in-parts 12 | grep -q "goes on from in-parts/checkpoint-0*7" || fail "resume"
./resume in-parts 20 | tail -n 1 >parts
cmp -s whole parts || fail "resumed: $(cat parts), at once: $(cat whole)"
grep -q '^step 20: loss [0-9]' whole || fail "resume says $(cat whole)"
echo "examples work, by pkg-config and by CMake"
