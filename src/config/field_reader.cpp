// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/field_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/num_typos.h"
#include "config/field_printers.h"

namespace precinct::config {
namespace {

constexpr std::size_t kMaxUnknown = 50;   // unknown keys that are worth a line each
constexpr std::size_t kMaxCompared = 80;  // characters of a key that "did you mean" looks at

/// What follows the last dot.
std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

std::string absolute_path(const std::string& text, const std::filesystem::path& folder) {
  const std::filesystem::path path(text);
  return (path.is_relative() ? folder / path : path).lexically_normal().string();
}

}  // namespace

void FieldReader::text(const FieldInfo& info, std::string& value,
                       const std::vector<std::string>& accepted) {
  const YamlValue* found = scalar(info);
  if (found != nullptr) {
    value = found->items[0];
    check_accepted(info, *found, value, accepted);
  }
  // Absolute, so that a resolved file means the same wherever it is written.
  if (info.is_path && !value.empty())
    value =
        absolute_path(value, found != nullptr ? found->folder : std::filesystem::current_path());
}

void FieldReader::integer(const FieldInfo& info, std::int64_t& value, std::int64_t low,
                          std::int64_t high) {
  if (const YamlValue* found = scalar(info)) parse(info, *found, found->items[0], value, low, high);
}

void FieldReader::seed(const FieldInfo& info, std::uint64_t& value) {
  const YamlValue* found = scalar(info);
  if (found == nullptr) return;
  const std::string& text = found->items[0];
  std::uint64_t parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc{} || end != text.data() + text.size())
    return problem(info, *found, "a whole number in 0..18446744073709551615", text);
  value = parsed;
}

void FieldReader::number(const FieldInfo& info, double& value, double low, double high) {
  if (const YamlValue* found = scalar(info)) parse(info, *found, found->items[0], value, low, high);
}

void FieldReader::flag(const FieldInfo& info, bool& value) {
  const YamlValue* found = scalar(info);
  if (found == nullptr) return;
  const std::string& text = found->items[0];
  if (text != "true" && text != "false") return problem(info, *found, "true or false", text);
  value = text == "true";
}

void FieldReader::texts(const FieldInfo& info, std::vector<std::string>& values,
                        const std::vector<std::string>& accepted) {
  const YamlValue* found = list(info);
  if (found == nullptr) return;
  values = found->items;
  for (const auto& value : values) check_accepted(info, *found, value, accepted);
}

void FieldReader::integers(const FieldInfo& info, std::vector<std::int64_t>& values,
                           std::int64_t low, std::int64_t high) {
  const YamlValue* found = list(info);
  if (found == nullptr) return;
  values.assign(found->items.size(), 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    parse(info, *found, found->items[i], values[i], low, high);
}

void FieldReader::numbers(const FieldInfo& info, std::vector<double>& values, double low,
                          double high) {
  const YamlValue* found = list(info);
  if (found == nullptr) return;
  values.assign(found->items.size(), 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    parse(info, *found, found->items[i], values[i], low, high);
}

std::string FieldReader::nearest(const std::string& key) const {
  // The same last part in another section is nearer than anything spelt alike.
  const std::string text = key.substr(0, kMaxCompared);
  std::string best;
  std::size_t best_distance = 0;
  for (const auto& candidate : known_) {
    const std::size_t apart =
        last_part(candidate) == last_part(key) ? 0 : 1 + num_typos(text, candidate);
    if (best.empty() || apart < best_distance) {
      best = candidate;
      best_distance = apart;
    }
  }
  return best;
}

void FieldReader::report_unknown() {
  std::size_t count = 0;
  for (const auto& [key, value] : values_) {
    if (known_.contains(key)) continue;
    const auto below = known_.lower_bound(key + ".");
    if (below != known_.end() && below->starts_with(key + ".")) {
      if (value.is_empty) continue;  // a section without keys
      problems_.push_back(
          fmt::format("{}: {}: expected a section with keys such as '{}', found a "
                      "value; write it one level deeper",
                      value.where, key, *below));
      continue;
    }
    if (++count > kMaxUnknown) continue;
    problems_.push_back(fmt::format(
        "{}: {}: expected a key of 'precinct config reference', found none of them; did "
        "you mean '{}'?",
        value.where, shown(key), nearest(key)));
  }
  if (count > kMaxUnknown)
    problems_.push_back(
        fmt::format("configuration: expected keys of 'precinct config reference', "
                    "found {} more unknown ones; is this a configuration?",
                    count - kMaxUnknown));
}

void FieldReader::find_changes(const ExperimentConfig& config) {
  const auto before = printed_values({});
  for (const auto& [key, value] : printed_values(config))
    if (before.at(key) != value) changed_.insert(key);
}

void FieldReader::problem(const FieldInfo& info, const YamlValue& value,
                          const std::string& expected, const std::string& found) {
  refused_.insert(info.key);
  problems_.push_back(fmt::format("{}: {}: expected {}, found '{}'; {}", value.where, info.key,
                                  expected, shown(found), info.text));
}

const YamlValue* FieldReader::find(const FieldInfo& info) {
  known_.insert(info.key);
  const auto it = values_.find(info.key);
  return it == values_.end() ? nullptr : &it->second;
}

const YamlValue* FieldReader::scalar(const FieldInfo& info) {
  const YamlValue* found = find(info);
  if (found == nullptr || !found->is_list) return found;
  problem(info, *found, "one value", "a list");
  return nullptr;
}

const YamlValue* FieldReader::list(const FieldInfo& info) {
  const YamlValue* found = find(info);
  if (found == nullptr || found->is_list) return found;
  problem(info, *found, "a list such as [1, 2]", found->items[0]);
  return nullptr;
}

void FieldReader::check_accepted(const FieldInfo& info, const YamlValue& value,
                                 const std::string& text,
                                 const std::vector<std::string>& accepted) {
  if (accepted.empty() || std::find(accepted.begin(), accepted.end(), text) != accepted.end())
    return;
  problem(info, value, fmt::format("one of {}", fmt::join(accepted, ", ")), text);
}

template <typename T>
void FieldReader::parse(const FieldInfo& info, const YamlValue& value, const std::string& text,
                        T& out, T low, T high) {
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

}  // namespace precinct::config
