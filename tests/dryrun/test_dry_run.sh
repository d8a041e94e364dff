#!/bin/sh
# snug dry-run as people type it, without PyTorch: programs that are none, that cannot be run dry,
# that crash, that leave processes behind, and signals. $1: the snug binary.
set -u
# shellcheck source=tests/cli/expect.sh
. "$(dirname "$0")/../cli/expect.sh"
python=$(command -v python3) || { echo "SKIP: no python3"; exit 77; }

# dry STATUS TEXT ARGUMENT...
dry() {
    status=$1 text=$2
    shift 2
    expect "$status" "$text" dry-run "$@"
}

# fake NAME LINE...: a folder that has a torch of which version.py says LINEs.
fake() {
    mkdir -p "$1/torch"
    : >"$1/torch/__init__.py"
    name=$1
    shift
    printf '%s\n' "$@" >"$name/torch/version.py"
}

# ---- Usage.
dry 2 "which program?"
dry 2 "there is no option '--gpus-all'" --gpus-all python
dry 2 "a value is missing after '--memory'" --memory
dry 2 "--memory 'lots': expected a size" --memory lots true
dry 2 "--steps '0': expected a whole number from 1" --steps 0 true
dry 2 "--steps and --until-end exclude each other" --steps 3 --until-end true
dry 2 "--answer 'maybe': expected zeros or ones" --answer maybe true
dry 2 "--workspace 'some': expected model, none or a size" --workspace some true
dry 2 'no card is called "RTX 9999"' --gpu "RTX 9999" true
dry 2 "cannot start 'no-such-program': No such file or directory" no-such-program
touch plain && dry 2 "cannot start './plain': Permission denied" ./plain
dry 0 "usage: snug dry-run" --help

# ---- Not PyTorch.
dry 4 "No Python with the hook was started" true
dry 4 "Python was started with -I, -E or -S" "$python" -I -c pass
dry 4 "Python was started with -I, -E or -S" "$python" -W ignore -Es -c pass
dry 4 "never imported PyTorch" "$python" -c pass
mkdir jax && : >jax/__init__.py
dry 4 "have CUDA's runtime linked in" "$python" -c "import jax"
dry 4 '"cannot":"no-pytorch"' --json "$python" -c pass

# ---- Builds that cannot be run dry: the program ends at the import, before it works in earnest.
fake cpu "__version__ = '2.9.1+cpu'" "cuda: Optional[str] = None" "hip: Optional[str] = None"
fake rocm "__version__ = '2.9.1+rocm6.4'" "cuda = None" "hip = '6.4'"
fake old "__version__ = '2.0.1+cu118'" "cuda = '11.8'" "hip = None"
PYTHONPATH=$folder/cpu dry 4 "built without CUDA" "$python" -c "import torch; print('worked')"
grep -q "^worked" out && fail "the program went on after the import of a CPU build"
PYTHONPATH=$folder/cpu dry 4 "PyTorch 2.9.1+cpu" "$python" -c "import torch"
PYTHONPATH=$folder/rocm dry 4 "there are stand-ins for CUDA alone" "$python" -c "import torch"
PYTHONPATH=$folder/old dry 4 "PyTorch 2.1 and later have builds" "$python" -c "import torch"
fake broken "__version__ = '2.9.1'" "cuda = '12.8'"
echo "raise ImportError('flash.so: undefined symbol: cuNewThing')" >broken/torch/__init__.py
PYTHONPATH=$folder/broken dry 4 "undefined symbol: cuNewThing" "$python" -c "import torch"

# ---- Failing by itself.
dry 1 "it ended with status 7" sh -c "exit 7"
dry 1 "signal 9" sh -c 'kill -9 $$'
dry 1 "it ended with status 1" "$python" -c "raise SystemExit(1)"
dry 1 "it ended with status 3" --json "$python" -c "import os; os._exit(3)"

# ---- The program's own streams, folder and environment stay as they were.
input=typed
echo "said this" >typed
dry 4 "heard said this" sh -c 'read -r line; echo "heard $line"'
input=/dev/null
dry 4 "at $folder" sh -c 'echo "at $PWD"'
mkdir -p site && echo "print('own sitecustomize ran')" >site/sitecustomize.py
PYTHONPATH=$folder/site dry 4 "own sitecustomize ran" "$python" -c pass
PYTHONPATH=$folder/site dry 4 "path True" "$python" -c "
import sys, sitecustomize
print('path', 'site/' in sitecustomize.__file__)"
PYTHONPATH=$folder/site dry 4 "helper True" "$python" -c "
import os, subprocess, sys
path = os.pathsep.join(sys.path)
subprocess.run([sys.executable, '-c', 'import sys; print(\"helper\", \"snug_hook\" in sys.modules)'],
               env={**os.environ, 'PYTHONPATH': path})"
echo "raise RuntimeError('of the user')" >site/sitecustomize.py
PYTHONPATH=$folder/site dry 4 "of the user" "$python" -c pass
"$snug" dry-run sh -c 'yes 0123456789 | head -c 5000000' 2>/dev/null | head -c 5000000 | md5sum >a
yes 0123456789 | head -c 5000000 | md5sum >b
cmp -s a b || fail "megabytes did not pass through as they were"

# ---- Nothing is left.
# left: processes whose command line has this test's mark.
left() { pgrep -f "mark-of-this-test-$$" 2>/dev/null; }
sleeper="exec -a mark-of-this-test-$$ sleep 300"
dry 4 "1 process still ran when the program ended" bash -c "($sleeper) & exit 0"
[ -z "$(left)" ] || fail "a process in the background is left"
dry 4 "No Python" bash -c "setsid bash -c '($sleeper) & exit' >/dev/null 2>&1; exit 0"
[ -z "$(left)" ] || fail "a daemon is left"

# start PROGRAM...: begins a dry run in the background, in a session of its own, and waits for the
# program to say that it runs. A shell has what is in the background ignore SIGINT.
start() {
    rm -f runs
    setsid env --default-signal=INT "$snug" dry-run "$@" >out 2>&1 </dev/null &
    dry_pid=$!
    for _ in $(seq 200); do [ -e runs ] && return; sleep 0.05; done
    fail "the program did not start: $*"
}
ends() { # STATUS WORDS
    wait "$dry_pid"
    found=$?
    [ "$found" -eq "$1" ] || { fail "$2: exit $found, expected $1"; tail -n 3 out; }
    [ -z "$(left)" ] || fail "$2: a process is left"
}
start bash -c "trap 'echo caught; exit 5' INT; touch runs; while :; do sleep 0.1; done"
kill -INT "$dry_pid"
ends 130 "SIGINT"
grep -q caught out || fail "SIGINT did not reach the program"
start bash -c "trap '' INT TERM; ($sleeper) & touch runs; $sleeper"
kill -INT "$dry_pid"
sleep 0.6
kill -INT "$dry_pid"
ends 130 "a second SIGINT"
start bash -c "touch runs; ($sleeper) & $sleeper"
kill -TERM "$dry_pid"
ends 130 "SIGTERM"
start bash -c "touch runs; (setsid $sleeper) & $sleeper"
kill -KILL "$dry_pid"
wait "$dry_pid" 2>/dev/null
for _ in $(seq 100); do [ -z "$(left)" ] && break; sleep 0.05; done
[ -z "$(left)" ] || fail "SIGKILL of snug: processes are left"

# ---- Places that cannot be written to.
TMPDIR=$folder/nowhere dry 1 "cannot make a folder for what the dry run sees" true
dry 1 "there is no recording to keep" --recording kept.pickle "$python" -c pass
mkdir own && TMPDIR=$folder/own dry 4 "never imported" "$python" -c pass
[ -z "$(ls own)" ] || fail "a folder is left in TMPDIR"

# ---- No line is longer than 80 columns, whatever the program is called.
"$snug" dry-run sh -c "exit 3" "$(printf 'word %.0s' $(seq 60))" "$(printf 'x%.0s' $(seq 200))" \
    2>/dev/null | awk 'length > 80 { print; exit 1 }' || fail "a line of more than 80 columns"

[ $failed -eq 0 ] && echo "dry-run: as it should be"
exit $failed
