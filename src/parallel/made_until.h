// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace precinct::parallel {

/// What `make` returns, or throws, when it ends until `deadline`; else nothing: it runs in a thread
/// that is left behind then, and must own what it uses. For what of c10d has no end of its own.
template <typename Make>
auto made_until(std::chrono::steady_clock::time_point deadline, Make make)
    -> std::optional<decltype(make())> {
  std::packaged_task<decltype(make())()> task(std::move(make));
  auto made = task.get_future();
  std::thread(std::move(task)).detach();
  if (made.wait_until(deadline) != std::future_status::ready) return std::nullopt;
  return made.get();
}

}  // namespace precinct::parallel
