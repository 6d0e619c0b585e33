// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/installed_files.h"
#include "base/error.h"
#include "base/time_zone.h"
#include "data/ingest/date_format.h"
#include "data/ingest/ingest.h"

namespace precinct::apps {
namespace {

struct IngestArguments {
  std::string profile, boundaries, district_property, name_property, grid, graph,
      bin = "day", out, from, through, audit_file;
  std::string categories, code_map, code_map_key, code_map_value;
  std::string parent_property, unknown_district = "reject", time_zone;
  std::vector<std::string> inputs, districts, columns, time_formats;
  std::optional<std::uint64_t> skip_rows;
  bool by_point = false, json = false;
  int threads = 2;
};

std::optional<std::int64_t> parse_day(const std::string& text, const char* option) {
  if (text.empty()) return std::nullopt;
  CivilTime time;
  try {
    time = parse_civil(text, option);
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
  PRECINCT_CHECK(time.minute == 0, ConfigError,
                 "{}: expected a day, found '{}'; leave the time out", option, text);
  return time.day;
}

/// The profile with what the command line says in its place.
data::SourceProfile make_profile(const IngestArguments& arguments) {
  auto profile =
      data::SourceProfile::load(arguments.profile, {installed_folder("configs") / "sources"});
  if (!arguments.categories.empty()) profile.choose_categories(arguments.categories);
  if (!arguments.code_map.empty()) profile.code_map_file = arguments.code_map;
  if (!arguments.code_map_key.empty()) profile.code_map_key = arguments.code_map_key;
  PRECINCT_CHECK(arguments.code_map_value.empty() || arguments.categories.empty(), ConfigError,
                 "--categories and --code-map-value: expected one of them, found both; leave one "
                 "out");
  if (!arguments.code_map_value.empty()) {
    profile.scheme = {};
    profile.scheme.value = arguments.code_map_value;
  }
  PRECINCT_CHECK(!profile.scheme.value.empty() ||
                     (arguments.code_map.empty() && arguments.code_map_key.empty()),
                 ConfigError,
                 "--code-map: expected --code-map-value beside it, found none; without, it has no "
                 "effect: leave it out");
  if (arguments.skip_rows) profile.skip_rows = *arguments.skip_rows;
  if (!arguments.time_zone.empty()) profile.time_zone = arguments.time_zone;
  TimeZone::load(profile.time_zone);  // an unknown name is said now
  for (const auto& format : arguments.time_formats)
    data::check_time_format(format, "--time-format");
  if (!arguments.time_formats.empty()) profile.time_formats = arguments.time_formats;
  for (const std::string& column : arguments.columns) {
    const std::size_t equals = column.find('=');
    PRECINCT_CHECK(equals != std::string::npos && equals + 1 < column.size(), ConfigError,
                   "--column: expected ROLE=NAME, found '{}'; e.g. time=occurred_at", column);
    profile.set_column(column.substr(0, equals), column.substr(equals + 1));
  }
  return profile;
}

data::IngestOptions make_options(const IngestArguments& arguments) {
  data::IngestOptions options;
  options.profile = make_profile(arguments);
  options.inputs.assign(arguments.inputs.begin(), arguments.inputs.end());
  if (!arguments.boundaries.empty()) options.boundaries = arguments.boundaries;
  options.district_property = arguments.district_property;
  options.name_property = arguments.name_property;
  options.parent_property = arguments.parent_property;
  options.districts = arguments.districts;
  options.locate_by_point = arguments.by_point;
  options.unknown_under_parent = arguments.unknown_district == "parent";
  if (!arguments.grid.empty()) options.grid = data::GridSpec::parse(arguments.grid);
  PRECINCT_CHECK(!options.grid || !options.boundaries, ConfigError,
                 "--grid and --boundaries: expected one of them, found both; leave one out");
  const std::string& graph = arguments.graph;
  for (const auto& [option, is_given] : std::vector<std::pair<const char*, bool>>{
           {"--district-property", !arguments.district_property.empty()},
           {"--name-property", !arguments.name_property.empty()},
           {"--parent-property", !arguments.parent_property.empty()},
           {"--unknown-district", options.unknown_under_parent},
           {"--districts", !arguments.districts.empty()},
           {"--graph",
            !options.grid && !graph.empty() && graph != "none" && !graph.starts_with("file:")}})
    PRECINCT_CHECK(!is_given || options.boundaries, ConfigError,
                   "{}: expected --boundaries beside it, found none; without, it has no effect: "
                   "leave it out",
                   option);
  options.graph =
      arguments.graph.empty() ? (options.grid ? "queen" : "adjacency") : arguments.graph;
  options.bin = BinSpec::parse(arguments.bin);
  options.first_day = parse_day(arguments.from, "--from");
  options.last_day = parse_day(arguments.through, "--complete-through");
  PRECINCT_CHECK(
      !options.first_day || !options.last_day || *options.first_day <= *options.last_day,
      ConfigError,
      "--from and --complete-through: expected a range, found {} after {}; exchange them",
      arguments.from, arguments.through);
  if (!arguments.audit_file.empty()) options.audit_file = arguments.audit_file;
  options.num_threads = arguments.threads;
  return options;
}

/// What a panel lacks whose districts are codes without polygons; nothing when it has them.
std::string geometry_note(const data::Panel& panel) {
  if (panel.has_geometry()) return "";
  return fmt::format(
      "no --boundaries: the districts are the codes of the rows (one without an incident is "
      "missing) and have no geometry: no map in the report, no forecast as GeoJSON, no areas{}; "
      "ingest again with --boundaries F to have them\n",
      panel.graph.size() == 0 ? ", no neighbours (gat_tcn sees each district alone)" : "");
}

int run(const IngestArguments& arguments) {
  const auto ending = std::filesystem::path(arguments.out).extension();
  PRECINCT_CHECK(
      ending == ".h5" || ending == ".hdf5" || std::filesystem::is_directory(arguments.out),
      ConfigError,
      "--out: expected a file that ends in .h5, found '{}'; a panel is an HDF5 file, its "
      "rejects.csv and quality report go beside it",
      arguments.out);
  const auto options = make_options(arguments);
  const auto result = data::ingest_to_file(
      options, arguments.out,
      {{"command", command_line()}, {"version", build_version()}, {"date", utc_now()}});
  const data::Panel& panel = result.panel;
  if (arguments.json) {
    fmt::print("{}\n", nlohmann::json({{"panel", arguments.out},
                                       {"bins", panel.num_bins},
                                       {"districts", panel.num_nodes},
                                       {"categories", panel.num_categories},
                                       {"borders", panel.graph.size() / 2},
                                       {"has_polygons", panel.has_geometry()},
                                       {"quality", result.quality.to_json()}})
                           .dump(2));
  } else {
    fmt::print("{}", result.quality.to_text());
    fmt::print("{}: {} bins ({}) from {} x {} districts x {} categories, {} borders\n",
               arguments.out, panel.num_bins, panel.axis.spec().to_string(),
               format_date(panel.axis.start().day), panel.num_nodes, panel.num_categories,
               panel.graph.size() / 2);
    fmt::print("{}", geometry_note(panel));
  }
  return 0;
}

}  // namespace

void add_ingest_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "ingest", "incident files to a panel of counts per district, category and bin");
  auto a = std::make_shared<IngestArguments>();
  command->add_option("csv", a->inputs, "incident files: plain, gz, xz or zst")->required();
  command
      ->add_option("--profile", a->profile,
                   "source profile: a name of configs/sources (lapd, chicago_points, generic) or a "
                   "YAML file")
      ->required();
  command
      ->add_option("--out", a->out,
                   "panel file to write; rejects.csv and quality.{json,txt} go beside it")
      ->required();
  command->add_option("--boundaries", a->boundaries,
                      "districts as GeoJSON in WGS 84, plain or compressed");
  command->add_option("--district-property", a->district_property,
                      "property of the boundary file that holds the district's code");
  command->add_option("--name-property", a->name_property, "property that holds its name");
  command->add_option("--parent-property", a->parent_property,
                      "property that holds the larger district it belongs to");
  command
      ->add_option(
          "--districts", a->districts,
          "keep districts whose code fits one of these patterns, separated by commas, e.g. "
          "8*,14??; may be given again")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--unknown-district", a->unknown_district,
                   "rows whose code the boundary file lacks: reject, or parent: count them in one "
                   "extra node per division")
      ->check(CLI::IsMember({"reject", "parent"}))
      ->capture_default_str();
  command->add_flag("--by-point", a->by_point,
                    "find districts by coordinates even when the source has district codes");
  command->add_option("--grid", a->grid,
                      "regular grid instead of boundaries: "
                      "lat0,lon0,rows,columns,cells_per_degree_lat,cells_per_degree_lon");
  command->add_option("--graph", a->graph,
                      "adjacency (default), queen (default for grids), knn:<k>, file:<csv>, none");
  command->add_option("--bin", a->bin, "hours:<k>, day, week or month")->capture_default_str();
  command->add_option("--from", a->from,
                      "first day of the series, YYYY-MM-DD; older rows are rejected");
  command->add_option("--complete-through", a->through,
                      "last day of the series, YYYY-MM-DD; newer rows are rejected");
  command->add_option("--categories", a->categories,
                      "what to count, a name of the profile: crime_against (Person, Property, "
                      "Society) or part (Part 1, Part 2) for lapd");
  command->add_option("--code-map", a->code_map,
                      "CSV that maps category codes, instead of the profile's");
  command->add_option("--code-map-key", a->code_map_key, "its column with the source's code");
  command->add_option("--code-map-value", a->code_map_value,
                      "its column with the category to count, e.g. crime_against or part");
  command->add_option(
      "--keep-audit-fields", a->audit_file,
      "write the profile's audit fields by id to this separate CSV; no model reads it");
  command
      ->add_option("--column", a->columns,
                   "ROLE=NAME: the column of a role, e.g. time=occurred_at; may be given again")
      ->allow_extra_args(false);
  command
      ->add_option("--time-format", a->time_formats,
                   "form of the times, e.g. '%d.%m.%Y %H:%M'; may be given again")
      ->allow_extra_args(false);
  command->add_option("--time-zone", a->time_zone, "zone of the times, e.g. Europe/London");
  command
      ->add_option("--skip-rows", a->skip_rows,
                   "rows to leave out at the start of the first file, behind its header")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000'000}));
  command->add_option("--threads", a->threads, "parsing threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_flag("--json", a->json, "the summary as JSON");
  command->footer(
      std::string(
          "Example: precinct ingest --profile lapd --boundaries data/west_la/districts.geojson.xz "
          "--out out/west_la/panel.h5 data/west_la/incidents.csv.xz") +
      kExitCodes);
  command->callback([a, &action] { action = [a] { return run(*a); }; });
}

}  // namespace precinct::apps
