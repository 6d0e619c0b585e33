// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.h"

namespace precinct::scaling {

/// What this rank's calls of communication have cost so far.
struct CommunicationMeter {
  double seconds = 0;  ///< of the calling thread: starting calls and waiting for them
  std::int64_t calls = 0;
  std::int64_t bytes = 0;  ///< sent: inputs of the calls, nothing for recv
};

/// A group whose calls, and those of every group made of it, are counted and timed; everything is
/// done by the group behind it. On a GPU wait() does not wait for the device, so seconds mean
/// nothing there.
class MeasuredCommunicator final : public parallel::Communicator {
 public:
  /// Both must outlive it.
  MeasuredCommunicator(parallel::Communicator& group, CommunicationMeter& meter);
  const char* backend() const override { return group_.backend(); }
  bool is_connected() const override { return group_.is_connected(); }
  void compare_calls() override { group_.compare_calls(); }
  void abort(const std::string& reason) override { group_.abort(reason); }

 protected:
  using Work = parallel::Work;
  using CallRecord = parallel::CallRecord;
  Work do_all_reduce(const CallRecord& record, at::Tensor& tensor, parallel::ReduceOp op) override;
  Work do_broadcast(const CallRecord& record, at::Tensor& tensor, int root) override;
  Work do_all_gather(const CallRecord& record, at::Tensor& output, at::Tensor& input) override;
  Work do_reduce_scatter(const CallRecord& record, at::Tensor& output, at::Tensor& input,
                         parallel::ReduceOp op) override;
  Work do_all_to_all(const CallRecord& record, at::Tensor& output, at::Tensor& input,
                     RowCounts rows) override;
  Work do_send(const CallRecord& record, at::Tensor& tensor, int peer, int tag) override;
  Work do_recv(const CallRecord& record, at::Tensor& tensor, int peer, int tag) override;
  Work do_batch_p2p(const std::vector<CallRecord>& records,
                    const std::vector<parallel::PointToPoint>& messages) override;
  Work do_barrier(const CallRecord& record) override;
  std::unique_ptr<parallel::Communicator> do_subgroup(const std::string& name,
                                                      const std::vector<int>& members) override;

 private:
  MeasuredCommunicator(std::unique_ptr<parallel::Communicator> owned, CommunicationMeter& meter);
  template <typename Call>
  Work measured(std::int64_t bytes, const Call& call);

  std::unique_ptr<parallel::Communicator> owned_;
  parallel::Communicator& group_;
  CommunicationMeter& meter_;
};

}  // namespace precinct::scaling
