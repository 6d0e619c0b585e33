#!/usr/bin/env bash
# Installs a build into a fresh folder, moves it, and builds and runs an outside consumer against it.
#   run.sh BUILD_FOLDER SOURCE_FOLDER
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved" # relocatable
cmake -S "$source/tests/consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/consumer"
"$work/moved/bin/precinct" --version
# GPU support moves along, where the build has it; without a GPU its reason is said, with code 8
if [ -f "$work/moved/lib/libprecinct_cuda.so" ]; then
  if ldd "$work/moved/lib/libprecinct_cuda.so" | grep 'not found'; then exit 1; fi
  said=$(cd "$work" && moved/bin/precinct evaluate none --device cuda 2>&1) && exit 1 || code=$?
  case $code:$said in
    8:*'libprecinct_cuda.so'*) echo "$said"; exit 1 ;; # not found or not loadable
    8:* | 6:*) ;;                                      # no GPU, or one and no such run
    *) echo "$said"; exit 1 ;;
  esac
fi
