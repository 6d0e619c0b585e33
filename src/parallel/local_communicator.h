// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "parallel/communicator.h"

namespace precinct::parallel {

/// A world, or an axis, of one: collectives copy or do nothing.
class LocalCommunicator final : public Communicator {
 public:
  explicit LocalCommunicator(std::string name) : Communicator(std::move(name), 0, 1) {}
  const char* backend() const override { return "local"; }
  void abort(const std::string& reason) override;

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
};

}  // namespace precinct::parallel
