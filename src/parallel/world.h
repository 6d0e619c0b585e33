// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "parallel/communicator.h"
#include "parallel/heartbeat.h"
#include "parallel/options.h"
#include "parallel/process_context.h"
#include "parallel/progress.h"
#include "parallel/store.h"

namespace precinct::parallel {

class GroupRegistry;

/// All ranks of a job, from connect() to shutdown().
class World {
 public:
  /// What connect() builds; a world can also be made of any communicator (a fake one, say).
  World(ProcessContext context, std::unique_ptr<Communicator> communicator);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int rank() const { return communicator_->rank(); }
  int size() const { return communicator_->size(); }
  const ProcessContext& context() const { return context_; }
  /// The group of all ranks.
  Communicator& communicator() { return *communicator_; }
  /// Where the other ranks reach this one; empty in a world of one.
  const std::string& address() const { return address_; }
  /// The job's store, under a prefix of its own; null in a world of one.
  Store* store() { return user_store_.get(); }

  /// What this rank is doing: tell it the phases of your work, so that a rank that hangs is told
  /// from one that works, and named with its phase and step.
  Progress& progress() { return *progress_; }

  /// Gives up all groups of the world from any thread, e.g. when a heartbeat finds a dead rank:
  /// what waits throws CommError with the reason.
  void abort(const std::string& reason);

  /// Waits for all ranks, then closes all groups and the store. Call it at the end of main, after
  /// the last Work, never from a static destructor. Throws CommError when a rank does not come
  /// within the timeout. Without it (after an error) the destructor closes what it can and waits up
  /// to 2 s so that the other ranks can still read why.
  void shutdown();

 private:
  friend std::unique_ptr<World> connect(const ProcessContext&, const ConnectOptions&);
  void start_heartbeat(const ConnectOptions& options);
  /// The holder of the store leaves last: it waits up to `limit` for the others.
  void leave(std::chrono::milliseconds limit);

  ProcessContext context_;
  std::string address_;
  std::chrono::milliseconds timeout_{60'000};
  std::unique_ptr<StoreServer> server_;
  std::unique_ptr<Store> store_, user_store_;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  std::shared_ptr<GroupRegistry> registry_;
  std::unique_ptr<Communicator> communicator_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

/// Meets the other ranks. Rank 0, or the launcher, holds the store. Throws ConfigError when rank
/// 0's address is not this host, when the store belongs to another job, and when NCCL is wanted but
/// not there; CommError when a port is in use, the store is not reached, or a rank is missing after
/// options.connect_timeout (it is named). A world of one needs nothing and no network, unless
/// options.connect_alone.
std::unique_ptr<World> connect(const ProcessContext& context, const ConnectOptions& options = {});

}  // namespace precinct::parallel
