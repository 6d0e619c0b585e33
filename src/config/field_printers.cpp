// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/field_printers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"
#include "config/field_visitor.h"
#include "config/yaml_reader.h"

namespace precinct::config {
namespace {

/// Prints fields as (key, value) pairs; used for YAML, the hash and the reference.
class Printer : public FieldVisitor {
 public:
  void text(const FieldInfo& info, std::string& value,
            const std::vector<std::string>& accepted) override {
    print(info, yaml_quote(value),
          accepted.empty() ? "text" : fmt::format("{}", fmt::join(accepted, " \\| ")));
  }
  void integer(const FieldInfo& info, std::int64_t& value, std::int64_t low,
               std::int64_t high) override {
    print(info, std::to_string(value), fmt::format("{}..{}", low, high));
  }
  void seed(const FieldInfo& info, std::uint64_t& value) override {
    print(info, std::to_string(value), ">= 0");
  }
  void number(const FieldInfo& info, double& value, double low, double high) override {
    print(info, fmt::format("{}", value), fmt::format("{:g}..{:g}", low, high));
  }
  void flag(const FieldInfo& info, bool& value) override {
    print(info, value ? "true" : "false", "true \\| false");
  }
  void texts(const FieldInfo& info, std::vector<std::string>& values,
             const std::vector<std::string>& accepted) override {
    std::vector<std::string> quoted;
    quoted.reserve(values.size());
    for (const auto& value : values) quoted.push_back(yaml_quote(value));
    print(info, fmt::format("[{}]", fmt::join(quoted, ", ")),
          fmt::format("list of {}", fmt::join(accepted, ", ")));
  }
  void integers(const FieldInfo& info, std::vector<std::int64_t>& values, std::int64_t low,
                std::int64_t high) override {
    print(info, fmt::format("[{}]", fmt::join(values, ", ")),
          fmt::format("list of {}..{}", low, high));
  }
  void numbers(const FieldInfo& info, std::vector<double>& values, double low,
               double high) override {
    print(info, fmt::format("[{}]", fmt::join(values, ", ")),
          fmt::format("list of {:g}..{:g}", low, high));
  }

 protected:
  virtual void print(const FieldInfo& info, const std::string& value, const std::string& range) = 0;
};

class YamlPrinter final : public Printer {
 public:
  std::string text_;

 private:
  void print(const FieldInfo& info, const std::string& value, const std::string&) override {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= info.key.size();) {
      const std::size_t dot = std::min(info.key.find('.', at), info.key.size());
      parts.push_back(info.key.substr(at, dot - at));
      at = dot + 1;
    }
    std::size_t shared = 0;
    while (shared + 1 < parts.size() && shared < open_.size() && open_[shared] == parts[shared])
      ++shared;
    open_.resize(shared);
    for (; shared + 1 < parts.size(); ++shared) {
      text_ += std::string(2 * shared, ' ') + parts[shared] + ":\n";
      open_.push_back(parts[shared]);
    }
    text_ += std::string(2 * shared, ' ') + parts.back() + ": " + value + "\n";
  }
  std::vector<std::string> open_;
};

class HashPrinter final : public Printer {
 public:
  std::string text_;

 private:
  void print(const FieldInfo& info, const std::string& value, const std::string&) override {
    if (info.influences_training) text_ += info.key + "=" + value + "\n";
  }
};

class ReferencePrinter final : public Printer {
 public:
  std::string text_;

 private:
  void print(const FieldInfo& info, const std::string& value, const std::string& range) override {
    const std::string section = info.key.substr(0, info.key.find('.'));
    if (section != section_) {
      section_ = section;
      text_ += fmt::format("\n## {}\n\n| key | default | accepted | meaning |\n|---|---|---|---|\n",
                           section);
    }
    text_ += fmt::format("| `{}` | `{}` | {} | {} |\n", info.key, value, range, info.text);
  }
  std::string section_;
};

class ValuePrinter final : public Printer {
 public:
  std::map<std::string, std::string> values_;

 private:
  void print(const FieldInfo& info, const std::string& value, const std::string&) override {
    values_[info.key] = value;
  }
};

}  // namespace

std::map<std::string, std::string> printed_values(const ExperimentConfig& config) {
  ExperimentConfig copy = config;
  ValuePrinter printer;
  visit_fields(copy, printer);
  return printer.values_;
}

std::string to_yaml(const ExperimentConfig& config) {
  ExperimentConfig copy = config;
  YamlPrinter printer;
  visit_fields(copy, printer);
  return printer.text_;
}

std::string training_hash(const ExperimentConfig& config) {
  ExperimentConfig copy = config;
  HashPrinter printer;
  visit_fields(copy, printer);
  return sha256_hex(printer.text_);
}

std::string run_name(const ExperimentConfig& config) {
  return config.run.name.empty() ? config.model.name + "-" + training_hash(config).substr(0, 10)
                                 : config.run.name;
}

std::string reference_markdown() {
  ExperimentConfig defaults;
  ReferencePrinter printer;
  printer.text_ =
      "# Configuration\n\nGenerated by `precinct config reference`; a test compares it with this "
      "file. Several files are merged left to right, then "
      "`--set key=value`.\n`${ENV}` and `${ENV:-default}` are replaced in values. Relative paths "
      "are relative to the file that names them.\n";
  visit_fields(defaults, printer);
  return printer.text_;
}

}  // namespace precinct::config
