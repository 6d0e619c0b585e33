// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/call_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kLimit = 400ms;

/// Of rank 0 of two, as a holder that was stopped for a while makes it look: some answers take
/// longer than a call may, and rank 1, which asks the same store, has come after the last of them.
class SlowStore final : public Store {
 public:
  explicit SlowStore(int num_slow) : num_slow_(num_slow) {}
  void set(const std::string& /*key*/, const std::string& value) override { own_ = value; }
  std::optional<std::string> get(const std::string& key, milliseconds timeout) override {
    EXPECT_THAT(key, testing::EndsWith("/1"));
    if (num_slow_ > 0) {
      --num_slow_;
      std::this_thread::sleep_for(timeout + kLimit + 10ms);
      return std::nullopt;
    }
    return own_;
  }
  std::int64_t add(const std::string& /*key*/, std::int64_t /*amount*/) override { return 0; }
  std::string set_once(const std::string& /*key*/, const std::string& value) override {
    return value;
  }
  void remove(const std::string& /*key*/) override {}
  std::unique_ptr<Store> view(const std::string& /*prefix*/) override { return nullptr; }
  const std::string& name() const override { return own_; }
  std::unique_ptr<Store> clone() override { return nullptr; }
  std::unique_ptr<Store> patient_clone() override { return nullptr; }

 private:
  int num_slow_;
  std::string own_;
};

void compare_over(int num_slow) {
  CallChecker checker(std::make_unique<SlowStore>(num_slow), "dp", 0, {0, 1}, kLimit,
                      [] { return 20ms; });
  CallRecord record;
  record.number = 1;
  checker.compare_collective(record, 5);
}

TEST(CallChecker, BlamesNobodyForAStoreThatWasHeldUp) {
  EXPECT_NO_THROW(compare_over(1));
  EXPECT_THROW(compare_over(2), CommError);  // once only
}

}  // namespace
}  // namespace precinct::parallel
