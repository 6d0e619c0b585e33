// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/field_visitor.h"
#include "config/yaml_reader.h"

namespace precinct::config {

/// Assigns the values of files to fields and collects all problems, one line each: file:line,
/// dotted key, expected, found, what to do.
class FieldReader final : public FieldVisitor {
 public:
  FieldReader(YamlValues values, std::vector<std::string>& problems)
      : values_(std::move(values)), problems_(problems) {}

  void text(const FieldInfo& info, std::string& value,
            const std::vector<std::string>& accepted) override;
  void integer(const FieldInfo& info, std::int64_t& value, std::int64_t low,
               std::int64_t high) override;
  void seed(const FieldInfo& info, std::uint64_t& value) override;
  void number(const FieldInfo& info, double& value, double low, double high) override;
  void flag(const FieldInfo& info, bool& value) override;
  void texts(const FieldInfo& info, std::vector<std::string>& values,
             const std::vector<std::string>& accepted) override;
  void integers(const FieldInfo& info, std::vector<std::int64_t>& values, std::int64_t low,
                std::int64_t high) override;
  void numbers(const FieldInfo& info, std::vector<double>& values, double low,
               double high) override;

  /// After all fields were visited: keys that none of them has, each with the nearest known one.
  void report_unknown();
  /// Remembers which fields of `config` differ from their defaults.
  void find_changes(const ExperimentConfig& config);
  /// Set to something else than its default: a resolved file, with every key in it, reads back.
  bool is_set(const std::string& key) const {
    return values_.contains(key) && changed_.contains(key);
  }
  /// Its value was refused; rules between keys have nothing to say about it.
  bool is_refused(const std::string& key) const { return refused_.contains(key); }
  /// "file:line" of a key, "configuration" when it has its default.
  std::string where(const std::string& key) const {
    return values_.contains(key) ? values_.at(key).where : "configuration";
  }

 private:
  void problem(const FieldInfo& info, const YamlValue& value, const std::string& expected,
               const std::string& found);
  const YamlValue* find(const FieldInfo& info);
  const YamlValue* scalar(const FieldInfo& info);
  const YamlValue* list(const FieldInfo& info);
  void check_accepted(const FieldInfo& info, const YamlValue& value, const std::string& text,
                      const std::vector<std::string>& accepted);
  template <typename T>
  void parse(const FieldInfo& info, const YamlValue& value, const std::string& text, T& out, T low,
             T high);
  std::string nearest(const std::string& key) const;

  YamlValues values_;
  std::vector<std::string>& problems_;
  std::set<std::string> known_, changed_, refused_;
};

}  // namespace precinct::config
