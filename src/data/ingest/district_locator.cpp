// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/district_locator.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "data/ingest/code_map.h"
#include "data/ingest/incident.h"

namespace precinct::data {

constexpr std::int64_t kMaxGridCells = 1'000'000;

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
  const auto is_whole = [](double value) { return value == std::floor(value); };
  PRECINCT_CHECK(
      is_whole(values[2]) && is_whole(values[3]) && values[2] * values[3] <= kMaxGridCells &&
          std::abs(values[0]) <= 90 && std::abs(values[1]) <= 180,
      ConfigError,
      "--grid: expected whole rows and columns, at most {} cells in all, and a corner on "
      "the globe, found '{}'; choose larger cells or a smaller part",
      kMaxGridCells, text);
  return {values[0],
          values[1],
          static_cast<std::int64_t>(values[2]),
          static_cast<std::int64_t>(values[3]),
          values[4],
          values[5]};
}

bool code_less(const std::string& a, const std::string& b) {
  const auto is_number = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  };
  const bool number_a = is_number(a), number_b = is_number(b);
  if (number_a != number_b) return number_a;
  if (number_a && a.size() != b.size()) return a.size() < b.size();
  return a < b;
}

struct DistrictLocator::State {
  Mode mode = Mode::kCode;
  std::vector<Node> nodes;
  std::shared_ptr<const PolygonSet> polygons;
  GridSpec grid;
  std::size_t parent_digits = 0;                // 0: unknown codes are nothing
  std::map<std::string, std::int32_t> parents;  // parent -> index of its extra node
  mutable std::shared_mutex mutex;              // of index, for kDiscover
  mutable std::unordered_map<std::string, std::int32_t> index;

  void index_nodes() {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const bool fresh = index.emplace(nodes[i].code, static_cast<std::int32_t>(i)).second;
      PRECINCT_CHECK(
          fresh, DataError,
          "boundaries: district '{}': expected each code once, found it twice; merge the features",
          nodes[i].code);
    }
  }
  std::string parent_of(const std::string& code) const {
    return code.size() > parent_digits ? code.substr(0, code.size() - parent_digits) : "";
  }
  void append_geometry(const std::vector<std::uint8_t>& wkb, Panel& panel) const {
    panel.geometry.insert(panel.geometry.end(), wkb.begin(), wkb.end());
    panel.geometry_offset.push_back(panel.geometry.size());
  }
  void append_extra_node(const std::string& parent, Panel& panel) const;
};

DistrictLocator::DistrictLocator(std::unique_ptr<State> state) : state_(std::move(state)) {}
DistrictLocator::DistrictLocator(DistrictLocator&&) noexcept = default;
DistrictLocator& DistrictLocator::operator=(DistrictLocator&&) noexcept = default;
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
  for (std::int64_t r = 0; r < grid.rows; ++r) {
    for (std::int64_t c = 0; c < grid.columns; ++c) {
      Node node;
      node.code = node.name = fmt::format("r{:02}c{:02}", r, c);
      state->nodes.push_back(node);
    }
  }
  return DistrictLocator(std::move(state));
}

DistrictLocator DistrictLocator::discover() {
  auto state = std::make_unique<State>();
  state->mode = Mode::kDiscover;
  return DistrictLocator(std::move(state));
}

void DistrictLocator::count_unknown_under_parent(std::size_t digits) {
  state_->parent_digits = digits;
  for (const Node& node : state_->nodes) {
    const std::string parent = state_->parent_of(node.code);
    if (!parent.empty()) state_->parents.emplace(parent, 0);
  }
  auto next = static_cast<std::int32_t>(state_->nodes.size());
  for (auto& [parent, index] : state_->parents) index = next++;
}

DistrictLocator::Mode DistrictLocator::mode() const { return state_->mode; }
const PolygonSet* DistrictLocator::polygons() const { return state_->polygons.get(); }

std::size_t DistrictLocator::num_indexes() const {
  std::shared_lock lock(state_->mutex);
  return std::max(state_->index.size(), state_->nodes.size()) + state_->parents.size();
}

std::optional<std::int32_t> DistrictLocator::find_code(std::string_view code) const {
  const std::string key = normalise_code(code);
  if (key.empty()) return std::nullopt;
  {
    std::shared_lock lock(state_->mutex);
    const auto it = state_->index.find(key);
    if (it != state_->index.end()) return it->second;
  }
  if (state_->mode == Mode::kDiscover) {
    if (!is_utf8(key)) return std::nullopt;
    std::unique_lock lock(state_->mutex);
    PRECINCT_CHECK(static_cast<std::int64_t>(state_->index.size()) < Incident::kMaxDistricts,
                   DataError,
                   "input: expected at most {} district codes, found more; choose another column",
                   Incident::kMaxDistricts);
    return state_->index.emplace(key, static_cast<std::int32_t>(state_->index.size()))
        .first->second;
  }
  const auto parent = state_->parents.find(state_->parent_of(key));
  if (parent == state_->parents.end()) return std::nullopt;
  return parent->second;
}

std::optional<DistrictLocator::Located> DistrictLocator::find_point(Point point) const {
  if (state_->mode == Mode::kGrid) {
    const GridSpec& grid = state_->grid;
    const double row = std::floor((point.y - grid.latitude0) * grid.cells_per_degree_latitude);
    const double column = std::floor((point.x - grid.longitude0) * grid.cells_per_degree_longitude);
    const bool inside = row >= 0 && column >= 0 && row < static_cast<double>(grid.rows) &&
                        column < static_cast<double>(grid.columns);
    if (!inside) return std::nullopt;
    return Located{static_cast<std::int32_t>(row) * static_cast<std::int32_t>(grid.columns) +
                   static_cast<std::int32_t>(column)};
  }
  const auto found = state_->polygons->containing(point);
  if (!found.empty()) return Located{found.front(), found.size() > 1, false};
  if (const auto near = state_->polygons->nearest(point, kNearestMetres))
    return Located{*near, false, true};
  return std::nullopt;
}

void DistrictLocator::State::append_extra_node(const std::string& parent, Panel& panel) const {
  MultiPolygon shape;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (parent_of(nodes[i].code) != parent) continue;
    const auto rings = polygons->rings(static_cast<int>(i));
    shape.insert(shape.end(), rings.begin(), rings.end());
  }
  const PolygonSet whole({shape});
  const Point centre = whole.centroid(0);
  panel.nodes.push_back(
      {parent + "*", parent + ", district unknown", parent, whole.area_km2(0), centre.y, centre.x});
  append_geometry(whole.wkb(0), panel);
}

std::vector<std::int32_t> DistrictLocator::fill_places(const std::vector<std::uint8_t>& used,
                                                       Panel& panel) const {
  std::vector<std::int32_t> remap(num_indexes(), -1);
  if (state_->mode == Mode::kDiscover) {
    std::map<std::string, std::int32_t, decltype(&code_less)> codes(&code_less);
    for (const auto& [code, provisional] : state_->index) {
      if (used[static_cast<std::size_t>(provisional)] != 0) codes.emplace(code, provisional);
    }
    for (const auto& [code, provisional] : codes) {
      remap[static_cast<std::size_t>(provisional)] = static_cast<std::int32_t>(panel.nodes.size());
      panel.nodes.push_back({code, code, "", 0, 0, 0});
    }
    return remap;
  }
  panel.geometry_offset.push_back(0);
  for (std::size_t i = 0; i < state_->nodes.size(); ++i) {
    const auto polygon = static_cast<int>(i);
    Node node = state_->nodes[i];
    const Point centre = state_->polygons->centroid(polygon);
    node.area_km2 = state_->polygons->area_km2(polygon);
    node.latitude = centre.y;
    node.longitude = centre.x;
    remap[i] = polygon;
    panel.nodes.push_back(std::move(node));
    state_->append_geometry(state_->polygons->wkb(polygon), panel);
  }
  for (const auto& [parent, index] : state_->parents) {
    if (used[static_cast<std::size_t>(index)] == 0) continue;
    remap[static_cast<std::size_t>(index)] = static_cast<std::int32_t>(panel.nodes.size());
    state_->append_extra_node(parent, panel);
  }
  return remap;
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
