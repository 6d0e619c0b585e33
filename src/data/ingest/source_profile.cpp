// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/source_profile.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/civil_time.h"
#include "base/error.h"
#include "data/ingest/date_format.h"

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
                                     "unknown_in",
                                     "person_fields",
                                     "audit_fields",
                                     "code_map",
                                     "category_order",
                                     "categories",
                                     "default_categories",
                                     "discovered_by_officer",
                                     "district_property",
                                     "parent_drops_digits"};

void check_keys(const YAML::Node& map, const std::set<std::string>& known,
                const std::string& where) {
  std::set<std::string> seen;
  for (const auto& item : map) {
    const auto key = item.first.as<std::string>();
    const int line = item.first.Mark().line + 1;
    PRECINCT_CHECK(known.contains(key), ConfigError,
                   "{}:{}: {}: expected a key among {}, found '{}'; correct or remove it", where,
                   line, key, fmt::join(known, ", "), key);
    PRECINCT_CHECK(seen.insert(key).second, ConfigError,
                   "{}:{}: {}: expected each key once, found it twice; remove one", where, line,
                   key);
  }
}

std::vector<std::string> as_list(const YAML::Node& node) {
  if (!node) return {};
  if (node.IsScalar()) return {node.as<std::string>()};
  return node.as<std::vector<std::string>>();
}

std::set<std::string> as_set(const YAML::Node& node) {
  const auto list = as_list(node);
  return {list.begin(), list.end()};
}

CategoryScheme read_scheme(const YAML::Node& node, const std::string& where) {
  check_keys(node, {"value", "order", "names", "discovered_by_officer"}, where);
  CategoryScheme scheme;
  scheme.value = node["value"].as<std::string>("");
  scheme.order = as_list(node["order"]);
  if (node["names"]) scheme.names = node["names"].as<std::map<std::string, std::string>>();
  scheme.discovered_by_officer = as_set(node["discovered_by_officer"]);
  return scheme;
}

/// The keys that say how categories are counted.
void read_categories(const YAML::Node& root, const std::filesystem::path& path,
                     SourceProfile& profile) {
  if (const YAML::Node map = root["code_map"]) {
    check_keys(map, {"file", "key", "value"}, path.string());
    const std::filesystem::path file = map["file"].as<std::string>("");
    profile.code_map_file =
        file.empty() || file.is_absolute() ? file.string() : (path.parent_path() / file).string();
    profile.code_map_key = map["key"].as<std::string>("");
    profile.scheme.value = map["value"].as<std::string>("");
  }
  profile.scheme.order = as_list(root["category_order"]);
  profile.scheme.discovered_by_officer = as_set(root["discovered_by_officer"]);
  for (const auto& item : root["categories"])
    profile.schemes[item.first.as<std::string>()] = read_scheme(item.second, path.string());
  if (root["default_categories"])
    profile.choose_categories(root["default_categories"].as<std::string>());
}

std::filesystem::path find(const std::string& name,
                           const std::vector<std::filesystem::path>& folders) {
  if (std::filesystem::is_regular_file(name)) return name;
  std::string known;
  for (const auto& folder : folders) {
    auto candidate = folder / (name + ".yaml");
    if (std::filesystem::is_regular_file(candidate)) return candidate;
    if (!std::filesystem::is_directory(folder)) continue;
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      names.insert(entry.path().stem().string());
    known = fmt::format("{}", fmt::join(names, ", "));
  }
  throw ConfigError(fmt::format(
      "--profile: expected a YAML file or one of {}, found '{}'; write a profile or choose one",
      known, name));
}

/// The words of a column's name in lower case: "Vict Sex", "victSex" and "VICT_SEX" are vict, sex.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words(1);
  char before = ' ';
  for (const char c : name) {
    const bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
    const bool starts = is_upper && before >= 'a' && before <= 'z';
    if (starts || (!is_upper && !is_lower && (c < '0' || c > '9'))) words.emplace_back();
    if (is_upper || is_lower || (c >= '0' && c <= '9'))
      words.back() += static_cast<char>(is_upper ? c - 'A' + 'a' : c);
    before = c;
  }
  std::erase(words, "");
  return words;
}

/// Whatever the profile lists: these words are about persons in the column of any source.
bool is_about_persons(const std::string& word) {
  static const std::set<std::string> kWords = {"age",  "ages",   "sex",       "gender",
                                               "race", "ethnic", "ethnicity", "descent"};
  static const std::vector<std::string> kBeginnings = {"vict", "suspect", "offender", "arrestee",
                                                       "perpetrator"};
  return kWords.contains(word) || std::any_of(kBeginnings.begin(), kBeginnings.end(),
                                              [&](const auto& b) { return word.starts_with(b); });
}

void check_no_person(const SourceProfile& profile, const std::string& role,
                     const std::string& field) {
  PRECINCT_CHECK(!profile.is_person_field(field), ConfigError,
                 "profile {}: columns.{}: expected no person field, found '{}'; choose another: "
                 "persons are never a feature, an entity or a key",
                 profile.name, role, field);
}

}  // namespace

bool SourceProfile::is_person_field(const std::string& column) const {
  const auto words = words_of(column);
  return std::any_of(words.begin(), words.end(), is_about_persons) ||
         std::any_of(person_fields.begin(), person_fields.end(),
                     [&](const auto& field) { return words_of(field) == words; });
}

SourceProfile SourceProfile::load(const std::string& name_or_path,
                                  const std::vector<std::filesystem::path>& folders) {
  const auto path = find(name_or_path, folders);
  SourceProfile profile;
  try {
    const YAML::Node root = YAML::LoadFile(path.string());
    PRECINCT_CHECK(
        root.IsMap(), ConfigError,
        "{}: expected a map of keys, found something else; see configs/sources/generic.yaml",
        path.string());
    check_keys(root, kKeys, path.string());
    profile.name = root["name"].as<std::string>(path.stem().string());
    profile.header = root["header"].as<bool>(true);
    profile.skip_rows = root["skip_rows"].as<std::uint64_t>(0);
    profile.time_zone = root["time_zone"].as<std::string>("UTC");
    profile.earliest = root["earliest"].as<std::string>(profile.earliest);
    for (const auto& item : root["columns"]) {
      const auto role = item.first.as<std::string>();
      PRECINCT_CHECK(kRoles.contains(role), ConfigError,
                     "{}:{}: columns.{}: unknown role, expected one of {}, found '{}'; correct it",
                     path.string(), item.first.Mark().line + 1, role, fmt::join(kRoles, ", "),
                     role);
      profile.columns[role] = as_list(item.second);
    }
    profile.time_formats = as_list(root["time_formats"]);
    profile.time_of_day_is_dummy = root["time_of_day_is_dummy"].as<bool>(false);
    profile.unknown = as_list(root["unknown"]);
    profile.person_fields = as_list(root["person_fields"]);
    profile.audit_fields = as_list(root["audit_fields"]);
    for (const auto& item : root["unknown_in"])
      profile.unknown_in[item.first.as<std::string>()] = as_list(item.second);
    read_categories(root, path, profile);
    profile.parent_drops_digits = root["parent_drops_digits"].as<std::size_t>(0);
    profile.district_property = root["district_property"].as<std::string>("");
  } catch (const YAML::Exception& error) {
    throw ConfigError(
        fmt::format("{}:{}: expected a source profile in YAML, found: {}; correct this line",
                    path.string(), error.mark.line + 1, error.msg));
  }
  for (const char* role : {"time", "category"}) {
    PRECINCT_CHECK(profile.columns.contains(role), ConfigError,
                   "{}: columns.{}: expected a column, found none; name it, every source needs one",
                   path.string(), role);
  }
  PRECINCT_CHECK(!profile.time_formats.empty(), ConfigError,
                 "{}: time_formats: expected at least one, found none; add one such as '%m/%d/%Y'",
                 path.string());
  for (const auto& format : profile.time_formats)
    check_time_format(format, path.string() + ": time_formats");
  try {
    parse_civil(profile.earliest, path.string() + ": earliest");
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
  for (const auto& [role, names] : profile.columns) {
    for (const auto& field : names) check_no_person(profile, role, field);
  }
  return profile;
}

void SourceProfile::set_column(const std::string& role, const std::string& column) {
  PRECINCT_CHECK(kRoles.contains(role), ConfigError,
                 "--column: expected one of {}, found '{}'; choose one of them",
                 fmt::join(kRoles, ", "), role);
  check_no_person(*this, role, column);
  columns[role] = {column};
  named_roles.insert(role);
}

void SourceProfile::choose_categories(const std::string& scheme_name) {
  const auto it = schemes.find(scheme_name);
  std::vector<std::string> known;
  for (const auto& [known_name, ignored] : schemes) known.push_back(known_name);
  PRECINCT_CHECK(it != schemes.end(), ConfigError,
                 "--categories: expected one of profile {}: {}, found '{}'; choose one of them or "
                 "give --code-map-value",
                 name, known.empty() ? "(it has none)" : fmt::format("{}", fmt::join(known, ", ")),
                 scheme_name);
  scheme = it->second;
}

}  // namespace precinct::data
