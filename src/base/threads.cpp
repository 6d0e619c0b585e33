// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/threads.h"

#include "base/error.h"

namespace precinct {

void start_threads(std::vector<std::thread>& threads, std::size_t count,
                   const std::function<void()>& body, const std::function<void()>& stop) {
  try {
    while (threads.size() < count) threads.emplace_back(body);
  } catch (const std::exception& exception) {
    stop();
    for (auto& thread : threads) thread.join();
    threads.clear();
    throw DeviceError(as_error(exception).what());
  }
}

}  // namespace precinct
