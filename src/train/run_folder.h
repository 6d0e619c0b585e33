// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/made_folders.h"

namespace precinct::train {

/// One run's folder, locked for the process that leads the run: a second job in it is refused. What
/// a killed process left half-written is removed; a folder that this process made and has to leave
/// by an exception before there is a checkpoint is removed again.
///
///   config.yaml  manifest.json  metrics.jsonl  timing.jsonl  events.out.tfevents.*  log/
///   checkpoints/ artifact/  evaluation.json
class RunFolder {
 public:
  /// Creates the folder when needed and takes its lock at once. Throws IoError that names host and
  /// process id of the job that holds it. The lock ends with the process, however it ends.
  explicit RunFolder(std::filesystem::path path);
  /// The folder of a run that another process leads: nothing is created, locked or removed.
  struct Follower {};
  RunFolder(std::filesystem::path path, Follower) : path_(std::move(path)) {}
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path artifact() const { return path_ / "artifact"; }
  std::filesystem::path evaluation() const { return path_ / "evaluation.json"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path timing() const { return path_ / "timing.jsonl"; }
  /// Whose lock is in the folder: "host gpu07, process 4711"; empty when there is none.
  static std::string owner_of(const std::filesystem::path& path);
  /// Of a follower: one line when the folder that is seen here is not the one that `owner` has
  /// locked, e.g. a local disk of each host: ranks would find other checkpoints. Empty when it is.
  std::string why_not_shared(const std::string& owner,
                             std::chrono::milliseconds patience = std::chrono::seconds(5)) const;
  /// Artifact and evaluation are there.
  bool is_finished() const;
  /// Of this process, as a text for Start::processes.
  static std::string this_process();
  /// What manifest.json says of a start of the run, with the leader's environment.
  struct Start {
    std::string version, command_line;
    std::string ranks_from;              ///< parallel::ProcessContext's source
    std::vector<std::string> processes;  ///< this_process() of each rank
  };
  void write_manifest(const Start& start) const;

  /// Whether a run may go on in a folder that is there; kRestartedFresh: its first start chose a
  /// fresh one.
  enum class Choice { kGoOn, kFresh, kRestartedFresh };
  /// <output>/<name>; the first of <name>, <name>-2, <name>-3, ... that is not there; the last that
  /// is.
  static std::filesystem::path choose(const std::filesystem::path& output, const std::string& name,
                                      Choice choice);

 private:
  bool holds_checkpoint() const;
  void remove_what_was_made() const;

  std::filesystem::path path_;
  std::optional<MadeFolders> made_;
  int lock_ = -1;
};

}  // namespace precinct::train
