// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/options.h"
#include "parallel/progress.h"
#include "parallel/store.h"

namespace precinct::parallel {

class GroupRegistry;
struct DeviceBackendMaker;

/// Groups over LibTorch's c10d: Gloo for tensors of the host, NCCL for those of a GPU when the CUDA
/// library was loaded (else Gloo, which copies). This file family alone names c10d.
///
/// On a GPU messages between two ranks are matched by their order, whatever their tags, and those
/// that wait for each other belong into one batch_p2p(); wait() returns when the call is done on
/// the host's clock, and later work of the current stream sees its result.
///
/// The first `checked_calls` calls of a group, or all with `check`, are compared over the ranks
/// before they are made. A checked recv is posted when its sender is known to agree, which is
/// looked at whenever this rank waits in the group.
class C10dCommunicator final : public Communicator {
 public:
  /// `world_ranks`: the members in the order of the group's ranks. All of them call this with a
  /// view of the store that is the group's own. Throws CommError that names who has not come at
  /// `deadline`, the end of options.connect_timeout.
  C10dCommunicator(const std::string& name, int rank, std::vector<int> world_ranks,
                   std::unique_ptr<Store> store, const ConnectOptions& options,
                   std::chrono::steady_clock::time_point deadline, const std::string& host_address,
                   std::shared_ptr<GroupRegistry> registry);
  ~C10dCommunicator() override;
  const char* backend() const override;
  bool is_connected() const override { return true; }
  void compare_calls() override;
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
  Work do_batch_p2p(const std::vector<CallRecord>& records,
                    const std::vector<PointToPoint>& messages) override;
  Work do_barrier(const CallRecord& record) override;
  std::unique_ptr<Communicator> do_subgroup(const std::string& name,
                                            const std::vector<int>& members) override;

 private:
  struct Group;
  class Call;
  class CheckedMessage;
  void check(const CallRecord& record);
  void compare_rows(const CallRecord& record, const RowCounts& rows);
  template <typename Body>
  Work start(const CallRecord& record, const at::Tensor& tensor, const Body& body,
             std::function<void()> after = {});
  Work start_message(const CallRecord& record, at::Tensor& tensor, int peer, int tag, bool is_send);
  void connect_host(std::chrono::steady_clock::time_point deadline);
  void connect_device(const DeviceBackendMaker& maker);
  Work start_on_device(const std::vector<CallRecord>& records,
                       const std::vector<PointToPoint>& messages);
  std::vector<bool> agree_on_messages(const std::vector<CallRecord>& records,
                                      const std::vector<PointToPoint>& messages);
  void await_senders();
  Work launch(const std::vector<CallRecord>& records, const std::vector<PointToPoint>& messages,
              const std::vector<std::size_t>& which);

  std::shared_ptr<Group> group_;
  std::unique_ptr<Store> store_;
  const ConnectOptions options_;
  const std::string host_address_;
  std::shared_ptr<GroupRegistry> registry_;
  int num_subgroups_ = 0;
};

/// The groups of a job that are still open, so that the world can close them all before the store
/// goes and before static destructors run.
class GroupRegistry {
 public:
  /// `progress`: of this rank, to which the groups tell their calls and waits.
  explicit GroupRegistry(std::shared_ptr<Progress> progress) : progress_(std::move(progress)) {}
  const std::shared_ptr<Progress>& progress() const { return progress_; }
  class Entry {
   public:
    virtual ~Entry() = default;
    virtual void close() = 0;
    virtual void give_up(const std::string& reason) = 0;
  };
  void add(const std::shared_ptr<Entry>& entry);
  /// In the reverse order of their making.
  void close_all();
  void give_up_all(const std::string& reason);
  /// Where the job's verdict is asked for, from any thread (see Heartbeat).
  void set_verdict(std::function<std::optional<std::string>()> verdict);
  /// For a rank whose call failed: why, when another rank has found that out and left before this
  /// one's heartbeat looked.
  std::optional<std::string> verdict();

 private:
  std::vector<std::shared_ptr<Entry>> open_entries();
  const std::shared_ptr<Progress> progress_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Entry>> entries_;
  std::function<std::optional<std::string>()> verdict_;
};

}  // namespace precinct::parallel
