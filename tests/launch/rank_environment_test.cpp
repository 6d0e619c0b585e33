// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "parallel/process_context.h"

namespace precinct::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Values = std::map<std::string, std::string>;

Values values_of(const std::vector<std::string>& environment) {
  Values values;
  for (const auto& entry : environment) {
    const auto at = entry.find('=');
    EXPECT_TRUE(values.emplace(entry.substr(0, at), entry.substr(at + 1)).second) << entry;
  }
  return values;
}

parallel::ProcessContext context_of(const Values& values) {
  return parallel::ProcessContext::from_variables(
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = values.find(name);
        if (found == values.end()) return std::nullopt;
        return found->second;
      },
      [](const std::string&) { return true; });
}

TEST(RankEnvironment, IsWhatARankReadsAsItsPlace) {
  const RankPlace place{.rank = 2,
                        .num_ranks = 3,
                        .restart_count = 4,
                        .port = 1234,
                        .job_token = "launch.7",
                        .num_threads = 5};
  const auto context = context_of(values_of(rank_environment({"HOME=/h"}, place)));
  EXPECT_EQ(context.source, "torchrun");
  EXPECT_EQ(context.rank, 2);
  EXPECT_EQ(context.world_size, 3);
  EXPECT_EQ(context.local_rank, 2);
  EXPECT_EQ(context.local_world_size, 3);
  EXPECT_EQ(context.restart_count, 4);
  EXPECT_EQ(context.master_address, "127.0.0.1");
  EXPECT_EQ(context.master_port, 1234);
  EXPECT_EQ(context.job_token, "launch.7");
  EXPECT_TRUE(context.launcher_holds_store);
}

TEST(RankEnvironment, ReplacesAnOuterLaunchersVariablesAndKeepsTheRest) {
  const auto values = values_of(rank_environment(
      {"RANK=9", "RANKED=yes", "MASTER_PORT=1", "PRECINCT_JOB_TOKEN=outer", "HOME=/h=h"},
      {.rank = 1, .num_ranks = 2, .restart_count = 0, .port = 77, .job_token = "inner"}));
  EXPECT_EQ(values.at("RANK"), "1");
  EXPECT_EQ(values.at("MASTER_PORT"), "77");
  EXPECT_EQ(values.at("PRECINCT_JOB_TOKEN"), "inner");
  EXPECT_EQ(values.at("RANKED"), "yes");
  EXPECT_EQ(values.at("HOME"), "/h=h");
}

TEST(RankEnvironment, ThreadsAreTheShareUnlessTheUserSaysOtherwise) {
  const RankPlace place{
      .rank = 0, .num_ranks = 2, .restart_count = 0, .port = 1, .job_token = "t", .num_threads = 6};
  EXPECT_EQ(values_of(rank_environment({}, place)).at("OMP_NUM_THREADS"), "6");
  EXPECT_EQ(values_of(rank_environment({"OMP_NUM_THREADS=3"}, place)).at("OMP_NUM_THREADS"), "3");
  EXPECT_EQ(threads_per_rank({0, 1, 2, 3, 4, 5, 6}, 2), 3);
  EXPECT_EQ(threads_per_rank({0, 1}, 3), 1);
  EXPECT_EQ(threads_per_rank({}, 1), 1);
}

TEST(RankEnvironment, CoresAreSharedEvenlyAndNotAtAllWhenTheyAreTooFew) {
  const std::vector<int> allowed = {0, 1, 4, 5, 8};
  EXPECT_THAT(cores_of_rank(allowed, 0, 2), ElementsAre(0, 1));
  EXPECT_THAT(cores_of_rank(allowed, 1, 2), ElementsAre(4, 5));
  EXPECT_THAT(cores_of_rank(allowed, 0, 1), ElementsAre(0, 1, 4, 5, 8));
  EXPECT_THAT(cores_of_rank(allowed, 5, 6), IsEmpty());
  EXPECT_THAT(cores_of_rank({}, 0, 1), IsEmpty());
  EXPECT_THAT(allowed_cores(), testing::Not(IsEmpty()));
}

TEST(RankEnvironment, OwnEnvironmentIsThisProcesss) {
  ASSERT_EQ(::setenv("PRECINCT_TEST_WORD", "a=b", 1), 0);
  EXPECT_EQ(values_of(own_environment()).at("PRECINCT_TEST_WORD"), "a=b");
  ::unsetenv("PRECINCT_TEST_WORD");
}

}  // namespace
}  // namespace precinct::launch
