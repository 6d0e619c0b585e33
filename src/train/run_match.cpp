// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_match.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "config/field_visitor.h"

namespace precinct::train {
namespace {

constexpr std::size_t kNamed = 4;  // keys that a message lists

/// Values of the keys that influence training, as text.
class InfluentialValues final : public config::FieldVisitor {
 public:
  using Info = config::FieldInfo;
  using Texts = std::vector<std::string>;
  std::vector<std::pair<std::string, std::string>> values;

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
    if (info.influences_training) values.emplace_back(info.key, fmt::format("{}", value));
  }
};

std::vector<std::pair<std::string, std::string>> values_of(config::ExperimentConfig config) {
  InfluentialValues visitor;
  config::visit_fields(config, visitor);
  return visitor.values;
}

}  // namespace

std::vector<std::string> differing_keys(const config::ExperimentConfig& found,
                                        const config::ExperimentConfig& expected) {
  const auto mine = values_of(found), other = values_of(expected);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < mine.size(); ++i)
    if (mine[i].second != other[i].second)
      keys.push_back(
          fmt::format("{}: {} instead of {}", mine[i].first, mine[i].second, other[i].second));
  return keys;
}

void require_same_configuration(const RunFolder& run, const config::ExperimentConfig& config) {
  const auto file = run.path() / "config.yaml";
  if (!std::filesystem::exists(file)) return;
  auto keys = differing_keys(config, config::load_experiment({file}));
  const std::size_t count = keys.size();
  keys.resize(std::min(count, kNamed));
  PRECINCT_CHECK(count == 0, ConfigError,
                 "{}: expected the configuration that the run was started with, found {}{}; choose "
                 "another --run-dir, start anew with --resume never, or pass --allow-mismatch",
                 file.string(), fmt::join(keys, ", "),
                 count > kNamed ? fmt::format(" and {} more", count - kNamed) : "");
}

}  // namespace precinct::train
