// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <utility>
#include <vector>

namespace precinct::train {

/// While it lives, these signals set a flag instead of ending the process; the trainer looks at the
/// flag at each step's end, saves and leaves with code 75. One may live inside another: the flag
/// stays until the outermost ends. When an exception ends it, SIGTERM goes on without effect:
/// whoever started the ranks sends it as soon as the first one dies, and what the others found is
/// still to be said.
class StopSignal {
 public:
  explicit StopSignal(const std::vector<int>& signals = {SIGTERM, SIGUSR1, SIGINT});
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// Ignores its signals for the rest of the process, also when it ends.
  void ignore_from_now_on();
  /// Number of the signal that came, 0 for none.
  static int received();

 private:
  int num_exceptions_;
  std::vector<std::pair<int, struct sigaction>> previous_;
};

}  // namespace precinct::train
