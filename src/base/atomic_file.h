// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace precinct {

/// Writes a file that is visible only when complete: temporary name in the same folder, write,
/// fsync, rename, fsync of the folder. Throws IoError with path, errno text, bytes needed and free;
/// the target is then untouched and the temporary removed.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// The same for content that `writer` puts at the temporary path it is given (HDF5, large files).
void write_file_atomically(
    const std::filesystem::path& path,
    const std::function<void(const std::filesystem::path& temporary)>& writer);

/// A folder that appears complete or not at all: fill path(), then commit() (fsync files and
/// folder, rename, fsync parent). The destructor removes an uncommitted folder.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::filesystem::path target);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  const std::filesystem::path& path() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Whole file; throws IoError ("cannot be opened: ...").
std::string read_file(const std::filesystem::path& path);
/// fsync of a file or folder; throws IoError; never retried.
void sync_path(const std::filesystem::path& path);

}  // namespace precinct
