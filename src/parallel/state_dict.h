// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <set>
#include <string>

#include "parallel/device_mesh.h"
#include "parallel/same_tensors.h"
#include "parallel/tensor_parallel.h"

namespace precinct::parallel {

/// Whole tensors by their names in one process: what a checkpoint holds, whatever the layout of the
/// ranks that write or read it.
using StateDict = std::map<std::string, at::Tensor>;

/// Where a network's parameters lie on the ranks of a mesh, as one of them sees it. Tensors that
/// belong to a parameter carry its name, alone or behind a prefix ("exp_avg.output.weight"), and
/// lie as it does.
struct StateLayout {
  /// Parameters of which each rank of axis tp has a part; the others are whole on all of them.
  std::map<std::string, Shard> split{};
  /// Parameters that only other ranks of axis pp have.
  std::set<std::string> away{};

  /// The shard of a tensor, nullptr when it is whole.
  const Shard* shard_of(const std::string& name) const;
  bool is_away(const std::string& name) const;
};

/// The whole tensors of all stages on every rank, those of stage 0 first, from what each rank has
/// here. What is whole already is not copied. All ranks of a pipeline and a tensor group call it.
/// Cost: an all_gather over tp for each split tensor; with stages, a broadcast over pp for each
/// tensor.
NamedTensors full_state_dict(const NamedTensors& here, const StateLayout& layout, DeviceMesh& mesh);

/// This rank's parts of whole tensors of all stages; what is not split is not copied. Nothing is
/// sent. Throws ShapeError when a tensor cannot be cut so.
StateDict sharded_state_dict(StateDict whole, const StateLayout& layout, const DeviceMesh& mesh);

/// Copies this rank's parts of whole tensors into those that are here, in place. Nothing is sent.
/// Throws ShapeError that names a tensor which `whole` lacks, or has in another shape; before it
/// anything is copied.
void load_state_dict(const StateDict& whole, const NamedTensors& here, const StateLayout& layout,
                     const DeviceMesh& mesh);

}  // namespace precinct::parallel
