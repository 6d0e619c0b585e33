// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace precinct::config {

/// One value of a configuration file and where it stands.
struct YamlValue {
  std::vector<std::string> items;  // one for a scalar
  bool is_list = false;
  std::string where;             // "file:line" or "--set"
  std::filesystem::path folder;  // relative paths are relative to it
};

/// Values by dotted key.
using YamlValues = std::map<std::string, YamlValue>;

/// Reads a file of nested maps into `values`; later files replace earlier ones key by key. ${NAME}
/// and ${NAME:-default} are replaced. Problems (doubled keys, unset variables, syntax) are appended
/// to `problems`. Throws IoError when the file cannot be read. Bounded: at most 100,000 nodes,
/// whatever aliases say.
void read_yaml(const std::filesystem::path& path, YamlValues& values,
               std::vector<std::string>& problems);

/// One "--set a.b=value"; lists as [a, b].
void read_assignment(const std::string& assignment, YamlValues& values,
                     std::vector<std::string>& problems);

/// Quotes a text for YAML when it must be.
std::string yaml_quote(const std::string& text);

}  // namespace precinct::config
