// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/worker_pool.h"
#include "tests/support/thread_room.h"

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

TEST(Threads, WithoutRoomForAllThoseThatHaveBegunAreStoppedAndItIsSaid) {
  std::vector<std::thread> threads;
  std::atomic<bool> stopped = false;
  std::atomic<int> begun = 0, ended = 0;
  const auto body = [&] {
    ++begun;
    while (!stopped) std::this_thread::yield();
    ++ended;
  };
  const test::RoomForOneThread room;
  try {
    start_threads(threads, 3, body, [&] { stopped = true; });
    FAIL() << "there was room";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(),
                testing::MatchesRegex("threads: expected room for another thread, found '[^\n]*'; "
                                      "[^\n]*ulimit -u[^\n]*data.loader_threads[^\n]*"));
  }
  EXPECT_TRUE(threads.empty());
  EXPECT_LE(begun, 1);
  EXPECT_EQ(ended, begun);
}

TEST(WorkerPool, WithoutRoomForItsThreadsIsADeviceErrorAndNoCrash) {
  const test::RoomForOneThread room;
  EXPECT_THROW(WorkerPool(2), DeviceError);
}

}  // namespace
}  // namespace precinct
