// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "parallel/communicator.h"

namespace precinct::parallel {

/// One call that a fake group was asked for.
struct FakeCall {
  std::string group;
  std::vector<int> members;  ///< world ranks of the group
  CallRecord record;
  int peer = -1;  ///< world rank of the other end of a message
};

/// What fake ranks that one thread plays one after another say to each other, in the order said.
struct FakeMail {
  /// By group, world ranks of the two ends, and tag.
  std::map<std::tuple<std::string, int, int, int>, std::deque<at::Tensor>> messages;
  /// By group and world rank of the root.
  std::map<std::pair<std::string, int>, std::vector<at::Tensor>> broadcasts;
};

/// A rank of a world whose other ranks do not exist: every call is written down and done at once.
/// What would come from peers is a copy of the own input, from recv and broadcast zeros. Shows
/// schedules, shapes, messages and bytes of a job of any size in one process; results mean nothing.
class FakeCommunicator final : public Communicator {
 public:
  /// With `mail`, recv and broadcast give what a rank played before has sent, zeros when nothing is
  /// left: the stages of a pipeline played from the first to the last get each other's activations,
  /// and zeros for gradients.
  FakeCommunicator(std::string name, int rank, int size, std::shared_ptr<FakeMail> mail = nullptr);
  const char* backend() const override { return "fake"; }
  void abort(const std::string& reason) override;
  /// What this rank's groups were asked for, this group and all cut from it, in order.
  std::vector<FakeCall> calls() const;

 protected:
  Work do_all_reduce(const CallRecord& record, at::Tensor& tensor, ReduceOp op) override;
  Work do_broadcast(const CallRecord& record, at::Tensor& tensor, int root) override;
  Work do_all_gather(const CallRecord& record, at::Tensor& output, at::Tensor& input) override;
  Work do_reduce_scatter(const CallRecord& record, at::Tensor& output, at::Tensor& input,
                         ReduceOp op) override;
  Work do_all_to_all(const CallRecord& record, at::Tensor& output, at::Tensor& input,
                     RowCounts rows) override;
  Work do_send(const CallRecord& record, at::Tensor& tensor, int peer, int tag) override;
  Work do_recv(const CallRecord& record, at::Tensor& tensor, int peer, int tag) override;
  Work do_barrier(const CallRecord& record) override;
  std::unique_ptr<Communicator> do_subgroup(const std::string& name,
                                            const std::vector<int>& members) override;

 private:
  struct Log {
    std::mutex mutex;
    std::vector<FakeCall> calls;
    std::string given_up;
    std::shared_ptr<FakeMail> mail;
    std::map<std::pair<std::string, int>, std::size_t> heard;  // of mail's broadcasts
  };
  FakeCommunicator(std::string name, int rank, std::vector<int> world_ranks,
                   std::shared_ptr<Log> log);
  Work write(const CallRecord& record, int peer = -1);
  int world_rank(int member) const { return world_ranks_[static_cast<std::size_t>(member)]; }
  std::deque<at::Tensor>& messages(int from, int to, int tag);

  std::vector<int> world_ranks_;
  std::shared_ptr<Log> log_;
};

}  // namespace precinct::parallel
