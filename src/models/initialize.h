// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>

namespace precinct::models {

/// Distribution that a parameter starts from.
struct InitialDistribution {
  enum class Kind { kZero, kUniform, kNormal } kind = Kind::kZero;
  double scale = 0;  // uniform on [-scale, scale]; deviation of the normal

  static InitialDistribution zero() { return {}; }
  static InitialDistribution uniform(double bound) { return {Kind::kUniform, bound}; }
  static InitialDistribution normal(double deviation) { return {Kind::kNormal, deviation}; }
};

/// A module that says what its own parameters start from. Modules that do not: torch::nn::Embedding
/// N(0, 1), everything else U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weight and bias, as torch does.
class StatesInitial {
 public:
  virtual ~StatesInitial() = default;
  /// `parameter`: the module's own name of it, e.g. "weight".
  virtual InitialDistribution initial(const std::string& parameter) const = 0;
};

}  // namespace precinct::models
