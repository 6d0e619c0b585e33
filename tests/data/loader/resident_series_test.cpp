// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/resident_series.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <thread>

#include "base/error.h"
#include "data/loader/batch_prefetcher.h"
#include "kernels/window_gather.h"
#include "tests/support/small_panel.h"
#include "tests/support/thread_room.h"

namespace precinct::data {
namespace {

struct Fixture {
  Panel panel;
  FeatureSpec spec;
  FeatureSet features;
  explicit Fixture(Panel p) : panel(std::move(p)) {
    config::DataConfig data;
    spec = FeatureSpec::fit(panel, {}, data, {0, 80});
    GammaPoissonConstants constants;
    constants.dispersion = {.1, .1};
    features = FeatureSet::compute(panel, spec, 3, constants);
  }
};

TEST(WindowGather, EqualsTheReferenceBitForBit) {
  for (const auto type : {at::kByte, at::kUInt16, at::kInt}) {
    for (const std::int64_t categories : {1, 2, 3, 4, 5}) {
      const auto counts = at::randint(0, 200, {50, 7, categories}, at::kInt).to(type);
      const auto table = at::rand({256, categories}),
                 origins = at::tensor({10, 50, 11, 33}, at::kLong);
      EXPECT_TRUE(at::equal(kernels::window_gather(counts, table, origins, 10),
                            kernels::window_gather_reference(counts, table, origins, 10)));
    }
  }
}

TEST(WindowGather, RefusesAnOriginOutsideTheSeries) {
  const auto counts = at::zeros({20, 2, 1}, at::kByte), table = at::zeros({256, 1});
  EXPECT_THROW(kernels::window_gather(counts, table, at::tensor({4}, at::kLong), 5), c10::Error);
  EXPECT_THROW(kernels::window_gather(counts, table, at::tensor({21}, at::kLong), 5), c10::Error);
}

TEST(ResidentSeries, BatchEqualsNaiveSlicing) {
  const Fixture f(test::small_panel());
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const std::vector<WindowRef> windows = {{20, 0}, {117, 1}, {14, 2}};
  const Batch batch = series.gather(windows);
  for (std::size_t b = 0; b < windows.size(); ++b) {
    const std::int64_t e = windows[b].origin;
    for (std::int64_t n = 0; n < f.panel.num_nodes; ++n) {
      for (std::int64_t c = 0; c < 2; ++c) {
        for (std::int64_t i = 0; i < 14; ++i) {
          const double wanted =
              (std::log1p(f.panel.count(e - 14 + i, n, c)) - f.spec.scaler.shift[c]) /
              f.spec.scaler.scale[c];
          EXPECT_NEAR(batch.counts[b][i][n][c].item<float>(), wanted, 1e-6);
        }
        for (std::int64_t h = 0; h < 3; ++h)
          EXPECT_EQ(batch.target[b][h][n][c].item<float>(), f.panel.count(e + h, n, c));
      }
    }
    std::vector<float> anchor(3 * 9 * 2);
    f.features.anchor->mean(e, 3, anchor.data());
    EXPECT_NEAR(batch.log_anchor[b][2][4][1].item<float>(),
                std::log(std::max(anchor[(2 * 9 + 4) * 2 + 1], 1e-4F)), 1e-6);
    EXPECT_EQ(batch.weekday[b][14].item<std::int64_t>(), weekday(f.panel.axis.start_of(e).day));
  }
}

TEST(ResidentSeries, BeyondThePanelThereIsNoTarget) {
  const Fixture f(test::small_panel());
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  EXPECT_FALSE(series.gather(std::vector<WindowRef>{{120, 0}}).target.defined());
  EXPECT_THROW(series.gather(std::vector<WindowRef>{{13, 0}}), DataError);
  EXPECT_THROW(series.gather(std::vector<WindowRef>{{121, 0}}), DataError);
}

TEST(ResidentSeries, UnobservedCellsAreZeroAndMasked) {
  Panel panel = test::small_panel();
  panel.observed.assign(120 * 9, 1);
  panel.observed[30 * 9 + 4] = 0;
  const Fixture f(std::move(panel));
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const Batch batch = series.gather(std::vector<WindowRef>{{32, 0}, {29, 1}});
  EXPECT_EQ(batch.counts[0][12][4][0].item<float>(), 0);
  EXPECT_EQ(batch.observed[0][12][4].item<float>(), 0);
  EXPECT_EQ(batch.target_observed[1][1][4].item<float>(), 0);
  EXPECT_EQ(series.num_observed_cells(std::vector<WindowRef>{{32, 0}, {29, 1}}), 2 * 3 * 9 * 2 - 2);
}

TEST(ResidentSeries, WideCountsKeepTheirValue) {
  Panel panel = test::small_panel();
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) counts.push_back(panel.counts[i] + 40'000);
  panel.counts = CountArray::from_u32(counts);
  const Fixture f(std::move(panel));
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const Batch batch = series.gather(std::vector<WindowRef>{{20, 0}});
  EXPECT_EQ(batch.target[0][0][0][0].item<float>(), f.panel.count(20, 0, 0));
  const double input =
      (std::log1p(static_cast<double>(f.panel.count(6, 0, 0))) - f.features.scaler.shift[0]) /
      f.features.scaler.scale[0];
  EXPECT_EQ(batch.counts[0][0][0][0].item<float>(), static_cast<float>(input));
}

TEST(WindowSampler, AnEpochHoldsEveryWindowOnceAndTheShortBatchLast) {
  const WindowSampler sampler(list_origins({14, 81}, 1), 5, 16);
  std::multiset<std::int64_t> seen;
  std::int64_t consumed = 0;
  while (sampler.epoch_of(consumed) == 0) {
    const auto batch = sampler.global_batch(consumed);
    for (const auto& window : batch) seen.insert(window.origin);
    consumed += static_cast<std::int64_t>(batch.size());
  }
  EXPECT_EQ(consumed, 67);
  EXPECT_EQ(seen.size(), 67U);
  EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), 67U);
  EXPECT_EQ(sampler.global_batch(64).size(), 3U);
}

TEST(WindowSampler, RankSlicesCoverABatchWithoutOverlap) {
  const WindowSampler sampler(list_origins({14, 81}, 1), 5, 10);
  const auto batch = sampler.global_batch(0);
  for (const std::int64_t size : {1, 2, 3, 4, 7, 12}) {
    std::vector<std::int64_t> all;
    for (std::int64_t rank = 0; rank < size; ++rank) {
      for (const auto& window : rank_slice(batch, rank, size)) all.push_back(window.position);
    }
    ASSERT_EQ(all.size(), batch.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<std::int64_t>(i));
  }
}

TEST(BatchPrefetcher, ThreadsChangeNothing) {
  const Fixture f(test::small_panel());
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const WindowSampler sampler(list_origins({14, 78}, 1), 3, 10);
  BatchPrefetcher plain(series, sampler, 20, {.micro_batch_size = 4, .prefetch = 0});
  BatchPrefetcher one(series, sampler, 20, {.micro_batch_size = 4, .prefetch = 2, .threads = 1});
  BatchPrefetcher two(series, sampler, 20, {.micro_batch_size = 4, .prefetch = 3, .threads = 2});
  for (int i = 0; i < 30; ++i) {
    const auto a = plain.next(), b = one.next(), c = two.next();
    ASSERT_EQ(a.consumed_after, b.consumed_after);
    ASSERT_EQ(a.consumed_after, c.consumed_after);
    ASSERT_EQ(a.micro_batches.size(), c.micro_batches.size());
    for (std::size_t m = 0; m < a.micro_batches.size(); ++m) {
      EXPECT_TRUE(at::equal(a.micro_batches[m].counts, b.micro_batches[m].counts));
      EXPECT_TRUE(at::equal(a.micro_batches[m].position, c.micro_batches[m].position));
    }
  }
}  // the destructors stop the threads in the middle of an epoch

TEST(BatchPrefetcher, AnExceptionOfAThreadReachesTheCaller) {
  const Fixture f(test::small_panel());
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const WindowSampler bad(list_origins({2, 10}, 1), 3, 4);  // not enough bins before
  BatchPrefetcher prefetcher(series, bad, 0, {.prefetch = 2, .threads = 2});
  EXPECT_THROW(prefetcher.next(), DataError);
}

TEST(BatchPrefetcher, WithoutRoomForItsThreadsIsADeviceErrorAndNoCrash) {
  const Fixture f(test::small_panel());
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const WindowSampler sampler(list_origins({14, 78}, 1), 3, 10);
  const test::RoomForOneThread room;
  EXPECT_THROW(BatchPrefetcher(series, sampler, 20, {.prefetch = 2, .threads = 2}), DeviceError);
}

/// A run repeats bit for bit only with the same number of threads, whichever thread asks first.
TEST(BatchPrefetcher, ItsThreadsLeaveTheNumberOfThreadsAlone) {
  const Fixture f(test::small_panel());
  const ResidentSeries series(f.panel, f.features, 14, 3, at::kCPU);
  const WindowSampler sampler(list_origins({14, 78}, 1), 3, 10);
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  BatchPrefetcher prefetcher(series, sampler, 20, {.prefetch = 2, .threads = 2});
  prefetcher.next();
  int of_new_thread = 0;
  std::thread([&] { of_new_thread = at::get_num_threads(); }).join();
  EXPECT_EQ(of_new_thread, 3);
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(before);
}

TEST(OpenMp, TheProcessHasOneRuntime) {
  at::parallel_for(0, 4, 1, [](std::int64_t, std::int64_t) {});
  std::ifstream maps("/proc/self/maps");
  std::set<std::string> gnu;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("libgomp") != std::string::npos) gnu.insert(line.substr(line.rfind('/')));
    EXPECT_EQ(line.find("libiomp"), std::string::npos);
    EXPECT_EQ(line.find("libomp."), std::string::npos);
  }
  EXPECT_EQ(gnu.size(), 1U);
}

}  // namespace
}  // namespace precinct::data
