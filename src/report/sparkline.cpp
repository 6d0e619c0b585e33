// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace precinct::report {
namespace {

constexpr std::array kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// Means of `columns` runs of nearly equal length; not a number where nothing is finite.
std::vector<double> means(std::span<const double> values, std::size_t columns) {
  std::vector<double> means;
  for (std::size_t i = 0; i < columns; ++i) {
    double sum = 0, count = 0;
    const std::size_t begin = i * values.size() / columns, end = (i + 1) * values.size() / columns;
    for (const double value : values.subspan(begin, end - begin)) {
      if (!std::isfinite(value)) continue;
      sum += value;
      ++count;
    }
    means.push_back(count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN());
  }
  return means;
}

}  // namespace

std::string sparkline(std::span<const double> values, std::size_t columns, bool from_zero) {
  const auto line = means(values, std::min(columns, values.size()));
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : line) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (from_zero) low = std::min(low, 0.0);
  std::string text;
  for (const double value : line) {
    if (!std::isfinite(value)) {
      text += " ";
      continue;
    }
    const double place = high > low ? (value - low) / (high - low) : 0;
    text += kBlocks[std::min<std::size_t>(kBlocks.size() - 1,
                                          static_cast<std::size_t>(place * kBlocks.size()))];
  }
  return text;
}

}  // namespace precinct::report
