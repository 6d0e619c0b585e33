// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace precinct {

/// `path` without "." and "..", and without a '/' at its end: its last part is the folder's name.
/// An empty path is the current folder.
std::filesystem::path absolute_folder(const std::filesystem::path& path);

/// Makes a folder with all that are missing above it, and can take back what it made: a command
/// that fails leaves no empty folders.
class MadeFolders {
 public:
  /// Throws IoError. An empty path is the current folder.
  explicit MadeFolders(const std::filesystem::path& folder);
  /// False when the folder was there before.
  bool made_any() const { return !topmost_.empty(); }
  /// Removes those that were made and are empty.
  void remove_empty() const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path topmost_;  // of those that were made; empty: none
};

}  // namespace precinct
