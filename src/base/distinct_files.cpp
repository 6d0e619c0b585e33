// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/distinct_files.h"

#include "base/error.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;

fs::path known_path(const fs::path& path) {
  std::error_code error;
  const fs::path known = fs::weakly_canonical(fs::absolute(path), error);
  return error ? fs::absolute(path).lexically_normal() : known;
}

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) || known_path(a) == known_path(b);
}

/// An output that does not exist yet destroys nothing in a folder.
bool is_below(const fs::path& file, const fs::path& folder) {
  if (!fs::exists(file) || !fs::is_directory(folder)) return false;
  const fs::path relative = known_path(file).lexically_relative(known_path(folder));
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

void require_distinct(const std::vector<NamedFile>& outputs, const std::vector<NamedFile>& inputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& output = outputs[i];
    for (const auto& input : inputs)
      PRECINCT_CHECK(!is_same(output.path, input.path) && !is_below(output.path, input.path),
                     ConfigError,
                     "{}: expected another file than {}, which is read, found '{}'; choose another "
                     "name",
                     output.name, input.name, output.path.string());
    for (std::size_t j = 0; j < i; ++j)
      PRECINCT_CHECK(!is_same(output.path, outputs[j].path), ConfigError,
                     "{}: expected another file than {}, which is written too, found '{}'; choose "
                     "another name",
                     output.name, outputs[j].name, output.path.string());
  }
}

}  // namespace precinct
