// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/experiment_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "base/checksum.h"
#include "base/error.h"
#include "config/field_visitor.h"
#include "config/yaml_reader.h"

namespace precinct::config {
namespace {

/// Edit distance (Levenshtein), for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string format_number(double value) {
  std::string text = fmt::format("{}", value);
  return text;
}

/// Assigns the values of files to fields and collects all problems.
class Reader final : public FieldVisitor {
 public:
  Reader(YamlValues values, std::vector<std::string>& problems)
      : values_(std::move(values)), problems_(problems) {}

  void text(const FieldInfo& info, std::string& value,
            const std::vector<std::string>& accepted) override {
    const YamlValue* found = scalar(info);
    if (found == nullptr) return;
    value = found->items[0];
    check_accepted(info, *found, value, accepted);
    if (info.is_path && !value.empty() && !found->folder.empty() &&
        std::filesystem::path(value).is_relative()) {
      value = (found->folder / value).lexically_normal().string();
    }
  }
  void integer(const FieldInfo& info, std::int64_t& value, std::int64_t low,
               std::int64_t high) override {
    if (const YamlValue* found = scalar(info))
      parse(info, *found, found->items[0], value, low, high);
  }
  void seed(const FieldInfo& info, std::uint64_t& value) override {
    const YamlValue* found = scalar(info);
    if (found == nullptr) return;
    const std::string& text = found->items[0];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
      problem(info, *found, "a number >= 0", text);
  }
  void number(const FieldInfo& info, double& value, double low, double high) override {
    if (const YamlValue* found = scalar(info))
      parse(info, *found, found->items[0], value, low, high);
  }
  void flag(const FieldInfo& info, bool& value) override {
    const YamlValue* found = scalar(info);
    if (found == nullptr) return;
    const std::string& text = found->items[0];
    if (text != "true" && text != "false") return problem(info, *found, "true or false", text);
    value = text == "true";
  }
  void texts(const FieldInfo& info, std::vector<std::string>& values,
             const std::vector<std::string>& accepted) override {
    const YamlValue* found = list(info);
    if (found == nullptr) return;
    values = found->items;
    for (const auto& value : values) check_accepted(info, *found, value, accepted);
  }
  void integers(const FieldInfo& info, std::vector<std::int64_t>& values, std::int64_t low,
                std::int64_t high) override {
    const YamlValue* found = list(info);
    if (found == nullptr) return;
    values.assign(found->items.size(), 0);
    for (std::size_t i = 0; i < values.size(); ++i)
      parse(info, *found, found->items[i], values[i], low, high);
  }
  void numbers(const FieldInfo& info, std::vector<double>& values, double low,
               double high) override {
    const YamlValue* found = list(info);
    if (found == nullptr) return;
    values.assign(found->items.size(), 0);
    for (std::size_t i = 0; i < values.size(); ++i)
      parse(info, *found, found->items[i], values[i], low, high);
  }

  void report_unknown() {
    for (const auto& [key, value] : values_) {
      if (known_.contains(key)) continue;
      std::string nearest;
      for (const auto& candidate : known_) {
        if (nearest.empty() || distance(key, candidate) < distance(key, nearest))
          nearest = candidate;
      }
      problems_.push_back(fmt::format(
          "{}: {}: unknown key; did you mean '{}'? 'precinct config reference' lists all",
          value.where, key, nearest));
    }
  }
  /// Set to something else than its default: a resolved file, with every key in it, reads back.
  bool is_set(const std::string& key) const {
    return values_.contains(key) && changed_.contains(key);
  }
  void find_changes(const ExperimentConfig& config);
  std::string where(const std::string& key) const {
    return values_.contains(key) ? values_.at(key).where : "configuration";
  }

 private:
  void problem(const FieldInfo& info, const YamlValue& value, const std::string& expected,
               const std::string& found) {
    problems_.push_back(fmt::format("{}: {}: expected {}, found '{}'; {}", value.where, info.key,
                                    expected, found, info.text));
  }
  const YamlValue* find(const FieldInfo& info) {
    known_.insert(info.key);
    const auto it = values_.find(info.key);
    return it == values_.end() ? nullptr : &it->second;
  }
  const YamlValue* scalar(const FieldInfo& info) {
    const YamlValue* found = find(info);
    if (found == nullptr || !found->is_list) return found;
    problem(info, *found, "one value", "a list");
    return nullptr;
  }
  const YamlValue* list(const FieldInfo& info) {
    const YamlValue* found = find(info);
    if (found == nullptr || found->is_list) return found;
    problem(info, *found, "a list such as [1, 2]", found->items[0]);
    return nullptr;
  }
  void check_accepted(const FieldInfo& info, const YamlValue& value, const std::string& text,
                      const std::vector<std::string>& accepted) {
    if (accepted.empty() || std::find(accepted.begin(), accepted.end(), text) != accepted.end())
      return;
    problem(info, value, fmt::format("one of {}", fmt::join(accepted, ", ")), text);
  }
  template <typename T>
  void parse(const FieldInfo& info, const YamlValue& value, const std::string& text, T& out, T low,
             T high) {
    T parsed{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    const bool is_number = error == std::errc{} && end == text.data() + text.size() &&
                           std::isfinite(static_cast<double>(parsed));
    if (!is_number || parsed < low || parsed > high) {
      return problem(info, value,
                     fmt::format("{} in {}..{}",
                                 std::is_integral_v<T> ? "a whole number" : "a number", low, high),
                     text);
    }
    out = parsed;
  }

  YamlValues values_;
  std::vector<std::string>& problems_;
  std::set<std::string> known_, changed_;
};

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
    print(info, format_number(value), fmt::format("{:g}..{:g}", low, high));
  }
  void flag(const FieldInfo& info, bool& value) override {
    print(info, value ? "true" : "false", "true \\| false");
  }
  void texts(const FieldInfo& info, std::vector<std::string>& values,
             const std::vector<std::string>& accepted) override {
    std::vector<std::string> quoted;
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
    std::vector<std::string> texts;
    for (const double value : values) texts.push_back(format_number(value));
    print(info, fmt::format("[{}]", fmt::join(texts, ", ")),
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

/// Printed value by key.
class ValuePrinter final : public Printer {
 public:
  std::map<std::string, std::string> values_;

 private:
  void print(const FieldInfo& info, const std::string& value, const std::string&) override {
    values_[info.key] = value;
  }
};

void Reader::find_changes(const ExperimentConfig& config) {
  ExperimentConfig defaults, copy = config;
  ValuePrinter before, after;
  visit_fields(defaults, before);
  visit_fields(copy, after);
  for (const auto& [key, value] : after.values_) {
    if (before.values_.at(key) != value) changed_.insert(key);
  }
}

const std::map<std::string, std::set<std::string>> kModelFields = {
    {"dnn", {"num_layers", "hidden", "dropout", "head_width"}},
    {"crimenet", {"num_layers", "hidden", "dropout", "head_width"}},
    {"gat_tcn",
     {"hidden", "dropout", "head_width", "num_gat_layers", "num_heads", "attention", "num_blocks",
      "kernel_size"}},
    {"baselines", {}}};

/// Rules between keys; a setting without effect is an error.
void check_together(const ExperimentConfig& c, const Reader& reader,
                    std::vector<std::string>& problems) {
  const auto add = [&](const std::string& key, const std::string& text) {
    problems.push_back(fmt::format("{}: {}: {}", reader.where(key), key, text));
  };
  if (const auto fields = kModelFields.find(c.model.name); fields != kModelFields.end()) {
    for (const char* field : {"num_layers", "hidden", "dropout", "head_width", "num_gat_layers",
                              "num_heads", "attention", "num_blocks", "kernel_size"}) {
      const std::string key = std::string("model.") + field;
      if (reader.is_set(key) && !fields->second.contains(field)) {
        add(key, fmt::format("expected a field of {}, found one without effect there; take it out",
                             c.model.name));
      }
    }
  }
  const std::int64_t width = c.model.hidden > 0 ? c.model.hidden : 32;
  if (c.model.name == "gat_tcn" && width % c.model.num_heads != 0) {
    add("model.num_heads",
        fmt::format("expected a divisor of model.hidden = {}, found {}", width, c.model.num_heads));
  }
  const std::size_t parts = c.data.split.fractions.size();
  if (parts != 3 && parts != 4)
    add("data.split.fractions", fmt::format("expected 3 or 4 parts, found {}", parts));
  const int explicit_parts = !c.data.split.train_bins.empty() +
                             !c.data.split.validation_bins.empty() +
                             !c.data.split.test_bins.empty();
  if (explicit_parts != 0 && explicit_parts != 3)
    add("data.split.test_bins",
        "expected train_bins, validation_bins and test_bins together, found some of them");
  for (const auto* bins :
       {&c.data.split.train_bins, &c.data.split.validation_bins, &c.data.split.test_bins}) {
    if (!bins->empty() && bins->size() != 2)
      add("data.split.train_bins",
          fmt::format("expected [begin, end), found {} numbers", bins->size()));
  }
  if (c.head.extra.size() != c.head.extra_weights.size())
    add("head.extra_weights",
        fmt::format("expected one weight for each of {} extra heads, found {}", c.head.extra.size(),
                    c.head.extra_weights.size()));
  if (reader.is_set("train.optimizer.momentum") && c.train.optimizer.name != "sgd")
    add("train.optimizer.momentum", "expected optimizer sgd, found adamw: no effect; take it out");
  for (const char* key :
       {"train.optimizer.beta1", "train.optimizer.beta2", "train.optimizer.eps"}) {
    if (reader.is_set(key) && c.train.optimizer.name != "adamw")
      add(key, "expected optimizer adamw, found sgd: no effect; take it out");
  }
  if (c.train.micro_batch_size > c.train.global_batch_size)
    add("train.micro_batch_size", fmt::format("expected at most global_batch_size = {}, found {}",
                                              c.train.global_batch_size, c.train.micro_batch_size));
  if (reader.is_set("head.point_loss") && c.head.name != "point" &&
      std::find(c.head.extra.begin(), c.head.extra.end(), "point") == c.head.extra.end()) {
    add("head.point_loss", "expected a point head, found none: no effect; take it out");
  }
  if (std::find(c.evaluate.baselines.begin(), c.evaluate.baselines.end(), c.evaluate.reference) ==
      c.evaluate.baselines.end()) {
    add("evaluate.reference",
        fmt::format("expected one of evaluate.baselines, found '{}'", c.evaluate.reference));
  }
  for (const auto* duration : {&c.train.checkpoint.every, &c.train.evaluate_every}) {
    try {
      Duration::parse(*duration);
    } catch (const ConfigError& error) {
      add(duration == &c.train.evaluate_every ? "train.evaluate_every" : "train.checkpoint.every",
          error.what());
    }
  }
}

}  // namespace

Duration Duration::parse(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  static const std::map<std::string, std::pair<Unit, double>> kUnits = {
      {"ep", {Unit::kEpochs, 1}},
      {"st", {Unit::kSteps, 1}},
      {"s", {Unit::kSeconds, 1}},
      {"min", {Unit::kSeconds, 60}},
      {"h", {Unit::kSeconds, 3600}}};
  const auto found = kUnits.find(unit);
  PRECINCT_CHECK(error == std::errc{} && found != kUnits.end() && value > 0, ConfigError,
                 "expected a duration such as 3ep, 1000st, 30s, 10min, 2h, found '{}'", text);
  return {found->second.first, value * found->second.second};
}

ExperimentConfig load_experiment(const std::vector<std::filesystem::path>& files,
                                 const std::vector<std::string>& assignments) {
  std::vector<std::string> problems;
  YamlValues values;
  for (const auto& file : files) read_yaml(file, values, problems);
  for (const auto& assignment : assignments) read_assignment(assignment, values, problems);
  ExperimentConfig config;
  Reader reader(std::move(values), problems);
  visit_fields(config, reader);
  reader.report_unknown();
  reader.find_changes(config);
  if (problems.empty()) check_together(config, reader, problems);
  PRECINCT_CHECK(problems.empty(), ConfigError, "{}", fmt::join(problems, "\n"));
  return config;
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
