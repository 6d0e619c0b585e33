#!/usr/bin/env bash
# Installs the parallel component alone into a fresh folder, moves it, builds examples/parallel against it with every
# other package out of reach, and runs each program as one process and as two: equal losses to four digits. One program
# is built with precinct's own LibTorch, the other with one at a path that the user names; one of another version is refused.
#   parallel.sh BUILD_FOLDER SOURCE_FOLDER
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --component parallel --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved" # relocatable
# where the build has GPU support, so has the component: it loads without a GPU and offers NCCL
if [ -f "$build/lib/libprecinct_cuda.so" ]; then
  python3 - "$work/moved/lib/libprecinct_cuda.so" <<'END'
import ctypes, sys
ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL).precinct_cuda_register_nccl()
END
fi
hidden=()
for package in spdlog nlohmann_json yaml-cpp CLI11 OpenSSL ZLIB PkgConfig CUDAToolkit; do
  hidden+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON")
done
configure() { # FOLDER OPTION...
  cmake -S "$source/examples/parallel" -B "$work/$1" -DCMAKE_PREFIX_PATH="$work/moved" "${hidden[@]}" --no-warn-unused-cli \
    -DCMAKE_BUILD_TYPE=Release "${@:2}" >/dev/null
}
configure own
cmake --build "$work/own" --target pipeline_mlp >/dev/null
own=$(sed -n 's/^TORCH_PREFIX:PATH=//p' "$work/own/CMakeCache.txt")
cp -rs "$own" "$work/torch"
configure named -DTORCH_PREFIX="$work/torch"
cmake --build "$work/named" --target ddp_mlp >/dev/null
torch=$(ldd "$work/named/ddp_mlp" | grep -E 'libtorch_cpu|libc10') # all of it, and from nowhere else
[ "$(grep -c "=> $work/torch/lib/" <<<"$torch")" = 2 ] && [ "$(wc -l <<<"$torch")" = 2 ] || { echo "$torch"; exit 1; }
needed=$(ldd "$work/named/ddp_mlp") # LibTorch is enough
! grep -E 'hdf5|geos|proj|yaml|archive|deflate|spdlog|crypto|libprecinct\.so' <<<"$needed" || exit 1
[ "$(wc -l <"$source/examples/parallel/ddp_mlp.cpp")" -le 80 ] || { echo "ddp_mlp.cpp: expected at most 80 lines"; exit 1; }
version=torch/include/torch/headeronly/version.h
for minor in 10 12; do
  rm "$work/$version" && sed "s/\(TORCH_VERSION_MINOR\) .*/\1 $minor/" "$own/${version#torch/}" >"$work/$version"
  if said=$(configure other -DTORCH_PREFIX="$work/torch" 2>&1) || [[ $said != *"2.$minor.0"*2.11* ]]; then
    echo "$said"
    exit 1
  fi
done
export OMP_NUM_THREADS=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1

# the last lines of a program as one process and as two: the same loss
compare() { # PROGRAM UNIT
  local one two port
  one=$(env -u RANK -u LOCAL_RANK -u WORLD_SIZE -u LOCAL_WORLD_SIZE "$work/$1" | tail -1)
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  export WORLD_SIZE=2 MASTER_PORT=$port
  RANK=1 LOCAL_RANK=1 timeout 60 "$work/$1" &
  two=$(RANK=0 LOCAL_RANK=0 timeout 60 "$work/$1" | tail -1)
  wait $!
  echo "$one"
  echo "$two"
  [[ $one == "1 $2"* && $two == "2 $2"* && ${one##*loss } == "${two##*loss }" ]]
}
compare named/ddp_mlp "rank(s)"
compare own/pipeline_mlp "stage(s)"
