// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "config/experiment_config.h"

namespace precinct::train {

/// Device of run.device: auto takes a GPU when there is one. Throws DeviceError when cuda is asked
/// for and none can be used. On a GPU, products and recurrent layers get full float32 from here on.
torch::Device training_device(const std::string& name);

/// Refuses settings whose code does not exist yet, and settings without an effect on `device`, by
/// their keys. train.tf32 takes effect here.
void check_supported(const config::ExperimentConfig& config, torch::Device device);

}  // namespace precinct::train
