// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/device_mesh.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "parallel/fake_communicator.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using test::error_of;
using test::run_ranks;

/// World ranks of the group along `axis`, found by gathering them over it.
std::vector<int> members(DeviceMesh& mesh, const char* axis, int rank) {
  auto& group = mesh.axis(axis);
  auto all = torch::empty({group.size()}, torch::kInt64);
  group.all_gather(all, torch::full({1}, rank, torch::kInt64)).wait();
  std::vector<int> ranks;
  for (int i = 0; i < group.size(); ++i) ranks.push_back(all[i].item<int>());
  EXPECT_EQ(mesh.coordinate(axis), group.rank());
  return ranks;
}

using Ranks = std::vector<int>;

TEST(DeviceMesh, AxesAreTheRanksThatDifferInThemAlone) {
  run_ranks(4, [](World& world) {
    const int r = world.rank();
    DeviceMesh mesh(world, {.dp = -1, .tp = 2});
    EXPECT_EQ(mesh.size("dp"), 2);
    EXPECT_EQ(members(mesh, "tp", r), (r < 2 ? Ranks{0, 1} : Ranks{2, 3}));
    EXPECT_EQ(members(mesh, "dp", r), (r % 2 == 0 ? Ranks{0, 2} : Ranks{1, 3}));
    EXPECT_EQ(members(mesh, "pp", r), Ranks{r});
    EXPECT_EQ(std::string(mesh.axis("pp").backend()), "local");
    DeviceMesh line(world, {.dp = 4});
    EXPECT_EQ(members(line, "dp", r), (Ranks{0, 1, 2, 3}));
  });
}

TEST(DeviceMesh, TpIsFastestThenGpPpDp) {
  for (int rank = 0; rank < 48; ++rank) {
    FakeCommunicator all("world", rank, 48);
    DeviceMesh mesh(all, {.dp = 2, .pp = 3, .tp = 4, .gp = 2});
    EXPECT_EQ(mesh.coordinate("tp"), rank % 4);
    EXPECT_EQ(mesh.coordinate("gp"), rank / 4 % 2);
    EXPECT_EQ(mesh.coordinate("pp"), rank / 8 % 3);
    EXPECT_EQ(mesh.coordinate("dp"), rank / 24);
    EXPECT_EQ(mesh.axis("pp").rank(), rank / 8 % 3);
    auto x = torch::ones({1});
    mesh.axis("pp").all_reduce(x).wait();
    const int first = rank / 24 * 24 + rank % 8;
    EXPECT_EQ(all.calls().back().members, (Ranks{first, first + 8, first + 16}));
  }
}

TEST(DeviceMesh, RefusesSizesThatDoNotMultiplyToTheWorld) {
  FakeCommunicator all("world", 0, 8);
  const auto refusal = [&](MeshSizes sizes) {
    return error_of<ConfigError>([&] { DeviceMesh mesh(all, sizes); });
  };
  const std::string text = refusal({.dp = 2, .tp = 3});
  for (const char* part : {"parallel.dp x parallel.pp x parallel.tp: ", "8 ranks", "2 x 1 x 3"})
    EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;
  EXPECT_NE(refusal({.dp = -1, .tp = 3}).find("-1 x 1 x 3"), std::string::npos);
  EXPECT_NE(refusal({.dp = 2, .gp = 2}).find("parallel.gp x parallel.tp: "), std::string::npos);
  EXPECT_NE(refusal({.dp = -1, .tp = -1}).find("parallel.tp"), std::string::npos);
  EXPECT_NE(refusal({.dp = 0}).find("parallel.dp: expected 1 or more, or -1 once for what is left, "
                                    "found 0; set it to its number of ranks"),
            std::string::npos);
  EXPECT_NE(refusal({.dp = 1}).find("8 ranks"), std::string::npos);
  DeviceMesh mesh(all, {.dp = 8});
  EXPECT_THROW(mesh.axis("xp"), ConfigError);
  EXPECT_EQ(mesh.text(), "dp 8 x pp 1 x gp 1 x tp 1, rank 0 at dp 0, pp 0, gp 0, tp 0");
}

}  // namespace
}  // namespace precinct::parallel
