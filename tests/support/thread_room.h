// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace precinct::test {

/// While it lives there is address space for the stack of one new thread, not for two. (A limit of
/// processes would not hold for root.)
class RoomForOneThread {
 public:
  RoomForOneThread() {
    ::pthread_getattr_default_np(&attributes_);
    ::getrlimit(RLIMIT_AS, &limit_);
    pthread_attr_t large;
    ::pthread_attr_init(&large);
    ::pthread_attr_setstacksize(&large, kStack);
    ::pthread_setattr_default_np(&large);
    ::pthread_attr_destroy(&large);
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit tight = limit_;
    tight.rlim_cur = pages * static_cast<rlim_t>(::getpagesize()) + kStack * 3 / 2;
    ::setrlimit(RLIMIT_AS, &tight);
  }
  ~RoomForOneThread() {
    ::setrlimit(RLIMIT_AS, &limit_);
    ::pthread_setattr_default_np(&attributes_);
    ::pthread_attr_destroy(&attributes_);
  }
  RoomForOneThread(const RoomForOneThread&) = delete;
  RoomForOneThread& operator=(const RoomForOneThread&) = delete;

 private:
  static constexpr std::size_t kStack = std::size_t{512} << 20;
  pthread_attr_t attributes_{};
  rlimit limit_{};
};

}  // namespace precinct::test
