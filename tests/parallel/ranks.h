// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "parallel/world.h"

namespace precinct::test {

struct RankOptions {
  parallel::ConnectOptions connect = {.timeout = std::chrono::seconds(20),
                                      .connect_timeout = std::chrono::seconds(30)};
  std::chrono::seconds deadline{60};  ///< for all ranks together
  bool shutdown = true;               ///< call World::shutdown() after the body
  bool connects = true;               ///< else the body gets no world and reads the environment
  std::vector<int> killed{};          ///< ranks that end by SIGKILL, as the test wants it
  std::vector<std::string> unsaid{};  ///< what no rank may write, warnings of a library say
  bool rank0_holds_store = false;     ///< else this process does
};

/// Runs `body` as every rank of a world of `size` processes: the test program is there `size` times
/// more, each running the test that is running now, and in those processes this function calls the
/// body. Each must pass (or be killed, where the test wants that) before the deadline. What failed
/// is shown with the rank's output; lines of rank 0 that begin with "row: " always are. Call it on
/// a line of its own, as often as wanted.
void run_ranks(int size, const std::function<void(parallel::World&)>& body,
               const RankOptions& options = {});

/// In a rank: a folder that all ranks of this run_ranks() share, removed after it.
std::filesystem::path shared_folder();

/// The message of the E that `body` throws; fails the test when it throws none.
template <typename E>
std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error: " << error.what();
    return {};
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace precinct::test
