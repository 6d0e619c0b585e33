// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_match.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "config/field_visitor.h"

namespace precinct::train {
namespace {

constexpr std::size_t kNamed = 4;  // keys that a message lists

/// Values of the wanted keys, as text.
class SomeValues final : public config::FieldVisitor {
 public:
  using Info = config::FieldInfo;
  using Texts = std::vector<std::string>;
  using Wanted = std::function<bool(const Info&)>;
  std::vector<std::pair<std::string, std::string>> values;
  Wanted wanted;

  explicit SomeValues(Wanted which) : wanted(std::move(which)) {}
  void text(const Info& info, std::string& value, const Texts&) override { add(info, value); }
  void integer(const Info& info, std::int64_t& value, std::int64_t, std::int64_t) override {
    add(info, value);
  }
  void seed(const Info& info, std::uint64_t& value) override { add(info, value); }
  void number(const Info& info, double& value, double, double) override { add(info, value); }
  void flag(const Info& info, bool& value) override { add(info, value); }
  void texts(const Info& info, Texts& values, const Texts&) override {
    add(info, fmt::format("[{}]", fmt::join(values, ", ")));
  }
  void integers(const Info& info, std::vector<std::int64_t>& values, std::int64_t,
                std::int64_t) override {
    add(info, fmt::format("[{}]", fmt::join(values, ", ")));
  }
  void numbers(const Info& info, std::vector<double>& values, double, double) override {
    add(info, fmt::format("[{}]", fmt::join(values, ", ")));
  }

 private:
  template <typename T>
  void add(const Info& info, const T& value) {
    if (wanted(info)) values.emplace_back(info.key, fmt::format("{}", value));
  }
};

using Values = std::vector<std::pair<std::string, std::string>>;

bool influences_training(const config::FieldInfo& info) { return info.influences_training; }

bool concerns_scores(const config::FieldInfo& info) {
  return std::string(info.key).starts_with("evaluate.");
}

/// Ranks must agree also on what decides when they talk to each other.
bool concerns_all_ranks(const config::FieldInfo& info) {
  const std::string key = info.key;
  return info.influences_training || key.starts_with("train.") || key.starts_with("parallel.") ||
         key == "log.every";  // the ranks look there together whether to go back
}

Values values_of(config::ExperimentConfig config, const SomeValues::Wanted& wanted) {
  SomeValues visitor(wanted);
  config::visit_fields(config, visitor);
  return visitor.values;
}

/// "train.optimizer.lr: 0.02 instead of 0.01" for each difference.
std::vector<std::string> differences(const Values& found, const Values& expected) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i)
    if (found[i].second != expected[i].second)
      keys.push_back(
          fmt::format("{}: {} instead of {}", found[i].first, found[i].second, expected[i].second));
  return keys;
}

/// The first few, and how many more.
std::string text_of(std::vector<std::string> keys) {
  const std::size_t count = keys.size();
  keys.resize(std::min(count, kNamed));
  return fmt::format("{}{}", fmt::join(keys, ", "),
                     count > kNamed ? fmt::format(" and {} more", count - kNamed) : "");
}

}  // namespace

std::vector<std::string> differing_keys(const config::ExperimentConfig& found,
                                        const config::ExperimentConfig& expected) {
  return differences(values_of(found, influences_training),
                     values_of(expected, influences_training));
}

std::vector<std::string> differing_keys(const config::ExperimentConfig& found,
                                        const config::ExperimentConfig& expected,
                                        const std::string& prefix) {
  const auto wanted = [&](const config::FieldInfo& info) {
    return std::string(info.key).starts_with(prefix);
  };
  return differences(values_of(found, wanted), values_of(expected, wanted));
}

void require_same_configuration(const RunFolder& run, const config::ExperimentConfig& config) {
  const auto file = run.path() / "config.yaml";
  if (!std::filesystem::exists(file)) return;
  const auto of_run = config::load_experiment({file});
  const auto keys = differing_keys(config, of_run);
  PRECINCT_CHECK(keys.empty(), ConfigError,
                 "{}: expected the configuration that the run was started with, found {}; choose "
                 "another --run-dir, start anew with --resume never, or pass --allow-mismatch",
                 file.string(), text_of(keys));
  if (!std::filesystem::exists(run.evaluation())) return;
  const auto scored =
      differences(values_of(config, concerns_scores), values_of(of_run, concerns_scores));
  PRECINCT_CHECK(
      scored.empty(), ConfigError,
      "{}: expected the settings that the run was scored with, found {}; leave them out, "
      "or train the baselines with them in another --run-dir and name that run first, "
      "this one second to 'precinct evaluate'",
      file.string(), text_of(scored));
}

void require_same_configuration(Ranks& ranks, const config::ExperimentConfig& config) {
  std::vector<Values> values;
  for (const auto& text :
       ranks.gather(nlohmann::json(values_of(config, concerns_all_ranks)).dump()))
    values.push_back(nlohmann::json::parse(text).get<Values>());
  for (std::size_t r = 1; r < values.size(); ++r) {
    const auto keys = differences(values[r], values[0]);
    PRECINCT_CHECK(keys.empty(), ConfigError,
                   "rank {}: expected rank 0's configuration, found {}; start all ranks with the "
                   "same files and arguments",
                   r, text_of(keys));
  }
}

}  // namespace precinct::train
