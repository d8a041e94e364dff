#!/bin/sh
# ONNX files as MODEL: options, messages, exit statuses, exports. $1: the snug binary, $2: the
# repository.
set -u
LC_ALL=C
export LC_ALL
# shellcheck source=tests/cli/expect.sh
. "$(dirname "$0")/expect.sh"
models=$2/tests/onnx/training

net=$models/conv-script-training.onnx
data=$models/conv.safetensors
plan() {
    status=$1 text=$2
    shift 2
    expect "$status" "$text" plan "$@" --batch-size 4 --cost model
}
# train STATUS TEXT MODEL OPTION...: one step on the case's data.
train() {
    status=$1 text=$2 model=$3
    shift 3
    expect "$status" "$text" train "$model" --batch-size 4 --cost model --no-eval --max-steps 1 "$@"
}

# --- options that fit, and that do not ---
plan 0 "conv-script-training, 3x8x8, 10 classes" "$net"
plan 0 "chosen peak" "$net" --input 3x8x8
plan 2 "an input of 3x9x8 is asked for" "$net" --input 3x9x8
plan 2 "takes 3x8x8" "$net" --input 3x64
plan 2 "the outputs are \"logits\"" "$net" --output nosuch
plan 0 "chosen peak" "$net" --output logits
plan 0 "mse of 10" "$net" --loss mse
plan 0 "bce of 10" "$net" --loss bce
plan 2 "'hinge' is not a loss" "$net" --loss hinge
plan 2 "--label-smoothing is for cross-entropy" "$net" --loss mse --label-smoothing 0.1
plan 2 "comes from a file: a number of classes" "$net" --classes 5
plan 2 "comes from a file: a width" "$net" --width 0.5
plan 2 "'--separable' cannot change it" "$net" --separable
plan 4 "cannot read none.onnx" none.onnx
plan 2 "'--train nosuch' matches no weight" "$net" --train nosuch
plan 2 "'--freeze nosuch*' matches no weight" "$net" --freeze 'nosuch*'
plan 2 "no weight is left to learn" "$net" --freeze '*'
for option in train freeze; do
    "$snug" plan "$net" --cost model --batch-size 4 --$option nosuch >out 2>&1
    for name in $("$snug" train "$net" --data "$data" --batch-size 4 --cost model --max-steps 1 \
        --no-eval --out names >/dev/null 2>&1 && head -c 4000 names/weights.safetensors |
        grep -ao '"[a-z0-9_.]*\.weight":' | tr -d '":' | head -n 3); do
        grep -qF "${name%%.weight}" out || fail "--$option nosuch does not list $name"
    done
    rm -rf names
done

# Frozen weights cost nothing, and stay what they are.
plan 0 "parameters learn: the frozen ones save" "$net" --train '*.bias'
plan 0 "chosen peak" "$net" --freeze-bn
"$snug" plan "$net" --batch-size 4 --cost model --freeze-bn --json >frozen
"$snug" plan "$net" --batch-size 4 --cost model --json >free
cmp -s frozen free && fail "--freeze-bn changes nothing in the plan"

# What the file is advises how to export it: as text within 80 columns, and in JSON.
plan 0 "Batch norm is folded into 2 convolutions" "$models/conv-script-evaluation.onnx"
awk 'length > 80 { bad = 1; print "FAIL: " $0 } END { exit bad }' out || failed=1
plan 0 '"advice":["Batch norm is folded' "$models/conv-script-evaluation.onnx" --json
plan 0 '"advice":[]' "$net" --json

# --- random weights: usable, others than the file's, the same for a seed ---
first_loss() {
    "$snug" train "$net" --data "$data" --batch-size 4 --cost model --no-eval --max-steps 1 \
        --no-out --json "$@" 2>/dev/null | sed -n 's/.*"event":"step".*"loss":\([0-9.e+-]*\).*/\1/p'
}
random=$(first_loss --init random --seed 1)
[ "$random" = "$(first_loss --init random --seed 1)" ] || fail "--init random: not the same twice"
[ "$random" != "$(first_loss --init random --seed 2)" ] || fail "--init random: the seed is ignored"
[ "$random" != "$(first_loss --seed 1)" ] || fail "--init random keeps the file's weights"
# Fresh weights know nothing: about log(10), the entropy of ten classes.
awk -v loss="$random" 'BEGIN { exit !(loss > 1.5 && loss < 3.5) }' ||
    fail "--init random: a first loss of '$random'"

# --- a run: exported, evaluated, gone on from ---
train 0 "(equal)" "$net" --data "$data" --out run
expect 0 "accuracy" eval run --data "$data"
expect 0 "exported.safetensors" export run --format safetensors --out exported.safetensors
expect 0 "exported.onnx" export run --format onnx --out exported.onnx
cp "$net" conv-script-training.onnx # what was trained from is not written over
expect 0 "in conv-script-training-trained.onnx" export run --format onnx
cmp -s "$net" conv-script-training.onnx || fail "an export wrote over the file that it came from"
train 0 "(equal)" conv-script-training.onnx --data "$data" --out own
expect 2 "is the file that the run was trained from" export own --format onnx \
    --out ./conv-script-training.onnx
cmp -s exported.onnx conv-script-training-trained.onnx || fail "two exports of a run differ"
train 0 "(equal)" "$net" --data "$data" --init exported.safetensors --no-out
train 0 "(equal)" exported.onnx --data "$data" --out again
loss_of() { "$snug" eval "$1" --data "$data" --json 2>/dev/null | sed -n 's/.*"loss":\([^,}]*\).*/\1/p'; }
train 0 "(equal)" exported.onnx --data "$data" --lr 1e-30 --weight-decay 0 --freeze-bn --out same
[ -n "$(loss_of run)" ] && [ "$(loss_of run)" = "$(loss_of same)" ] ||
    fail "an exported run evaluates to $(loss_of same), not $(loss_of run)"
train 0 "(equal)" "$net" --data synthetic --loss mse --no-out
train 0 "(equal)" "$net" --data synthetic --loss bce --no-out

# Ctrl-C leaves a run to evaluate and to go on from.
at 3 INT train "$net" --data "$data" --batch-size 4 --cost model --no-eval --epochs 100000000 \
    --out stopped
[ $status -eq 130 ] || fail "interrupted: exit $status"
expect 0 "accuracy" eval stopped --data "$data"
train 0 "(equal)" "$net" --data "$data" --init stopped/weights.safetensors --no-out
expect 0 "stopped goes on after step" train --resume stopped --epochs 1000 --max-steps 1000

# --- targets that do not count: -100, of int64, in a data set of two samples; other negative ones ---
header='{"input":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},'
header=$header'"target":{"dtype":"I64","shape":[2],"data_offsets":[32,48]}}'
ignoring() { # the first target's lowest byte, the rest of it 0xFF
    printf "\\$(printf %03o ${#header})\0\0\0\0\0\0\0%s" "$header"
    printf '\0\0\200?\0\0\0@\0\0\200?\0\0\0@\0\0\0?\0\0\0@\0\0\200?\0\0\0?'
    printf "$1\\377\\377\\377\\377\\377\\377\\377\2\0\0\0\0\0\0\0"
}
ignoring '\234' >ignoring.safetensors
ignoring '\377' >negative.safetensors

# --- files that are not what they should be ---
for bytes in 0 1 10 100 1000 3000; do
    head -c $bytes "$net" >cut.onnx
    expect 4 "cut.onnx" plan cut.onnx
done
sed 's/Relu/Rabc/g; s/Gemm/Gabc/g' "$net" >unknown.onnx
plan 4 "Rabc" unknown.onnx
grep -q "Gabc" out || fail "not all unknown operators are named at once"
grep -qE 'Rabc[^,]*[0-9]+' out || fail "unknown operators without their counts: $(cat out)"
rm -f cut.onnx unknown.onnx

# A model in the wire format: y = x w, w (4, 3) outside the file at $1.
field() { # NUMBER BYTES
    printf "\\$(printf %03o $(($1 * 8 + 2)))\\$(printf %03o ${#2})%s" "$2"
}
small() { # NUMBER VALUE
    printf "\\$(printf %03o $(($1 * 8)))\\$(printf %03o "$2")"
}
value() { # NAME COLUMNS
    shape=$(field 1 "$(field 2 N)")$(field 1 "$(small 1 "$2")")
    field 1 "$1"
    field 2 "$(field 1 "$(small 1 1)$(field 2 "$shape")")"
}
model() {
    node=$(field 1 x)$(field 1 w)$(field 2 y)$(field 4 MatMul)
    outside=$(field 1 location)$(field 2 "$1")
    weight=$(small 1 4)$(small 1 3)$(small 2 1)$(field 8 w)$(field 13 "$outside")$(small 14 1)
    graph=$(field 1 "$node")$(field 2 g)$(field 5 "$weight")
    graph=$graph$(field 11 "$(value x 4)")
    graph=$graph$(field 12 "$(value y 3)")
    small 1 9
    # A length from 128 on takes two bytes.
    printf "\\072\\$(printf %03o $((${#graph} % 128 + 128)))\\$(printf %03o $((${#graph} / 128)))%s" \
        "$graph"
    field 8 "$(small 2 17)"
}
mkdir inside
: >numbers
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '\0\0\200?' >>numbers; done # 1.0F
model w.bin >inside/net.onnx
plan 4 'external data "w.bin" is missing' inside/net.onnx
cp numbers inside/w.bin
plan 0 "net, 4, 3 classes" inside/net.onnx
train 0 "(equal)" inside/net.onnx --data synthetic --no-out
expect 0 "loss" train inside/net.onnx --data ignoring.safetensors --batch-size 2 --micro-batch 1 \
    --cost model --max-steps 2 --no-out
expect 4 "target -1 of sample 0: a class from 0" train inside/net.onnx --batch-size 2 \
    --data negative.safetensors --cost model --no-out
head -c 47 numbers >inside/w.bin
plan 4 "47 bytes of data where its shape takes 48" inside/net.onnx
cp numbers w.bin
model ../w.bin >inside/net.onnx
plan 4 "in a file of the model's folder" inside/net.onnx
model "$folder/w.bin" >inside/net.onnx
plan 4 "in a file of the model's folder" inside/net.onnx
ln -s ../w.bin inside/link.bin
model link.bin >inside/net.onnx
plan 4 "symbolic links are not followed" inside/net.onnx
mkdir inside/deep && ln -s ../.. inside/deep/up
model deep/up/w.bin >inside/net.onnx
plan 4 "symbolic links are not followed" inside/net.onnx
cp numbers inside/deep/w.bin
model deep/w.bin >inside/net.onnx
plan 0 "net, 4, 3 classes" inside/net.onnx

[ $failed -eq 0 ] && echo "all cases of ONNX files pass"
exit $failed
