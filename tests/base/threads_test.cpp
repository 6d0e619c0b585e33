// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/worker_pool.h"

namespace precinct {
namespace {

TEST(BoundedQueue, KeepsOrderAndDrainsAfterClose) {
  BoundedQueue<int> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) queue.push(i);
    queue.close();
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop(), i);
  EXPECT_FALSE(queue.pop().has_value());
  producer.join();
}

TEST(BoundedQueue, FailReachesTheConsumerAndUnblocksTheProducer) {
  BoundedQueue<int> queue(1);
  queue.push(1);
  std::thread producer([&] { EXPECT_FALSE(queue.push(2)); });
  queue.fail(std::make_exception_ptr(DataError("broken")));
  producer.join();
  EXPECT_THROW(queue.pop(), DataError);
}

TEST(WorkerPool, RunsEverythingAndRethrowsTheFirstError) {
  WorkerPool pool(2);
  std::atomic<int> count = 0;
  for (int i = 0; i < 50; ++i) pool.submit([&] { ++count; });
  pool.wait();
  EXPECT_EQ(count, 50);
  pool.submit([] { throw DataError("job 3 failed"); });
  EXPECT_THROW(pool.wait(), DataError);
  pool.submit([&] { ++count; });
  pool.wait();
  EXPECT_EQ(count, 51);
}

}  // namespace
}  // namespace precinct
