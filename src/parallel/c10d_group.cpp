// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <thread>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <utility>

#include "parallel/c10d_group_internal.h"
#include "parallel/device_backend.h"

namespace precinct::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

}  // namespace

void C10dCommunicator::Group::give_up(const std::string& reason) {
  c10::intrusive_ptr<c10d::Backend> of_device;
  {
    const std::lock_guard lock(mutex);
    if (!given_up.empty()) return;
    given_up = reason;
    for (const auto& work : waited) work->abort();
    changed.notify_all();
    of_device = device;
  }
  // last: what an aborted call leaves is no result, and whoever looks finds the reason already
  if (of_device) abort_device(*of_device);
}

/// Ends the calls under way on the device, which else keep its streams, and who waits for those.
void C10dCommunicator::Group::abort_device(c10d::Backend& backend) {
  try {
    backend.abort();
  } catch (const std::exception&) {  // it is of no use any more, whatever it says
  }
}

void C10dCommunicator::Group::close() {
  std::string reason;
  c10::intrusive_ptr<c10d::Backend> of_device;
  {
    const std::lock_guard lock(mutex);
    reason = given_up;
    if (given_up.empty()) given_up = "it was shut down";
    of_device = std::move(device);
  }
  std::string trouble;
  if (of_device && reason.empty()) {  // else it was aborted when the group was given up
    try {
      of_device->shutdown();
    } catch (const std::exception& error) {
      trouble = one_line(error.what());
      abort_device(*of_device);
    }
  }
  of_device.reset();
  // Gloo's destructor waits for calls under way, which after an error may be the whole timeout
  if (!reason.empty()) static_cast<void>(host.release());
  host.reset();
  PRECINCT_CHECK(trouble.empty(), CommError,
                 "rank {}: group {}: expected that its GPUs part, found '{}'; results are complete "
                 "on ranks that say nothing",
                 world_rank(), name, trouble);
}

void C10dCommunicator::Group::close_quietly() noexcept {
  try {
    close();
  } catch (const std::exception&) {  // what a destructor cannot say
  }
}

void C10dCommunicator::Group::check_in_use() {
  const std::lock_guard lock(mutex);
  PRECINCT_CHECK(given_up.empty(), CommError, "rank {}: group {} is of no more use: {}",
                 world_rank(), name, given_up);
}

Milliseconds C10dCommunicator::Group::move_on() {
  check_in_use();
  std::set<std::pair<int, int>> held;  // messages of one sender and tag are matched by order
  std::erase_if(unposted, [&](const auto& entry) {
    const auto message = entry.lock();
    if (!message) return true;
    if (!held.contains(message->channel()) && message->try_post()) return true;
    held.insert(message->channel());
    return false;
  });
  std::erase_if(unanswered, [&](const auto& message) { return checker->try_received(message); });
  return Milliseconds(unposted.empty() && unanswered.empty() ? 500 : 20);
}

bool C10dCommunicator::Group::has_unposted(std::pair<int, int> channel) const {
  return std::any_of(unposted.begin(), unposted.end(), [&](const auto& entry) {
    const auto message = entry.lock();
    return message && message->channel() == channel;
  });
}

Progress::Awaited C10dCommunicator::Group::awaited(const CallRecord& record, int peer) const {
  if (peer >= 0) return {record.text_in(name), {world_ranks[static_cast<std::size_t>(peer)]}};
  return {record.text_in(name), world_ranks, id, record.number};
}

CommError C10dCommunicator::Group::late(const CallRecord& record, Milliseconds limit) const {
  return CommError(fmt::format(
      "rank {}: {}: expected all {} ranks of the group to join within {} s, found it still "
      "waiting; look at the ranks that do not wait here: one died, hangs or left the call out",
      world_rank(), record.text_in(name), world_ranks.size(),
      static_cast<double>(limit.count()) / 1e3));
}

CommError C10dCommunicator::Group::given_up_with(const CallRecord& record,
                                                 const std::string& reason) const {
  return CommError(
      fmt::format("rank {}: {}: given up: {}", world_rank(), record.text_in(name), reason));
}

CommError C10dCommunicator::Group::failed(const CallRecord& record, const std::exception& error,
                                          Milliseconds limit) const {
  const std::string text = one_line(error.what());
  if (text.find("imed out") != std::string::npos) return late(record, limit);
  if (const auto verdict = registry->verdict()) return given_up_with(record, *verdict);
  return CommError(fmt::format(
      "rank {}: {}: expected an answer of all {} ranks of the group, found '{}'; a rank has died: "
      "see which one ended first",
      world_rank(), record.text_in(name), world_ranks.size(), text));
}

C10dCommunicator::Call::Call(std::shared_ptr<Group> group, CallRecord record,
                             c10::intrusive_ptr<c10d::Work> work, bool on_device,
                             std::function<void()> after, int peer)
    : group_(std::move(group)),
      record_(std::move(record)),
      work_(std::move(work)),
      is_message_(record_.operation == Operation::kSend || record_.operation == Operation::kRecv),
      on_device_(on_device),
      peer_(peer),
      after_(std::move(after)) {
  if (is_message_ || on_device_) return;
  // runs in a thread of Gloo, maybe after the waiter has left
  work_->getFuture()->addCallback([group = group_, ended = ended_](c10::ivalue::Future&) {
    const std::lock_guard lock(group->mutex);
    *ended = true;
    group->changed.notify_all();
  });
}

void C10dCommunicator::Call::wait(Milliseconds timeout) {
  const Milliseconds limit = timeout.count() > 0 ? timeout : group_->timeout;
  const Progress::Wait waiting(*group_->progress, group_->awaited(record_, peer_));
  group_->guarded(record_, limit, [&] {
    if (on_device_) {
      wait_on_device(limit);
    } else if (is_message_) {
      wait_message(limit);
    } else {
      wait_collective(limit);
    }
    if (const auto after = std::exchange(after_, {})) after();
  });
}

/// Under the group's mutex.
void C10dCommunicator::Call::check_not_given_up() const {
  if (!group_->given_up.empty()) throw group_->given_up_with(record_, group_->given_up);
}

void C10dCommunicator::Call::wait_collective(Milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  std::unique_lock lock(group_->mutex);
  while (!*ended_) {
    check_not_given_up();
    if (Clock::now() >= deadline) throw group_->late(record_, limit);
    lock.unlock();
    const Milliseconds slice = group_->move_on();
    lock.lock();
    if (!*ended_ && group_->given_up.empty())
      group_->changed.wait_until(lock, std::min(deadline, Clock::now() + slice));
  }
  lock.unlock();
  work_->wait();  // throws what went wrong
}

/// The host waits too, and not only the stream: a rank that waits for others is then seen to wait,
/// has a deadline, wakes when the group is given up, and takes nothing from a call that failed.
void C10dCommunicator::Call::wait_on_device(Milliseconds limit) {
  const auto start = Clock::now();
  while (!work_->isCompleted()) {
    const auto waited = Clock::now() - start;
    std::unique_lock lock(group_->mutex);
    check_not_given_up();
    if (waited >= limit) throw group_->late(record_, limit);
    lock.unlock();
    if (waited < std::chrono::microseconds(200)) {  // most calls: shorter than falling asleep
      std::this_thread::yield();
      continue;
    }
    if (waited > Milliseconds(10)) group_->move_on();
    lock.lock();
    if (group_->given_up.empty())
      group_->changed.wait_for(lock, std::min<Clock::duration>(waited / 8, Milliseconds(1)));
  }
  work_->wait();  // the stream; throws what went wrong
  const std::lock_guard lock(group_->mutex);
  check_not_given_up();  // an aborted call is completed, too
}

void C10dCommunicator::Call::wait_message(Milliseconds limit) {
  {
    const std::lock_guard lock(group_->mutex);
    check_not_given_up();
    group_->waited.push_back(work_);
  }
  const auto forget = [&] {
    const std::lock_guard lock(group_->mutex);
    std::erase(group_->waited, work_);
  };
  bool whole = false;
  try {
    whole = work_->wait(limit);
  } catch (...) {
    forget();
    throw;
  }
  forget();
  const std::lock_guard lock(group_->mutex);
  if (!whole) check_not_given_up();
}

C10dCommunicator::CheckedMessage::CheckedMessage(std::shared_ptr<Group> group,
                                                 CallChecker::Message message, at::Tensor tensor,
                                                 int tag)
    : group_(std::move(group)),
      message_(std::move(message)),
      tensor_(std::move(tensor)),
      tag_(tag) {
  if (is_send()) post();
}

void C10dCommunicator::CheckedMessage::post() {
  std::vector<at::Tensor> tensors{tensor_};
  c10d::Backend& backend = *group_->host;
  const auto work = is_send() ? backend.send(tensors, message_.peer, tag_)
                              : backend.recv(tensors, message_.peer, tag_);
  call_ = std::make_shared<Call>(group_, message_.record, work, false, std::function<void()>(),
                                 message_.peer);
}

bool C10dCommunicator::CheckedMessage::try_post() {
  if (call_) return true;
  if (!message_.key.empty() && !group_->checker->try_received(message_)) return false;
  post();
  return true;
}

void C10dCommunicator::CheckedMessage::wait(Milliseconds timeout) {
  if (done_) return;
  const Milliseconds limit = timeout.count() > 0 ? timeout : group_->timeout;
  const Progress::Wait waiting(*group_->progress, group_->awaited(message_.record, message_.peer));
  group_->guarded(message_.record, limit, [&] {
    if (is_send()) {
      group_->checker->await_answer(message_, limit);
    } else {
      const auto start = Clock::now();
      while (true) {
        group_->move_on();
        if (call_) break;
        group_->checker->await_sender(
            message_, std::chrono::duration_cast<Milliseconds>(Clock::now() - start), limit);
      }
    }
    call_->wait(timeout);
  });
  done_ = true;
}

std::atomic<const DeviceBackendMaker*>& device_backend_maker() {
  static std::atomic<const DeviceBackendMaker*> maker{nullptr};
  return maker;
}

bool device_backend_is_there() { return device_backend_maker().load() != nullptr; }

void GroupRegistry::add(const std::shared_ptr<Entry>& entry) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [](const auto& one) { return one.expired(); });
  entries_.push_back(entry);
}

std::vector<std::shared_ptr<GroupRegistry::Entry>> GroupRegistry::open_entries() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Entry>> open;
  for (const auto& entry : entries_)
    if (auto one = entry.lock()) open.push_back(std::move(one));
  return open;
}

void GroupRegistry::close_all() {
  const auto open = open_entries();
  for (auto entry = open.rbegin(); entry != open.rend(); ++entry) (*entry)->close();
}

void GroupRegistry::give_up_all(const std::string& reason) {
  for (const auto& entry : open_entries()) entry->give_up(reason);
}

void GroupRegistry::set_verdict(std::function<std::optional<std::string>()> verdict) {
  const std::lock_guard lock(mutex_);
  verdict_ = std::move(verdict);
}

std::optional<std::string> GroupRegistry::verdict() {
  std::unique_lock lock(mutex_);
  const auto ask = verdict_;
  lock.unlock();
  if (!ask) return std::nullopt;
  try {  // a holder of the store that was stopped by a signal does not answer
    return made_until(Clock::now() + std::chrono::seconds(1), ask).value_or(std::nullopt);
  } catch (const Error&) {  // the store has gone with its holder
    return std::nullopt;
  }
}

}  // namespace precinct::parallel
