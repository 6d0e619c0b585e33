// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace precinct::train {

/// While it lives, SIGTERM and SIGUSR1 set a flag instead of ending the process; the trainer looks
/// at the flag at each step's end, saves and leaves with code 75. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// Number of the signal that came, 0 for none.
  static int received();
};

}  // namespace precinct::train
