// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/panel_store.h"

#include <algorithm>
#include <cstring>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "data/store/chunk_reader.h"
#include "data/store/file_kind.h"
#include "data/store/hdf5_file.h"

namespace precinct::data {
namespace {

constexpr std::uint64_t kChunkBytes = 1 << 20;

template <typename Get>
auto column(const std::vector<Node>& nodes, Get get) {
  std::vector<std::decay_t<decltype(get(nodes[0]))>> values;
  values.reserve(nodes.size());
  for (const Node& node : nodes) values.push_back(get(node));
  return values;
}

ElementType count_type(const CountArray& counts) {
  switch (counts.item_bytes()) {
    case 1:
      return ElementType::kU8;
    case 2:
      return ElementType::kU16;
    default:
      return ElementType::kU32;
  }
}

void write_places(Hdf5File& file, const Panel& panel) {
  file.make_group("/nodes");
  file.write_strings("/nodes/code", column(panel.nodes, [](const Node& n) { return n.code; }));
  file.write_strings("/nodes/name", column(panel.nodes, [](const Node& n) { return n.name; }));
  file.write_strings("/nodes/parent", column(panel.nodes, [](const Node& n) { return n.parent; }));
  file.write("/nodes/area_km2", column(panel.nodes, [](const Node& n) { return n.area_km2; }));
  file.write("/nodes/latitude", column(panel.nodes, [](const Node& n) { return n.latitude; }));
  file.write("/nodes/longitude", column(panel.nodes, [](const Node& n) { return n.longitude; }));
  if (!panel.static_features.empty()) {
    file.make_group("/nodes/static");
    std::vector<std::string> names;
    for (const auto& [name, values] : panel.static_features) {
      file.write("/nodes/static/" + name, values);
      names.push_back(name);
    }
    file.write_strings("/nodes/static_names", names);
  }
  if (panel.has_geometry()) {
    file.write("/nodes/geometry", panel.geometry);
    file.write("/nodes/geometry_offset", panel.geometry_offset);
  }
}

void read_places(const std::string& where, const Hdf5File& file, Panel& panel) {
  const auto code = file.read_strings("/nodes/code"), name = file.read_strings("/nodes/name"),
             parent = file.read_strings("/nodes/parent");
  const auto area = file.read<double>("/nodes/area_km2"),
             latitude = file.read<double>("/nodes/latitude"),
             longitude = file.read<double>("/nodes/longitude");
  const auto n = static_cast<std::size_t>(panel.num_nodes);
  PRECINCT_CHECK(code.size() == n && name.size() == n && parent.size() == n && area.size() == n &&
                     latitude.size() == n && longitude.size() == n,
                 DataError,
                 "{}: /nodes: expected {} rows in each dataset, found {} codes; this is no whole "
                 "panel",
                 where, n, code.size());
  for (std::size_t i = 0; i < n; ++i)
    panel.nodes.push_back({code[i], name[i], parent[i], area[i], latitude[i], longitude[i]});
  if (file.exists("/nodes/static_names")) {
    for (const auto& key : file.read_strings("/nodes/static_names")) {
      auto values = file.read<float>("/nodes/static/" + key);
      PRECINCT_CHECK(values.size() == n, DataError,
                     "{}: /nodes/static/{}: expected {} numbers, found {}; this is no whole panel",
                     where, key, n, values.size());
      panel.static_features[key] = std::move(values);
    }
  }
  if (file.exists("/nodes/geometry")) {
    panel.geometry = file.read<std::uint8_t>("/nodes/geometry");
    panel.geometry_offset = file.read<std::uint64_t>("/nodes/geometry_offset");
    PRECINCT_CHECK(panel.geometry_offset.size() == n + 1 &&
                       std::is_sorted(panel.geometry_offset.begin(), panel.geometry_offset.end()) &&
                       panel.geometry_offset.back() == panel.geometry.size(),
                   DataError,
                   "{}: /nodes/geometry_offset: expected {} rising offsets up to {}, found others; "
                   "this is no whole panel",
                   where, n + 1, panel.geometry.size());
  }
}

template <typename T>
std::vector<T> as(const ByteBuffer& bytes) {
  const T* begin = reinterpret_cast<const T*>(bytes.data());
  return {begin, begin + bytes.size() / sizeof(T)};
}

void read_counts(const std::filesystem::path& path, const Hdf5File& file, Panel& panel,
                 int num_threads) {
  const DatasetInfo info = file.info("/counts");
  PRECINCT_CHECK(info.dims.size() == 3, DataError,
                 "{}: /counts: expected [T, N, C], found {} dimensions; this is no panel",
                 path.string(), info.dims.size());
  panel.num_bins = static_cast<std::int64_t>(info.dims[0]);
  panel.num_nodes = static_cast<std::int64_t>(info.dims[1]);
  panel.num_categories = static_cast<std::int64_t>(info.dims[2]);
  const auto bytes = read_dataset(path, "/counts", num_threads);
  switch (info.type) {
    case ElementType::kU8:
      panel.counts = CountArray(as<std::uint8_t>(bytes));
      break;
    case ElementType::kU16:
      panel.counts = CountArray(as<std::uint16_t>(bytes));
      break;
    case ElementType::kU32:
      panel.counts = CountArray(as<std::uint32_t>(bytes));
      break;
    default:
      throw DataError(
          fmt::format("{}: /counts: expected u8, u16 or u32, found another type; this is no panel",
                      path.string()));
  }
}

BinAxis read_axis(const std::string& where, const Hdf5File& file) {
  const std::string bin = file.attribute("/", "bin"), start = file.attribute("/", "start_local");
  try {
    return {BinSpec::parse(bin), parse_civil(start, "start_local")};
  } catch (const Error& error) {  // a value in a file is data, wherever it is parsed
    throw DataError(
        fmt::format("{}: /@bin, /@start_local: {}; this is no panel", where, error.what()));
  }
}

void read_graph(const std::filesystem::path& path, const Hdf5File& file, Panel& panel) {
  if (!file.exists("/graph/edge_index")) return;
  const auto index = file.read<std::int32_t>("/graph/edge_index");
  panel.graph.kind = file.attribute("/graph", "kind");
  panel.graph.weight = file.read<float>("/graph/edge_weight");
  const std::size_t num_edges = panel.graph.weight.size();
  PRECINCT_CHECK(
      index.size() == 2 * num_edges, DataError,
      "{}: /graph: expected edge_index [2, {}], found {} numbers; this is no whole panel",
      path.string(), num_edges, index.size());
  panel.graph.source.assign(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(num_edges));
  panel.graph.target.assign(index.begin() + static_cast<std::ptrdiff_t>(num_edges), index.end());
  for (const std::int32_t node : index) {
    PRECINCT_CHECK(
        node >= 0 && node < panel.num_nodes, DataError,
        "{}: /graph/edge_index: expected nodes below {}, found {}; this is no whole panel",
        path.string(), panel.num_nodes, node);
  }
}

void require_hdf5(const std::filesystem::path& path) {
  const FileKind kind = file_kind(path);
  PRECINCT_CHECK(kind == FileKind::kHdf5, DataError,
                 "{}: expected a panel, the HDF5 file that 'precinct ingest' makes, found {}; {}",
                 path.string(), words(kind),
                 kind == FileKind::kCsv ? "make a panel of it with 'precinct ingest'"
                                        : "make a panel with 'precinct ingest'");
}

}  // namespace

void write_panel(const std::filesystem::path& path, const Panel& panel) {
  PRECINCT_CHECK(panel.counts.size() == panel.num_bins * panel.num_nodes * panel.num_categories &&
                     static_cast<std::int64_t>(panel.nodes.size()) == panel.num_nodes &&
                     static_cast<std::int64_t>(panel.categories.size()) == panel.num_categories,
                 ShapeError,
                 "panel: expected counts [{}, {}, {}] with as many nodes and categories",
                 panel.num_bins, panel.num_nodes, panel.num_categories);
  Hdf5File file = Hdf5File::create_in_memory();
  const auto t = static_cast<std::uint64_t>(panel.num_bins),
             n = static_cast<std::uint64_t>(panel.num_nodes),
             c = static_cast<std::uint64_t>(panel.num_categories);
  const std::uint64_t row_bytes =
      std::max<std::uint64_t>(1, n * c * static_cast<std::uint64_t>(panel.counts.item_bytes()));
  file.write("/counts", count_type(panel.counts), {t, n, c}, panel.counts.data(),
             std::max<std::uint64_t>(1, kChunkBytes / row_bytes));
  if (!panel.observed.empty())
    file.write("/observed", ElementType::kU8, {t, n}, panel.observed.data(),
               std::max<std::uint64_t>(1, kChunkBytes / n));
  write_places(file, panel);
  file.make_group("/categories");
  std::vector<std::string> codes, names;
  std::vector<std::uint8_t> discovered;
  for (const Category& category : panel.categories) {
    codes.push_back(category.code);
    names.push_back(category.name);
    discovered.push_back(category.discovered_by_officer ? 1 : 0);
  }
  file.write_strings("/categories/code", codes);
  file.write_strings("/categories/name", names);
  file.write("/categories/discovered_by_officer", discovered);
  if (!panel.graph.kind.empty()) {
    file.make_group("/graph");
    std::vector<std::int32_t> index = panel.graph.source;
    index.insert(index.end(), panel.graph.target.begin(), panel.graph.target.end());
    file.write("/graph/edge_index", ElementType::kI32, {2, panel.graph.weight.size()},
               index.data());
    file.write("/graph/edge_weight", panel.graph.weight);
    file.write_attribute("/graph", "kind", panel.graph.kind);
  }
  file.write_attribute("/", "precinct_panel_version", kPanelVersion);
  file.write_attribute("/", "bin", panel.axis.spec().to_string());
  file.write_attribute("/", "start_local", format_civil(panel.axis.start()));
  file.write_attribute("/", "time_zone", panel.time_zone);
  file.write_attribute("/", "profile", panel.profile);
  file.write_attribute("/", "source_content_sha256", panel.source_content_sha256);
  const auto image = file.image();
  const std::string_view bytes(reinterpret_cast<const char*>(image.data()), image.size());
  // The checksum goes first: a panel without its checksum never exists, and an old checksum beside
  // a new panel neither, since a reader between the two renames finds a mismatch and says so.
  write_file_atomically(path.string() + ".sha256",
                        sha256_hex(bytes) + "  " + path.filename().string() + "\n");
  write_file_atomically(path, bytes);
}

std::string panel_hash(const std::filesystem::path& path) {
  const std::filesystem::path beside = path.string() + ".sha256";
  if (!std::filesystem::exists(beside)) return sha256_file(path);
  return read_file(beside).substr(0, 64);
}

namespace {

/// Says what another HDF5 file is instead of asking for its checksum.
void require_panel_version(const Hdf5File& file, const std::filesystem::path& path) {
  const std::string version = file.attribute("/", "precinct_panel_version");
  PRECINCT_CHECK(
      version == kPanelVersion, DataError,
      "{}: expected panel version {}, found {}; use the build that wrote it, or ingest again",
      path.string(), kPanelVersion, version);
}

}  // namespace

Panel read_panel(const std::filesystem::path& path, bool verify, int num_threads) {
  PRECINCT_CHECK(hdf5_is_thread_safe(), DeviceError,
                 "HDF5: expected the thread-safe serial flavour, found another; install "
                 "libhdf5-dev, not the openmpi one");
  PRECINCT_CHECK(
      std::filesystem::exists(path), IoError,
      "{}: No such file; expected a panel; make one with 'precinct ingest', or name its place "
      "(--set data.panel=FILE; --panel FILE for a run's forecasts and scores)",
      path.string());
  PRECINCT_CHECK(std::filesystem::is_regular_file(path), DataError,
                 "{}: expected a panel file of 'precinct ingest', found a folder or device; name "
                 "the .h5 file in it",
                 path.string());
  if (verify) {
    const std::filesystem::path beside = path.string() + ".sha256";
    const bool has_checksum = std::filesystem::exists(beside);
    if (!has_checksum) {
      require_hdf5(path);
      require_panel_version(Hdf5File::open(path), path);
    }
    PRECINCT_CHECK(
        has_checksum, DataError,
        "{}: expected its checksum beside it, found none; copy it too or pass --no-verify",
        beside.string());
    const std::string expected = read_file(beside).substr(0, 64), found = sha256_file(path);
    PRECINCT_CHECK(
        expected == found, DataError,
        "{}: expected sha256 {}…, found {}…; the file is damaged or changed, make it again",
        path.string(), expected.substr(0, 12), found.substr(0, 12));
  }
  require_hdf5(path);
  const Hdf5File file = Hdf5File::open(path);
  require_panel_version(file, path);
  Panel panel;
  read_counts(path, file, panel, num_threads);
  panel.axis = read_axis(path.string(), file);
  panel.time_zone = file.attribute("/", "time_zone");
  panel.profile = file.attribute("/", "profile");
  panel.source_content_sha256 = file.attribute("/", "source_content_sha256");
  if (file.exists("/observed")) {
    panel.observed = file.read<std::uint8_t>("/observed");
    PRECINCT_CHECK(
        static_cast<std::int64_t>(panel.observed.size()) == panel.num_bins * panel.num_nodes,
        DataError, "{}: /observed: expected [{}, {}], found {} numbers; this is no whole panel",
        path.string(), panel.num_bins, panel.num_nodes, panel.observed.size());
  }
  read_places(path.string(), file, panel);
  const auto codes = file.read_strings("/categories/code"),
             names = file.read_strings("/categories/name");
  const auto discovered = file.read<std::uint8_t>("/categories/discovered_by_officer");
  PRECINCT_CHECK(static_cast<std::int64_t>(codes.size()) == panel.num_categories &&
                     names.size() == codes.size() && discovered.size() == codes.size(),
                 DataError, "{}: /categories: expected {} rows, found {}; this is no whole panel",
                 path.string(), panel.num_categories, codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i)
    panel.categories.push_back({codes[i], names[i], discovered[i] != 0});
  read_graph(path, file, panel);
  return panel;
}

}  // namespace precinct::data
