// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/post_mortem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parallel/store.h"

namespace precinct::parallel {
namespace {

using testing::HasSubstr;

/// Two ranks of a job in one process.
class PostMortemOfTwo : public testing::Test {
 protected:
  struct Rank {
    std::shared_ptr<Progress> progress = std::make_shared<Progress>();
    std::shared_ptr<CallHistory> calls = std::make_shared<CallHistory>();
    std::unique_ptr<PostMortem> post_mortem;
    CallHash hash;
    void call(std::int64_t elements) {
      CallRecord record;
      record.operation = Operation::kAllReduce;
      record.number = ++number;
      record.shape = "[" + std::to_string(elements) + "] float32";
      hash.add(record);
      calls->add(record, hash.value());
    }
    std::uint64_t number = 0;
  };
  PostMortemOfTwo() {
    for (int r = 0; r < 2; ++r) {
      rank[r].progress->add({"dp", "dp", rank[r].calls});
      rank[r].post_mortem = std::make_unique<PostMortem>(
          JobLife::of_job("127.0.0.1", server.port(), 0, std::chrono::seconds(20)),
          rank[r].progress, r);
    }
  }
  StoreServer server{"127.0.0.1", 0};
  Rank rank[2];
};

TEST_F(PostMortemOfTwo, WhoIsLeftNamesTheFirstCallThatDiffersOnBothSides) {
  for (auto& one : rank) one.call(7);
  rank[0].call(8);
  rank[1].call(9);
  rank[1].call(8);
  EXPECT_EQ(rank[1].post_mortem->verdict(), std::nullopt) << "nobody has ended";
  EXPECT_EQ(rank[0].post_mortem->leave(), std::nullopt);
  const auto verdict = rank[1].post_mortem->verdict();
  ASSERT_TRUE(verdict);
  EXPECT_THAT(*verdict, HasSubstr("group dp, call #2: expected the same call on all ranks"));
  EXPECT_THAT(*verdict, HasSubstr("[9]"));
  EXPECT_THAT(*verdict, HasSubstr("[8]"));
  EXPECT_EQ(rank[0].post_mortem->verdict(), verdict) << "it is declared";
}

TEST_F(PostMortemOfTwo, OfTwoThatEndAtOnceOneNamesIt) {
  rank[0].call(8);
  rank[1].call(9);
  const auto first = rank[1].post_mortem->leave(), second = rank[0].post_mortem->leave();
  EXPECT_EQ(first, std::nullopt);
  ASSERT_TRUE(second);
  EXPECT_THAT(*second, HasSubstr("call #1"));
}

TEST_F(PostMortemOfTwo, ARankThatIsBehindIsNoDifference) {
  for (auto& one : rank) one.call(7);
  rank[1].call(9);
  EXPECT_EQ(rank[0].post_mortem->leave(), std::nullopt);
  EXPECT_EQ(rank[1].post_mortem->verdict(), std::nullopt);
}

}  // namespace
}  // namespace precinct::parallel
