// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A file that is read must not be the one that is written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace precinct {

struct NamedFile {
  std::string name;  ///< what it is, e.g. "--out"
  std::filesystem::path path;
};

/// Throws ConfigError when an output is, under whatever name, the file of an input or of another
/// output. An input that is a folder stands for all files in it and below.
void require_distinct(const std::vector<NamedFile>& outputs, const std::vector<NamedFile>& inputs);

}  // namespace precinct
