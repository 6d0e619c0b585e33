// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "parallel/job_life.h"
#include "parallel/progress.h"

namespace precinct::parallel {

/// What a rank that must end leaves to the others, and what they make of it. Gloo ends a process
/// when the sizes of a call differ, without a word to its peers, which see a connection go: from
/// the calls that were left they tell which one differs. Thread-safe.
class PostMortem {
 public:
  /// `life`: a connection of its own. `progress` has the calls of this rank's groups.
  PostMortem(JobLife life, std::shared_ptr<const Progress> progress, std::int64_t rank);
  /// What the job has ended with: what was declared, or the first call of this rank that differs
  /// from those that another one has left, which is declared then. Nothing when there is neither.
  /// Throws CommError when the store cannot be reached.
  std::optional<std::string> verdict();
  /// This process ends: leaves its calls, and returns the verdict if there is one now.
  std::optional<std::string> leave();

 private:
  std::mutex mutex_;
  JobLife life_;
  const std::shared_ptr<const Progress> progress_;
  const std::int64_t rank_;
};

}  // namespace precinct::parallel
