// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/state_dict.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "parallel/local_communicator.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using test::error_of;
using test::run_ranks;

at::Tensor numbers(std::vector<std::int64_t> sizes, double first) {
  std::int64_t count = 1;
  for (const auto size : sizes) count *= size;
  return (torch::arange(count, torch::kFloat64) + first).reshape(sizes);
}

/// Two stages of a network: "a" is split along tp by rows in two blocks, "b" is whole; their
/// optimiser's tensors beside them.
StateDict whole_state() {
  return {{"a", numbers({8, 3}, 0)},
          {"exp_avg.a", numbers({8, 3}, 100)},
          {"b", numbers({5}, 200)},
          {"exp_avg.b", numbers({5}, 300)},
          {"step.b", torch::full({}, 7, torch::kInt64)},
          {"common of both", numbers({2}, 400)}};
}

StateLayout layout_of(const DeviceMesh& mesh) {
  StateLayout layout;
  layout.split["a"] = {.dim = 0, .blocks = 2};
  if (mesh.size("pp") == 2) layout.away = {mesh.coordinate("pp") == 0 ? "b" : "a"};
  return layout;
}

NamedTensors here_of(const DeviceMesh& mesh, const StateLayout& layout) {
  NamedTensors here;
  for (const auto& [name, part] : sharded_state_dict(whole_state(), layout, mesh))
    here.emplace_back(name, part.clone());
  return here;
}

class StateDicts : public testing::TestWithParam<MeshSizes> {};
INSTANTIATE_TEST_SUITE_P(Meshes, StateDicts,
                         testing::Values(MeshSizes{}, MeshSizes{.tp = 2}, MeshSizes{.pp = 2},
                                         MeshSizes{.dp = 2, .tp = 2}, MeshSizes{.dp = 2, .pp = 2},
                                         MeshSizes{.pp = 2, .tp = 2}),
                         [](const auto& info) {
                           const MeshSizes& sizes = info.param;
                           return fmt::format("dp{}pp{}tp{}", sizes.dp, sizes.pp, sizes.tp);
                         });

TEST_P(StateDicts, AreWholeOnEveryRankAndComeBackBitForBit) {
  const MeshSizes sizes = GetParam();
  run_ranks(static_cast<int>(sizes.dp * sizes.pp * sizes.tp), [&](World& world) {
    DeviceMesh mesh(world, sizes);
    const StateLayout layout = layout_of(mesh);
    NamedTensors here = here_of(mesh, layout);
    if (sizes.tp ==
        2) {  // rows of both blocks: 0 1 | 4 5 on the first rank, 2 3 | 6 7 on the other
      for (const auto& [name, part] : here)
        if (name == "a") {
          EXPECT_EQ(part.size(0), 4);
          EXPECT_EQ(part[2][0].item<double>(), mesh.coordinate("tp") == 0 ? 12 : 18);
        }
    }
    const NamedTensors full = full_state_dict(here, layout, mesh);
    const StateDict expected = whole_state();
    ASSERT_EQ(full.size(), expected.size());
    for (const auto& [name, tensor] : full) {
      EXPECT_TRUE(torch::equal(tensor, expected.at(name))) << name;
      EXPECT_EQ(tensor.scalar_type(), expected.at(name).scalar_type()) << name;
    }
    StateDict saved;
    for (const auto& [name, tensor] : full) saved[name] = tensor.clone();
    for (auto& [name, tensor] : here) tensor.zero_();
    load_state_dict(saved, here, layout, mesh);
    const auto again = full_state_dict(here, layout, mesh);
    for (const auto& [name, tensor] : again)
      EXPECT_TRUE(torch::equal(tensor, expected.at(name))) << name;
  });
}

TEST(StateDict, AnotherNetworksStateIsRefusedByNameAndChangesNothing) {
  World world(ProcessContext{}, std::make_unique<LocalCommunicator>("world"));
  DeviceMesh mesh(world, {});
  const NamedTensors here = {{"a", torch::zeros({2})}, {"b", torch::zeros({3})}};
  const auto refused = [&](const StateDict& whole) {
    return error_of<ShapeError>([&] { load_state_dict(whole, here, {}, mesh); });
  };
  EXPECT_NE(refused({{"a", torch::ones({2})}}).find("b: expected"), std::string::npos);
  EXPECT_NE(refused({{"a", torch::ones({2})}, {"b", torch::ones({4})}}).find("found [4]"),
            std::string::npos);
  EXPECT_EQ(here[0].second.sum().item<double>(), 0);
}

}  // namespace
}  // namespace precinct::parallel
