// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "parallel/local_communicator.h"

namespace precinct::parallel {
namespace {

const char* op_text(ReduceOp op) {
  return op == ReduceOp::kSum ? "sum" : op == ReduceOp::kMax ? "max" : "min";
}

/// Whether `whole` is `parts` times `part` along the first dimension.
bool is_multiple(const at::Tensor& whole, const at::Tensor& part, int parts) {
  return whole.scalar_type() == part.scalar_type() && whole.device() == part.device() &&
         whole.numel() == part.numel() * parts;
}

}  // namespace

Communicator::Communicator(std::string name, int rank, int size)
    : name_(std::move(name)), rank_(rank), size_(size) {}

Communicator::~Communicator() = default;

void Communicator::check_tensor(Operation operation, const at::Tensor& tensor) const {
  PRECINCT_CHECK(tensor.defined() && tensor.is_contiguous() && !tensor.is_sparse(), ShapeError,
                 "{} in group {}: expected a contiguous tensor, found {}; call contiguous() and "
                 "copy the result back",
                 operation_name(operation), name_,
                 tensor.defined() ? shape_text(tensor) + " with gaps" : "none");
}

void Communicator::check_peer(Operation operation, int peer) const {
  PRECINCT_CHECK(peer >= 0 && peer < size_, ShapeError,
                 "{} in group {}: expected a rank from 0 to {}, found {}; ranks count inside the "
                 "group",
                 operation_name(operation), name_, size_ - 1, peer);
}

CallRecord Communicator::record(Operation operation, const at::Tensor& tensor, std::string detail) {
  CallRecord record;
  record.operation = operation;
  record.detail = std::move(detail);
  if (tensor.defined()) {
    record.shape = shape_text(tensor);
    record.bytes = static_cast<std::int64_t>(tensor.nbytes());
  }
  const std::lock_guard lock(mutex_);
  // the two ends of a message are other calls to other ranks: no part of what all ranks share
  const bool collective = operation != Operation::kSend && operation != Operation::kRecv;
  record.number = collective ? ++collectives_ : ++messages_;
  if (collective) {
    hash_.add(record);
    history_->add(record, hash_.value());
  }
  ++traffic_.calls;
  traffic_.bytes += record.bytes;
  ++traffic_.by_operation[static_cast<std::size_t>(operation)];
  return record;
}

CallRecord Communicator::record_p2p(const PointToPoint& message) {
  check_tensor(message.operation, message.tensor);
  check_peer(message.operation, message.peer);
  PRECINCT_CHECK(message.peer != rank_, ShapeError,
                 "{} in group {}: expected another rank than {}, found itself; copy the tensor",
                 operation_name(message.operation), name_, rank_);
  return record(message.operation, message.tensor,
                fmt::format("{} {}, tag {}", message.operation == Operation::kSend ? "to" : "from",
                            message.peer, message.tag));
}

Work Communicator::all_reduce(at::Tensor tensor, ReduceOp op) {
  check_tensor(Operation::kAllReduce, tensor);
  return do_all_reduce(record(Operation::kAllReduce, tensor, op_text(op)), tensor, op);
}

Work Communicator::broadcast(at::Tensor tensor, int root) {
  check_tensor(Operation::kBroadcast, tensor);
  check_peer(Operation::kBroadcast, root);
  return do_broadcast(record(Operation::kBroadcast, tensor, fmt::format("root {}", root)), tensor,
                      root);
}

Work Communicator::all_gather(at::Tensor output, at::Tensor input) {
  check_tensor(Operation::kAllGather, output);
  check_tensor(Operation::kAllGather, input);
  PRECINCT_CHECK(is_multiple(output, input, size_), ShapeError,
                 "all_gather in group {}: expected an output of {} x {}, found {}", name_, size_,
                 shape_text(input), shape_text(output));
  return do_all_gather(record(Operation::kAllGather, input, ""), output, input);
}

Work Communicator::reduce_scatter(at::Tensor output, at::Tensor input, ReduceOp op) {
  check_tensor(Operation::kReduceScatter, output);
  check_tensor(Operation::kReduceScatter, input);
  PRECINCT_CHECK(is_multiple(input, output, size_), ShapeError,
                 "reduce_scatter in group {}: expected an input of {} x {}, found {}", name_, size_,
                 shape_text(output), shape_text(input));
  return do_reduce_scatter(record(Operation::kReduceScatter, input, op_text(op)), output, input,
                           op);
}

Work Communicator::all_to_all(at::Tensor output, at::Tensor input,
                              std::vector<std::int64_t> output_rows,
                              std::vector<std::int64_t> input_rows) {
  check_tensor(Operation::kAllToAll, output);
  check_tensor(Operation::kAllToAll, input);
  const auto fill = [&](std::vector<std::int64_t>& rows, const at::Tensor& tensor,
                        const char* which) {
    PRECINCT_CHECK(tensor.dim() > 0, ShapeError,
                   "all_to_all in group {}: expected an {} with rows, found a scalar", name_,
                   which);
    if (rows.empty() && tensor.size(0) % size_ == 0)
      rows.assign(static_cast<std::size_t>(size_), tensor.size(0) / size_);
    PRECINCT_CHECK(
        rows.size() == static_cast<std::size_t>(size_) &&
            std::accumulate(rows.begin(), rows.end(), std::int64_t{0}) == tensor.size(0),
        ShapeError,
        "all_to_all in group {}: expected {} row counts that add up to the {}'s {}, found [{}]",
        name_, size_, which, tensor.size(0), fmt::join(rows, ", "));
  };
  fill(output_rows, output, "output");
  fill(input_rows, input, "input");
  // shapes may differ between the ranks; what one row is may not
  const std::string row = fmt::format("rows of [{}] {}", fmt::join(input.sizes().slice(1), ", "),
                                      c10::toString(input.scalar_type()));
  CallRecord call = record(Operation::kAllToAll, at::Tensor(), row);
  call.bytes = static_cast<std::int64_t>(input.nbytes());
  {
    const std::lock_guard lock(mutex_);
    traffic_.bytes += call.bytes;
  }
  return do_all_to_all(call, output, input, {std::move(output_rows), std::move(input_rows)});
}

Work Communicator::send(at::Tensor tensor, int peer, int tag) {
  return do_send(record_p2p({Operation::kSend, tensor, peer, tag}), tensor, peer, tag);
}

Work Communicator::recv(at::Tensor tensor, int peer, int tag) {
  return do_recv(record_p2p({Operation::kRecv, tensor, peer, tag}), tensor, peer, tag);
}

Work Communicator::batch_p2p(const std::vector<PointToPoint>& messages) {
  std::vector<CallRecord> records;
  records.reserve(messages.size());
  for (const auto& message : messages) records.push_back(record_p2p(message));
  return do_batch_p2p(records, messages);
}

Work Communicator::do_batch_p2p(const std::vector<CallRecord>& records,
                                const std::vector<PointToPoint>& messages) {
  std::vector<Work> works;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    at::Tensor tensor = messages[i].tensor;
    works.push_back(messages[i].operation == Operation::kSend
                        ? do_send(records[i], tensor, messages[i].peer, messages[i].tag)
                        : do_recv(records[i], tensor, messages[i].peer, messages[i].tag));
  }
  return Work(works);
}

Work Communicator::barrier() { return do_barrier(record(Operation::kBarrier, {}, "")); }

std::unique_ptr<Communicator> Communicator::split(const std::string& name, int colour, int key) {
  const at::Tensor own = at::tensor({colour, key}, at::kLong);
  const at::Tensor all = at::empty({2 * size_}, at::kLong);
  all_gather(all, own).wait();
  const auto* values = all.const_data_ptr<std::int64_t>();
  std::vector<int> members;
  for (int r = 0; r < size_; ++r)
    if (values[2 * r] == colour) members.push_back(r);
  std::stable_sort(members.begin(), members.end(),
                   [&](int a, int b) { return values[2 * a + 1] < values[2 * b + 1]; });
  return subgroup(name, members);
}

std::unique_ptr<Communicator> Communicator::subgroup(const std::string& name,
                                                     const std::vector<int>& members) {
  auto sorted = members;
  std::sort(sorted.begin(), sorted.end());
  PRECINCT_CHECK(std::binary_search(sorted.begin(), sorted.end(), rank_) && sorted.front() >= 0 &&
                     sorted.back() < size_ &&
                     std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(),
                 ShapeError,
                 "group {} of {}: expected different ranks from 0 to {}, {} among them, found [{}]",
                 name, name_, size_ - 1, rank_, fmt::join(members, ", "));
  return do_subgroup(name, members);
}

void Communicator::note(std::uint64_t word) {
  const std::lock_guard lock(mutex_);
  hash_.add(word);
}

std::uint64_t Communicator::num_calls() const {
  const std::lock_guard lock(mutex_);
  return collectives_;
}

std::uint64_t Communicator::call_hash() const {
  const std::lock_guard lock(mutex_);
  return hash_.value();
}

Traffic Communicator::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

}  // namespace precinct::parallel
