// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace precinct::test {

/// A file of the shared data folder (PRECINCT_SHARED_DATA, default ../shared/data).
inline std::filesystem::path shared_data(const std::string& name) {
  const char* folder = std::getenv("PRECINCT_SHARED_DATA");
  if (folder != nullptr) return std::filesystem::path(folder) / name;
  return std::filesystem::path(PRECINCT_SOURCE_DIR) / "../shared/data" / name;
}

}  // namespace precinct::test

/// Reports the test as not run, by name, when a shared file is absent.
#define PRECINCT_NEED_SHARED_DATA(name)                            \
  if (!std::filesystem::exists(precinct::test::shared_data(name))) \
  GTEST_SKIP() << "not run: shared data absent: " << (name)
