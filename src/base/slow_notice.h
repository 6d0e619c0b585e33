// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace precinct {

/// For what is silent while it lasts: calls `say` once, from a thread of its own, when this still
/// lives after `limit`.
class SlowNotice {
 public:
  SlowNotice(std::chrono::milliseconds limit, std::function<void()> say);
  ~SlowNotice();
  SlowNotice(const SlowNotice&) = delete;
  SlowNotice& operator=(const SlowNotice&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace precinct
