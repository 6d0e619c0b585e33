// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace precinct::apps {

/// Loads libprecinct_cuda.so, with LibTorch's CUDA part behind it, when this command line wants a
/// GPU: `--device cuda` (or run.device=cuda) always; else train, evaluate, forecast, bench and
/// doctor when an NVIDIA driver is at work and the command line does not say cpu.
///
/// Must be the first thing main does: LibTorch looks for its CUDA hooks once, and after any
/// question for a GPU, seeding or backward pass the answer "none" stays. Never throws: why there
/// is no GPU is asked later.
void load_cuda_library(int argc, const char* const* argv);

/// Why no GPU can be used by this process, one line without an end mark; empty when one can.
std::string why_no_gpu();

/// The first GPU, e.g. "NVIDIA H100, 80 GiB"; empty when there is none.
std::string gpu_name();

/// A GPU that this process sees; its PCI address tells it apart from the host's other GPUs.
struct Gpu {
  std::string address, name;
};

/// The GPUs that this process sees, in the order of their indices.
std::vector<Gpu> visible_gpus();

/// Versions of NCCL as whole numbers, e.g. 22809.
struct NcclVersions {
  int compiled = 0;
  int loaded = 0;  // 0: it does not answer
};

/// Nothing when the GPU library was not loaded.
std::optional<NcclVersions> nccl_versions();

/// The PCI address of GPU `index`; empty when it is none of those.
std::string gpu_address(int index);

/// Makes NCCL usable by groups that are connected from now on; false when the GPU library was not
/// loaded.
bool register_nccl();

/// Throws DeviceError with the reason and the remedy when `device` is cuda and no GPU can be used.
void require_device(const std::string& device);

}  // namespace precinct::apps
