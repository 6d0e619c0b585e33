// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/slow_notice.h"

#include <utility>

namespace precinct {

SlowNotice::SlowNotice(std::chrono::milliseconds limit, std::function<void()> say)
    : thread_([this, limit, say = std::move(say)] {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, limit, [this] { return over_; })) say();
      }) {}

SlowNotice::~SlowNotice() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace precinct
