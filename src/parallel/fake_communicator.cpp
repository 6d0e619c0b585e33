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

FakeCommunicator::FakeCommunicator(std::string name, int rank, int size)
    : FakeCommunicator(std::move(name), rank, first_ranks(size), std::make_shared<Log>()) {}

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
  if (root != rank()) tensor.zero_();
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

Work FakeCommunicator::do_send(const CallRecord& record, at::Tensor&, int peer, int) {
  return write(record, peer);
}

Work FakeCommunicator::do_recv(const CallRecord& record, at::Tensor& tensor, int peer, int) {
  const at::NoGradGuard no_grad;
  tensor.zero_();
  return write(record, peer);
}

Work FakeCommunicator::do_barrier(const CallRecord& record) { return write(record); }

std::unique_ptr<Communicator> FakeCommunicator::do_subgroup(const std::string& name,
                                                            const std::vector<int>& members) {
  std::vector<int> ranks;
  ranks.reserve(members.size());
  for (const int member : members) ranks.push_back(world_ranks_[static_cast<std::size_t>(member)]);
  const auto own = std::find(members.begin(), members.end(), rank()) - members.begin();
  return std::unique_ptr<Communicator>(
      new FakeCommunicator(name, static_cast<int>(own), std::move(ranks), log_));
}

}  // namespace precinct::parallel
