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

/// 1 + sum over blocks of (kernel_size - 1) 2^block: bins that the last output of a stack sees.
constexpr std::int64_t receptive_field(std::int64_t num_blocks, std::int64_t kernel_size) {
  return 1 + (kernel_size - 1) * ((std::int64_t{1} << num_blocks) - 1);
}
/// Fewest blocks whose receptive field covers the lookback.
constexpr std::int64_t blocks_to_cover(std::int64_t lookback, std::int64_t kernel_size) {
  std::int64_t num_blocks = 1;
  while (num_blocks < 30 && receptive_field(num_blocks, kernel_size) < lookback) ++num_blocks;
  return num_blocks;
}

}  // namespace precinct::config
