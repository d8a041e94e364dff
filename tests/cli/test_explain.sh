#!/bin/sh
# snug explain as people type it. $1: the snug binary, $2: the sources, for what writes snapshots.
set -u
# shellcheck source=tests/cli/expect.sh
. "$(dirname "$0")/expect.sh"
sources=$2 input=input

# explain STATUS TEXT ARGUMENT...: runs snug explain on ./input as standard input.
explain() {
    status=$1 text=$2
    shift 2
    expect "$status" "$text" explain "$@"
}

cat >input <<'TEXT'
# RuntimeError: CUDA out of memory. Tried to allocate 2.80 GiB (GPU 0; 14.76 GiB total
# capacity; 8.70 GiB already allocated; 19.75 MiB free; 13.71 GiB reserved in total by
# PyTorch)
epoch 2 begins
RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`
TEXT
cp input error.txt
explain 0 "fragmentation" -
explain 0 "standard input:1: out of memory on GPU 0 (reserved)" -
explain 0 "standard input:5: CUBLAS_STATUS_ALLOC_FAILED" -
explain 0 "error.txt:1" error.txt
explain 0 '"requested_bytes":3006477107' error.txt --json
[ "$("$snug" explain error.txt --json | wc -l)" -eq 2 ] || failed=1
explain 0 "error.txt:1" error.txt --html page.html
grep -q "expandable_segments" page.html || failed=1
"$snug" explain error.txt | awk 'length > 80 { exit 1 }' || {
    echo "FAIL: a line of more than 80 columns"
    failed=1
}
explain 2 "which FILE" --json
explain 2 "one file at a time" error.txt error.txt
explain 2 "there is no option '--waht-if'" error.txt --waht-if
explain 4 "'error.txt' is a text; --what-if replays the trace of a memory snapshot" error.txt --what-if
explain 4 "cannot open 'nowhere.txt'" nowhere.txt
explain 4 "'.' is a directory" .
: >input
explain 4 "'standard input' is empty" -
: >empty
explain 4 "'empty' is empty" empty
head -c 3000 "$snug" >binary
explain 4 "binary file" binary
echo "all went well" >fine.txt
explain 4 "no out-of-memory error in 'fine.txt' (1 line)" fine.txt
printf 'Traceback (most recent call last):\nValueError: bad shape\n' >other.txt
explain 4 "ValueError: bad shape" other.txt

explain 2 "'--what-fi'; \`snug explain --help\`" --what-fi error.txt
explain 2 "'-x'" error.txt -x
explain 2 "there is no option '--json=1'" error.txt --json=1
explain 2 "a value is missing after '--html'" error.txt --html
explain 2 "--html '--json': expected the name of a file" --html --json error.txt
explain 2 "--html '': expected the name of a file" error.txt --html=
explain 2 "the page would replace the file to be explained" error.txt --html ./error.txt
explain 4 "cannot open ''" ""
explain 0 "usage: snug explain FILE|-" error.txt --help
explain 0 "error.txt:1" --html=page.html -- error.txt
explain 1 "cannot write nowhere/page.html: No such file or directory" error.txt --html nowhere/page.html
explain 1 "cannot write .: Is a directory" error.txt --html .
cp binary input
explain 4 "binary file" -
printf 'x\n' >"$(printf 'na\033me')"
explain 4 "in 'na?me' (1 line)" "$(printf 'na\033me')"
long=$(printf 'a%.0s' $(seq 200))
echo "ValueError: $long and a line of a log that goes on for longer than anyone would read it" >"$long.txt"
"$snug" explain "$long.txt" 2>out
awk 'length > 80 { exit 1 }' out || { echo "FAIL: standard error: more than 80 columns"; failed=1; }
if [ -w /dev/full ]; then
    explain 1 "cannot write /dev/full: No space left on device" error.txt --html /dev/full
    explain 1 "fragmentation" error.txt --html /dev/full # which is told nevertheless
    "$snug" explain error.txt 2>out >/dev/full
    if [ $? -ne 1 ] || ! grep -q "cannot write to standard output: No space left" out; then
        echo "FAIL: a full disk behind standard output"
        failed=1
    fi
    # What never ends is refused at its beginning.
    explain 4 "'/dev/zero' is a binary file" /dev/zero
fi
if [ "$(id -u)" -ne 0 ]; then
    echo secret >closed.txt
    chmod 000 closed.txt
    explain 4 "cannot open 'closed.txt': Permission denied" closed.txt
fi
sleep 1 | timeout -s INT --preserve-status 0.3 "$snug" explain -
[ $? -eq 130 ] || { echo "FAIL: an interrupted wait for standard input does not end with 130"; failed=1; }

# Several errors in one text, some of them again: in their order, one JSON object a line, a page.
{
    sed 's/GPU 0/GPU 3/' error.txt
    cat error.txt error.txt
    grep -A 2 'Tried' error.txt
    grep -A 2 'Tried' error.txt
} >several.txt
"$snug" explain several.txt >out || failed=1
grep -o '^several.txt:[0-9]*' out | cut -d: -f2 | sort -nc || { echo "FAIL: errors out of order"; failed=1; }
grep -q "and .* more" out || { echo "FAIL: an error again is not counted"; failed=1; }
awk 'length > 80 { exit 1 }' out || { echo "FAIL: several.txt: more than 80 columns"; failed=1; }
[ "$("$snug" explain several.txt --json | wc -l)" -eq "$(grep -c '^several.txt:' out)" ] ||
    { echo "FAIL: one JSON object an error"; failed=1; }
"$snug" explain several.txt | head -n 1 >first
grep -q '^several.txt:1: out of memory on GPU 3' first || { echo "FAIL: into head"; failed=1; }

# The example of the documents, as printed there.
"$snug" explain "$sources/tests/explain/snapshots/leak.pickle" --what-if --html leak.html >out || failed=1
grep -E 'each  activations|GiB  activations|weights  |optimizer  ' out | grep -v train.py | sort -u >lines
while IFS= read -r line; do
    grep -qF -- "$line" "$sources/docs/explain.md" || { echo "FAIL: not in docs/explain.md: $line"; failed=1; }
done <lines
if [ "$(wc -l <lines)" -lt 4 ] || [ ! -s leak.html ]; then
    echo "FAIL: the documents' example"
    failed=1
fi

# Traces that another model of the allocator made: the replay gives them again to the byte.
if command -v python3 >/dev/null; then
    python3 "$sources/tools/make_snapshots.py" snapshots --seed 3 >/dev/null || failed=1
    count=0
    for file in snapshots/*.pickle; do
        "$snug" explain "$file" --what-if >out || failed=1
        grep -q "as recorded to the byte" out || { echo "FAIL: $file: no exact replay"; failed=1; }
        awk 'length > 80 { exit 1 }' out || { echo "FAIL: $file: more than 80 columns"; failed=1; }
        "$snug" explain "$file" --what-if --json >json || failed=1
        grep -q '"what_if":{"reproduced":true,"exact":true' json || failed=1
        [ "$(wc -l <json)" -eq 1 ] || { echo "FAIL: $file: JSON of several lines"; failed=1; }
        count=$((count + 1))
    done
    echo "$count made snapshots replayed"
    [ $count -gt 10 ] || failed=1
else
    echo "no python3: no snapshots made"
fi

[ $failed -eq 0 ] && echo "all cases of snug explain pass"
exit $failed
