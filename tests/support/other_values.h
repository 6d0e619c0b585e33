// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/field_visitor.h"

namespace precinct::test {

/// Finds, for each field, a value as text that differs from the default ("" when only one is
/// accepted); with a key, sets that field of a configuration without any check.
class OtherValues final : public config::FieldVisitor {
 public:
  using FieldInfo = config::FieldInfo;
  std::vector<std::pair<FieldInfo, std::string>> values;
  std::string key, value;  // to set

  void text(const FieldInfo& info, std::string& field,
            const std::vector<std::string>& accepted) override {
    std::string other = accepted.empty() ? "other" : accepted.back();
    if (!accepted.empty() && other == field) other = accepted.front();
    if (note(info, other)) field = value == field ? value + "x" : value;
  }
  void integer(const FieldInfo& info, std::int64_t& field, std::int64_t, std::int64_t) override {
    if (note(info, std::to_string(field + 1))) field = std::stoll(value);
  }
  void seed(const FieldInfo& info, std::uint64_t& field) override {
    if (note(info, std::to_string(field + 1))) field = std::stoull(value);
  }
  void number(const FieldInfo& info, double& field, double, double) override {
    if (note(info, std::to_string(field + 0.5))) field = std::stod(value);
  }
  void flag(const FieldInfo& info, bool& field) override {
    if (note(info, field ? "false" : "true")) field = value == "true";
  }
  void texts(const FieldInfo& info, std::vector<std::string>& fields,
             const std::vector<std::string>& accepted) override {
    if (note(info, accepted.front())) fields = {value};
  }
  void integers(const FieldInfo& info, std::vector<std::int64_t>& fields, std::int64_t,
                std::int64_t) override {
    if (note(info, "5")) fields = {std::stoll(value)};
  }
  void numbers(const FieldInfo& info, std::vector<double>& fields, double, double) override {
    if (note(info, "0.5")) fields = {std::stod(value)};
  }

 private:
  bool note(const FieldInfo& info, const std::string& other) {
    values.emplace_back(info, other);
    return info.key == key;
  }
};

/// Every field with a value that is not its default.
inline std::vector<std::pair<config::FieldInfo, std::string>> other_values() {
  OtherValues visitor;
  config::ExperimentConfig config;
  config::visit_fields(config, visitor);
  return visitor.values;
}

inline void set_field(config::ExperimentConfig& config, const std::string& key,
                      const std::string& value) {
  OtherValues visitor;
  visitor.key = key;
  visitor.value = value;
  config::visit_fields(config, visitor);
}

}  // namespace precinct::test
