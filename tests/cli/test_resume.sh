#!/bin/sh
# Nothing is lost: runs that are interrupted, killed, damaged, or without room on the disk, and what
# `snug train --resume` makes of them. $1: the snug binary.
. "$(dirname "$0")/expect.sh"

tiny="--data synthetic --batch-size 64 --width 0.125 --cost model --threads 2"
same() { # RUN RUN: the same weights, and the same steps in the same order
    cmp "$1/weights.safetensors" "$2/weights.safetensors" || fail "$1 and $2 have other weights"
    for run in "$1" "$2"; do
        sed 's/,"samples_per_second":[^,}]*//; s/,"seconds":[^,}]*//; s/,"planned_peak.*/}/' \
            "$run/log.jsonl" >"$run.lines"
    done
    cmp "$1.lines" "$2.lines" || fail "the logs of $1 and $2 differ"
}
least() { # FIDELITY ARGUMENT...: the smallest budget in bytes
    changes=$1
    shift
    "$snug" plan "$@" --memory 1GiB | sed -n "s/.*changing $changes (\([0-9]*\) bytes).*/\1/p"
}
quiet() { ! grep -q "bit for bit" out || fail "told that bits differ: $(cat out)"; }

# --- one that never stops, to compare with ---
expect 0 "(equal)" train simple $tiny --epochs 3 --memory 50MiB --out whole
expect 2 "--resume goes on" train simple $tiny --out whole

# --- Ctrl-C, a terminal that goes away, and the end of a machine ---
number=0
for signal in INT TERM HUP; do
    number=$((number + 15))
    if [ $signal = INT ]; then
        at $number $signal train simple $tiny --epochs 3 --memory 50MiB --out stopped
    else
        at $number $signal train --resume stopped
    fi
    [ $status -eq 130 ] || fail "$signal: exit $status: $(cat out)"
    [ -s stopped/weights.safetensors ] || fail "$signal: no weights"
done
expect 0 "stopped goes on after step" train --resume stopped
quiet
same whole stopped
expect 0 "no step was left" train --resume stopped
same whole stopped

# --- less memory, more memory, another folder to start in ---
at 20 INT train simple $tiny --epochs 3 --memory 50MiB --out squeezed
bytes=$(least nothing simple $tiny)
expect 0 "recompute" train --resume squeezed --memory "$bytes" --max-steps 30
grep -q "^\* .*recompute" out || fail "no less memory was needed"
quiet
mkdir elsewhere
(cd elsewhere && "$snug" train --resume ../squeezed --memory 1GiB --max-steps 1000 >../out 2>&1) ||
    fail "from another folder: $(cat out)"
quiet
cmp whole/weights.safetensors squeezed/weights.safetensors || fail "squeezed: other weights"

# What changed numbers in the first part does in the others, whatever the memory: micro-batches and
# 8-bit state. (Asked for: what the least memory takes differs from processor to processor.)
lean="resnet18 $tiny --input 3x32x32 --optimizer adam --micro-batch 16 --require lean-optimizer"
expect 0 "accumulate" train $lean --memory 16MiB --out lean-whole --max-steps 6
grep -q "^\* .*lean-optimizer" out || fail "no 8-bit state: $(grep '^\*' out)"
expect 0 "accumulate" train $lean --memory 16MiB --out lean --max-steps 3
expect 0 "accumulate" train --resume lean --memory 1GiB --max-steps 6
quiet
cmp lean-whole/weights.safetensors lean/weights.safetensors || fail "lean: other weights"
expect 3 "does not fit" train --resume lean --memory 1MiB --max-steps 7
expect 0 "the micro-batch was" train --resume lean --memory 1GiB --micro-batch 64 --fixes \
    free-early,lean-optimizer --require lean-optimizer --max-steps 7
grep -q "not bit for bit" out || fail "another micro-batch is not told"
expect 2 "no plan that was tried has every fix" train simple $tiny --memory 1GiB \
    --fixes free-early --require fuse --out impossible
smaller="resnet18 --data synthetic --batch-size 16 --input 3x32x32 --cost model --allow model"
bytes=$(least model $smaller)
expect 0 "resnet18-width" train $smaller --memory $((bytes + bytes / 10)) --out smaller --no-eval \
    --max-steps 1
expect 0 "(equal)" train --resume smaller --memory 1GiB --max-steps 2
quiet

# --- a newest file that is damaged, or cut ---
for damage in "dd of=\$newest bs=1 seek=9000 conv=notrunc" "truncate -s 9000 \$newest"; do
    rm -rf hurt
    expect 0 "(equal)" train simple $tiny --epochs 3 --max-steps 25 --checkpoint-every 10 --out hurt
    newest=hurt/checkpoint-000025.safetensors
    printf 'x!' | eval "$damage" 2>/dev/null
    expect 0 "checkpoint-000025.safetensors" train --resume hurt --max-steps 1000
    grep -q "goes on after step 20" out || fail "not from the file before: $(cat out)"
    quiet
    same whole hurt
done
rm hurt/checkpoint-*
expect 2 "has no checkpoint" train --resume hurt
expect 2 "batch-size" train --resume whole --batch-size 32
expect 2 "--overwrite" train --resume whole --overwrite
expect 2 "its own model" train simple --resume whole
expect 2 "'10 minutes'" train simple $tiny --checkpoint-every "10 minutes"

# --- kept: two, or as many as are asked for ---
[ "$(ls whole/checkpoint-* | wc -l)" -eq 2 ] || fail "not two are kept: $(ls whole)"
expect 0 "(equal)" train simple $tiny --epochs 3 --checkpoint-every 10 --keep-checkpoints 3 --out three
[ "$(ls three/checkpoint-* | wc -l)" -eq 3 ] || fail "not three are kept: $(ls three)"
expect 0 "(equal)" train simple $tiny --checkpoint-every never --out none
ls none | grep -q checkpoint && fail "a checkpoint though never"

# --- two at the same time; the first is held while the second tries ---
rm -f events
mkfifo events
"$snug" train simple $tiny --epochs 100000 --out both --json >events 2>err &
process=$!
exec 3<events
while read -r line <&3; do
    case $line in *'"event":"step","step":2,'*) break ;; esac
done
kill -STOP $process
expect 2 "process $process trains" train --resume both
expect 2 "process $process trains" train simple $tiny --out both --overwrite
kill -KILL $process
kill -CONT $process 2>/dev/null
wait $process 2>/dev/null
exec 3<&-
# Killed, it has let go of the folder.
expect 0 "goes on" train --resume both --max-steps 4

# --- no room on the disk: a small file system, or a limit on the size of files ---
full() {
    [ "$1" -ne 0 ] && grep -q "cannot write" out || fail "a full disk: exit $1: $(tail -n 3 out)"
    grep -q "is whole, and the run can go on" out || fail "what is left is not told: $(cat out)"
}
mkdir small
if mount -t tmpfs -o size=1m none small 2>/dev/null; then
    trap 'umount small; rm -rf "$folder"' EXIT
    # Room for the first and not for the others, while the log grows too.
    "$snug" train simple $tiny --epochs 3 --memory 50MiB --checkpoint-every 7 --keep-checkpoints 9 \
        --out small/run >out 2>&1
    full $?
    mv small/run moved
    umount small
    trap 'rm -rf "$folder"' EXIT
else
    (
        trap '' XFSZ
        ulimit -f 100 # of 512 or 1024 bytes: less than a checkpoint
        "$snug" train simple $tiny --epochs 3 --memory 50MiB --checkpoint-every 7 --out moved >out 2>&1
    )
    [ $? -eq 1 ] && grep -q "cannot write" out || fail "a limit: $(tail -n 3 out)"
    rm -rf moved
    "$snug" train simple $tiny --epochs 3 --max-steps 7 --memory 50MiB --checkpoint-every 7 \
        --out moved >out 2>&1 || fail "$(cat out)"
    (
        trap '' XFSZ
        ulimit -f 100
        "$snug" train --resume moved --max-steps 1000 >out 2>&1
    )
    full $?
fi
ls moved | grep -q tmp && fail "a file that was not finished is left: $(ls moved)"
expect 0 "(equal)" train --resume moved --max-steps 1000
same whole moved

# --- a folder that cannot be written ---
mkdir shut
chmod 555 shut
user=""
[ "$(id -u)" -ne 0 ] || user="setpriv --reuid 65534 --regid 65534 --clear-groups"
if $user "$snug" --version >/dev/null 2>&1; then
    chmod 755 "$folder"
    $user "$snug" train simple $tiny --out shut/run >out 2>&1
    [ $? -eq 1 ] && grep -q "shut/run" out || fail "a read-only folder: $(tail -n 2 out)"
    grep -q "^step" out && fail "trained before the folder was found read-only"
    $user "$snug" train --resume whole >out 2>&1
    [ $? -eq 1 ] && grep -q "cannot write whole/lock" out || fail "a read-only run: $(tail -n 2 out)"
fi
same whole stopped # as it was

[ $failed -eq 0 ] && echo "nothing is lost"
exit $failed
