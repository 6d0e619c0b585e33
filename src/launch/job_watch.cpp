// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/job_watch.h"

#include <chrono>

#include "base/error.h"
#include "parallel/job_life.h"

namespace precinct::launch {

JobWatch::JobWatch() = default;
JobWatch::JobWatch(std::string address, std::uint16_t port, std::int64_t restart_count)
    : address_(std::move(address)), port_(port), restart_count_(restart_count), is_silent_(false) {}
JobWatch::~JobWatch() = default;
JobWatch::JobWatch(JobWatch&&) noexcept = default;

template <typename Body>
void JobWatch::with_life(const Body& body) {
  if (is_silent_) return;
  try {
    if (!life_)
      life_ = std::make_unique<parallel::JobLife>(
          parallel::JobLife::of_job(address_, port_, restart_count_, std::chrono::seconds(2)));
    body(*life_);
  } catch (const Error&) {
    is_silent_ = true;
  }
}

void JobWatch::set_held(std::int64_t rank, bool is_held) {
  with_life([&](parallel::JobLife& life) { life.set_held(rank, is_held); });
}

void JobWatch::renew() { life_.reset(); }

std::string JobWatch::verdict() {
  std::string text;
  with_life([&](parallel::JobLife& life) {
    if (const auto verdict = life.verdict()) text = *verdict;
  });
  return text;
}

std::int64_t JobWatch::last_step(std::int64_t rank) {
  std::int64_t step = -1;
  with_life([&](parallel::JobLife& life) {
    if (const auto beat = life.last_beat(rank)) step = beat->step;
  });
  return step;
}

void JobWatch::leave_last(std::int64_t rank, std::int64_t world_size, bool is_well) {
  using parallel::JobLife;
  with_life([&](JobLife& life) {
    life.say_gone(rank);
    life.wait_until_gone(world_size, is_well ? JobLife::kPatience : JobLife::kPatienceAfterAnError);
  });
}

}  // namespace precinct::launch
