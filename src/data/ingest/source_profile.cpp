// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/source_profile.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/error.h"

namespace precinct::data {
namespace {

const std::set<std::string> kRoles = {"id",          "time",     "clock",
                                      "report_time", "revision", "district",
                                      "longitude",   "latitude", "category"};
const std::set<std::string> kKeys = {"name",
                                     "header",
                                     "skip_rows",
                                     "time_zone",
                                     "earliest",
                                     "columns",
                                     "time_formats",
                                     "time_of_day_is_dummy",
                                     "unknown",
                                     "person_fields",
                                     "audit_fields",
                                     "code_map",
                                     "category_order",
                                     "discovered_by_officer",
                                     "district_property"};

std::vector<std::string> as_list(const YAML::Node& node) {
  if (!node) return {};
  if (node.IsScalar()) return {node.as<std::string>()};
  return node.as<std::vector<std::string>>();
}

std::filesystem::path find(const std::string& name,
                           const std::vector<std::filesystem::path>& folders) {
  if (std::filesystem::is_regular_file(name)) return name;
  std::string known;
  for (const auto& folder : folders) {
    const auto candidate = folder / (name + ".yaml");
    if (std::filesystem::is_regular_file(candidate)) return candidate;
    if (!std::filesystem::is_directory(folder)) continue;
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      names.insert(entry.path().stem().string());
    known = fmt::format("{}", fmt::join(names, ", "));
  }
  throw ConfigError(fmt::format(
      "--profile: expected a YAML file or one of: {}; found '{}'; write a profile or choose one",
      known, name));
}

}  // namespace

SourceProfile SourceProfile::load(const std::string& name_or_path,
                                  const std::vector<std::filesystem::path>& folders) {
  const auto path = find(name_or_path, folders);
  SourceProfile profile;
  try {
    const YAML::Node root = YAML::LoadFile(path.string());
    PRECINCT_CHECK(root.IsMap(), ConfigError, "{}: expected a map of keys, found something else",
                   path.string());
    for (const auto& item : root) {
      const auto key = item.first.as<std::string>();
      PRECINCT_CHECK(kKeys.contains(key), ConfigError, "{}:{}: {}: unknown key; known: {}",
                     path.string(), item.first.Mark().line + 1, key, fmt::join(kKeys, ", "));
    }
    profile.name = root["name"].as<std::string>(path.stem().string());
    profile.header = root["header"].as<bool>(true);
    profile.skip_rows = root["skip_rows"].as<std::int64_t>(0);
    profile.time_zone = root["time_zone"].as<std::string>("UTC");
    profile.earliest = root["earliest"].as<std::string>(profile.earliest);
    for (const auto& item : root["columns"]) {
      const auto role = item.first.as<std::string>();
      PRECINCT_CHECK(kRoles.contains(role), ConfigError,
                     "{}:{}: columns.{}: unknown role; known: {}", path.string(),
                     item.first.Mark().line + 1, role, fmt::join(kRoles, ", "));
      profile.columns[role] = as_list(item.second);
    }
    profile.time_formats = as_list(root["time_formats"]);
    profile.time_of_day_is_dummy = root["time_of_day_is_dummy"].as<bool>(false);
    profile.unknown = as_list(root["unknown"]);
    profile.person_fields = as_list(root["person_fields"]);
    profile.audit_fields = as_list(root["audit_fields"]);
    if (const YAML::Node map = root["code_map"]) {
      const std::filesystem::path file = map["file"].as<std::string>("");
      profile.code_map_file =
          file.empty() || file.is_absolute() ? file.string() : (path.parent_path() / file).string();
      profile.code_map_key = map["key"].as<std::string>("");
      profile.code_map_value = map["value"].as<std::string>("");
    }
    profile.category_order = as_list(root["category_order"]);
    const auto discovered = as_list(root["discovered_by_officer"]);
    profile.discovered_by_officer.insert(discovered.begin(), discovered.end());
    profile.district_property = root["district_property"].as<std::string>("");
  } catch (const YAML::Exception& error) {
    throw ConfigError(fmt::format("{}:{}: expected a source profile in YAML, found: {}",
                                  path.string(), error.mark.line + 1, error.msg));
  }
  for (const char* role : {"time", "category"}) {
    PRECINCT_CHECK(profile.columns.contains(role), ConfigError,
                   "{}: columns.{}: expected a column, found none; every source needs one",
                   path.string(), role);
  }
  PRECINCT_CHECK(!profile.time_formats.empty(), ConfigError,
                 "{}: time_formats: expected at least one, found none; e.g. '%m/%d/%Y'",
                 path.string());
  for (const auto& [role, names] : profile.columns) {
    for (const auto& field : names) {
      const bool person = std::find(profile.person_fields.begin(), profile.person_fields.end(),
                                    field) != profile.person_fields.end();
      PRECINCT_CHECK(
          !person, ConfigError,
          "{}: columns.{}: '{}' is a person field; persons are never a feature, an entity or a key",
          path.string(), role, field);
    }
  }
  return profile;
}

}  // namespace precinct::data
