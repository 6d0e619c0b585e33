// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace precinct::parallel {

/// What a backend does for one call that is under way.
class PendingCall {
 public:
  virtual ~PendingCall() = default;
  /// Blocks until done; 0 = the group's timeout. Throws CommError.
  virtual void wait(std::chrono::milliseconds timeout) = 0;
  virtual bool is_done() const = 0;
};

/// Handle of a call that may still be under way; the call's tensors must live, untouched, until
/// wait() has returned. Cheap to copy. Wait for every Work: an error is seen only there.
class [[nodiscard]] Work {
 public:
  /// A call that is done.
  Work() = default;
  explicit Work(std::shared_ptr<PendingCall> call) : calls_{std::move(call)} {}
  /// Several calls as one.
  explicit Work(const std::vector<Work>& works) {
    for (const auto& work : works)
      calls_.insert(calls_.end(), work.calls_.begin(), work.calls_.end());
  }

  /// Blocks until the call is done (on a GPU: until work queued later on this stream will see its
  /// result). Throws CommError that names group, operation, number, bytes and rank after `timeout`
  /// (0 = the group's), when a peer died, and when the group was aborted. After an error the group
  /// is of no more use.
  void wait(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
    for (const auto& call : calls_) call->wait(timeout);
    calls_.clear();
  }
  bool is_done() const {
    for (const auto& call : calls_)
      if (!call->is_done()) return false;
    return true;
  }

 private:
  std::vector<std::shared_ptr<PendingCall>> calls_;
};

}  // namespace precinct::parallel
