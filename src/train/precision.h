// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>

namespace precinct::train {

/// bf16 autocast of the operators in its scope when `precision` is "bf16"; fp32 is left alone.
/// Weights stay fp32, so that no loss scale is needed.
class Autocast {
 public:
  Autocast(const std::string& precision, torch::Device device);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType type_;
  bool on_, was_on_ = false;
};

}  // namespace precinct::train
