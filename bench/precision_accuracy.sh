#!/bin/sh
# Test accuracy by precision: MODEL on Fashion-MNIST, the mean of some seeds.
#
#     precision_accuracy.sh SNUG [MODELS] [STEPS] [SEEDS]
#
# A line for each run, then one for each model and way with the mean and its distance in points from
# float32's (from "adamw" for its own two). "lean" is float32 with 8-bit momentum, "adamw" and
# "adamw-lean" are AdamW with 32-bit and with 8-bit state. WAYS, BATCH and THREADS in the
# environment change what runs; accuracy does not depend on the threads but for rounding.
set -eu
snug=$1 models=${2:-"mobilenet_v2 resnet18"} steps=${3:-600} seeds=${4:-"0 1 2"}
ways=${WAYS:-"float32 bfloat16 float16 lean adamw adamw-lean"}
batch=${BATCH:-64} threads=${THREADS:-0}
results=$(mktemp)
trap 'rm -f "$results"' EXIT

# The bytes that MODEL needs with 8-bit state and nothing that changes more: $2 are more options.
lean_bytes() {
    # shellcheck disable=SC2086
    "$snug" plan "$1" --data fashion-mnist --batch-size "$batch" --cost model \
        --threads "$threads" --precision float32 --fixes free-early,fuse,lean-optimizer --json $2 |
        python3 -c 'import json, sys
print(min(c["peak_bytes"] for c in json.load(sys.stdin)["candidates"]))'
}

run() { # MODEL WAY SEED
    model=$1 way=$2 seed=$3
    case $way in
    lean) set -- --precision float32 --fixes free-early,fuse,lean-optimizer \
        --memory "$(lean_bytes "$model" "")" ;;
    adamw) set -- --precision float32 --optimizer adamw ;;
    adamw-lean) set -- --precision float32 --optimizer adamw \
        --fixes free-early,fuse,lean-optimizer \
        --memory "$(lean_bytes "$model" "--optimizer adamw")" ;;
    *) set -- --precision "$way" ;;
    esac
    case $way in adamw*) rate=0.001 ;; *) rate=0.02 ;; esac
    "$snug" train "$model" --data fashion-mnist --batch-size "$batch" --max-steps "$steps" \
        --seed "$seed" --lr $rate --schedule cosine --threads "$threads" --no-out --cost model \
        --json "$@" 2>/dev/null |
        sed -n 's/.*"event":"epoch".*"accuracy":\([0-9.e-]*\).*/\1/p' | tail -1
}

for model in $models; do
    for seed in $seeds; do
        for way in $ways; do
            accuracy=$(run "$model" "$way" "$seed")
            echo "$model $way seed $seed: $accuracy"
            echo "$model $way $accuracy" >>"$results"
        done
    done
done
awk '{ sum[$1 " " $2] += $3; count[$1 " " $2]++ }
     END { for (key in sum) { split(key, part, " ")
               base = part[1] (part[2] ~ /^adamw/ ? " adamw" : " float32")
               mean = sum[key] / count[key]
               printf "%s: mean accuracy %.2f %%, %+.2f points\n", key, 100 * mean,
                      count[base] ? 100 * (mean - sum[base] / count[base]) : 0 } }' "$results" | sort
