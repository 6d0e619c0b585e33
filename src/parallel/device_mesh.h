// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "parallel/communicator.h"
#include "parallel/options.h"
#include "parallel/world.h"

namespace precinct::parallel {

/// The ranks of a world as a box with named axes. Ranks are counted along tp first, then gp, pp and
/// dp, so that the axes that talk most stay inside a host. Each axis of this rank is a group: the
/// ranks that differ from it in that axis alone. An axis of one is a group whose collectives do
/// nothing.
class DeviceMesh {
 public:
  /// All ranks call it with the same sizes. Throws ConfigError that names the keys unless the sizes
  /// multiply to the world's size (one may be -1).
  DeviceMesh(Communicator& all, const MeshSizes& sizes);
  DeviceMesh(World& world, const MeshSizes& sizes) : DeviceMesh(world.communicator(), sizes) {}

  /// The group along "dp", "pp", "tp" or "gp"; a member's rank in it is its coordinate. Throws
  /// ConfigError for another name.
  Communicator& axis(std::string_view name);
  std::int64_t size(std::string_view name) const;
  std::int64_t coordinate(std::string_view name) const;

  /// "dp 2 x pp 1 x gp 1 x tp 2, rank 3 at dp 1, pp 0, gp 0, tp 1".
  std::string text() const;

 private:
  struct Axis {
    const char* name;
    std::int64_t size = 1;
    std::int64_t coordinate = 0;
    std::unique_ptr<Communicator> group;
  };
  const Axis& find(std::string_view name) const;

  int rank_;
  std::array<Axis, 4> axes_;  // slowest first
};

}  // namespace precinct::parallel
