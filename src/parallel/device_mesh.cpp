// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/device_mesh.h"

#include <string_view>
#include <vector>

#include "base/error.h"
#include "parallel/local_communicator.h"

namespace precinct::parallel {

DeviceMesh::DeviceMesh(Communicator& all, const MeshSizes& sizes)
    : rank_(all.rank()),
      axes_{{{"dp", sizes.dp, 0, nullptr},
             {"pp", sizes.pp, 0, nullptr},
             {"gp", sizes.gp, 0, nullptr},
             {"tp", sizes.tp, 0, nullptr}}} {
  std::int64_t product = 1;
  Axis* open = nullptr;
  std::string keys, numbers;
  for (auto& axis : axes_) {
    if (axis.size != 1 || axis.name != std::string_view("gp")) {  // no configuration has a gp yet
      keys += fmt::format("{}parallel.{}", keys.empty() ? "" : " x ", axis.name);
      numbers += fmt::format("{}{}", numbers.empty() ? "" : " x ", axis.size);
    }
    const bool is_open = axis.size == -1;
    PRECINCT_CHECK(axis.size >= 1 || (is_open && open == nullptr), ConfigError,
                   "parallel.{}: expected 1 or more, or -1 once for what is left, found {}; set it "
                   "to its number of ranks, 1 where it is not used",
                   axis.name, axis.size);
    if (is_open) {
      open = &axis;
    } else {
      product *= axis.size;
    }
  }
  if (open != nullptr && all.size() % product == 0) {
    open->size = all.size() / product;
    product = all.size();
  }
  PRECINCT_CHECK(product == all.size(), ConfigError,
                 "{}: expected sizes that multiply to the world's {} ranks, found {}; change one "
                 "of them or start another number of ranks",
                 keys, all.size(), numbers);
  std::int64_t stride = 1;
  for (auto axis = axes_.rbegin(); axis != axes_.rend(); ++axis) {
    axis->coordinate = rank_ / stride % axis->size;
    const std::int64_t first = rank_ - axis->coordinate * stride;
    std::vector<int> members;
    for (std::int64_t i = 0; i < axis->size; ++i)
      members.push_back(static_cast<int>(first + i * stride));
    stride *= axis->size;
    const bool is_local = axis->size == 1 && (all.size() > 1 || !all.is_connected());
    axis->group = is_local ? std::make_unique<LocalCommunicator>(axis->name)
                           : all.subgroup(axis->name, members);
  }
}

const DeviceMesh::Axis& DeviceMesh::find(std::string_view name) const {
  for (const auto& axis : axes_)
    if (name == axis.name) return axis;
  throw ConfigError(
      fmt::format("mesh axis: expected dp, pp, gp or tp, found '{}'; use one of them", name));
}

Communicator& DeviceMesh::axis(std::string_view name) { return *find(name).group; }

std::int64_t DeviceMesh::size(std::string_view name) const { return find(name).size; }

std::int64_t DeviceMesh::coordinate(std::string_view name) const { return find(name).coordinate; }

std::string DeviceMesh::text() const {
  std::string sizes, place;
  for (const auto& axis : axes_) {
    sizes += fmt::format("{}{} {}", sizes.empty() ? "" : " x ", axis.name, axis.size);
    place += fmt::format("{}{} {}", place.empty() ? "" : ", ", axis.name, axis.coordinate);
  }
  return fmt::format("{}, rank {} at {}", sizes, rank_, place);
}

}  // namespace precinct::parallel
