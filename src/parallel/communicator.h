// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "parallel/call_history.h"
#include "parallel/call_record.h"
#include "parallel/work.h"

namespace precinct::parallel {

/// What a group has sent so far, as this rank sees it.
struct Traffic {
  std::uint64_t calls = 0;
  std::int64_t bytes = 0;                       ///< of this rank's inputs; recv counts its output
  std::array<std::uint64_t, 8> by_operation{};  ///< indexed by Operation
  std::uint64_t of(Operation operation) const {
    return by_operation[static_cast<std::size_t>(operation)];
  }
};

/// One message of batch_p2p.
struct PointToPoint {
  Operation operation;  ///< kSend or kRecv
  at::Tensor tensor;
  int peer;
  int tag = 0;
};

/// A group of ranks that exchange tensors. A world of one is an ordinary group whose collectives do
/// nothing, so that serial and parallel code are one path.
///
/// All ranks of a group make the same calls in the same order (send and recv: the two ranks that
/// take part), with contiguous tensors of equal shape, type and device. A call returns at once; its
/// tensors are in use until the Work was waited for. Throws ShapeError for tensors that cannot be
/// right, CommError when the group is of no more use or, in checked calls, when ranks disagree. One
/// thread at a time.
class Communicator {
 public:
  Communicator(std::string name, int rank, int size);
  virtual ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }
  /// "gloo", "nccl", "local", "fake".
  virtual const char* backend() const = 0;
  /// Whether there is anything to be sent: not in a group of one, unless its world was connected
  /// all the same (ConnectOptions::connect_alone).
  virtual bool is_connected() const { return size_ > 1; }

  /// tensor := reduction over the ranks, in place.
  Work all_reduce(at::Tensor tensor, ReduceOp op = ReduceOp::kSum);
  /// tensor := the root's tensor.
  Work broadcast(at::Tensor tensor, int root);
  /// output [size * n, ...] := the ranks' inputs [n, ...] one after the other.
  Work all_gather(at::Tensor output, at::Tensor input);
  /// output [n, ...] := rows rank * n .. of the reduction of the inputs [size * n, ...].
  Work reduce_scatter(at::Tensor output, at::Tensor input, ReduceOp op = ReduceOp::kSum);
  /// Rows of the input go to ranks 0, 1, ..., rows of the output come from them. Without row
  /// counts: equal parts. Row counts may differ between ranks; a pair must agree.
  Work all_to_all(at::Tensor output, at::Tensor input, std::vector<std::int64_t> output_rows = {},
                  std::vector<std::int64_t> input_rows = {});
  /// Messages between two ranks are matched by tag and, for equal tags, by order.
  Work send(at::Tensor tensor, int peer, int tag = 0);
  Work recv(at::Tensor tensor, int peer, int tag = 0);
  /// Several sends and receives that may only complete together.
  Work batch_p2p(const std::vector<PointToPoint>& messages);
  /// Done when every rank has called it.
  Work barrier();

  /// Ranks of equal colour form a group, ordered by key, then rank. All ranks call it. Takes one
  /// small all_gather.
  std::unique_ptr<Communicator> split(const std::string& name, int colour, int key);
  /// The group of `members` (ranks of this group, own one among them, in the order of the new
  /// ranks). All ranks call it, each with its own group; nothing is exchanged to find the members.
  std::unique_ptr<Communicator> subgroup(const std::string& name, const std::vector<int>& members);

  /// Enters a word (a step's number, say) into the hash of calls, so that a rank that left out one
  /// of many equal calls is noticed.
  void note(std::uint64_t word);
  /// Compares the calls made so far over all ranks, without a collective where that could hang;
  /// before a checkpoint is committed, say. All ranks call it. Throws CommError.
  virtual void compare_calls() {}

  /// Gives the group up: calls under way and later ones throw CommError. From any thread.
  virtual void abort(const std::string& reason) = 0;

  /// Collectives so far, and their rolling hash; alike on ranks that agree.
  std::uint64_t num_calls() const;
  std::uint64_t call_hash() const;
  /// The last collectives with the hash at each, for comparison with another rank's.
  std::shared_ptr<const CallHistory> history() const { return history_; }
  Traffic traffic() const;

 protected:
  struct RowCounts {
    std::vector<std::int64_t> output, input;
  };
  virtual Work do_all_reduce(const CallRecord& record, at::Tensor& tensor, ReduceOp op) = 0;
  virtual Work do_broadcast(const CallRecord& record, at::Tensor& tensor, int root) = 0;
  virtual Work do_all_gather(const CallRecord& record, at::Tensor& output, at::Tensor& input) = 0;
  virtual Work do_reduce_scatter(const CallRecord& record, at::Tensor& output, at::Tensor& input,
                                 ReduceOp op) = 0;
  virtual Work do_all_to_all(const CallRecord& record, at::Tensor& output, at::Tensor& input,
                             RowCounts rows) = 0;
  virtual Work do_send(const CallRecord& record, at::Tensor& tensor, int peer, int tag) = 0;
  virtual Work do_recv(const CallRecord& record, at::Tensor& tensor, int peer, int tag) = 0;
  virtual Work do_batch_p2p(const std::vector<CallRecord>& records,
                            const std::vector<PointToPoint>& messages);
  virtual Work do_barrier(const CallRecord& record) = 0;
  virtual std::unique_ptr<Communicator> do_subgroup(const std::string& name,
                                                    const std::vector<int>& members) = 0;

 private:
  CallRecord record(Operation operation, const at::Tensor& tensor, std::string detail);
  CallRecord record_p2p(const PointToPoint& message);
  void check_tensor(Operation operation, const at::Tensor& tensor) const;
  void check_peer(Operation operation, int peer) const;

  const std::string name_;
  const int rank_, size_;
  mutable std::mutex mutex_;
  std::uint64_t collectives_ = 0, messages_ = 0;
  CallHash hash_;
  const std::shared_ptr<CallHistory> history_ = std::make_shared<CallHistory>();
  Traffic traffic_;
};

}  // namespace precinct::parallel
