# What the tests of the command share; they source it before anything else. $1: the snug binary.
# Goes to a folder of its own, $folder, that ends with the test.
# shellcheck shell=sh disable=SC2034
snug=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0
input=/dev/null # what snug reads

fail() {
    echo "FAIL: $*"
    failed=1
}

# expect STATUS TEXT ARGUMENT...: runs snug; its output, kept in ./out, must hold TEXT, however its
# lines are broken.
expect() {
    status=$1 text=$2
    shift 2
    "$snug" "$@" >out 2>&1 <"$input"
    found=$?
    if [ "$found" -ne "$status" ] ||
        ! { grep -qF -- "$text" out || tr '\n' ' ' <out | grep -qF -- "$text"; }; then
        fail "snug $*: exit $found (expected $status), output without '$text':"
        tail -n 5 out
    fi
}

# at STEP SIGNAL ARGUMENT...: runs snug and sends the signal as soon as it reports that step. $status:
# its exit status; ./out: what it said beside the steps.
at() {
    step=$1 signal=$2
    shift 2
    rm -f events
    mkfifo events
    "$snug" "$@" --json >events 2>out &
    process=$!
    exec 3<events
    while read -r line <&3; do
        case $line in *'"event":"step","step":'"$step",*)
            kill "-$signal" $process
            break
            ;;
        esac
    done
    cat <&3 >/dev/null # what is not read would block it
    exec 3<&-
    wait $process
    status=$?
}
