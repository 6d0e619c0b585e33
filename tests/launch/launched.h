// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "launch/file_descriptor.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace precinct::test {

/// A pipe whose write end every process of a job inherits as file 9. They tell of themselves in it
/// ("echo here >&9"), and it ends when the last of them is gone, children of ranks included.
class JobPipe {
 public:
  JobPipe() : pipe_(launch::Pipe::open()) { ::fcntl(pipe_.read.number(), F_SETFL, O_NONBLOCK); }
  /// In the child that becomes the launcher.
  void hand_down() const { ::dup2(pipe_.write.number(), 9); }
  int read_end() const { return pipe_.read.number(); }
  /// What was told so far, since the first call.
  const std::string& told() {
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(read_end(), buffer.data(), buffer.size())) > 0;)
      told_.append(buffer.data(), static_cast<std::size_t>(count));
    return told_;
  }
  /// Whether the last process went within `limit`; call it when the launcher has ended.
  bool ends_within(std::chrono::milliseconds limit) {
    pipe_.write.close();
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd end{read_end(), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&end, 1, static_cast<int>(left.count())) == 0) return false;
      told();
      char byte = 0;
      if (::read(read_end(), &byte, 1) == 0) return true;
    }
  }

 private:
  launch::Pipe pipe_;
  std::string told_;
};

/// What precinct launch did, and when.
struct Launched {
  ProgramResult result;
  double seconds = 0;         ///< from what was waited for to the launcher's end
  bool left_nothing = false;  ///< no process of the job is left a second later
  std::string told;           ///< in file 9
};

/// Runs `precinct launch <options> -- sh -c <script>` to its end, at most 60 s. `seconds` count
/// from when the job had told `after_bytes`. $1 is a folder that the ranks share, $PPID the
/// launcher.
inline Launched launch_script(const std::vector<std::string>& options, const std::string& script,
                              std::size_t after_bytes = 0) {
  std::vector<std::string> words = {precinct_program(), "launch"};
  words.insert(words.end(), options.begin(), options.end());
  const TemporaryFolder folder;
  words.insert(words.end(), {"--", "/bin/sh", "-c", script, "sh", folder.path().string()});
  JobPipe pipe;
  using Clock = std::chrono::steady_clock;
  auto since = Clock::now();
  bool is_since = after_bytes == 0;
  const auto look = [&] {
    if (pipe.told().size() >= after_bytes && !is_since) {
      since = Clock::now();
      is_since = true;
    }
    return 0;
  };
  Launched launched;
  launched.result = run_program(words, 60'000, [&] { pipe.hand_down(); }, {pipe.read_end(), look});
  launched.seconds = std::chrono::duration<double>(Clock::now() - since).count();
  launched.left_nothing = pipe.ends_within(std::chrono::seconds(1));
  launched.told = pipe.told();
  return launched;
}

}  // namespace precinct::test
