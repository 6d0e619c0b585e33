// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace precinct::train {

/// The folder checkpoints/ of a run: step-000001200/ ..., LATEST, BEST; STOPPED while a run that
/// was asked to stop waits to be started again.
///
/// A checkpoint is visible only when complete (temporary folder, fsync, rename, then LATEST), is
/// verified by size and sha256 when it is loaded, and is deleted only after a newer one was read
/// back. One process writes, and holds the run's lock; others may read what it names.
class CheckpointStore {
 public:
  /// The process that writes creates the folder and removes what an interrupted save left behind.
  CheckpointStore(std::filesystem::path folder, std::int64_t keep_last, bool writes = true);

  /// Writes step `step` with the files that `write` puts into the folder it is given, reads it
  /// back, then removes checkpoints that are neither best nor among the last keep_last. A good
  /// checkpoint of the same step is left as it is. Throws IoError; the last good checkpoint then
  /// stays.
  void save(std::int64_t step, bool is_best,
            const std::function<void(const std::filesystem::path&)>& write);

  /// The newest checkpoint that verifies; bad ones are renamed to <name>.bad with a warning that
  /// names file and offset. Nothing when the folder holds no checkpoint at all. Throws
  /// CheckpointError when it holds some and none is good.
  std::optional<std::filesystem::path> newest_good();
  /// The verified checkpoint of that name; throws CheckpointError.
  std::filesystem::path good(const std::string& name);
  void mark_best(std::int64_t step);
  /// For whoever started the run, a batch script say: it saved and left on request.
  void mark_stopped(std::int64_t step);
  void clear_stopped();
  static std::string name_of(std::int64_t step);

 private:
  struct Entry {
    std::int64_t step;
    std::filesystem::path path;
  };
  std::vector<Entry> entries() const;  // newest first
  bool is_good(const std::filesystem::path& path);
  void set_aside(const std::filesystem::path& path) const;
  void prune();

  std::filesystem::path folder_;
  std::int64_t keep_last_;
};

}  // namespace precinct::train
