// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/ingest.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/worker_pool.h"
#include "data/geo/geojson.h"
#include "data/graph/graph_builder.h"
#include "data/graph/spatial_graph.h"
#include "data/ingest/code_map.h"
#include "data/ingest/compressed_file.h"
#include "data/ingest/panel_builder.h"
#include "data/ingest/row_reader.h"
#include "data/store/panel_store.h"

namespace precinct::data {
namespace {

DistrictLocator make_locator(const IngestOptions& options) {
  const bool has_code = options.profile.columns.contains("district");
  if (options.grid) return DistrictLocator::by_grid(*options.grid);
  if (!options.boundaries) {
    PRECINCT_CHECK(has_code && !options.locate_by_point, ConfigError,
                   "--boundaries: expected a GeoJSON file or --grid to find districts by point, "
                   "found neither; give one (profile {})",
                   options.profile.name);
    return DistrictLocator::discover();
  }
  const std::string where = options.boundaries->string();
  const auto features = parse_geojson(read_compressed_file(*options.boundaries), where);
  const std::string property = options.district_property.empty() ? options.profile.district_property
                                                                 : options.district_property;
  std::vector<MultiPolygon> polygons;
  std::vector<std::string> codes, names, parents;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const auto code = features[i].properties.find(property);
    PRECINCT_CHECK(code != features[i].properties.end() && !code->second.empty(), DataError,
                   "{}: feature {}: expected a property '{}' with the district's code, found none; "
                   "choose with --district-property",
                   where, i, property);
    codes.push_back(normalise_code(code->second));
    const auto name = features[i].properties.find(options.name_property);
    names.push_back(name == features[i].properties.end() ? codes.back() : name->second);
    parents.emplace_back();
    polygons.push_back(features[i].polygons);
  }
  // Districts are ordered by code, numbers by value, whatever the file's order.
  std::vector<std::size_t> order(codes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(codes[a].size(), codes[a]) < std::pair(codes[b].size(), codes[b]);
  });
  const bool numbers = std::all_of(codes.begin(), codes.end(), [](const std::string& c) {
    return c.find_first_not_of("0123456789") == std::string::npos;
  });
  if (!numbers)
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return codes[a] < codes[b]; });
  const auto reorder = [&](auto values) {
    auto sorted = values;
    for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = values[order[i]];
    return sorted;
  };
  const auto set = std::make_shared<PolygonSet>(reorder(polygons));
  auto nodes = make_nodes(*set, reorder(codes), reorder(names), parents);
  return has_code && !options.locate_by_point ? DistrictLocator::by_code(std::move(nodes), set)
                                              : DistrictLocator::by_point(std::move(nodes), set);
}

EdgeList make_graph(const IngestOptions& options, const DistrictLocator& locator,
                    const std::vector<Node>& nodes) {
  const std::string& kind = options.graph;
  if (kind == "none") return {};
  if (kind.starts_with("file:"))
    return parse_edge_file(read_compressed_file(kind.substr(5)), nodes, kind.substr(5));
  if (kind.starts_with("knn:")) return build_k_nearest(nodes, std::atoi(kind.c_str() + 4));
  PRECINCT_CHECK(kind == "adjacency" || kind == "queen", ConfigError,
                 "--graph: expected adjacency, queen, knn:<k>, file:<path> or none, found '{}'",
                 kind);
  if (options.grid) return build_grid(options.grid->rows, options.grid->columns, kind == "queen");
  if (locator.polygons() == nullptr) return {};
  return build_adjacency(*locator.polygons(), kind == "queen");
}

struct Collected {
  std::mutex mutex;
  std::vector<Incident> incidents;
  std::vector<Reject> rejects;
  std::vector<std::string> categories;
  QualityReport quality;
  std::string audit_rows;
  void add(RowReader::Result&& block) {
    std::lock_guard lock(mutex);
    std::vector<std::uint16_t> index;
    for (const auto& name : block.categories) {
      auto it = std::find(categories.begin(), categories.end(), name);
      if (it == categories.end()) it = categories.insert(categories.end(), name);
      index.push_back(static_cast<std::uint16_t>(it - categories.begin()));
    }
    PRECINCT_CHECK(categories.size() < 10'000, DataError,
                   "input: expected at most 10000 categories, found more; choose another column or "
                   "a code map");
    for (Incident& incident : block.incidents) incident.category = index[incident.category];
    incidents.insert(incidents.end(), block.incidents.begin(), block.incidents.end());
    std::move(block.rejects.begin(), block.rejects.end(), std::back_inserter(rejects));
    quality.add(block.quality);
    audit_rows += block.audit_rows;
  }
};

/// Names of the header, or "0", "1", ... for files without one.
std::vector<std::string> read_header(const SourceProfile& profile, const CsvBlock& block,
                                     const std::string& name) {
  CsvBlockParser parser(block);
  CsvRecord record;
  PRECINCT_CHECK(parser.next(record), DataError, "{}: expected rows, found an empty file", name);
  std::vector<std::string> header;
  for (std::size_t i = 0; i < record.fields.size(); ++i) {
    header.push_back(profile.header ? std::string(record.fields[i]) : std::to_string(i));
  }
  return header;
}

void read_file(const IngestOptions& options, const CodeMap& codes, const DistrictLocator& locator,
               const RowReader::Options& row_options, std::uint32_t number,
               std::uint64_t& skip_rows, Progress& progress, std::uint64_t bytes_before,
               Collected& collected) {
  const std::string name = options.inputs[number].string();
  CompressedFile file(options.inputs[number]);
  CsvBlockCutter cutter([&](std::span<char> out) { return file.read(out); }, name);
  std::unique_ptr<RowReader> reader;
  WorkerPool pool(static_cast<std::size_t>(std::max(1, options.num_threads)));
  BoundedQueue<int> tickets(static_cast<std::size_t>(std::max(1, options.num_threads)) *
                            2);  // bounds the blocks in memory
  try {
    while (auto block = cutter.next()) {
      std::uint64_t skip = 0;
      if (!reader) {
        reader = std::make_unique<RowReader>(options.profile, codes, locator,
                                             read_header(options.profile, *block, name), number,
                                             name, row_options);
        if (options.audit_file && collected.audit_rows.empty())
          collected.audit_rows = reader->audit_header();
        skip = (options.profile.header ? 1 : 0) + std::exchange(skip_rows, 0);
      }
      tickets.push(0);
      pool.submit([&, skip, shared = std::make_shared<CsvBlock>(std::move(*block))] {
        struct Release {
          BoundedQueue<int>& queue;
          ~Release() { queue.pop(); }
        } release{tickets};
        collected.add(reader->read_block(*shared, skip));
      });
      progress.update(bytes_before + file.stored_bytes_read());
    }
    pool.wait();
  } catch (...) {
    try {
      pool.wait();
    } catch (...) {  // the first error is the one to report
    }
    throw;
  }
  PRECINCT_CHECK(reader != nullptr, DataError,
                 "{}: expected rows, found an empty file; is it the right file?", name);
}

void remap(Collected& collected, const SourceProfile& profile,
           const std::vector<std::int32_t>& districts, Panel& panel) {
  std::vector<std::string> names = profile.category_order;
  std::vector<std::string> rest = collected.categories;
  std::sort(rest.begin(), rest.end());
  for (const auto& name : rest) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::vector<std::uint16_t> index;
  for (const auto& name : collected.categories) {
    index.push_back(
        static_cast<std::uint16_t>(std::find(names.begin(), names.end(), name) - names.begin()));
  }
  for (const auto& name : names)
    panel.categories.push_back({name, name, profile.discovered_by_officer.contains(name)});
  for (Incident& incident : collected.incidents) {
    incident.category = index[incident.category];
    incident.district = districts[static_cast<std::size_t>(incident.district)];
  }
}

void add_warnings(const IngestOptions& options, const Panel& panel, QualityReport& quality) {
  if (quality.with_report_time > 0 && !options.last_day) {
    const auto lag = quality.lag_quantile(.9);
    if (lag > 7) {
      quality.warnings.push_back(
          fmt::format("10 % of the reports come more than {} days late: the last weeks before {} "
                      "may be incomplete; end the series with --complete-through",
                      lag, format_date(panel.axis.start_of(panel.num_bins).day - 1)));
    }
  }
  if (quality.points_in_several > 0)
    quality.warnings.push_back(fmt::format(
        "{} points lie in several districts; the first was taken", quality.points_in_several));
  if (!quality.isolated_districts.empty()) {
    quality.warnings.push_back(fmt::format("{} districts have no neighbour: {}",
                                           quality.isolated_districts.size(),
                                           fmt::join(quality.isolated_districts, ", ")));
  }
  if (quality.num_rejected() * 20 > quality.rows_read) {
    quality.warnings.push_back(fmt::format("{:.1f} % of the rows were rejected; see rejects.csv",
                                           100.0 * static_cast<double>(quality.num_rejected()) /
                                               static_cast<double>(quality.rows_read)));
  }
  // The first and last bins' totals against the mean tell a series that starts or ends inside a
  // bin.
}

}  // namespace

IngestResult ingest(const IngestOptions& options) {
  PRECINCT_CHECK(!options.inputs.empty(), ConfigError,
                 "ingest: expected at least one CSV file, found none");
  const SourceProfile& profile = options.profile;
  const CodeMap codes =
      profile.code_map_file.empty()
          ? CodeMap()
          : CodeMap::load(profile.code_map_file, profile.code_map_key, profile.code_map_value);
  const DistrictLocator locator = make_locator(options);
  RowReader::Options row_options;
  row_options.earliest_day =
      options.first_day.value_or(parse_civil(profile.earliest, "profile: earliest").day);
  row_options.latest_day = options.last_day.value_or(days_from_civil(2200, 1, 1));
  row_options.keep_audit_fields = options.audit_file.has_value();

  std::uint64_t total = 0, before = 0;
  for (const auto& input : options.inputs) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(input, ignored);
    if (!ignored) total += size;
  }
  Progress progress("ingest", total, "bytes");
  Collected collected;
  nlohmann::json files = nlohmann::json::array();
  auto skip_rows = static_cast<std::uint64_t>(profile.skip_rows);
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < options.inputs.size(); ++i) {
    const std::uint64_t rows_before = collected.quality.rows_read;
    read_file(options, codes, locator, row_options, i, skip_rows, progress, before, collected);
    before += std::filesystem::file_size(options.inputs[i]);
    names.push_back(options.inputs[i].filename().string());
    files.push_back({{"file", names.back()},
                     {"sha256", sha256_file(options.inputs[i])},
                     {"rows", collected.quality.rows_read - rows_before}});
  }
  progress.finish();

  IngestResult result;
  Panel& panel = result.panel;
  std::vector<std::int32_t> districts;
  panel.nodes = locator.finish(districts);
  panel.time_zone = profile.time_zone;
  panel.profile = profile.name;
  remap(collected, profile, districts, panel);
  const std::uint64_t dropped = drop_superseded(collected.incidents);
  panel.source_content_sha256 = content_hash(collected.incidents);
  count_incidents(collected.incidents, options.bin, {options.first_day, options.last_day}, panel);
  panel.graph = make_graph(options, locator, panel.nodes);
  const SpatialGraph graph = SpatialGraph::from_edges(panel.graph, panel.num_nodes);
  if (const PolygonSet* polygons = locator.polygons()) {
    panel.geometry_offset.push_back(0);
    for (int i = 0; i < polygons->size(); ++i) {
      const auto bytes = polygons->wkb(i);
      panel.geometry.insert(panel.geometry.end(), bytes.begin(), bytes.end());
      panel.geometry_offset.push_back(panel.geometry.size());
    }
    collected.quality.polygons_repaired = polygons->num_repaired();
  }
  QualityReport& quality = result.quality = std::move(collected.quality);
  quality.duplicates = dropped;
  quality.accepted -= dropped;
  const auto points = locator.point_counts();
  quality.points_inside = points.inside;
  quality.points_in_several = points.in_several;
  quality.points_to_nearest = points.nearest;
  quality.points_outside = points.outside;
  if (!panel.graph.kind.empty()) {
    for (const auto node : graph.isolated_nodes())
      quality.isolated_districts.push_back(panel.nodes[static_cast<std::size_t>(node)].code);
  }
  add_warnings(options, panel, quality);
  result.rejects = rejects_csv(std::move(collected.rejects), names);
  result.audit_rows = std::move(collected.audit_rows);
  result.provenance =
      nlohmann::json({{"inputs", files}, {"profile", profile.name}, {"quality", quality.to_json()}})
          .dump(2);
  return result;
}

void write_ingest(const std::filesystem::path& panel_path, const IngestResult& result) {
  const auto folder =
      panel_path.parent_path().empty() ? std::filesystem::path(".") : panel_path.parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  PRECINCT_CHECK(!error, IoError, "{}; expected a folder that can be made",
                 errno_text(folder.string(), error.value()));
  write_file_atomically(folder / "rejects.csv", result.rejects);
  write_file_atomically(folder / "quality.json", result.quality.to_json().dump(2) + "\n");
  write_file_atomically(folder / "quality.txt", result.quality.to_text());
  write_file_atomically(panel_path.string() + ".provenance.json", result.provenance + "\n");
  write_panel(panel_path, result.panel);
}

}  // namespace precinct::data
