// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "base/error.h"
#include "config/networks.h"
#include "models/forecast_model.h"
#include "models/network.h"

namespace precinct::models {

#define PRECINCT_DECLARE(name, ...)                                                  \
  std::shared_ptr<ForecastModel> make_##name(const config::ExperimentConfig& config, \
                                             const ModelContext& context);
PRECINCT_NETWORKS(PRECINCT_DECLARE)
#undef PRECINCT_DECLARE

namespace {
const std::map<std::string, NetworkFactory>& networks() {
#define PRECINCT_ROW(name, ...) {#name, make_##name},
  static const std::map<std::string, NetworkFactory> table = {PRECINCT_NETWORKS(PRECINCT_ROW)};
#undef PRECINCT_ROW
  return table;
}
}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : networks()) names.push_back(name);
  return names;
}

std::shared_ptr<ForecastModel> build_model(const config::ExperimentConfig& config,
                                           const ModelContext& context) {
  const auto found = networks().find(config.model.name);
  PRECINCT_CHECK(found != networks().end(), ConfigError,
                 "model.name: expected one of {}, found '{}'; choose one of them",
                 fmt::join(model_names(), ", "), config.model.name);
  auto model = found->second(config, context);
  initialize_by_name(*model, config.run.seed);
  return model;
}

}  // namespace precinct::models
