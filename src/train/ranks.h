// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "parallel/device_mesh.h"
#include "parallel/world.h"

namespace precinct::train {

/// How the ranks of a run find each other, from the configuration and this rank's place on its
/// host.
parallel::ConnectOptions connect_options(const config::ExperimentConfig& config,
                                         const parallel::ProcessContext& context);

/// The processes of one run: which of them this is, and what they tell each other outside of the
/// training step. Rank 0 leads: it alone writes into the run folder. One process is a world of one,
/// in which nothing is sent. All ranks make the same calls in the same order.
class Ranks {
 public:
  /// Keeps a reference to the world. All ranks call it. Throws ConfigError unless the degrees of
  /// `parallel` are the same on all and multiply to the world's size.
  Ranks(parallel::World& world, const config::ExperimentConfig& config);

  int rank() const { return world_.rank(); }
  int size() const { return world_.size(); }
  bool leads() const { return rank() == 0; }
  torch::Device device() const { return device_; }
  parallel::Communicator& all() { return world_.communicator(); }
  /// Where this rank tells what it is doing.
  parallel::Progress& progress() { return world_.progress(); }
  /// A step begins: ranks that make other calls from here on are told apart by it.
  void note_step(std::int64_t step);
  parallel::Communicator& dp() { return mesh_.axis("dp"); }
  parallel::DeviceMesh& mesh() { return mesh_; }

  /// The texts of all ranks, by rank.
  std::vector<std::string> gather(const std::string& text);
  /// The leader's text.
  std::string of_leader(const std::string& text);
  /// Runs `body` on the leader alone. What it throws is thrown on all ranks, which would else lose
  /// a peer without a reason: the same line with the same exit code.
  void lead(const std::function<void()>& body);
  /// Throws ConfigError, the same on all ranks, unless `text` is the same on all. `what` names it:
  /// "data.panel (sha256)".
  void require_same(const std::string& what, const std::string& text);
  /// Nothing more is said: waits for all ranks and closes the groups. Each goes on alone.
  void part() { world_.shutdown(); }

 private:
  parallel::MeshSizes agreed(const parallel::MeshSizes& mine);
  parallel::World& world_;
  torch::Device device_;
  parallel::DeviceMesh mesh_;
};

}  // namespace precinct::train
