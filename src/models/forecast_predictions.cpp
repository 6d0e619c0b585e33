// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/forecast_predictions.h"

#include <limits>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/store/hdf5_file.h"

namespace precinct::models {
namespace {

std::vector<float> observed_counts(const data::Panel& panel, const Forecast& f) {
  std::vector<float> counts;
  counts.reserve(static_cast<std::size_t>(f.size()));
  for (const std::int64_t origin : f.origins)
    for (std::int64_t t = origin; t < origin + f.horizon; ++t)
      for (std::int64_t n = 0; n < f.num_nodes; ++n)
        for (std::int64_t c = 0; c < f.num_categories; ++c)
          counts.push_back(t < panel.num_bins && panel.is_observed(t, n)
                               ? static_cast<float>(panel.count(t, n, c))
                               : std::numeric_limits<float>::quiet_NaN());
  return counts;
}

std::string family_text(Family family) {
  if (family == Family::kPoint) return "point";
  return family == Family::kPoisson ? "poisson" : "negative_binomial";
}

}  // namespace

void write_predictions(const std::filesystem::path& path, const data::Panel& panel,
                       const std::vector<std::pair<std::string, const Forecast*>>& forecasts) {
  PRECINCT_CHECK(!forecasts.empty(), ShapeError,
                 "predictions: expected at least one forecaster, found none");
  const Forecast& first = *forecasts.front().second;
  const auto u = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  const std::vector<std::uint64_t> dims = {first.origins.size(), u(first.horizon),
                                           u(first.num_nodes), u(first.num_categories)};
  auto file = data::Hdf5File::create_in_memory();
  file.write("/origins", data::ElementType::kI64, {first.origins.size()}, first.origins.data());
  const auto counts = observed_counts(panel, first);
  file.write("/observed_counts", data::ElementType::kF32, dims, counts.data(), 1);
  std::vector<std::string> districts, categories;
  for (const auto& node : panel.nodes) districts.push_back(node.code);
  for (const auto& category : panel.categories) categories.push_back(category.code);
  file.write_strings("/districts", districts);
  file.write_strings("/categories", categories);
  for (const auto& [name, forecast] : forecasts) {
    file.make_group("/" + name);
    file.write_attribute("/" + name, "family", family_text(forecast->family));
    file.write("/" + name + "/mean", data::ElementType::kF32, dims, forecast->mean.data(), 1);
    if (!forecast->dispersion.empty())
      file.write("/" + name + "/dispersion", data::ElementType::kF32, dims,
                 forecast->dispersion.data(), 1);
  }
  const auto image = file.image();
  write_file_atomically(
      path, std::string_view(reinterpret_cast<const char*>(image.data()), image.size()));
}

}  // namespace precinct::models
