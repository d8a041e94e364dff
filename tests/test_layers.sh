#!/bin/sh
# Includes between the folders of src/ run downward only, and files have names of their own.
# $1: the project's folder.
set -u
cd "$1/src" || exit 1
failed=0

# allow FOLDER LIST: files in FOLDER may include from the folders of LIST and snug/.
allow() {
    folder=$1 allowed=$2
    found=$(grep -rhoE '^#include "[a-z_0-9]+/' "$folder" | sed 's/#include "//; s/\///' | sort -u)
    for include in $found; do
        case " $folder snug $allowed " in
        *" $include "*) ;;
        *) echo "FAIL: src/$folder includes from $include/"; failed=1 ;;
        esac
    done
}

allow base ""
allow cards "base"
# Autodiff and the operators are one layer: adding gradients needs the operator add.
allow graph "base ops"
allow ops "base graph"
allow models "base graph ops"
allow fixes "base graph ops"
allow device "base graph ops"
allow onnx "base graph ops io"
allow plan "base graph ops models fixes device io onnx"
allow io "base graph"
allow data "base graph ops io"
allow train "base graph io data plan device onnx"
allow cli ""
allow torch_allocator "base io"
allow explain "base io torch_allocator"
allow web "base io explain"
allow dryrun "base io torch_allocator explain"
allow fit "dryrun base io torch_allocator explain"

# The rooms of src/explain: allow_room ROOM LIST. What lies in explain/ itself (facts, findings) is
# everyone's; readers/ fill facts from what the rooms find.
allow_room() {
    room=$1 allowed=$2
    found=$(grep -rhoE '^#include "explain/[a-z_]+/' "explain/$room" | cut -d/ -f2 | sort -u)
    for include in $found; do
        case " $room $allowed " in
        *" $include "*) ;;
        *) echo "FAIL: src/explain/$room includes from explain/$include/"; failed=1 ;;
        esac
    done
}
allow_room text ""
allow_room snapshot ""
allow_room trace "snapshot"
allow_room causes ""
allow_room advice "causes"
allow_room report "trace snapshot"
allow_room readers "text snapshot trace report advice"
for room in explain/*/; do
    case $room in
    explain/text/ | explain/snapshot/ | explain/trace/ | explain/causes/ | explain/advice/ | explain/report/ | explain/readers/) ;;
    *) echo "FAIL: src/$room is no room that this test knows"; failed=1 ;;
    esac
done

# A file's name says where it is: no two of src/ have the same, a header and its source apart. The
# stand-ins are libraries of their own, which have the same parts: the folder tells which one's.
own() {
    find . -path ./standin -prune -o -name "$1" -print
}
for name in $(own '*.[ch]' | sed 's|.*/||' | sort | uniq -d); do
    echo "FAIL: several files of src/ are called $name:" $(own "$name"); failed=1
done

# The engine speaks to every caller: its texts name fields (`allow=exact`), the command's options
# are the command's (cli/fields.c).
grep -rnE '"[^"]*--[a-z]' base graph ops models fixes device onnx plan io data train && {
    echo "FAIL: a text of the library names an option of the command"; failed=1; }

# Devices never include each other.
for device in device/*/; do
    name=$(basename "$device")
    grep -rqE "#include \"device/(cpu|cuda|reference)/" "device/$name" 2>/dev/null &&
        grep -rhE "#include \"device/(cpu|cuda|reference)/" "device/$name" |
        grep -v "device/$name/" && { echo "FAIL: device/$name includes another device"; failed=1; }
done

[ $failed -eq 0 ] && echo "includes run downward"
exit $failed
