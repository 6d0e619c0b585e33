// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/civil_time.h"

namespace precinct::data {

/// Counts [T_total, N, C], row-major, in the narrowest unsigned type that holds the largest one.
class CountArray {
 public:
  using Storage = std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>,
                               std::vector<std::uint32_t>>;
  CountArray() = default;
  /// Narrows `counts` to u8, u16 or u32.
  static CountArray from_u32(const std::vector<std::uint32_t>& counts);
  explicit CountArray(Storage storage) : storage_(std::move(storage)) {}
  std::uint32_t operator[](std::int64_t i) const {
    return std::visit(
        [i](const auto& v) { return static_cast<std::uint32_t>(v[static_cast<std::size_t>(i)]); },
        storage_);
  }
  std::int64_t size() const {
    return std::visit([](const auto& v) { return static_cast<std::int64_t>(v.size()); }, storage_);
  }
  /// Bytes per count: 1, 2 or 4.
  int item_bytes() const {
    return std::visit([](const auto& v) { return static_cast<int>(sizeof(v[0])); }, storage_);
  }
  const void* data() const {
    return std::visit([](const auto& v) { return static_cast<const void*>(v.data()); }, storage_);
  }
  const Storage& storage() const { return storage_; }
  std::vector<double> to_double() const;

 private:
  Storage storage_;
};

/// One district of a panel; a node once it is an index.
struct Node {
  std::string code;
  std::string name;
  std::string parent;
  double area_km2 = 0;
  double latitude = 0;  // centroid, WGS 84
  double longitude = 0;
};

struct Category {
  std::string code;
  std::string name;
  bool discovered_by_officer = false;
};

/// Undirected borders are stored both ways, sorted by (source, target); no self loops.
struct EdgeList {
  std::string kind;  // "adjacency", "queen", "knn", "file"; empty: no graph
  std::vector<std::int32_t> source;
  std::vector<std::int32_t> target;
  std::vector<float> weight;  // border metres, or a similarity
  std::int64_t size() const { return static_cast<std::int64_t>(source.size()); }
};

/// Counts per bin, node and category with their calendar, places and graph: the one struct that
/// ingest, the store, the baselines and the loader share.
struct Panel {
  std::int64_t num_bins = 0;           // T_total
  std::int64_t num_nodes = 0;          // N
  std::int64_t num_categories = 0;     // C
  CountArray counts;                   // [T_total, N, C]
  std::vector<std::uint8_t> observed;  // [T_total, N], 1 = observed; empty = all observed
  BinAxis axis;
  std::string time_zone = "UTC";
  std::vector<Node> nodes;
  std::vector<Category> categories;
  std::map<std::string, std::vector<float>> static_features;  // name -> [N]
  EdgeList graph;
  std::vector<std::uint8_t> geometry;          // WKB, WGS 84, concatenated; empty = none
  std::vector<std::uint64_t> geometry_offset;  // [N+1]
  std::string profile;
  std::string source_content_sha256;

  std::int64_t index(std::int64_t bin, std::int64_t node, std::int64_t category) const {
    return (bin * num_nodes + node) * num_categories + category;
  }
  std::uint32_t count(std::int64_t bin, std::int64_t node, std::int64_t category) const {
    return counts[index(bin, node, category)];
  }
  bool is_observed(std::int64_t bin, std::int64_t node) const {
    return observed.empty() || observed[static_cast<std::size_t>(bin * num_nodes + node)] != 0;
  }
  bool has_geometry() const { return !geometry.empty(); }
};

}  // namespace precinct::data
