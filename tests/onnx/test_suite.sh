#!/bin/sh
# The cases of ONNX's backend test suite, when they are there: all but those that are listed as
# unsupported pass. $1: onnx-conformance, $2: the project's folder, $3: the device.
set -u
suite=$2/../shared/onnx/node
[ -d "$suite" ] || { echo "no cases in $suite: skipped"; exit 77; }
"$1" "$suite" --device "$3" --unsupported "$2/tests/onnx/unsupported.txt" >suite-$3.log
status=$?
grep -v '^PASS' suite-$3.log
for name in $(sed -n 's/^UNSUPPORTED \([^:]*\):.*/\1/p' suite-$3.log); do
    grep -q "^$name " "$2/tests/onnx/unsupported.txt" && continue
    echo "$name is unsupported, but not listed with a reason"
    status=1
done
exit $status
