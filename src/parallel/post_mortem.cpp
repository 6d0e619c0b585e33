// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/post_mortem.h"

#include <utility>

namespace precinct::parallel {

PostMortem::PostMortem(JobLife life, std::shared_ptr<const Progress> progress, std::int64_t rank)
    : life_(std::move(life)), progress_(std::move(progress)), rank_(rank) {}

std::optional<std::string> PostMortem::verdict() {
  const std::lock_guard lock(mutex_);
  if (const auto declared = life_.verdict()) return declared;
  const auto other = life_.left_by();
  if (!other || *other == rank_) return std::nullopt;
  for (const auto& group : progress_->groups()) {
    const auto left = life_.shown_calls(*other, group.id, std::chrono::milliseconds(0));
    if (!left) continue;
    const auto found = first_difference(CallHistory::read(group.calls->dump()), *left);
    // a call that one of them has not come to yet is no difference
    if (!found || found->own.empty() || found->other.empty()) continue;
    life_.declare(difference_text(group.name, *found, rank_, *other));
    return life_.verdict();
  }
  return std::nullopt;
}

std::optional<std::string> PostMortem::leave() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& group : progress_->groups()) life_.show_calls(rank_, group.id, *group.calls);
    life_.say_left_by(rank_);
  }
  return verdict();
}

}  // namespace precinct::parallel
