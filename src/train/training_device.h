// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "config/experiment_config.h"

namespace precinct::train {

/// A rank's place among those of its host.
struct DeviceShare {
  std::int64_t local_rank = 0, local_size = 1;
  bool one_gpu_each = true;  // NCCL cannot share a GPU
};

/// Device of run.device: auto takes a GPU when there is one; of several GPUs each rank takes its
/// own. Throws DeviceError when cuda is asked for and none can be used, ConfigError when ranks
/// outnumber the GPUs that they cannot share. On a GPU, products and recurrent layers get full
/// float32 from here on.
c10::Device training_device(const std::string& name, const DeviceShare& share = {});

/// Refuses settings whose code does not exist yet, and settings without an effect on `device`, by
/// their keys. train.tf32 takes effect here.
void check_supported(const config::ExperimentConfig& config, c10::Device device);

}  // namespace precinct::train
