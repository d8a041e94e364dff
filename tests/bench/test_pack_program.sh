#!/bin/sh
# bench/pack.c as its users call it: files in, offsets out, exit statuses; each placement is checked
# again here. $1: the program; $2: the repository. Instances that others published are packed where
# they lie beside the repository.
set -u
pack=$1 shared=$2/../shared/packing
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# expect STATUS TEXT ARGUMENT...: the exit status, and a part of standard error.
expect() {
    wanted=$1 text=$2
    shift 2
    "$pack" "$@" >out 2>err
    found=$?
    [ "$found" -eq "$wanted" ] || fail "pack $*: exit $found (expected $wanted): $(cat err)"
    grep -q -- "$text" err || fail "pack $*: no '$text' in: $(cat err)"
}

# check CAPACITY: out is the input's rows with offsets that fit and do not overlap.
check() {
    cut -d, -f1-4 out | cmp -s - in.csv || fail "the rows changed"
    awk -F, -v capacity="$1" '
        NR == 1 { if ($5 != "offset") bad = "no offset column"; next }
        { lower[NR] = $2; upper[NR] = $3; size[NR] = $4; at[NR] = $5
          if ($5 + $4 > capacity) bad = "row " NR " ends past the capacity"
          for (i = 2; i < NR; i++)
              if (lower[i] < $3 && $2 < upper[i] && at[i] < $5 + $4 && $5 < at[i] + size[i])
                  bad = "rows " i " and " NR " overlap" }
        END { if (bad) { print bad; exit 1 } }' out || fail "$2: a bad placement"
}

printf 'id,lower,upper,size\na,0,3,4\nb,2,5,4\nc,4,6,4\nd,0,6,0\n' >in.csv
expect 0 'peak 8, lower bound 8' in.csv --capacity 8
check 8 in.csv
expect 0 'peak 8' in.csv
expect 0 'peak 8' in.csv --capacity 100 --seconds 1
expect 3 'no placement within 7 bytes' in.csv --capacity 7
"$pack" - --capacity 8 <in.csv >piped 2>err || fail "standard input: $(cat err)"
cmp -s piped out || [ ! -s out ] || fail "standard input gives something else"

expect 2 'which file' --capacity 8
expect 2 'capacity needs a number' in.csv --capacity x
expect 2 'unknown option' in.csv --frob
expect 4 'No such file' nowhere.csv
: >empty.csv
expect 4 'is empty' empty.csv
printf 'id,lower,upper\na,0,3\n' >columns.csv
expect 4 "no column 'size'" columns.csv
printf 'id,lower,upper,size\na,0,3,-4\n' >negative.csv
expect 4 'negative.csv:2: size' negative.csv
printf 'id,lower,upper,size\na,3,3,4\n' >reversed.csv
expect 4 'greater than lower' reversed.csv
printf 'id,lower,upper,size\na,3\n' >short.csv
expect 4 'fields' short.csv
"$pack" in.csv --capacity 8 >/dev/full 2>err && fail "a full disk goes unnoticed"

if [ -d "$shared" ]; then
    for file in "$shared"/*.1048576.csv; do
        cut -d, -f1-4 "$file" >in.csv
        expect 0 'peak' in.csv --capacity 1048576
        check 1048576 "$file"
    done
else
    echo "the published instances are skipped: they are not here"
fi
exit $failed
