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
  bool is_empty = false;         // nothing after the colon, or {}
  std::string where;             // "file:line" or "--set"
  std::filesystem::path folder;  // relative paths are relative to it
};

/// Values by dotted key.
using YamlValues = std::map<std::string, YamlValue>;

/// A text for a message: control characters escaped, cut after 120 characters.
std::string shown(const std::string& text);

/// Reads a file of nested maps into `values`; later files replace earlier ones key by key. ${NAME}
/// and ${NAME:-default} are replaced. Problems (doubled keys, unset variables, syntax) are appended
/// to `problems`. Throws IoError when the file cannot be read. Bounded, whatever aliases say: at
/// most 1 MiB, 100,000 nodes and 16 levels.
void read_yaml(const std::filesystem::path& path, YamlValues& values,
               std::vector<std::string>& problems);

/// One "--set a.b=value"; lists as [a, b].
void read_assignment(const std::string& assignment, YamlValues& values,
                     std::vector<std::string>& problems);

/// Quotes a text for YAML when it must be.
std::string yaml_quote(const std::string& text);

}  // namespace precinct::config
