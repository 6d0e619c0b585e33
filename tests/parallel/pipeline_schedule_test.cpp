// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include "base/error.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using Kind = PipelineOperation::Kind;
using test::error_of;

constexpr auto kTraining = {ScheduleKind::kGpipe, ScheduleKind::kOneForwardOneBackward};

std::string shown(const std::string& error, const std::string& part) {
  return error.find(part) != std::string::npos ? "" : "'" + error + "' lacks '" + part + "'";
}

TEST(PipelineSchedule, EveryMicroBatchGoesForwardThenBackwardOnEveryStage) {
  for (const auto kind : kTraining) {
    for (int stages = 1; stages <= 7; ++stages) {
      for (std::int64_t count = 0; count <= 12; ++count) {
        const auto schedule = make_schedule(kind, stages, count);
        ASSERT_EQ(schedule.num_stages(), stages);
        for (int s = 0; s < stages; ++s) {
          const auto& operations = schedule.stages[static_cast<std::size_t>(s)];
          ASSERT_EQ(operations.size(), static_cast<std::size_t>(2 * count));
          std::set<std::int64_t> forward, backward;
          for (const auto& one : operations) {
            const int before = s - 1, after = s + 1 < stages ? s + 1 : -1;
            EXPECT_EQ(one.receive_from, one.is_forward() ? before : after);
            EXPECT_EQ(one.send_to, one.is_forward() ? after : before);
            if (one.is_forward()) {
              EXPECT_TRUE(forward.insert(one.micro_batch).second);
            } else {
              EXPECT_TRUE(forward.contains(one.micro_batch));
              // the order of the micro-batches, so that all schedules add gradients alike
              EXPECT_EQ(one.micro_batch, static_cast<std::int64_t>(backward.size()));
              EXPECT_TRUE(backward.insert(one.micro_batch).second);
            }
          }
          EXPECT_EQ(backward.size(), static_cast<std::size_t>(count));
        }
      }
    }
  }
}

TEST(PipelineSchedule, CanBePlayedWithoutStagesThatWaitForEachOther) {
  for (const auto kind :
       {ScheduleKind::kGpipe, ScheduleKind::kOneForwardOneBackward, ScheduleKind::kForwardOnly})
    for (int stages = 1; stages <= 8; ++stages)
      for (std::int64_t count = 0; count <= 20; ++count)
        EXPECT_NO_THROW(play(make_schedule(kind, stages, count)))
            << schedule_name(kind) << " " << stages << " x " << count;
}

TEST(PipelineSchedule, OneForwardOneBackwardHoldsNoMoreThanTheStagesThatFollow) {
  for (int stages = 1; stages <= 6; ++stages) {
    for (std::int64_t count = 0; count <= 10; ++count) {
      const auto spare =
          play(make_schedule(ScheduleKind::kOneForwardOneBackward, stages, count)).max_alive;
      const auto all = play(make_schedule(ScheduleKind::kGpipe, stages, count)).max_alive;
      for (int s = 0; s < stages; ++s) {
        EXPECT_EQ(spare[static_cast<std::size_t>(s)], std::min<std::int64_t>(stages - s, count));
        EXPECT_EQ(all[static_cast<std::size_t>(s)], count);
      }
    }
  }
}

TEST(PipelineSchedule, IdleFractionIsThatOfTheFormula) {
  for (const auto kind : kTraining) {
    for (const PassCosts costs : {PassCosts{1, 1}, PassCosts{1, 2}, PassCosts{3, 4}}) {
      for (int stages = 1; stages <= 6; ++stages) {
        for (std::int64_t count = 1; count <= 12; ++count) {
          const auto timing = play(make_schedule(kind, stages, count), costs);
          // (stages - 1) of (micro-batches + stages - 1) slots, Huang et al. 2019, section 2.3
          EXPECT_NEAR(timing.idle_fraction, (stages - 1) / static_cast<double>(count + stages - 1),
                      1e-12);
          EXPECT_EQ(timing.length, (count + stages - 1) * (costs.forward + costs.backward));
        }
      }
    }
  }
  EXPECT_EQ(play(make_schedule(ScheduleKind::kGpipe, 3, 0)).idle_fraction, 0);
}

TEST(PipelineSchedule, IsATable) {
  EXPECT_EQ(table(make_schedule(ScheduleKind::kOneForwardOneBackward, 2, 3)),
            "1f1b: 2 stages, 3 micro-batches, forward 1, backward 2, idle 25.0 %\n"
            "stage 0  F0 F1 .  .  B0 -- F2 B1 -- .  B2 --\n"
            "stage 1  .  F0 B0 -- F1 B1 -- F2 B2 -- .  .\n");
  EXPECT_EQ(table(make_schedule(ScheduleKind::kGpipe, 3, 2), {1, 1}),
            "gpipe: 3 stages, 2 micro-batches, forward 1, backward 1, idle 50.0 %\n"
            "stage 0  F0 F1 .  .  .  .  B0 B1\n"
            "stage 1  .  F0 F1 .  .  B0 B1 .\n"
            "stage 2  .  .  F0 F1 B0 B1 .  .\n");
  const auto schedule = make_schedule(ScheduleKind::kOneForwardOneBackward, 3, 4);
  EXPECT_EQ(schedule.stages[1][1].text(), "F1 <0 >2");
  EXPECT_EQ(schedule.stages[1][2].text(), "B0 <2 >0");
}

TEST(PipelineSchedule, HasOneHashPerOrder) {
  std::set<std::uint64_t> hashes;
  int count = 0;
  for (const auto kind : kTraining)
    for (int stages = 2; stages <= 4; ++stages)
      for (std::int64_t micro_batches = 2; micro_batches <= 5; ++micro_batches, ++count)
        hashes.insert(make_schedule(kind, stages, micro_batches).hash());
  EXPECT_EQ(hashes.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(make_schedule(ScheduleKind::kGpipe, 2, 3).hash(),
            make_schedule(ScheduleKind::kGpipe, 2, 3).hash());
}

TEST(PipelineSchedule, NamesAreReadBackAndOthersRefused) {
  for (const auto kind :
       {ScheduleKind::kGpipe, ScheduleKind::kOneForwardOneBackward, ScheduleKind::kForwardOnly})
    EXPECT_EQ(schedule_kind(schedule_name(kind)), kind);
  EXPECT_EQ(error_of<ConfigError>([] { schedule_kind("1b1f"); }),
            "pipeline schedule: expected one of gpipe, 1f1b, forward, found '1b1f'; choose one");
  EXPECT_EQ(shown(error_of<ShapeError>([] { make_schedule(ScheduleKind::kGpipe, 0, 1); }),
                  "found 0 and 1"),
            "");
}

/// A schedule with a mistake, and what the error must say.
struct Planted {
  const char* what;
  std::function<void(PipelineSchedule&)> change;
  const char* says;
};

TEST(PipelineSchedule, PlantedMistakesAreNoticed) {
  const std::vector<Planted> planted = {
      {"a pass left out", [](auto& s) { s.stages[1].pop_back(); }, "stage 1: expected B2 among"},
      {"a forward pass left out",
       [](auto& s) { std::erase_if(s.stages[0], [](auto& o) { return o.micro_batch == 2; }); },
       "stage 0: expected F2 among"},
      {"a pass done twice", [](auto& s) { s.stages[0].push_back(s.stages[0].back()); },
       "stage 0: expected each of 3 micro-batches forward once"},
      {"backward before forward", [](auto& s) { std::swap(s.stages[2][0], s.stages[2][1]); },
       "found B0"},
      {"a micro-batch that is none", [](auto& s) { s.stages[0][0].micro_batch = 3; },
       "found F3 >1"},
      {"a message to another stage", [](auto& s) { s.stages[0][0].send_to = 2; },
       "expected F0 >1, found F0 >2"},
      {"a message left out", [](auto& s) { s.stages[1][0].send_to = -1; },
       "expected F0 <0 >2, found F0 <0"},
      {"micro-batches in another order on one stage",
       [](auto& s) { std::swap(s.stages[0][0], s.stages[0][1]); },
       "wait for each other: stage 0 at sending F1 to 1, stage 1 at receiving F0 from 0"},
      {"a stage that wants the gradient before it gave what it is of",
       [](auto& s) {
         // F0 F1 B0 F2 .. on the first stage, while the second runs both forward first
         s.stages[0] = make_schedule(ScheduleKind::kOneForwardOneBackward, 2, 3).stages[0];
         s.stages[1] = make_schedule(ScheduleKind::kGpipe, 3, 3).stages[1];
       },
       "wait for each other"},
  };
  for (const auto& one : planted) {
    auto schedule = make_schedule(ScheduleKind::kOneForwardOneBackward, 3, 3);
    one.change(schedule);
    EXPECT_EQ(shown(error_of<ShapeError>([&] { play(schedule); }), one.says), "") << one.what;
  }
}

/// The smallest largest sum over all cuts, by trying them.
double smallest_largest(const std::vector<double>& costs, std::size_t first, std::size_t stages) {
  double sum = 0, best = 1e300;
  if (stages == 1) {
    for (std::size_t i = first; i < costs.size(); ++i) sum += costs[i];
    return sum;
  }
  for (std::size_t i = first; i + stages <= costs.size(); ++i) {
    sum += costs[i];
    best = std::min(best, std::max(sum, smallest_largest(costs, i + 1, stages - 1)));
  }
  return best;
}

TEST(CutStages, LargestSumIsTheSmallestOfAllCuts) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> costs(1 + random() % 9);
    for (auto& cost : costs) cost = static_cast<double>(random() % 20) / 4;
    const auto stages = static_cast<std::int64_t>(1 + random() % costs.size());
    const auto ranges = cut_stages(costs, stages);
    ASSERT_EQ(ranges.size(), static_cast<std::size_t>(stages));
    double largest = 0;
    std::int64_t at = 0;
    for (const auto& [first, end] : ranges) {
      EXPECT_EQ(first, at);
      EXPECT_LT(first, end);
      at = end;
      double sum = 0;
      for (std::int64_t i = first; i < end; ++i) sum += costs[static_cast<std::size_t>(i)];
      largest = std::max(largest, sum);
    }
    EXPECT_EQ(at, static_cast<std::int64_t>(costs.size()));
    EXPECT_NEAR(largest, smallest_largest(costs, 0, static_cast<std::size_t>(stages)), 1e-12);
  }
}

TEST(CutStages, IsAsEvenAsTheLargestAllows) {
  using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
  // one layer is the largest; the rest is shared evenly, not 1 + 5
  EXPECT_EQ(cut_stages({9, 1, 1, 1, 1, 1, 1}, 3), (Ranges{{0, 1}, {1, 4}, {4, 7}}));
  EXPECT_EQ(cut_stages({1, 1, 1, 1, 1, 1, 9}, 3), (Ranges{{0, 3}, {3, 6}, {6, 7}}));
  EXPECT_EQ(cut_stages({1, 1, 1, 1}, 2), (Ranges{{0, 2}, {2, 4}}));
  EXPECT_EQ(cut_stages({5}, 1), (Ranges{{0, 1}}));
}

TEST(CutStages, RefusesMoreStagesThanLayers) {
  EXPECT_EQ(error_of<ConfigError>([] {
              cut_stages({1, 2}, 3);
            }),
            "parallel.pp: expected 1 to 2 stages, one layer in each at least, found 3; change it");
  EXPECT_EQ(shown(error_of<ConfigError>([] { cut_stages({1, 2}, 0); }), "parallel.pp"), "");
  EXPECT_EQ(shown(error_of<ShapeError>([] { cut_stages({1, -2}, 1); }), "layer 1"), "");
}

}  // namespace
}  // namespace precinct::parallel
