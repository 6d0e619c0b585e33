// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace precinct::config {

/// `model:`; fields that the named network does not use are refused when they are set.
struct ModelConfig {
  std::string name = "gat_tcn";  // a name of the registry: dnn|crimenet|gat_tcn, or "baselines"
  std::int64_t num_layers = 0;   // 0 = the network's default (dnn 3, crimenet 2)
  std::int64_t hidden = 0;       // D; 0 = the network's default (dnn 128, crimenet 128, gat_tcn 32)
  double dropout = 0.0;          // [0, 1)
  std::int64_t head_width = 32;  // D_head
  std::int64_t num_gat_layers = 2;
  std::int64_t num_heads = 4;       // K; hidden must divide by it
  std::string attention = "gatv1";  // gatv1|gatv2
  std::int64_t num_blocks = 0;      // 0 = as many as cover the lookback
  std::int64_t kernel_size = 2;
};

}  // namespace precinct::config
