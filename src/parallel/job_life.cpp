// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/job_life.h"

#include <fmt/format.h>

#include <algorithm>

namespace precinct::parallel {
namespace {

constexpr std::chrono::milliseconds kNow{0};

std::string key(const char* what, std::int64_t rank) { return fmt::format("{}/{}", what, rank); }

}  // namespace

JobLife JobLife::of_job(const std::string& address, std::uint16_t port, std::int64_t restart_count,
                        std::chrono::milliseconds timeout) {
  return JobLife(part_of(*job_store(address, port, restart_count, timeout)));
}

void JobLife::beat(std::int64_t rank, const Beat& beat) {
  store_->set(key("beat", rank), beat.text());
}

std::optional<Beat> JobLife::last_beat(std::int64_t rank) {
  const auto text = store_->get(key("beat", rank), kNow);
  return text ? Beat::parse(*text) : std::nullopt;
}

void JobLife::set_held(std::int64_t rank, bool is_held) {
  store_->set(key("held", rank), is_held ? "1" : "0");
}

bool JobLife::is_held(std::int64_t rank) { return store_->get(key("held", rank), kNow) == "1"; }

void JobLife::declare(const std::string& verdict) { store_->set_once("verdict", verdict); }

std::optional<std::string> JobLife::verdict() { return store_->get("verdict", kNow); }

void JobLife::say_here() { store_->set("here", "1"); }

void JobLife::say_gone(std::int64_t rank) { store_->set(key("gone", rank), "1"); }

void JobLife::wait_until_gone(std::int64_t world_size, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  if (!store_->get("here", kNow)) return;
  const auto deadline = Clock::now() + limit;
  for (std::int64_t rank = 0; rank < world_size; ++rank)
    store_->get(
        key("gone", rank),
        std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()), kNow));
}

void JobLife::ask_for_calls() { store_->set("asked", "1"); }

bool JobLife::calls_are_asked_for() { return store_->get("asked", kNow).has_value(); }

void JobLife::show_calls(std::int64_t rank, const std::string& group, const CallHistory& calls) {
  store_->set(key("calls", rank) + "/" + group, calls.dump());
}

void JobLife::say_left_by(std::int64_t rank) { store_->set_once("left_by", std::to_string(rank)); }

std::optional<std::int64_t> JobLife::left_by() {
  const auto text = store_->get("left_by", kNow);
  return text ? std::optional(std::stoll(*text)) : std::nullopt;
}

std::optional<std::vector<PastCall>> JobLife::shown_calls(std::int64_t rank,
                                                          const std::string& group,
                                                          std::chrono::milliseconds timeout) {
  const auto text = store_->get(key("calls", rank) + "/" + group, timeout);
  if (!text) return std::nullopt;
  return CallHistory::read(*text);
}

}  // namespace precinct::parallel
