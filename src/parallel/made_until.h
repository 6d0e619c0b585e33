// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
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

/// made_until() for many small things: its one thread runs one after the other. Once one of them
/// has not ended in time, the thread is left behind and whatever comes later is given up at once.
class MakingThread {
 public:
  MakingThread() = default;
  MakingThread(const MakingThread&) = delete;
  MakingThread& operator=(const MakingThread&) = delete;
  ~MakingThread() {
    if (!thread_.joinable()) return;
    std::unique_lock lock(state_->mutex);
    state_->ends = true;
    const bool is_lost = state_->is_lost;
    lock.unlock();
    state_->changed.notify_all();
    is_lost ? thread_.detach() : thread_.join();
  }

  /// What `make` returns, or throws, when it ends within `limit`; else nothing. From any thread.
  template <typename Make>
  auto made_within(std::chrono::milliseconds limit, Make make) -> std::optional<decltype(make())> {
    using Clock = std::chrono::steady_clock;
    auto task = std::make_shared<std::packaged_task<decltype(make())()>>(std::move(make));
    auto made = task->get_future();
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->is_lost) return std::nullopt;
      if (!thread_.joinable()) thread_ = std::thread([state = state_] { state->run(); });
      state_->tasks.emplace_back([task = std::move(task)] { (*task)(); });
    }
    state_->changed.notify_all();
    for (auto since = Clock::now(); made.wait_for(limit) != std::future_status::ready;) {
      const auto now = Clock::now();
      if (now - since < limit + limit / 2) {
        const std::lock_guard lock(state_->mutex);
        state_->is_lost = true;
        return std::nullopt;
      }
      since = now;  // this process was stopped itself: it has not waited
    }
    return made.get();
  }

 private:
  struct State {
    void run() {
      for (;;) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ends || is_lost || !tasks.empty(); });
        if (is_lost || tasks.empty()) return;
        const auto task = std::move(tasks.front());
        tasks.pop_front();
        lock.unlock();
        task();
      }
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> tasks;
    bool ends = false, is_lost = false;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace precinct::parallel
