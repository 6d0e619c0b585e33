// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/panel.h"

#include <algorithm>

namespace precinct::data {

CountArray CountArray::from_u32(const std::vector<std::uint32_t>& counts) {
  const std::uint32_t largest =
      counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  if (largest <= 0xFF) return CountArray(std::vector<std::uint8_t>(counts.begin(), counts.end()));
  if (largest <= 0xFFFF)
    return CountArray(std::vector<std::uint16_t>(counts.begin(), counts.end()));
  return CountArray(counts);
}

std::vector<double> CountArray::to_double() const {
  return std::visit([](const auto& v) { return std::vector<double>(v.begin(), v.end()); },
                    storage_);
}

}  // namespace precinct::data
