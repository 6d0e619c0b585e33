// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/fake_communicator.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace precinct::parallel {
namespace {

std::vector<int> first_ranks(int size) {
  std::vector<int> ranks(static_cast<std::size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

}  // namespace

FakeCommunicator::FakeCommunicator(std::string name, int rank, int size,
                                   std::shared_ptr<FakeMail> mail)
    : FakeCommunicator(std::move(name), rank, first_ranks(size), std::make_shared<Log>()) {
  log_->mail = std::move(mail);
}

FakeCommunicator::FakeCommunicator(std::string name, int rank, std::vector<int> world_ranks,
                                   std::shared_ptr<Log> log)
    : Communicator(std::move(name), rank, static_cast<int>(world_ranks.size())),
      world_ranks_(std::move(world_ranks)),
      log_(std::move(log)) {}

void FakeCommunicator::abort(const std::string& reason) {
  const std::lock_guard lock(log_->mutex);
  log_->given_up = reason;
}

std::vector<FakeCall> FakeCommunicator::calls() const {
  const std::lock_guard lock(log_->mutex);
  return log_->calls;
}

Work FakeCommunicator::write(const CallRecord& record, int peer) {
  const std::lock_guard lock(log_->mutex);
  PRECINCT_CHECK(log_->given_up.empty(), CommError, "group {}: given up: {}", name(),
                 log_->given_up);
  log_->calls.push_back(
      {name(), world_ranks_, record, peer < 0 ? -1 : world_ranks_[static_cast<std::size_t>(peer)]});
  return {};
}

Work FakeCommunicator::do_all_reduce(const CallRecord& record, at::Tensor&, ReduceOp) {
  return write(record);
}

Work FakeCommunicator::do_broadcast(const CallRecord& record, at::Tensor& tensor, int root) {
  const at::NoGradGuard no_grad;
  const bool is_root = root == rank();
  if (!is_root) tensor.zero_();
  if (log_->mail) {
    const auto key = std::make_pair(name(), world_rank(root));
    auto& sent = log_->mail->broadcasts[key];
    if (is_root) sent.push_back(tensor.detach().clone());
    if (!is_root && log_->heard[key] < sent.size()) tensor.copy_(sent[log_->heard[key]++]);
  }
  return write(record);
}

Work FakeCommunicator::do_all_gather(const CallRecord& record, at::Tensor& output,
                                     at::Tensor& input) {
  const at::NoGradGuard no_grad;
  output.view({size(), -1}).copy_(input.view({1, -1}).expand({size(), input.numel()}));
  return write(record);
}

Work FakeCommunicator::do_reduce_scatter(const CallRecord& record, at::Tensor& output,
                                         at::Tensor& input, ReduceOp) {
  const at::NoGradGuard no_grad;
  output.view(-1).copy_(input.view({size(), -1})[rank()]);
  return write(record);
}

Work FakeCommunicator::do_all_to_all(const CallRecord& record, at::Tensor& output, at::Tensor&,
                                     RowCounts) {
  const at::NoGradGuard no_grad;
  output.zero_();
  return write(record);
}

std::deque<at::Tensor>& FakeCommunicator::messages(int from, int to, int tag) {
  return log_->mail->messages[{name(), world_rank(from), world_rank(to), tag}];
}

Work FakeCommunicator::do_send(const CallRecord& record, at::Tensor& tensor, int peer, int tag) {
  const at::NoGradGuard no_grad;
  if (log_->mail) messages(rank(), peer, tag).push_back(tensor.detach().clone());
  return write(record, peer);
}

Work FakeCommunicator::do_recv(const CallRecord& record, at::Tensor& tensor, int peer, int tag) {
  const at::NoGradGuard no_grad;
  tensor.zero_();
  if (log_->mail) {
    auto& sent = messages(peer, rank(), tag);
    if (!sent.empty()) {
      tensor.copy_(sent.front());
      sent.pop_front();
    }
  }
  return write(record, peer);
}

Work FakeCommunicator::do_barrier(const CallRecord& record) { return write(record); }

std::unique_ptr<Communicator> FakeCommunicator::do_subgroup(const std::string& name,
                                                            const std::vector<int>& members) {
  std::vector<int> ranks;
  ranks.reserve(members.size());
  for (const int member : members) ranks.push_back(world_rank(member));
  const auto own = std::find(members.begin(), members.end(), rank()) - members.begin();
  return std::unique_ptr<Communicator>(
      new FakeCommunicator(name, static_cast<int>(own), std::move(ranks), log_));
}

}  // namespace precinct::parallel
