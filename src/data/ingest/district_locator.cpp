// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/district_locator.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "data/ingest/code_map.h"

namespace precinct::data {

GridSpec GridSpec::parse(const std::string& text) {
  std::vector<double> values;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    char* end = nullptr;
    values.push_back(std::strtod(part.c_str(), &end));
    if (end == part.c_str() || *end != 0) values.clear();
  }
  PRECINCT_CHECK(
      values.size() == 6 && values[2] >= 1 && values[3] >= 1 && values[4] > 0 && values[5] > 0,
      ConfigError,
      "--grid: expected lat0,lon0,rows,columns,cells_per_degree_lat,cells_per_degree_lon, found "
      "'{}'; e.g. 41.64,-87.93,14,12,37,28",
      text);
  return {values[0],
          values[1],
          static_cast<std::int64_t>(values[2]),
          static_cast<std::int64_t>(values[3]),
          values[4],
          values[5]};
}

struct DistrictLocator::State {
  Mode mode = Mode::kCode;
  std::vector<Node> nodes;
  std::shared_ptr<const PolygonSet> polygons;
  GridSpec grid;
  mutable std::shared_mutex mutex;  // of index, for kDiscover
  mutable std::unordered_map<std::string, std::int32_t> index;
  mutable std::atomic<std::uint64_t> inside{0}, in_several{0}, nearest{0}, outside{0};
  void index_nodes() {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const bool fresh = index.emplace(nodes[i].code, static_cast<std::int32_t>(i)).second;
      PRECINCT_CHECK(
          fresh, DataError,
          "boundaries: district '{}': expected each code once, found it twice; merge the features",
          nodes[i].code);
    }
  }
};

DistrictLocator::DistrictLocator(std::unique_ptr<State> state) : state_(std::move(state)) {}
DistrictLocator::DistrictLocator(DistrictLocator&&) noexcept = default;
DistrictLocator::~DistrictLocator() = default;

DistrictLocator DistrictLocator::by_code(std::vector<Node> nodes,
                                         std::shared_ptr<const PolygonSet> polygons) {
  auto state = std::make_unique<State>();
  state->nodes = std::move(nodes);
  state->polygons = std::move(polygons);
  state->index_nodes();
  return DistrictLocator(std::move(state));
}

DistrictLocator DistrictLocator::by_point(std::vector<Node> nodes,
                                          std::shared_ptr<const PolygonSet> polygons) {
  DistrictLocator locator = by_code(std::move(nodes), std::move(polygons));
  locator.state_->mode = Mode::kPoint;
  return locator;
}

DistrictLocator DistrictLocator::by_grid(const GridSpec& grid) {
  auto state = std::make_unique<State>();
  state->mode = Mode::kGrid;
  state->grid = grid;
  state->polygons = std::make_shared<PolygonSet>(grid_cells(grid));
  std::vector<std::string> codes, none(static_cast<std::size_t>(grid.rows * grid.columns));
  for (std::int64_t r = 0; r < grid.rows; ++r) {
    for (std::int64_t c = 0; c < grid.columns; ++c)
      codes.push_back(fmt::format("r{:02}c{:02}", r, c));
  }
  state->nodes = make_nodes(*state->polygons, codes, codes, none);
  return DistrictLocator(std::move(state));
}

DistrictLocator DistrictLocator::discover() {
  auto state = std::make_unique<State>();
  state->mode = Mode::kDiscover;
  return DistrictLocator(std::move(state));
}

DistrictLocator::Mode DistrictLocator::mode() const { return state_->mode; }
const PolygonSet* DistrictLocator::polygons() const { return state_->polygons.get(); }

DistrictLocator::PointCounts DistrictLocator::point_counts() const {
  return {state_->inside, state_->in_several, state_->nearest, state_->outside};
}

std::optional<std::int32_t> DistrictLocator::by_code(std::string_view code) const {
  const std::string key = normalise_code(code);
  if (key.empty()) return std::nullopt;
  {
    std::shared_lock lock(state_->mutex);
    const auto it = state_->index.find(key);
    if (it != state_->index.end()) return it->second;
  }
  if (state_->mode != Mode::kDiscover) return std::nullopt;
  std::unique_lock lock(state_->mutex);
  return state_->index.emplace(key, static_cast<std::int32_t>(state_->index.size())).first->second;
}

std::optional<std::int32_t> DistrictLocator::by_point(double longitude, double latitude) const {
  if (state_->mode == Mode::kGrid) {
    const GridSpec& grid = state_->grid;
    const double row = std::floor((latitude - grid.latitude0) * grid.cells_per_degree_latitude);
    const double column =
        std::floor((longitude - grid.longitude0) * grid.cells_per_degree_longitude);
    const bool inside = row >= 0 && column >= 0 && row < static_cast<double>(grid.rows) &&
                        column < static_cast<double>(grid.columns);
    ++(inside ? state_->inside : state_->outside);
    if (!inside) return std::nullopt;
    return static_cast<std::int32_t>(row) * static_cast<std::int32_t>(grid.columns) +
           static_cast<std::int32_t>(column);
  }
  const auto found = state_->polygons->containing({longitude, latitude});
  if (!found.empty()) {
    ++state_->inside;
    if (found.size() > 1) ++state_->in_several;
    return found.front();
  }
  const auto near = state_->polygons->nearest({longitude, latitude}, kNearestMetres);
  ++(near ? state_->nearest : state_->outside);
  return near;
}

std::vector<Node> DistrictLocator::finish(std::vector<std::int32_t>& remap) const {
  if (state_->mode != Mode::kDiscover) {
    remap.resize(state_->nodes.size());
    for (std::size_t i = 0; i < remap.size(); ++i) remap[i] = static_cast<std::int32_t>(i);
    return state_->nodes;
  }
  std::vector<std::pair<std::string, std::int32_t>> codes(state_->index.begin(),
                                                          state_->index.end());
  std::sort(codes.begin(), codes.end(),
            [](const auto& a, const auto& b) {  // numbers by value, then text
              return std::pair(a.first.size(), a.first) < std::pair(b.first.size(), b.first);
            });
  remap.assign(codes.size(), 0);
  std::vector<Node> nodes;
  for (const auto& [code, provisional] : codes) {
    remap[static_cast<std::size_t>(provisional)] = static_cast<std::int32_t>(nodes.size());
    nodes.push_back({code, code, "", 0, 0, 0});
  }
  return nodes;
}

std::vector<Node> make_nodes(const PolygonSet& polygons, const std::vector<std::string>& codes,
                             const std::vector<std::string>& names,
                             const std::vector<std::string>& parents) {
  std::vector<Node> nodes;
  for (int i = 0; i < polygons.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Point centre = polygons.centroid(i);
    nodes.push_back({codes[at], names[at], parents[at], polygons.area_km2(i), centre.y, centre.x});
  }
  return nodes;
}

std::vector<MultiPolygon> grid_cells(const GridSpec& grid) {
  std::vector<MultiPolygon> cells;
  for (std::int64_t r = 0; r < grid.rows; ++r) {
    for (std::int64_t c = 0; c < grid.columns; ++c) {
      const auto x = [&](std::int64_t i) {
        return grid.longitude0 + static_cast<double>(i) / grid.cells_per_degree_longitude;
      };
      const auto y = [&](std::int64_t i) {
        return grid.latitude0 + static_cast<double>(i) / grid.cells_per_degree_latitude;
      };
      cells.push_back({{{{x(c), y(r)},
                         {x(c + 1), y(r)},
                         {x(c + 1), y(r + 1)},
                         {x(c), y(r + 1)},
                         {x(c), y(r)}}}});
    }
  }
  return cells;
}

}  // namespace precinct::data
