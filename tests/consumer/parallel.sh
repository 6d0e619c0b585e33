#!/usr/bin/env bash
# Installs the parallel component alone into a fresh folder, moves it, builds examples/parallel against it with every
# other package out of reach, and runs each program as one process and as two: equal losses to four digits.
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
cmake -S "$source/examples/parallel" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" "${hidden[@]}" --no-warn-unused-cli \
  -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$work/build" >/dev/null
export OMP_NUM_THREADS=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1

# the last lines of a program as one process and as two: the same loss
compare() { # PROGRAM UNIT
  local one two port
  one=$(env -u RANK -u LOCAL_RANK -u WORLD_SIZE -u LOCAL_WORLD_SIZE "$work/build/$1" | tail -1)
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  export WORLD_SIZE=2 MASTER_PORT=$port
  RANK=1 LOCAL_RANK=1 timeout 60 "$work/build/$1" &
  two=$(RANK=0 LOCAL_RANK=0 timeout 60 "$work/build/$1" | tail -1)
  wait $!
  echo "$one"
  echo "$two"
  [[ $one == "1 $2"* && $two == "2 $2"* && ${one##*loss } == "${two##*loss }" ]]
}
compare ddp_mlp "rank(s)"
compare pipeline_mlp "stage(s)"
