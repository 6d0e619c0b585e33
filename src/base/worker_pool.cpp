// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/worker_pool.h"

#include <limits>

#include "base/threads.h"

namespace precinct {

WorkerPool::WorkerPool(std::size_t num_threads) : jobs_(std::numeric_limits<std::size_t>::max()) {
  start_threads(
      threads_, num_threads, [this] { run(); }, [this] { jobs_.close(); });
}

WorkerPool::~WorkerPool() {
  jobs_.close();
  for (auto& thread : threads_) thread.join();
}

void WorkerPool::submit(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    ++pending_;
  }
  jobs_.push(std::move(job));
}

void WorkerPool::run() {
  while (auto job = jobs_.pop()) {
    std::exception_ptr error;
    try {
      (*job)();
    } catch (...) {
      error = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    if (--pending_ == 0) idle_.notify_all();
  }
}

void WorkerPool::wait() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return pending_ == 0; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace precinct
