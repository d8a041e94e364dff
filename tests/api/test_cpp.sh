#!/bin/sh
# C++ programs compile against the headers, each alone and all of them, without a warning, and
# one links and runs; C as old as 1999 takes them, too. $1: include/, $2: the folder of libsnug.so,
# $3: the program's source.
set -eu
include=$1 library=$2 source=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for header in "$include"/snug/*.h; do
    echo "#include \"snug/$(basename "$header")\"" >>"$folder/all.c"
done
echo "typedef int something;" >>"$folder/all.c"
cc -std=c99 -Wall -Wextra -Wno-pedantic -Werror -I"$include" -fsyntax-only "$folder/all.c"
cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$folder/all.c"

warnings="-Wall -Wextra -Wpedantic -Werror"
alone=1 # once is enough
for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || continue
    if [ $alone = 1 ]; then
        while IFS= read -r line; do
            echo "$line" | "$compiler" -std=c++11 $warnings -I"$include" -fsyntax-only -x c++ -
        done <"$folder/all.c"
        alone=0
    fi
    for standard in c++11 c++20; do
        "$compiler" -std=$standard $warnings -I"$include" "$source" -o "$folder/program" \
            -L"$library" -lsnug -Wl,-rpath,"$library"
    done
    "$folder/program"
done
[ $alone = 0 ] || exit 77
