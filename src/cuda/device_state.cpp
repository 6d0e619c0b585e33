// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/device_state.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstdio>

static_assert(NCCL_VERSION_CODE == 22809,
              "the NCCL headers must be those that this release of LibTorch was built with");

int precinct_cuda_state(char* text, int size) {
  const auto room = static_cast<std::size_t>(size);
  int nccl = 0;
  if (ncclGetVersion(&nccl) != ncclSuccess || nccl != NCCL_VERSION_CODE) {
    std::snprintf(text, room, "NCCL %d is installed and LibTorch was built with %d", nccl,
                  NCCL_VERSION_CODE);
    return -1;
  }
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    std::snprintf(text, room, "no NVIDIA driver is at work here");
    return -1;
  }
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    std::snprintf(text, room, "%s (CUDA error %d)",
                  error == cudaSuccess ? "no device is visible" : cudaGetErrorString(error),
                  static_cast<int>(error));
    return -1;
  }
  cudaDeviceProp device{};
  if (cudaGetDeviceProperties(&device, 0) != cudaSuccess) {
    std::snprintf(text, room, "device 0 does not answer");
    return -1;
  }
  std::snprintf(text, room, "%s, %.0f GiB", device.name,
                static_cast<double>(device.totalGlobalMem) / (1U << 30));
  return count;
}

int precinct_cuda_devices(char* text, int size) {
  int count = 0, used = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return 0;
  for (int i = 0; i < count && used < size; ++i) {
    cudaDeviceProp device{};
    char address[32] = "?";
    if (cudaGetDeviceProperties(&device, i) != cudaSuccess) continue;
    static_cast<void>(cudaDeviceGetPCIBusId(address, sizeof address, i));
    used += std::snprintf(text + used, static_cast<std::size_t>(size - used), "%s %s\n", address,
                          device.name);
  }
  return count;
}

void precinct_cuda_nccl_versions(int* compiled, int* loaded) {
  *compiled = NCCL_VERSION_CODE;
  if (ncclGetVersion(loaded) != ncclSuccess) *loaded = 0;
}
