// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/local_communicator.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "base/error.h"

namespace precinct::parallel {
namespace {

Work copied(const at::Tensor& output, const at::Tensor& input) {
  const at::NoGradGuard no_grad;
  if (!output.is_same(input)) output.view(-1).copy_(input.view(-1));
  return {};
}

}  // namespace

void LocalCommunicator::abort(const std::string&) {}

Work LocalCommunicator::do_all_reduce(const CallRecord&, at::Tensor&, ReduceOp) { return {}; }

Work LocalCommunicator::do_broadcast(const CallRecord&, at::Tensor&, int) { return {}; }

Work LocalCommunicator::do_all_gather(const CallRecord&, at::Tensor& output, at::Tensor& input) {
  return copied(output, input);
}

Work LocalCommunicator::do_reduce_scatter(const CallRecord&, at::Tensor& output, at::Tensor& input,
                                          ReduceOp) {
  return copied(output, input);
}

Work LocalCommunicator::do_all_to_all(const CallRecord&, at::Tensor& output, at::Tensor& input,
                                      RowCounts) {
  PRECINCT_CHECK(output.sizes() == input.sizes(), ShapeError,
                 "all_to_all in group {}: expected an output of {}, found {}", name(),
                 shape_text(input), shape_text(output));
  return copied(output, input);
}

// a group of one has no other rank to name, so the base class has refused already
Work LocalCommunicator::do_send(const CallRecord&, at::Tensor&, int, int) { return {}; }

Work LocalCommunicator::do_recv(const CallRecord&, at::Tensor&, int, int) { return {}; }

Work LocalCommunicator::do_barrier(const CallRecord&) { return {}; }

std::unique_ptr<Communicator> LocalCommunicator::do_subgroup(const std::string& name,
                                                             const std::vector<int>&) {
  return std::make_unique<LocalCommunicator>(name);
}

}  // namespace precinct::parallel
