// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/ingest.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_set>

#include "base/checksum.h"
#include "base/distinct_files.h"
#include "base/error.h"
#include "data/graph/spatial_graph.h"
#include "data/ingest/code_map.h"
#include "data/ingest/compressed_file.h"
#include "data/ingest/districts_of_panel.h"
#include "data/ingest/incident_store.h"
#include "data/ingest/ingest_output.h"
#include "data/ingest/input_scan.h"
#include "data/ingest/panel_builder.h"
#include "data/ingest/reject_log.h"
#include "data/ingest/source_columns.h"

namespace precinct::data {
namespace {

/// What the rows of all inputs gave.
struct Collected {
  IncidentStore store;
  std::vector<std::string> categories;  // Incident::category indexes it
  QualityReport quality;
  std::vector<std::uint64_t> rows_per_file;
  std::map<std::string, Reject> first_rejects;  // by kind

  void add(RowReader::Result& block) {
    for (const Reject& reject : block.rejects) first_rejects.emplace(reject.kind, reject);
    std::vector<std::uint64_t> index;
    for (const auto& name : block.categories) {
      auto it = std::find(categories.begin(), categories.end(), name);
      if (it == categories.end()) it = categories.insert(categories.end(), name);
      index.push_back(static_cast<std::uint64_t>(it - categories.begin()));
    }
    PRECINCT_CHECK(static_cast<std::int64_t>(categories.size()) <= Incident::kMaxCategories,
                   DataError,
                   "input: expected at most {} categories, found more; choose another column or a "
                   "code map",
                   Incident::kMaxCategories);
    for (Incident& incident : block.incidents) incident.category = index[incident.category] & 0x7F;
    store.add(block.incidents);
    quality.add(block.quality);
    rows_per_file[block.file] += block.quality.rows_read;
  }
};

/// Finds, by a second reading, which row of a contested id counts: rows whose newest revision is
/// the same differ, and only the rows themselves can tell which is larger.
void settle_contested(InputScan scan, IncidentStore& store) {
  const auto ids = store.contested();
  if (ids.empty()) return;
  const std::unordered_set<std::uint64_t> contested(ids.begin(), ids.end());
  scan.options.contested = &contested;
  scan.options.keep_audit_fields = false;
  scan.on_audit_header = nullptr;
  if (!scan.title.empty()) scan.title = "revisions";
  std::map<std::uint64_t, RowReader::Contender> winner;
  scan_inputs(scan, [&](RowReader::Result&& block) {
    for (auto& contender : block.contenders) {
      auto& best = winner[contender.id];
      if (best.id == 0 || best < contender) best = std::move(contender);
    }
  });
  std::map<std::uint64_t, std::array<std::byte, 16>> digest;
  for (const auto& [id, contender] : winner) digest[id] = contender.digest;
  store.settle(digest);
}

/// Final order of categories and districts.
void fill_axes(const SourceProfile& profile, const DistrictLocator& locator,
               const std::vector<std::string>& found, std::vector<Incident>& incidents,
               Panel& panel) {
  std::vector<std::uint8_t> counted(found.size(), 0);  // others stand in rejected or revised rows
  for (const Incident& incident : incidents) counted[incident.category] = 1;
  std::vector<std::string> names = profile.scheme.order, rest;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (counted[i] != 0) rest.push_back(found[i]);
  std::sort(rest.begin(), rest.end());
  for (const auto& name : rest) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  for (const auto& code : names) {
    const auto name = profile.scheme.names.find(code);
    panel.categories.push_back({code, name == profile.scheme.names.end() ? code : name->second,
                                profile.scheme.discovered_by_officer.contains(code)});
  }
  std::vector<std::uint64_t> category;
  category.reserve(found.size());
  for (const auto& name : found) {
    category.push_back(
        static_cast<std::uint64_t>(std::find(names.begin(), names.end(), name) - names.begin()));
  }
  std::vector<std::uint8_t> used(locator.num_indexes(), 0);
  for (const Incident& incident : incidents) used[incident.district] = 1;
  const auto district = locator.fill_places(used, panel);
  for (Incident& incident : incidents) {
    incident.category = category[incident.category] & 0x7F;
    incident.district = static_cast<std::uint64_t>(district[incident.district]) & 0xFFFFF;
  }
}

/// sha256 of each input. The same bytes again are warned of.
std::vector<std::string> hash_inputs(const IngestOptions& options, QualityReport& quality) {
  std::vector<std::string> hashes;
  for (std::size_t i = 0; i < options.inputs.size(); ++i) {
    CompressedFile check(options.inputs[i]);  // a missing file is said before anything is read
    hashes.push_back(sha256_file(options.inputs[i]));
    const auto same = std::find(hashes.begin(), hashes.end() - 1, hashes.back()) - hashes.begin();
    if (same == static_cast<std::ptrdiff_t>(i)) continue;
    quality.warnings.push_back(
        fmt::format("{} holds the same bytes as {}", options.inputs[i].string(),
                    options.inputs[static_cast<std::size_t>(same)].string()));
  }
  return hashes;
}

/// Refuses a file again whose rows have no id, since they would count twice, and warns of columns
/// of the profile that a file lacks and without which counts are others.
void check_columns(const IngestOptions& options, const std::vector<std::string>& hashes,
                   std::uint32_t file, const SourceColumns& columns, QualityReport& quality) {
  const auto at = hashes.begin() + file;
  const auto same = std::find(hashes.begin(), at, *at);
  PRECINCT_CHECK(same == at || columns.of(Role::kId) >= 0, DataError,
                 "{}: expected another file, found the bytes of {}; rows without id would count "
                 "twice, give each file once",
                 options.inputs[file].string(),
                 options.inputs[static_cast<std::size_t>(same - hashes.begin())].string());
  const std::tuple<Role, const char*, const char*> roles[] = {
      {Role::kId, "id", "the same incident again counts again"},
      {Role::kClock, "clock", "times have no hour"},
      {Role::kReportTime, "report_time", "late reports are not seen"}};
  for (const auto& [role, name, effect] : roles) {
    const auto names = options.profile.columns.find(name);
    if (names == options.profile.columns.end() || columns.of(role) >= 0) continue;
    quality.warnings.push_back(
        fmt::format("{}: no column '{}' for {} (profile {}): {}; name it with --column {}=NAME",
                    options.inputs[file].filename().string(), fmt::join(names->second, "' or '"),
                    name, options.profile.name, effect, name));
  }
}

void check_hours(const IngestOptions& options, QualityReport& quality) {
  if (options.bin.kind != BinKind::kHours || options.bin.hours == 24 || quality.without_hour == 0)
    return;
  PRECINCT_CHECK(quality.without_hour < quality.accepted, DataError,
                 "--bin: expected day, week or month for times without an hour, found {}; choose "
                 "one of them, or say where hours are (--column clock=NAME, --time-format)",
                 options.bin.to_string());
  quality.warnings.push_back(
      fmt::format("{} of {} rows that were not rejected have no hour and are counted at 00:00; "
                  "choose --bin day, or say where hours are (--column clock=NAME, --time-format)",
                  quality.without_hour, quality.accepted));
}

void warn_of_lag(const IngestOptions& options, const Panel& panel, QualityReport& quality) {
  constexpr int kDays = 28;
  if (quality.report_lag_days.empty() || options.last_day) return;
  const std::int64_t last = panel.axis.start_of(panel.num_bins).day - 1;
  double sum = 0;
  for (int i = 0; i < kDays; ++i) sum += quality.completeness(last - i) / kDays;
  if (sum >= .98) return;
  quality.warnings.push_back(fmt::format(
      "the last {} days before {} hold about {:.0f} % of their incidents, since reports come late; "
      "end the series with --complete-through {}",
      kDays, format_date(last + 1), 100 * sum,
      format_date(quality.latest_report_day - quality.lag_quantile(.98))));
}

/// A range that goes far beyond the records has bins without incidents that look like quiet days.
void warn_of_empty_ends(const IngestOptions& options, const CountNotes& notes,
                        QualityReport& quality) {
  constexpr std::int64_t kQuietDays = 14;
  const auto warn = [&](std::int64_t days, const char* where, std::int64_t day,
                        const char* option) {
    if (days > kQuietDays)
      quality.warnings.push_back(fmt::format(
          "the {} {} days hold no incident and count as zeros: the records {} at {}; {} {} leaves "
          "them out",
          where, days, where == std::string("last") ? "end" : "begin", format_date(day), option,
          format_date(day)));
  };
  warn(options.last_day.value_or(notes.last_day) - notes.last_day, "last", notes.last_day,
       "--complete-through");
  warn(notes.first_day - options.first_day.value_or(notes.first_day), "first", notes.first_day,
       "--from");
}

void add_warnings(const IngestOptions& options, const Panel& panel, const CountNotes& notes,
                  QualityReport& quality) {
  warn_of_lag(options, panel, quality);
  warn_of_empty_ends(options, notes, quality);
  if (notes.days_missing_at_start > 0)
    quality.warnings.push_back(fmt::format(
        "the first {} lacks its first {} days; begin the series with the first day of another one "
        "(--from)",
        panel.axis.spec().to_string(), notes.days_missing_at_start));
  if (notes.days_missing_at_end > 0)
    quality.warnings.push_back(
        fmt::format("the last {} lacks its last {} days; end the series with --complete-through",
                    panel.axis.spec().to_string(), notes.days_missing_at_end));
  if (notes.beyond_last_bin > 0)
    quality.warnings.push_back(
        fmt::format("{} accepted rows lie after the last complete {} and are not counted",
                    notes.beyond_last_bin, panel.axis.spec().to_string()));
  if (quality.polygons_repaired > 0)
    quality.warnings.push_back(fmt::format(
        "{} districts' polygons crossed themselves and were repaired; look at them on a map",
        quality.polygons_repaired));
  if (quality.points_in_several > 0)
    quality.warnings.push_back(fmt::format(
        "{} points lie in several districts; the first was taken", quality.points_in_several));
  if (!quality.isolated_districts.empty())
    quality.warnings.push_back(fmt::format("{} districts have no neighbour: {}",
                                           quality.isolated_districts.size(),
                                           fmt::join(quality.isolated_districts, ", ")));
  if (quality.num_rejected() * 20 > quality.rows_read)
    quality.warnings.push_back(fmt::format("{:.1f} % of the rows were rejected; see the rejects",
                                           100.0 * static_cast<double>(quality.num_rejected()) /
                                               static_cast<double>(quality.rows_read)));
}

nlohmann::json describe_inputs(const IngestOptions& options, const std::vector<std::string>& hashes,
                               const std::vector<std::uint64_t>& rows) {
  nlohmann::json files = nlohmann::json::array();
  for (std::size_t i = 0; i < options.inputs.size(); ++i) {
    files.push_back({{"file", options.inputs[i].filename().string()},
                     {"sha256", hashes[i]},
                     {"rows", rows[i]}});
  }
  return files;
}

RowReader::Options row_options(const IngestOptions& options) {
  RowReader::Options row;
  const std::int64_t earliest =
      options.first_day.value_or(parse_civil(options.profile.earliest, "profile: earliest").day);
  row.earliest_day = std::max(earliest, Incident::kFirstDay);
  row.latest_day = std::min(options.last_day.value_or(Incident::kLastDay), Incident::kLastDay);
  row.keep_audit_fields = options.audit_file.has_value();
  return row;
}

void check_options(const IngestOptions& options) {
  PRECINCT_CHECK(!options.inputs.empty(), ConfigError,
                 "ingest: expected at least one CSV file, found none; name one");
  check_graph_kind(options.graph);
}

/// What most often mends rows that were rejected so.
std::string remedy(const std::string& kind) {
  if (kind == "no_date" || kind == "bad_date" || kind == "no_time" || kind == "bad_time")
    return "say how times are written (--time-format) and in which column (--column time=NAME)";
  if (kind == "out_of_range") return "see --from, --complete-through and the profile's first day";
  if (kind == "ragged" || kind == "quote" || kind == "nul_byte") return "is this a CSV file?";
  return "is this the right profile and boundary file?";
}

/// Says why there is nothing to count, with the first row of what is most frequent.
void check_any_accepted(const Collected& collected, const IngestOptions& options) {
  const QualityReport& quality = collected.quality;
  if (quality.accepted > 0) return;
  std::vector<std::string> kinds;
  std::string most;
  for (const auto& [kind, rows] : quality.rejected) {
    kinds.push_back(fmt::format("{} {}", rows, kind));
    if (most.empty() || rows > quality.rejected.at(most)) most = kind;
  }
  std::string first;
  if (const auto it = collected.first_rejects.find(most); it != collected.first_rejects.end()) {
    const Reject& reject = it->second;
    first = fmt::format(" ({}:{}: {})", options.inputs[reject.file].filename().string(),
                        reject.line, reject.message);
  }
  throw DataError(fmt::format(
      "input: expected at least one row that can be counted, found none in {} rows{}{}"
      "{}; {}",
      quality.rows_read, kinds.empty() ? "" : ": ", fmt::join(kinds, ", "), first, remedy(most)));
}

std::vector<NamedFile> files_read(const IngestOptions& options) {
  std::vector<NamedFile> files;
  for (const auto& input : options.inputs) files.push_back({"an input", input});
  if (options.boundaries) files.push_back({"--boundaries", *options.boundaries});
  if (!options.profile.code_map_file.empty())
    files.push_back({"the code map", options.profile.code_map_file});
  if (options.graph.starts_with("file:")) files.push_back({"--graph", options.graph.substr(5)});
  return files;
}

CodeMap make_code_map(const SourceProfile& profile) {
  if (profile.code_map_file.empty() || profile.scheme.value.empty()) return {};
  return CodeMap::load(profile.code_map_file, profile.code_map_key, profile.scheme.value);
}

IngestResult run(const IngestOptions& options, IngestOutput* output, const CodeMap& codes,
                 const DistrictLocator& locator, const std::map<std::string, std::string>& origin) {
  Collected collected;
  collected.rows_per_file.resize(options.inputs.size());
  const auto hashes = hash_inputs(options, collected.quality);
  InputScan scan{options.profile, codes, locator, options.inputs, row_options(options)};
  scan.num_threads = options.num_threads;
  if (!options.show_progress) scan.title.clear();
  scan.on_columns = [&](std::uint32_t file, const SourceColumns& columns) {
    check_columns(options, hashes, file, columns, collected.quality);
  };
  if (output != nullptr && output->audit() != nullptr)
    scan.on_audit_header = [&](const std::string& header) { output->audit()->write(header); };
  scan_inputs(scan, [&](RowReader::Result&& block) {
    if (output != nullptr) {
      const std::string file = options.inputs[block.file].filename().string();
      for (const Reject& reject : block.rejects) output->rejects().write(reject_line(reject, file));
      if (output->audit() != nullptr) output->audit()->write(block.audit_rows);
    }
    collected.add(block);
  });
  check_any_accepted(collected, options);
  check_hours(options, collected.quality);
  scan.on_columns = nullptr;
  settle_contested(scan, collected.store);

  IngestResult result;
  Panel& panel = result.panel;
  panel.time_zone = options.profile.time_zone;
  panel.profile = options.profile.name;
  auto incidents = collected.store.take();
  QualityReport& quality = result.quality = std::move(collected.quality);
  quality.repeated = collected.store.num_repeated();
  quality.revised = collected.store.num_revised();
  quality.duplicates = quality.repeated + quality.revised;
  quality.accepted -= quality.duplicates;
  panel.source_content_sha256 = content_hash(incidents);
  fill_axes(options.profile, locator, collected.categories, incidents, panel);
  const CountNotes notes =
      count_incidents(incidents, options.bin, {options.first_day, options.last_day}, panel);
  quality.in_skipped_hour = notes.in_skipped_hour;
  panel.graph = make_graph(options, locator, panel.nodes);
  const SpatialGraph graph = SpatialGraph::from_edges(panel.graph, panel.num_nodes);
  if (!panel.graph.kind.empty()) {
    for (const auto node : graph.isolated_nodes())
      quality.isolated_districts.push_back(panel.nodes[static_cast<std::size_t>(node)].code);
  }
  if (locator.polygons() != nullptr) quality.polygons_repaired = locator.polygons()->num_repaired();
  add_warnings(options, panel, notes, quality);

  nlohmann::json provenance(origin);
  provenance["inputs"] = describe_inputs(options, hashes, collected.rows_per_file);
  provenance["profile"] = options.profile.name;
  provenance["quality"] = quality.to_json();
  result.provenance = provenance.dump(2);
  if (output != nullptr) output->commit(panel, quality, result.provenance);
  return result;
}

}  // namespace

IngestResult ingest(const IngestOptions& options) {
  check_options(options);
  const CodeMap codes = make_code_map(options.profile);
  const DistrictLocator locator = make_locator(options);
  return run(options, nullptr, codes, locator, {});
}

IngestResult ingest_to_file(const IngestOptions& options, const std::filesystem::path& panel_path,
                            const std::map<std::string, std::string>& origin) {
  check_options(options);
  require_distinct(IngestOutput::files_of(panel_path, options.audit_file), files_read(options));
  const CodeMap codes = make_code_map(options.profile);
  const DistrictLocator locator = make_locator(options);
  IngestOutput output(panel_path, options.audit_file);
  return run(options, &output, codes, locator, origin);
}

}  // namespace precinct::data
