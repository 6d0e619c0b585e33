// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/measured_communicator.h"

#include <chrono>
#include <utility>

namespace precinct::scaling {
namespace {

using Clock = std::chrono::steady_clock;

/// Adds the time of its life to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(Clock::now() - begin_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  const Clock::time_point begin_ = Clock::now();
};

class MeasuredCall final : public parallel::PendingCall {
 public:
  MeasuredCall(parallel::Work work, CommunicationMeter& meter)
      : work_(std::move(work)), meter_(meter) {}
  void wait(std::chrono::milliseconds timeout) override {
    const Stopwatch stopwatch(meter_.seconds);
    work_.wait(timeout);
  }
  bool is_done() const override { return work_.is_done(); }

 private:
  parallel::Work work_;
  CommunicationMeter& meter_;
};

}  // namespace

MeasuredCommunicator::MeasuredCommunicator(parallel::Communicator& group, CommunicationMeter& meter)
    : Communicator(group.name(), group.rank(), group.size()), group_(group), meter_(meter) {}

MeasuredCommunicator::MeasuredCommunicator(std::unique_ptr<parallel::Communicator> owned,
                                           CommunicationMeter& meter)
    : Communicator(owned->name(), owned->rank(), owned->size()),
      owned_(std::move(owned)),
      group_(*owned_),
      meter_(meter) {}

template <typename Call>
parallel::Work MeasuredCommunicator::measured(std::int64_t bytes, const Call& call) {
  const Stopwatch stopwatch(meter_.seconds);
  ++meter_.calls;
  meter_.bytes += bytes;
  return Work(std::make_shared<MeasuredCall>(call(), meter_));
}

parallel::Work MeasuredCommunicator::do_all_reduce(const CallRecord& record, at::Tensor& tensor,
                                                   parallel::ReduceOp op) {
  return measured(record.bytes, [&] { return group_.all_reduce(tensor, op); });
}

parallel::Work MeasuredCommunicator::do_broadcast(const CallRecord& record, at::Tensor& tensor,
                                                  int root) {
  return measured(rank() == root ? record.bytes : 0,
                  [&] { return group_.broadcast(tensor, root); });
}

parallel::Work MeasuredCommunicator::do_all_gather(const CallRecord& record, at::Tensor& output,
                                                   at::Tensor& input) {
  return measured(record.bytes, [&] { return group_.all_gather(output, input); });
}

parallel::Work MeasuredCommunicator::do_reduce_scatter(const CallRecord& record, at::Tensor& output,
                                                       at::Tensor& input, parallel::ReduceOp op) {
  return measured(record.bytes, [&] { return group_.reduce_scatter(output, input, op); });
}

parallel::Work MeasuredCommunicator::do_all_to_all(const CallRecord& record, at::Tensor& output,
                                                   at::Tensor& input, RowCounts rows) {
  return measured(record.bytes, [&] {
    return group_.all_to_all(output, input, std::move(rows.output), std::move(rows.input));
  });
}

parallel::Work MeasuredCommunicator::do_send(const CallRecord& record, at::Tensor& tensor, int peer,
                                             int tag) {
  return measured(record.bytes, [&] { return group_.send(tensor, peer, tag); });
}

parallel::Work MeasuredCommunicator::do_recv(const CallRecord&, at::Tensor& tensor, int peer,
                                             int tag) {
  return measured(0, [&] { return group_.recv(tensor, peer, tag); });
}

parallel::Work MeasuredCommunicator::do_batch_p2p(
    const std::vector<CallRecord>& records, const std::vector<parallel::PointToPoint>& messages) {
  std::int64_t bytes = 0;
  for (const auto& record : records)
    if (record.operation == parallel::Operation::kSend) bytes += record.bytes;
  return measured(bytes, [&] { return group_.batch_p2p(messages); });
}

parallel::Work MeasuredCommunicator::do_barrier(const CallRecord&) {
  return measured(0, [&] { return group_.barrier(); });
}

std::unique_ptr<parallel::Communicator> MeasuredCommunicator::do_subgroup(
    const std::string& name, const std::vector<int>& members) {
  auto group = group_.subgroup(name, members);
  return std::unique_ptr<parallel::Communicator>(
      new MeasuredCommunicator(std::move(group), meter_));
}

}  // namespace precinct::scaling
