// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/call_history.h"

#include <gtest/gtest.h>

#include <memory>

namespace precinct::parallel {
namespace {

CallRecord call(std::uint64_t number, std::string shape = "[4] float32") {
  CallRecord record;
  record.operation = Operation::kAllReduce;
  record.number = number;
  record.shape = std::move(shape);
  return record;
}

/// Calls 1..n; call `odd` has another shape, and so other hashes from there on.
std::shared_ptr<const CallHistory> history(std::uint64_t n, std::uint64_t odd = 0) {
  auto calls = std::make_shared<CallHistory>();
  CallHash hash;
  for (std::uint64_t i = 1; i <= n; ++i) {
    const auto record = call(i, i == odd ? "[5] float32" : "[4] float32");
    hash.add(record);
    calls->add(record, hash.value());
  }
  return calls;
}

TEST(CallHistory, KeepsTheLastCallsByNumber) {
  const auto calls = history(CallHistory::kKept + 10);
  EXPECT_FALSE(calls->at(0));
  EXPECT_FALSE(calls->at(10));
  EXPECT_EQ(calls->at(11)->number, 11U);
  EXPECT_EQ(calls->last()->number, CallHistory::kKept + 10);
  EXPECT_FALSE(calls->at(CallHistory::kKept + 11));
  EXPECT_FALSE(CallHistory().last());
  EXPECT_EQ(calls->last()->text, "all_reduce [4] float32");
}

TEST(CallHistory, IsReadBackAsItWasShown) {
  const auto calls = history(5, 3);
  const auto read = CallHistory::read(calls->dump() + "no call\n7 zz text\n\n");
  ASSERT_EQ(read.size(), 5U);
  for (const auto& one : read) {
    EXPECT_EQ(one.hash, calls->at(one.number)->hash);
    EXPECT_EQ(one.text, calls->at(one.number)->text);
  }
}

TEST(CallHistory, FindsTheFirstCallThatDiffers) {
  const auto read = [](const auto& calls) { return CallHistory::read(calls->dump()); };
  const auto found = first_difference(read(history(40, 17)), read(history(50)));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->number, 17U);
  EXPECT_TRUE(found->is_first);
  EXPECT_EQ(found->own, "all_reduce [5] float32");
  EXPECT_EQ(found->other, "all_reduce [4] float32");
  EXPECT_FALSE(first_difference(read(history(40)), read(history(50))));
  EXPECT_FALSE(first_difference({}, read(history(50))));
}

TEST(CallHistory, SaysWhenTheFirstDifferenceIsNoLongerKept) {
  const auto long_ago = CallHistory::kKept + 100;
  const auto found = first_difference(CallHistory::read(history(long_ago, 50)->dump()),
                                      CallHistory::read(history(long_ago)->dump()));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->is_first);
}

}  // namespace
}  // namespace precinct::parallel
