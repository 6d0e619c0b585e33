// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/step_guard.h"

#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <utility>

#include "train/precision.h"
#include "train/stop_signal.h"

namespace precinct::train {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// True when the guard tells the optimiser to skip this step.
bool skips(StepGuard& guard, float loss, float gradient_norm, std::int64_t step) {
  return guard.check(torch::tensor(loss), torch::tensor(gradient_norm), step).item<float>() == 1;
}

TEST(StepGuard, NonFiniteLossOrGradientSkipsTheStepAndIsCounted) {
  StepGuard guard(torch::kCPU);
  EXPECT_FALSE(skips(guard, 1, 2, 0));
  EXPECT_EQ(guard.read().skipped, 0);
  EXPECT_EQ(guard.read().last_bad_step, -1);
  EXPECT_TRUE(skips(guard, kNan, 2, 1));
  EXPECT_FALSE(skips(guard, 1, 2, 2));
  EXPECT_TRUE(skips(guard, 1, kInfinity, 3));
  EXPECT_FALSE(skips(guard, 1, 2, 4));
  EXPECT_TRUE(skips(guard, -kInfinity, kInfinity, 5));
  EXPECT_EQ(guard.read().skipped, 3);
  EXPECT_EQ(guard.read().longest_run, 1) << "a good step ends a run";
  EXPECT_EQ(guard.read().last_bad_step, 5);
}

TEST(StepGuard, ThreeInARowEndPatienceAndAGoodStepDoesNotHideThem) {
  StepGuard guard(torch::kCPU);
  for (const std::int64_t step : {4, 5}) skips(guard, kNan, 1, step);
  EXPECT_EQ(guard.read().longest_run, 2);
  EXPECT_FALSE(guard.read().exhausted());
  skips(guard, kNan, 1, 6);
  EXPECT_TRUE(guard.read().exhausted());
  skips(guard, 1, 1, 7);  // counters are read every log.every steps, after this one too
  EXPECT_TRUE(guard.read().exhausted());
  EXPECT_EQ(guard.read().last_bad_step, 6);
  guard.reset();
  EXPECT_EQ(guard.state(), (std::array<double, 4>{0, 0, 0, -1}));
}

TEST(StepGuard, StateRoundTripsInTheMiddleOfARun) {
  StepGuard guard(torch::kCPU);
  skips(guard, kNan, 1, 10);
  skips(guard, 1, 1, 11);
  skips(guard, kNan, 1, 12);
  skips(guard, kNan, 1, 13);
  EXPECT_EQ(guard.state(), (std::array<double, 4>{3, 2, 2, 13}));
  StepGuard resumed(torch::kCPU);
  resumed.load(guard.state());
  EXPECT_FALSE(resumed.read().exhausted());
  skips(resumed, kNan, 1, 14);
  EXPECT_TRUE(resumed.read().exhausted()) << "the run before the checkpoint counts";
  EXPECT_EQ(resumed.read().skipped, 4);
}

TEST(StepGuard, NamesTheParameterOrGradientThatIsNotFinite) {
  auto fine = torch::ones({2}, torch::requires_grad());
  auto bad_gradient = torch::ones({2}, torch::requires_grad());
  bad_gradient.mutable_grad() = torch::tensor({1.F, kNan});
  const auto bad_value = torch::tensor({kInfinity, 1.F});
  EXPECT_THAT(non_finite_tensors({{"a", fine}, {"b", bad_gradient}, {"c", bad_value}}),
              testing::ElementsAre("gradient b", "parameter c"));
}

volatile std::sig_atomic_t seen_by_previous = 0;
void previous_handler(int number) { seen_by_previous = number; }

/// Installs previous_handler for the three signals and gives back what was there.
class PreviousHandlers {
 public:
  PreviousHandlers() {
    seen_by_previous = 0;
    term_ = std::signal(SIGTERM, previous_handler);
    usr1_ = std::signal(SIGUSR1, previous_handler);
    int_ = std::signal(SIGINT, previous_handler);
  }
  ~PreviousHandlers() {
    std::signal(SIGTERM, term_);
    std::signal(SIGUSR1, usr1_);
    std::signal(SIGINT, int_);
  }

 private:
  void (*term_)(int);
  void (*usr1_)(int);
  void (*int_)(int);
};

TEST(StopSignal, EachSignalSetsTheFlagAndThePreviousHandlerComesBack) {
  const PreviousHandlers previous;
  for (const int number : {SIGUSR1, SIGTERM, SIGINT}) {
    seen_by_previous = 0;
    {
      const StopSignal stop;
      EXPECT_EQ(StopSignal::received(), 0) << "a signal of an earlier run is forgotten";
      std::raise(number);
      EXPECT_EQ(StopSignal::received(), number);
      EXPECT_EQ(seen_by_previous, 0);
    }
    std::raise(number);
    EXPECT_EQ(seen_by_previous, number);
  }
}

TEST(StopSignal, SigtermDoesNotCutShortWhatAnErrorHasToSay) {
  for (const auto& [number, ends_by] : {std::pair(SIGTERM, 0), std::pair(SIGINT, SIGINT)}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (const int each : {SIGTERM, SIGINT}) std::signal(each, SIG_DFL);
      try {
        const StopSignal stop;
        throw NumericError("x: expected a finite loss, found nan; lower the rate");
      } catch (const NumericError&) {
        ::raise(number);
      }
      ::_exit(5);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(ends_by != 0 ? WTERMSIG(status) : WEXITSTATUS(status), ends_by != 0 ? ends_by : 5);
  }
}

TEST(StopSignal, OneThatCameToTheOuterIsSeenByTheInner) {
  const PreviousHandlers previous;
  seen_by_previous = 0;
  {
    const StopSignal outer({SIGUSR1});
    std::raise(SIGTERM);
    EXPECT_EQ(seen_by_previous, SIGTERM) << "no signal of the outer one";
    std::raise(SIGUSR1);
    {
      const StopSignal inner;
      EXPECT_EQ(StopSignal::received(), SIGUSR1);
    }
    std::raise(SIGUSR1);
    EXPECT_EQ(StopSignal::received(), SIGUSR1);
    EXPECT_EQ(seen_by_previous, SIGTERM);
  }
  const StopSignal next;
  EXPECT_EQ(StopSignal::received(), 0);
}

TEST(StopSignal, MayBeIgnoredForTheRestOfTheProcess) {
  const PreviousHandlers previous;
  seen_by_previous = 0;
  {
    StopSignal stop({SIGUSR1});
    stop.ignore_from_now_on();
    std::raise(SIGUSR1);
    EXPECT_EQ(StopSignal::received(), 0);
  }
  std::raise(SIGUSR1);
  EXPECT_EQ(seen_by_previous, 0);
}

torch::ScalarType type_of_a_product(const std::string& precision) {
  const Autocast autocast(precision, torch::kCPU);
  return torch::mm(torch::ones({4, 4}), torch::ones({4, 4})).scalar_type();
}

TEST(Autocast, IsOffForFp32AndOnForBf16InItsScopeAlone) {
  EXPECT_EQ(type_of_a_product("fp32"), torch::kFloat32);
  EXPECT_EQ(type_of_a_product("bf16"), torch::kBFloat16);
  EXPECT_FALSE(at::autocast::is_autocast_enabled(torch::kCPU)) << "left on after its scope";
  EXPECT_EQ(type_of_a_product("fp32"), torch::kFloat32);
}

TEST(Autocast, LeavesWhatIsAroundItAsItWas) {
  const Autocast outer("bf16", torch::kCPU);
  type_of_a_product("bf16");
  EXPECT_TRUE(at::autocast::is_autocast_enabled(torch::kCPU));
}

}  // namespace
}  // namespace precinct::train
