// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/precision.h"

#include <ATen/autocast_mode.h>

namespace precinct::train {

Autocast::Autocast(const std::string& precision, torch::Device device)
    : type_(device.type()), on_(precision == "bf16") {
  if (!on_) return;
  was_on_ = at::autocast::is_autocast_enabled(type_);
  at::autocast::set_autocast_enabled(type_, true);
  at::autocast::set_autocast_dtype(type_, torch::kBFloat16);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, was_on_);
}

}  // namespace precinct::train
