// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/experiment_config.h"

namespace precinct::config {

/// What is said of a field once; reading, printing, hashing and the reference all follow it.
struct FieldInfo {
  std::string key;   // dotted
  std::string text;  // unit and meaning
  bool influences_training = true;
  bool is_path = false;
};

/// Visits every field of a configuration in declaration order.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  /// `accepted` empty: any text.
  virtual void text(const FieldInfo& info, std::string& value,
                    const std::vector<std::string>& accepted) = 0;
  virtual void integer(const FieldInfo& info, std::int64_t& value, std::int64_t low,
                       std::int64_t high) = 0;
  virtual void seed(const FieldInfo& info, std::uint64_t& value) = 0;
  virtual void number(const FieldInfo& info, double& value, double low, double high) = 0;
  virtual void flag(const FieldInfo& info, bool& value) = 0;
  virtual void texts(const FieldInfo& info, std::vector<std::string>& values,
                     const std::vector<std::string>& accepted) = 0;
  virtual void integers(const FieldInfo& info, std::vector<std::int64_t>& values, std::int64_t low,
                        std::int64_t high) = 0;
  virtual void numbers(const FieldInfo& info, std::vector<double>& values, double low,
                       double high) = 0;
};

void visit_fields(ExperimentConfig& config, FieldVisitor& visitor);

}  // namespace precinct::config
