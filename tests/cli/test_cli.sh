#!/bin/sh
# The command as people type it: exit statuses, messages, files. $1: the snug binary.
set -u
# shellcheck source=tests/cli/expect.sh
. "$(dirname "$0")/expect.sh"

expect 0 "usage: snug COMMAND" --help
expect 0 "usage: snug train MODEL" train --help
expect 2 "there is no command 'tarin': did you mean \`snug train\`?" tarin
expect 2 "there is no command 'xyzzy'; " xyzzy
expect 0 "usage: snug train MODEL" help train
expect 2 "did you mean \`snug plan\`?" help paln
expect 2 "there is no option '--memroy=3GiB': did you mean --memory?" plan simple --memroy=3GiB
expect 2 "there is no option '--xyzzy'; " plan simple --xyzzy

# Nothing fits: the table, then why. --quiet: nothing for people but that.
"$snug" plan simple --memory 1 --cost model >out 2>&1
tail -n 1 out | grep -q "does not fit" || fail "the error is not last"
"$snug" plan simple --cost model --quiet >out 2>&1 || fail "plan --quiet"
[ ! -s out ] || fail "--quiet says something"
"$snug" plan simple --memory 1 --cost model --quiet >out 2>&1
[ "$(wc -l <out)" = 1 ] || fail "--quiet: one line expected"
"$snug" train simple --data synthetic --batch-size 64 --max-steps 2 --no-out --quiet >out 2>&1 ||
    fail "train --quiet"
[ ! -s out ] || fail "--quiet says something of a run"
"$snug" fixes | awk 'length > 80 { exit 1 }' || fail "snug fixes: more than 80 columns"
expect 0 "3,504,872" models

# No page of help is wider than 80 columns, whatever commands there are, nor a table. Complaints are
# broken to the terminal's width where there is one, and are else a line each.
narrow() {
    "$snug" "$@" 2>complaint | awk -v c="$*" 'length > 80 { print "FAIL: snug " c ": " $0; bad = 1 }
        END { exit bad }' || failed=1
}
commands=$("$snug" --help | sed -n '/^usage/,/^exit/s/^  \([a-z][a-z-]*\)  .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 12 ] || fail "snug --help lists $commands"
for command in $commands; do
    narrow "$command" --help
done
for command in --help fixes models devices cards "devices --gpus"; do
    # shellcheck disable=SC2086 # words
    narrow $command
done
expect 0 '"parameters":25557032' models --json
expect 0 "accumulate" fixes
expect 0 "cpu" devices
expect 0 "A100 80GB SXM" devices --gpus
expect 0 "A100 80GB SXM" cards
expect 2 "--json is known" cards --gpus
expect 2 "--gpus and --json" devices --gpu
expect 0 "classes, batch size 256, RTX 3060 Laptop" plan resnet18 --gpu "rtx 3060 laptop"
expect 2 "did you mean A100 40GB PCIe, A100 40GB SXM" plan resnet18 --gpu A100
expect 2 "no card is called \"Radeon\"; \`snug cards\`" plan resnet18 --gpu Radeon
expect 2 "which --device reference is not" plan resnet18 --gpu T4 --device reference
expect 2 "no GPU device is built in" train simple --data synthetic --gpu T4
expect 2 "which MODEL" plan
expect 2 "did you mean resnet18" plan resnet81
: >model.pt
expect 2 "torch.onnx.export(" plan model.pt
: >own.parquet
expect 2 "'own.parquet' is no data set that snug reads, which knows no .parquet: a" \
    train simple --data own.parquet --no-out
mkdir -p empty
expect 2 "the folder 'empty' has neither IDX files nor a folder of JPEG or PNG files" \
    train simple --data empty --no-out
mkdir -p photos/cat photos/dog
echo iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGPwBQAATwBOaYsBbAAAAABJRU5ErkJggg== |
    base64 -d >photos/cat/1.png
cp photos/cat/1.png photos/dog/2.PNG
head -c 40 photos/cat/1.png >photos/dog/torn.png
expect 0 "photos/dog/torn.png: the file ends too early" \
    train simple --data photos --batch-size 2 --cost model --no-out
expect 0 "1 file cannot be read and is left out" \
    train simple --data photos --batch-size 2 --cost model --no-out
touch x.npy
expect 4 "x.npy is one array, and where are its targets?" train simple --data x.npy --no-out
expect 2 "there is no option '--memroy'" plan simple --memroy 3
expect 2 "a value is missing" plan simple --memory
expect 2 "'12XB' is not a size" plan simple --memory 12XB
expect 2 "leaves no memory" plan simple --memory 0
expect 2 "--batch-size '0'" plan simple --batch-size 0
expect 2 "micro-batch of 300" plan simple --micro-batch 300
expect 2 "--input '3x'" plan simple --input 3x
expect 2 "simple takes images" plan simple --input 3x32
expect 2 "did you mean fashion-mnist" train simple --data fashion-mnits --no-out
expect 2 "which --data" train simple
expect 2 "not a fidelity" plan simple --allow all
# An abbreviated option is that option, and the optimizer's defaults are those of its name.
"$snug" plan simple --cost model --memory 100MiB >sgd
"$snug" plan simple --cost model --memory 100MiB --optimizer adamw >adamw
cmp -s sgd adamw && fail "AdamW is planned as SGD"
for option in "--optimizer=adamw" "--optim adamw" "--opti=adamw"; do
    # shellcheck disable=SC2086
    "$snug" plan simple --cost model --memory 100MiB $option | cmp -s - adamw ||
        fail "$option is not --optimizer adamw"
done
expect 2 "--nesterov needs a momentum" plan simple --momentum 0 --nesterov
expect 3 "smallest budget that works with what is allowed" plan simple --memory 1000
expect 2 "'--allow exact' rules out" plan resnet18 --input 3x32x32 --micro-batch 4 --allow exact
expect 0 "* chosen" plan resnet18 --input 3x32x32 --memory 300MiB
expect 0 "# step: 16 samples, " plan simple --batch-size 16 --memory 100MiB --graph
expect 0 "update sgd_update(" plan simple --batch-size 16 --memory 100MiB --graph
expect 2 "--graph is an option of" train simple --data synthetic --graph --no-out
expect 0 '"event":"plan"' plan simple --json --memory 100MiB
expect 2 "predicts one for every pixel" train unet --data fashion-mnist --no-out --max-steps 1 \
    --memory 500MiB --batch-size 2

# The minimum that is named runs, a byte less does not.
"$snug" plan simple --batch-size 16 --memory 1 >out 2>&1
minimum=$(sed -n 's/.*allowed is \([0-9]*\) bytes.*/\1/p' out)
expect 0 "(equal)" train simple --data synthetic --batch-size 16 --max-steps 3 \
    --memory "$minimum" --out run
expect 3 "$minimum bytes" train simple --data synthetic --batch-size 16 --memory $((minimum - 1)) \
    --out none
[ ! -e none ] || { echo "FAIL: a run that does not fit left files"; failed=1; }
for file in weights.safetensors plan.json log.jsonl; do
    [ -s "run/$file" ] || { echo "FAIL: run/$file is missing"; failed=1; }
done
tail -n 1 run/log.jsonl | grep -q '"event":"done"' || { echo "FAIL: log.jsonl"; failed=1; }

# JSON lines on standard output, people's text on standard error.
"$snug" train simple --data synthetic --batch-size 64 --max-steps 2 --memory 100MiB --no-out --json \
    >json 2>text
for event in plan step epoch done; do
    grep -q "^{\"event\":\"$event\"" json || { echo "FAIL: no $event in JSON"; failed=1; }
done
! grep -qv '^{' json || { echo "FAIL: text on standard output with --json"; failed=1; }

# The plan's page, from both commands.
expect 0 "(equal)" train simple --data synthetic --batch-size 16 --max-steps 1 --memory 50MiB \
    --no-out --html page.html
tail -n 1 page.html | grep -q '</html>' || { echo "FAIL: page.html"; failed=1; }
expect 1 "none/page.html" train simple --data synthetic --batch-size 16 --max-steps 1 \
    --memory 50MiB --no-out --html none/page.html

# A folder that cannot be made is found before training.
: >file
expect 1 "file/run" train simple --data synthetic --batch-size 16 --max-steps 1 --memory 50MiB \
    --out file/run

# Twenty samples of one channel, 28 x 28, in a .safetensors file.
header='{"input":{"dtype":"U8","shape":[20,1,28,28],"data_offsets":[0,15680]},'\
'"target":{"dtype":"I64","shape":[20],"data_offsets":[15680,15840]}}'
{
    # shellcheck disable=SC2059 # the header's length as an octal character
    printf "\\$(printf %o ${#header})\0\0\0\0\0\0\0%s" "$header"
    head -c 15680 /dev/zero
    for class in 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3; do
        # shellcheck disable=SC2059
        printf "\\$class\0\0\0\0\0\0\0"
    done
} >own.safetensors

# Files that are not what they should be.
mkdir idx
printf 'nonsense' >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\001\0' >idx/train-labels-idx1-ubyte
expect 4 "shorter than an IDX header" train simple --data idx --no-out
printf '\0\0\010\001\0\0\0\001\0\0\0\001\0\0\0\001\0' >idx/train-images-idx3-ubyte
expect 4 "swapped" train simple --data idx --no-out
printf '\0\0\010\003\0\0\0\002\0\0\0\002\0\0\0\002\0' >idx/train-images-idx3-ubyte
expect 4 "truncated" train simple --data idx --no-out
printf '\0\0\010\003\0\0\0\001\0\0\0\001\0\0\0\001\0' >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\001\014' >idx/train-labels-idx1-ubyte
expect 4 "label 12 of sample 0" train simple --data idx --classes 10 --no-out
printf '{"' >bad.safetensors
expect 4 "shorter than 8 bytes" train simple --data bad.safetensors --no-out

# Precision, and what contradicts it.
expect 2 "rules out" plan resnet18 --input 3x32x32 --precision float16 --allow exact
expect 2 "'--precision bfloat16' is the fix mixed-precision, which '--fixes recompute' leaves out" \
    plan resnet18 --input 3x32x32 --precision bfloat16 --fixes recompute
expect 2 "not a precision" plan resnet18 --input 3x32x32 --precision float8
expect 0 "scale" train simple --data synthetic --batch-size 64 --max-steps 2 --precision float16 \
    --cost model --no-out --json
expect 2 "float16" train simple --data synthetic --precision float32 --loss-scale 8 --no-out

# A smaller network in its place, saved, evaluated and exported under its own name.
expect 3 "smallest budget" train resnet18 --input 3x32x32 --classes 10 --data synthetic \
    --batch-size 4 --memory 20MiB --cost model --no-out
expect 0 "resnet18-separable" train resnet18 --input 3x32x32 --classes 10 --data synthetic \
    --batch-size 4 --memory 20MiB --allow model --max-steps 2 --cost model --out smaller
expect 0 "resnet18-separable: accuracy" eval smaller --data synthetic
expect 0 "resnet18-separable.safetensors" export smaller
expect 0 "exported" export smaller --format safetensors --out exported
[ -s resnet18-separable.safetensors ] && cmp resnet18-separable.safetensors exported || failed=1
grep -q layer1.0.bn1.num_batches_tracked exported || failed=1
expect 2 "expected safetensors" export smaller --format pickle
expect 2 "which run" export
expect 2 "cannot read nowhere/plan.json" export nowhere
expect 2 "cannot read nowhere/plan.json" eval nowhere --data synthetic
head -c 5000 smaller/weights.safetensors >cut && mv cut smaller/weights.safetensors
expect 4 "smaller/weights.safetensors" export smaller --out cut
[ ! -e cut ] || failed=1

# A loss that is not finite ends the run, and names where that began.
expect 1 "the loss is" train simple --data synthetic --batch-size 64 --lr 1e30 --epochs 2 \
    --memory 100MiB --cost model --out diverged
grep -q "step [0-9]*: the loss is .*the first that is not finite: " out || fail "no first tensor"
expect 0 "loss nan" train simple --data synthetic --batch-size 64 --lr 1e30 --max-steps 9 \
    --memory 100MiB --cost model --no-out --keep-going

# An epoch has its line, whether anything is measured after it or not.
expect 0 "epoch 1 of 1" train simple --data synthetic --no-eval --memory 50MiB --batch-size 256 \
    --out quiet
grep -q '"event":"epoch","epoch":1,"train_loss":[0-9.]*,"accuracy":null,"val_loss":null' \
    quiet/log.jsonl || { echo "FAIL: no line for the epoch"; failed=1; }

# Threads that wait spin for a bounded time, unless the user says how they wait.
spin_count() {
    "$@" train simple --data synthetic --batch-size 16 --max-steps 100000 --epochs 1000 --no-out \
        --no-eval --cost model --quiet 2>spinning &
    sleep 1
    tr '\0' '\n' <"/proc/$!/environ" | sed -n 's/^GOMP_SPINCOUNT=//p'
    kill "$!"
    wait "$!"
}
[ "$(spin_count env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT "$snug")" = 1000 ] || fail "spin count"
[ "$(spin_count env -u OMP_WAIT_POLICY GOMP_SPINCOUNT=7 "$snug")" = 7 ] || fail "own spin count"

# An earlier run's folder.
expect 2 "--overwrite" train simple --data synthetic --batch-size 16 --max-steps 1 --out run
expect 0 "(equal)" train simple --data synthetic --batch-size 16 --max-steps 1 --cost model \
    --memory 50MiB --out run --overwrite

# What is measured where there are no test samples, and with some held out.
expect 0 "training accuracy" train simple --data own.safetensors --batch-size 4 --cost model \
    --memory 50MiB --no-out
expect 0 "hold" train simple --data own.safetensors --batch-size 4 --cost model --memory 50MiB \
    --no-out
expect 0 "15 samples to train on, 5 others" train simple --data own.safetensors --batch-size 4 \
    --val-split 0.25 --cost model --memory 50MiB --out own
grep -q "validation accuracy" out || fail "no validation accuracy"
expect 0 "on 5 validation samples" eval own --data own.safetensors --val-split 0.25
expect 0 "on 20 training samples" eval own --data own.safetensors
# Predictions, a line a sample, or all in a file of 20 rows.
expect 0 "" predict own own.safetensors --quiet
[ "$(grep -c '	' out)" = 20 ] || fail "predict does not print 20 lines"
expect 0 "20 predictions" predict own --data own.safetensors --out own.npy
head -c 128 own.npy | tr -d '\0' | grep -qa "'shape': (20," || fail "own.npy has no 20 rows"
expect 2 "which DATA" predict own
expect 2 "there is no option" eval own --data own.safetensors --logits
expect 2 "--val-split '1'" train simple --data own.safetensors --val-split 1
expect 2 "cannot be held out" train simple --data own.safetensors --val-split 0.999 --batch-size 4 \
    --cost model --memory 50MiB --no-out

# Ctrl-C: a clean stop, the state saved, status 130.
at 3 INT train simple --data synthetic --batch-size 64 --epochs 10000 --memory 100MiB --out stopped
if [ $status -ne 130 ] || [ ! -s stopped/weights.safetensors ]; then
    echo "FAIL: interrupted: exit $status"
    tail -n 5 out
    failed=1
fi

# And while kernels are timed: as soon as it says that it does.
mkdir cache
XDG_CACHE_HOME=$folder/cache "$snug" plan vgg16 --batch-size 64 --memory 4GiB >out 2>&1 &
process=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    grep -q "^timing" out && break
    sleep 0.5
done
kill -INT $process
wait $process
status=$?
if [ $status -ne 130 ] || ! grep -q "stopped while kernels were timed" out; then
    fail "interrupted timing: exit $status"
    tail -n 5 out
fi

[ $failed -eq 0 ] && echo "all command-line cases pass"
exit $failed
