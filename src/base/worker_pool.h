// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"

namespace precinct {

/// A fixed number of threads that run submitted jobs in order of submission. The first exception of
/// a job is rethrown by wait() (and then forgotten); the destructor finishes queued jobs and joins.
/// The constructor throws DeviceError when there is no room for the threads.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t num_threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  void submit(std::function<void()> job);
  /// Blocks until every submitted job has ended.
  void wait();
  std::size_t num_threads() const { return threads_.size(); }

 private:
  void run();
  BoundedQueue<std::function<void()>> jobs_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t pending_ = 0;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace precinct
