// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/training_device.h"

#include <torch/torch.h>

#include "base/error.h"

namespace precinct::train {
namespace {

// By default cuDNN's recurrent layers use TF32, whose rounding is 1e-3 instead of 1e-6.
void allow_tf32(bool allowed) {
  at::globalContext().setAllowTF32CuBLAS(allowed);
  at::globalContext().setAllowTF32CuDNN(allowed);
}

}  // namespace

torch::Device training_device(const std::string& name, const DeviceShare& share) {
  if (name == "cpu") return torch::kCPU;
  const bool has_gpu = torch::cuda::is_available();
  PRECINCT_CHECK(name != "cuda" || has_gpu, DeviceError,
                 "run.device: expected a GPU that can be used for 'cuda', found none; set "
                 "run.device: cpu, or see "
                 "precinct doctor");
  PRECINCT_CHECK(name == "cuda" || name == "auto", ConfigError,
                 "run.device: expected auto, cpu or cuda, found '{}'; choose one of them", name);
  if (!has_gpu) return torch::kCPU;
  const std::int64_t num_gpus = torch::cuda::device_count();
  // one GPU may be another one on each rank, where the launcher hid the others
  PRECINCT_CHECK(
      !share.one_gpu_each || num_gpus == 1 || share.local_size <= num_gpus, ConfigError,
      "run.device: expected a GPU for each of the {} ranks of this host, found {}; start "
      "fewer ranks, or set parallel.backend: gloo, which lets them share",
      share.local_size, num_gpus);
  allow_tf32(false);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(share.local_rank % num_gpus)};
}

void check_supported(const config::ExperimentConfig& config, torch::Device device) {
  config::require_that_keys_agree(config);
  const auto& train = config.train;
  PRECINCT_CHECK(train.kernels == "reference", ConfigError,
                 "train.kernels: expected reference, found '{}'; fused forms are not built yet",
                 train.kernels);
  PRECINCT_CHECK(train.precision == "fp32" || train.precision == "bf16", ConfigError,
                 "train.precision: expected fp32 or bf16, found '{}'; choose one of them",
                 train.precision);
  PRECINCT_CHECK(
      device.is_cuda() || train.precision == "fp32", ConfigError,
      "train.precision: expected fp32 on the CPU, found bf16, which is for GPUs; leave it out");
  PRECINCT_CHECK(
      device.is_cuda() || !train.tf32, ConfigError,
      "train.tf32: expected false on the CPU, found true, which has no effect there; leave it out");
  PRECINCT_CHECK(config.data.mode != "stream", ConfigError,
                 "data.mode: expected auto, resident_device or resident_host, found stream, which "
                 "is not built yet; "
                 "choose one of them");
  if (train.tf32) allow_tf32(true);
}

}  // namespace precinct::train
