// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/inspection.h"
#include "base/error.h"
#include "data/store/file_kind.h"
#include "data/store/hdf5_file.h"
#include "data/store/panel_store.h"
#include "report/panel_facts.h"
#include "report/sparkline.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct CountSummary {
  std::uint32_t min = 0, max = 0;
  std::uint64_t total = 0, zeros = 0;
  std::vector<std::vector<double>> per_bin;  // [C][T]
};

CountSummary summarise(const data::Panel& panel) {
  CountSummary s;
  s.per_bin.assign(static_cast<std::size_t>(panel.num_categories),
                   std::vector<double>(static_cast<std::size_t>(panel.num_bins)));
  s.min = panel.counts.size() > 0 ? panel.counts[0] : 0;
  for (std::int64_t t = 0; t < panel.num_bins; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      for (std::int64_t c = 0; c < panel.num_categories; ++c) {
        const std::uint32_t y = panel.count(t, n, c);
        s.min = std::min(s.min, y);
        s.max = std::max(s.max, y);
        s.total += y;
        s.zeros += y == 0;
        s.per_bin[static_cast<std::size_t>(c)][static_cast<std::size_t>(t)] += y;
      }
    }
  }
  return s;
}

/// Share of (district, bin) that was observed.
double observed_share(const data::Panel& panel) {
  if (panel.observed.empty()) return 1;
  return static_cast<double>(std::count_if(panel.observed.begin(), panel.observed.end(),
                                           [](auto o) { return o; })) /
         static_cast<double>(panel.observed.size());
}

std::vector<std::string> isolated(const data::Panel& panel) {
  std::vector<bool> has_neighbour(static_cast<std::size_t>(panel.num_nodes));
  for (const auto node : panel.graph.source) has_neighbour[static_cast<std::size_t>(node)] = true;
  std::vector<std::string> codes;
  for (std::size_t n = 0; n < has_neighbour.size(); ++n)
    if (!has_neighbour[n]) codes.push_back(panel.nodes[n].code);
  return codes;
}

void add_graph(const data::Panel& panel, Inspection& out) {
  if (panel.graph.kind.empty()) {
    out.add("graph", "none");
    out.json["graph"] = nullptr;
    return;
  }
  const auto alone = isolated(panel);
  const auto [low, high] =
      std::minmax_element(panel.graph.weight.begin(), panel.graph.weight.end());
  const bool has_edges = low != panel.graph.weight.end();
  out.json["graph"] = {{"kind", panel.graph.kind},
                       {"edges", panel.graph.size()},
                       {"weight_min", has_edges ? *low : 0},
                       {"weight_max", has_edges ? *high : 0},
                       {"isolated", alone}};
  out.add("graph", fmt::format("{}, {} pairs of neighbours, weights {:.0f} to {:.0f}; isolated: {}",
                               panel.graph.kind, panel.graph.size() / 2, has_edges ? *low : 0,
                               has_edges ? *high : 0,
                               alone.empty() ? "none" : fmt::format("{}", fmt::join(alone, ", "))));
}

void add_source(const fs::path& path, const data::Panel& panel, Inspection& out) {
  out.json["profile"] = panel.profile;
  out.json["source_content_sha256"] = panel.source_content_sha256;
  out.add("source",
          fmt::format("profile {}, content sha256 {}",
                      panel.profile.empty() ? "none" : panel.profile, panel.source_content_sha256));
  const fs::path provenance = path.string() + ".provenance.json";
  if (!fs::exists(provenance)) {
    out.add("provenance", "no file beside the panel");
    return;
  }
  const auto json = read_json_file(provenance);
  out.json["provenance"] = json;
  out.add(
      "ingested",
      fmt::format("{} by precinct {} from {} file{}", json.value("date", "?"),
                  json.value("version", "?"), json.value("inputs", nlohmann::json::array()).size(),
                  json.value("inputs", nlohmann::json::array()).size() == 1 ? "" : "s"));
  if (const auto quality = json.value("quality", nlohmann::json()); quality.is_object())
    out.add("rows", fmt::format("{} read = {} accepted + {} rejected + {} duplicates",
                                quality.value("rows_read", 0), quality.value("accepted", 0),
                                quality.value("rejected", 0), quality.value("duplicates", 0)));
}

void add_lines(const data::Panel& panel, const CountSummary& summary, Inspection& out) {
  std::vector<double> all(static_cast<std::size_t>(panel.num_bins));
  nlohmann::json categories = nlohmann::json::array();
  for (std::size_t c = 0; c < summary.per_bin.size(); ++c) {
    double total = 0;
    for (std::size_t t = 0; t < all.size(); ++t) {
      all[t] += summary.per_bin[c][t];
      total += summary.per_bin[c][t];
    }
    categories.push_back(
        {{"code", panel.categories[c].code},
         {"name", panel.categories[c].name},
         {"discovered_by_officer", panel.categories[c].discovered_by_officer},
         {"total", static_cast<std::uint64_t>(total)},
         {"sparkline", report::sparkline(summary.per_bin[c], 60, /*from_zero=*/true)}});
  }
  out.json["sparkline"] = report::sparkline(all, 60, /*from_zero=*/true);
  out.json["categories"] = categories;
  out.add("all", fmt::format("{}  {}", out.json["sparkline"].get<std::string>(),
                             report::grouped(summary.total)));
  for (const auto& c : categories)
    out.add(c["code"].get<std::string>(),
            fmt::format("{}  {}{}", c["sparkline"].get<std::string>(),
                        report::grouped(c["total"].get<std::uint64_t>()),
                        c["discovered_by_officer"].get<bool>() ? " (found by officers)" : ""));
}

}  // namespace

Inspection inspect_panel(const fs::path& path, bool verify) {
  const bool is_checked = verify && fs::exists(path.string() + ".sha256");
  if (!is_checked && data::file_kind(path) == data::FileKind::kHdf5)
    PRECINCT_CHECK(data::Hdf5File::open(path).has_attribute("/", "precinct_panel_version"),
                   DataError,
                   "{}: expected a panel (attribute precinct_panel_version), found another HDF5 "
                   "file; make a panel with 'precinct ingest'",
                   path.string());
  const data::Panel panel = data::read_panel(path, verify);
  const CountSummary summary = summarise(panel);
  const double cells = std::max<double>(1, static_cast<double>(panel.counts.size()));
  const std::string hash = data::panel_hash(path),
                    type = fmt::format("u{}", 8 * panel.counts.item_bytes()),
                    time = report::range_label(panel, {0, panel.num_bins});
  Inspection out;
  out.json = {{"kind", "panel"},
              {"path", path.string()},
              {"bytes", fs::file_size(path)},
              {"version", data::kPanelVersion},
              {"sha256", hash},
              {"verified", verify},
              {"shape", {panel.num_bins, panel.num_nodes, panel.num_categories}},
              {"type", type},
              {"bin", panel.axis.spec().to_string()},
              {"start", format_civil(panel.axis.start_of(0))},
              {"end", format_civil(panel.axis.start_of(panel.num_bins))},
              {"time_zone", panel.time_zone},
              {"count_min", summary.min},
              {"count_max", summary.max},
              {"count_mean", static_cast<double>(summary.total) / cells},
              {"zero_share", static_cast<double>(summary.zeros) / cells},
              {"observed_share", observed_share(panel)},
              {"has_polygons", panel.has_geometry()}};
  out.add("file", fmt::format("{} bytes, panel version {}", report::grouped(fs::file_size(path)),
                              data::kPanelVersion));
  out.add("sha256", hash + (verify ? ", verified" : ", not compared"));
  out.add("time", fmt::format("{} bins of a {}, {}, {}", panel.num_bins, report::bin_word(panel, 1),
                              time, panel.time_zone));
  out.add("districts", fmt::format("{}, {} to {}, {}", panel.num_nodes, panel.nodes.front().code,
                                   panel.nodes.back().code,
                                   panel.has_geometry() ? "with polygons" : "without polygons"));
  out.add(
      "counts",
      fmt::format("{} [{}, {}, {}], {} to {}, mean {:.4f}, {:.1f} % zeros, {:.1f} % "
                  "observed",
                  type, panel.num_bins, panel.num_nodes, panel.num_categories, summary.min,
                  summary.max, static_cast<double>(summary.total) / cells,
                  100 * static_cast<double>(summary.zeros) / cells, 100 * observed_share(panel)));
  add_graph(panel, out);
  add_source(path, panel, out);
  add_lines(panel, summary, out);
  return out;
}

}  // namespace precinct::apps
