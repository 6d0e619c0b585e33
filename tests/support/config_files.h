// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "config/experiment_config.h"
#include "tests/support/temporary_folder.h"

namespace precinct::test {

/// Configuration files in a folder of their own.
class ConfigFiles {
 public:
  /// Writes one and gives its path.
  std::filesystem::path write(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    write_file_atomically(path, text);
    return path;
  }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

/// Lines of the ConfigError that loading these files gives; empty when it loads.
inline std::vector<std::string> problems_of(const std::vector<std::filesystem::path>& files,
                                            const std::vector<std::string>& assignments = {}) {
  std::vector<std::string> lines;
  try {
    config::load_experiment(files, assignments);
  } catch (const ConfigError& error) {
    std::string text = error.what();
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      lines.push_back(text.substr(0, end));
    lines.push_back(text);
  }
  return lines;
}

/// Lines of the ConfigError of one file with this text.
inline std::vector<std::string> problems_in(const std::string& text) {
  ConfigFiles files;
  return problems_of({files.write("a.yaml", text)});
}

}  // namespace precinct::test
