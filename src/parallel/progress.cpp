// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/progress.h"

#include <algorithm>
#include <cmath>

namespace precinct::parallel {
namespace {

double seconds(Progress::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

Progress::Usual usual_of(const std::deque<double>& durations) {
  std::vector<double> sorted(durations.begin(), durations.end());
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double share) {
    const auto index = std::ceil(share * static_cast<double>(sorted.size())) - 1;
    return sorted[static_cast<std::size_t>(std::max(0.0, index))];
  };
  return {static_cast<std::int64_t>(sorted.size()), at(0.5), at(0.99)};
}

}  // namespace

void Progress::change() {
  ++changes_;
  last_change_ = Clock::now();
}

void Progress::enter(const std::string& phase, std::int64_t step) {
  const std::lock_guard lock(mutex_);
  change();
  auto& durations = durations_[phase_];
  const double waited = waited_s_ - waited_before_phase_s_;
  durations.push_back(std::max(0.0, seconds(last_change_ - phase_begin_) - waited));
  if (durations.size() > kDurations) durations.pop_front();
  phase_ = phase;
  step_ = step;
  phase_begin_ = last_change_;
  waited_before_phase_s_ = waited_s_;
}

void Progress::add(Group group) {
  const std::lock_guard lock(mutex_);
  groups_.push_back(std::move(group));
}

void Progress::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(groups_, [&](const Group& group) { return group.id == id; });
}

std::vector<Progress::Group> Progress::groups() const {
  const std::lock_guard lock(mutex_);
  return groups_;
}

Progress::Wait::Wait(Progress& progress, Awaited awaited) : progress_(progress) {
  const std::lock_guard lock(progress_.mutex_);
  if (progress_.waits_++ > 0) return;
  progress_.change();
  progress_.wait_begin_ = progress_.last_change_;
  progress_.awaited_ = std::move(awaited);
}

Progress::Wait::~Wait() {
  const std::lock_guard lock(progress_.mutex_);
  if (--progress_.waits_ > 0) return;
  progress_.change();
  progress_.waited_s_ += seconds(progress_.last_change_ - progress_.wait_begin_);
}

Progress::Snapshot Progress::snapshot() const {
  const std::lock_guard lock(mutex_);
  Snapshot now;
  now.step = step_;
  now.phase = phase_;
  now.changes = changes_;
  const auto time = Clock::now();
  now.idle_s = seconds(time - last_change_);
  now.is_waiting = waits_ > 0;
  if (now.is_waiting) {
    now.waiting_s = seconds(time - wait_begin_);
    now.awaited = awaited_;
  }
  for (const auto& [phase, durations] : durations_) now.usual[phase] = usual_of(durations);
  return now;
}

}  // namespace precinct::parallel
