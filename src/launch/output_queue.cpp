// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/output_queue.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace precinct::launch {

void OutputQueue::push(int file, std::string text) {
  if (text.empty() || gone_.contains(file)) return;
  num_bytes_ += text.size();
  pieces_.push_back({file, std::move(text)});
}

void OutputQueue::write_some() {
  while (write_front(0)) {
  }
}

void OutputQueue::write_all() {
  while (write_front(-1)) {
  }
}

/// Writes a part of the first piece that does not block once poll has said so. False when there is
/// none or it would have to wait longer.
bool OutputQueue::write_front(int wait_ms) {
  if (pieces_.empty()) return false;
  Piece& piece = pieces_.front();
  pollfd file{piece.file, POLLOUT, 0};
  const int ready = ::poll(&file, 1, wait_ms);
  if (ready == 0 || (ready < 0 && errno != EINTR)) return false;
  if (ready < 0) return true;
  const ssize_t count =
      ::write(piece.file, piece.text.data(), std::min<std::size_t>(piece.text.size(), PIPE_BUF));
  if (count < 0 && errno == EINTR) return true;
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return wait_ms != 0;
  if (count < 0) gone_.insert(piece.file);
  const std::size_t done = count < 0 ? piece.text.size() : static_cast<std::size_t>(count);
  num_bytes_ -= done;
  piece.text.erase(0, done);
  if (piece.text.empty()) pieces_.pop_front();
  return true;
}

}  // namespace precinct::launch
