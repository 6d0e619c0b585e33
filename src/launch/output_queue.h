// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>

namespace precinct::launch {

/// Text on its way to files of this process (its standard output and error), in one order. Never
/// waits for a reader: what cannot be written now stays here. SIGPIPE has to be ignored.
class OutputQueue {
 public:
  /// `text` appears in one piece, whatever else is pushed.
  void push(int file, std::string text);
  /// Writes what goes without waiting. A file whose reader is gone, or that cannot be written, gets
  /// nothing more.
  void write_some();
  /// Writes the rest; waits for slow readers.
  void write_all();
  /// File whose reader has to be waited for; -1 when all is written.
  int waiting_for() const { return pieces_.empty() ? -1 : pieces_.front().file; }
  /// Enough waits: the ranks' output should wait too.
  bool is_full() const { return num_bytes_ > kFullBytes; }

 private:
  struct Piece {
    int file;
    std::string text;
  };
  static constexpr std::size_t kFullBytes = 1 << 20;
  bool write_front(int wait_ms);

  std::deque<Piece> pieces_;
  std::size_t num_bytes_ = 0;
  std::set<int> gone_;
};

}  // namespace precinct::launch
