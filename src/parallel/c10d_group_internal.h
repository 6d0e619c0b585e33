// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "parallel/c10d_communicator.h"
#include "parallel/c10d_internal.h"
#include "parallel/call_checker.h"

namespace precinct::parallel {

/// What calls under way share with their group.
struct C10dCommunicator::Group final : GroupRegistry::Entry {
  ~Group() override { close_quietly(); }
  void give_up(const std::string& reason) override;
  void close() override;
  void close_quietly() noexcept;
  static void abort_device(c10d::Backend& backend);
  /// Throws CommError when the group was given up or closed.
  void check_in_use();
  /// Posts checked recvs whose sender has come; returns how long one may look away.
  std::chrono::milliseconds move_on();
  /// Whether a recv of this sender and tag is still to be posted.
  bool has_unposted(std::pair<int, int> channel) const;
  /// The backend for a tensor.
  c10d::Backend& of(const at::Tensor& tensor) { return is_on_device(tensor) ? *device : *host; }
  bool is_on_device(const at::Tensor& tensor) const {
    return device && tensor.defined() && tensor.device().type() == device_type;
  }
  /// What this rank waits for in a call: `peer` of a message, -1 for all.
  Progress::Awaited awaited(const CallRecord& record, int peer = -1) const;
  int world_rank() const { return world_ranks[static_cast<std::size_t>(rank)]; }

  CommError late(const CallRecord& record, std::chrono::milliseconds limit) const;
  CommError given_up_with(const CallRecord& record, const std::string& reason) const;
  /// What c10d threw, with the call's name.
  CommError failed(const CallRecord& record, const std::exception& error,
                   std::chrono::milliseconds limit) const;

  /// Runs `body`; what goes wrong ends the group.
  template <typename Body>
  auto guarded(const CallRecord& record, std::chrono::milliseconds limit, const Body& body) {
    try {
      return body();
    } catch (const Error& error) {
      give_up(error.what());
      throw;
    } catch (const std::exception& error) {
      const CommError named = failed(record, error, limit);
      give_up(named.what());
      throw CommError(named);
    }
  }

  std::string name;
  int rank = 0;
  std::vector<int> world_ranks;
  std::chrono::milliseconds timeout{0};
  c10::intrusive_ptr<c10d::Backend> host, device;
  at::DeviceType device_type = at::kCUDA;  // of the tensors that go by `device`
  std::unique_ptr<CallChecker> checker;
  std::shared_ptr<GroupRegistry> registry;
  std::shared_ptr<Progress> progress;
  std::string id;                                       // alike on all members
  std::vector<std::weak_ptr<CheckedMessage>> unposted;  // recvs, in order
  std::vector<CallChecker::Message> unanswered;         // those of a batch on the device

  std::mutex mutex;                                    // of what follows
  std::condition_variable changed;                     // a call ended, or the group was given up
  std::string given_up;                                // why; empty while it is in use
  std::vector<c10::intrusive_ptr<c10d::Work>> waited;  // messages that a thread waits for
};

/// A call that c10d has taken; `after` runs once in the first wait() that sees it done.
class C10dCommunicator::Call final : public PendingCall {
 public:
  Call(std::shared_ptr<Group> group, CallRecord record, c10::intrusive_ptr<c10d::Work> work,
       bool on_device, std::function<void()> after = {}, int peer = -1);
  void wait(std::chrono::milliseconds timeout) override;
  bool is_done() const override { return work_->isCompleted(); }

 private:
  void check_not_given_up() const;
  void wait_collective(std::chrono::milliseconds limit);
  void wait_message(std::chrono::milliseconds limit);
  void wait_on_device(std::chrono::milliseconds limit);

  const std::shared_ptr<Group> group_;
  const CallRecord record_;
  const c10::intrusive_ptr<c10d::Work> work_;
  const bool is_message_, on_device_;
  const int peer_;
  std::function<void()> after_;
  const std::shared_ptr<bool> ended_ = std::make_shared<bool>(false);  // under the group's mutex
};

/// A send or recv of the checked calls, or a recv that stays behind one.
class C10dCommunicator::CheckedMessage final : public PendingCall {
 public:
  CheckedMessage(std::shared_ptr<Group> group, CallChecker::Message message, at::Tensor tensor,
                 int tag);
  std::pair<int, int> channel() const { return {message_.peer, tag_}; }
  /// Posts a recv whose sender has come and agrees, or need not; whether nothing is left to post.
  bool try_post();
  void wait(std::chrono::milliseconds timeout) override;
  bool is_done() const override { return done_; }

 private:
  bool is_send() const { return message_.record.operation == Operation::kSend; }
  void post();

  const std::shared_ptr<Group> group_;
  const CallChecker::Message message_;
  at::Tensor tensor_;
  const int tag_;
  std::shared_ptr<Call> call_;
  bool done_ = false;
};

}  // namespace precinct::parallel
