// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "data/loader/batch_prefetcher.h"
#include "data/store/panel_store.h"
#include "tests/support/small_panel.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

/// A panel with unobserved cells, its features and its resident series.
struct City {
  explicit City(Panel p) : panel(std::move(p)) {
    panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
    for (std::size_t i = 0; i < panel.observed.size(); i += 11) panel.observed[i] = 0;
    const auto spec = FeatureSpec::fit(panel, {}, {}, {0, 80});
    GammaPoissonConstants constants;
    constants.dispersion = {.1, .1};
    features = FeatureSet::compute(panel, spec, 3, constants);
    series.emplace(panel, features, 14, 3, at::kCPU);
  }
  City() : City(test::small_panel()) {}
  Panel panel;
  FeatureSet features;
  std::optional<ResidentSeries> series;
};

WindowSampler sampler_of(std::int64_t global_batch_size = 10) {
  return {list_origins({14, 78}, 1), 3, global_batch_size};  // 64 windows an epoch
}

/// Both have the same tensors, bit for bit, and none that the other lacks.
void expect_equal(const Batch& a, const Batch& b) {
  const auto check = [](const char* name, const at::Tensor& x, const at::Tensor& y) {
    ASSERT_EQ(x.defined(), y.defined()) << name;
    if (!x.defined()) return;
    EXPECT_TRUE(x.dtype() == y.dtype() && at::equal(x, y)) << name;
  };
  check("counts", a.counts, b.counts);
  check("observed", a.observed, b.observed);
  check("calendar", a.calendar, b.calendar);
  check("day_slot", a.day_slot, b.day_slot);
  check("weekday", a.weekday, b.weekday);
  check("x_origin", a.x_origin, b.x_origin);
  check("log_anchor", a.log_anchor, b.log_anchor);
  check("target", a.target, b.target);
  check("target_observed", a.target_observed, b.target_observed);
  check("origin", a.origin, b.origin);
  check("position", a.position, b.position);
}

void expect_equal(const StepBatches& a, const StepBatches& b) {
  EXPECT_EQ(a.num_global_windows, b.num_global_windows);
  EXPECT_EQ(a.num_observed_cells, b.num_observed_cells);
  EXPECT_EQ(a.consumed_after, b.consumed_after);
  ASSERT_EQ(a.micro_batches.size(), b.micro_batches.size());
  for (std::size_t m = 0; m < a.micro_batches.size(); ++m)
    expect_equal(a.micro_batches[m], b.micro_batches[m]);
}

std::vector<std::int64_t> values(const at::Tensor& x) {
  return {x.const_data_ptr<std::int64_t>(), x.const_data_ptr<std::int64_t>() + x.numel()};
}

TEST(Batch, HasTheShapesAndTypesThatItsCommentStates) {
  const City city;
  const Batch batch = city.series->gather(std::vector<WindowRef>{{20, 5}, {40, 6}});
  const std::int64_t fg = city.features.num_calendar, fo = city.features.num_origin;
  EXPECT_EQ(batch.num_windows(), 2);
  EXPECT_EQ(batch.counts.sizes(), (at::IntArrayRef{2, 14, 9, 2}));
  EXPECT_EQ(batch.observed.sizes(), (at::IntArrayRef{2, 14, 9}));
  EXPECT_EQ(batch.calendar.sizes(), (at::IntArrayRef{2, 17, fg}));
  EXPECT_EQ(batch.day_slot.sizes(), (at::IntArrayRef{2, 17}));
  EXPECT_EQ(batch.weekday.sizes(), (at::IntArrayRef{2, 17}));
  EXPECT_EQ(batch.x_origin.sizes(), (at::IntArrayRef{2, 9, fo}));
  EXPECT_EQ(batch.log_anchor.sizes(), (at::IntArrayRef{2, 3, 9, 2}));
  EXPECT_EQ(batch.target.sizes(), (at::IntArrayRef{2, 3, 9, 2}));
  EXPECT_EQ(batch.target_observed.sizes(), (at::IntArrayRef{2, 3, 9}));
  EXPECT_EQ(values(batch.origin), (std::vector<std::int64_t>{20, 40}));
  EXPECT_EQ(values(batch.position), (std::vector<std::int64_t>{5, 6}));
  for (const auto* floats : {&batch.counts, &batch.observed, &batch.calendar, &batch.x_origin,
                             &batch.log_anchor, &batch.target, &batch.target_observed})
    EXPECT_EQ(floats->scalar_type(), at::kFloat);
  EXPECT_GE(batch.log_anchor.min().item<float>(), std::log(1e-4F) - 1e-6F);
}

TEST(BatchPrefetcher, StepsComeInTheOrderOfTheSampler) {
  const City city;
  const WindowSampler sampler = sampler_of();
  std::int64_t consumed = 30;  // resumes in the middle of an epoch
  BatchPrefetcher prefetcher(*city.series, sampler, consumed,
                             {.micro_batch_size = 4, .prefetch = 3, .threads = 2});
  for (int i = 0; i < 40; ++i) {  // over five epochs
    const auto wanted = sampler.global_batch(consumed);
    const StepBatches step = prefetcher.next();
    std::vector<std::int64_t> origins, positions;
    for (const Batch& batch : step.micro_batches) {
      EXPECT_LE(batch.num_windows(), 4);
      for (const std::int64_t e : values(batch.origin)) origins.push_back(e);
      for (const std::int64_t p : values(batch.position)) positions.push_back(p);
    }
    ASSERT_EQ(origins.size(), wanted.size());
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      EXPECT_EQ(origins[w], wanted[w].origin);
      EXPECT_EQ(positions[w], wanted[w].position);
    }
    consumed += static_cast<std::int64_t>(wanted.size());
    EXPECT_EQ(step.consumed_after, consumed);
    EXPECT_EQ(step.num_global_windows, static_cast<std::int64_t>(wanted.size()));
    double cells = 0;
    for (const Batch& batch : step.micro_batches)
      cells += batch.target_observed.sum().item<double>() * 2;
    EXPECT_EQ(step.num_observed_cells, cells);
  }
}

TEST(BatchPrefetcher, PrefetchAndThreadsChangeNoBit) {
  const City city;
  const WindowSampler sampler = sampler_of();
  for (const std::int64_t prefetch : {1, 2, 5}) {
    for (const std::int64_t threads : {1, 2, 4}) {
      BatchPrefetcher plain(*city.series, sampler, 0, {.micro_batch_size = 3, .prefetch = 0});
      BatchPrefetcher ahead(*city.series, sampler, 0,
                            {.micro_batch_size = 3, .prefetch = prefetch, .threads = threads});
      for (int i = 0; i < 16; ++i) expect_equal(plain.next(), ahead.next());
    }
  }
}

TEST(BatchPrefetcher, RanksShareEachGlobalBatchWithoutOverlap) {
  const City city;
  const WindowSampler sampler = sampler_of();
  for (const std::int64_t ranks : {2, 3, 7, 12}) {  // uneven; 12 is more than a batch has
    std::vector<std::unique_ptr<BatchPrefetcher>> of_rank;
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      of_rank.push_back(std::make_unique<BatchPrefetcher>(
          *city.series, sampler, 0,
          BatchPrefetcher::Options{.dp_rank = rank, .dp_size = ranks, .prefetch = 1}));
    BatchPrefetcher alone(*city.series, sampler, 0, {.prefetch = 0});
    for (int i = 0; i < 7; ++i) {
      const StepBatches whole = alone.next();
      std::vector<at::Tensor> counts, origins;
      for (auto& prefetcher : of_rank) {
        const StepBatches step = prefetcher->next();
        EXPECT_EQ(step.num_global_windows, whole.num_global_windows);
        EXPECT_EQ(step.num_observed_cells, whole.num_observed_cells);  // of the global batch
        EXPECT_EQ(step.consumed_after, whole.consumed_after);
        for (const Batch& batch : step.micro_batches) {
          counts.push_back(batch.counts);
          origins.push_back(batch.origin);
        }
      }
      EXPECT_TRUE(at::equal(at::cat(origins), whole.micro_batches.at(0).origin)) << ranks;
      EXPECT_TRUE(at::equal(at::cat(counts), whole.micro_batches.at(0).counts)) << ranks;
    }
  }
}

/// A sampler with one window that has not enough bins before it.
WindowSampler sampler_with_a_bad_window() {
  auto origins = list_origins({14, 78}, 1);
  origins[20] = 13;
  return {origins, 3, 4};
}

TEST(BatchPrefetcher, AnExceptionReachesTheCallerInItsPlaceAndStays) {
  const City city;
  const WindowSampler sampler = sampler_with_a_bad_window();
  std::int64_t bad = 0;  // step that holds the bad window
  for (bool found = false; !found; ++bad)
    for (const WindowRef& window : sampler.global_batch(4 * bad))
      found = found || window.origin == 13;
  --bad;
  ASSERT_GT(bad, 0);
  for (const std::int64_t threads : {1, 3}) {
    BatchPrefetcher plain(*city.series, sampler, 0, {.prefetch = 0});
    BatchPrefetcher ahead(*city.series, sampler, 0, {.prefetch = 4, .threads = threads});
    for (std::int64_t i = 0; i < bad; ++i) expect_equal(plain.next(), ahead.next());
    for (int again = 0; again < 3; ++again) {
      try {
        ahead.next();
        FAIL() << "no exception";
      } catch (const DataError& error) {
        EXPECT_NE(std::string(error.what()).find("window at bin 13"), std::string::npos);
      }
    }
    EXPECT_THROW(plain.next(), DataError);
  }
}

std::ptrdiff_t num_threads_of_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(BatchPrefetcher, StopsAtAnyMomentAndLeavesNoThread) {
  constexpr std::uint64_t kSeed = 31;
  std::printf("seed %llu\n", static_cast<unsigned long long>(kSeed));
  const City city;
  const WindowSampler sampler = sampler_of(), bad = sampler_with_a_bad_window();
  const auto before = num_threads_of_process();
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    const auto pick = [&](std::uint64_t what, std::uint64_t bound) {
      return static_cast<std::int64_t>(uniform_index(mix(kSeed, trial), what, bound));
    };
    BatchPrefetcher prefetcher(
        *city.series, trial % 5 == 0 ? bad : sampler, pick(0, 100),
        {.micro_batch_size = 2, .prefetch = 1 + pick(1, 4), .threads = 1 + pick(2, 4)});
    try {
      for (std::int64_t i = pick(3, 8); i > 0; --i) prefetcher.next();
    } catch (const DataError&) {
      EXPECT_EQ(trial % 5, 0U);
    }
  }  // the destructor returns: full queue, threads in work, after a failure
  EXPECT_EQ(num_threads_of_process(), before);
}

/// Flips one bit in the middle of a file.
void damage(const std::filesystem::path& path) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto at = static_cast<std::streamoff>(std::filesystem::file_size(path) / 2);
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ 4);
  file.seekp(at);
  file.put(byte);
}

// The series is resident: what happens to the file while windows are drawn changes no batch, and
// whoever opens the file next is told.
TEST(BatchPrefetcher, AFileDamagedMidWayChangesNoBatchAndIsNoticedWhenItIsOpened) {
  const test::TemporaryFolder folder;
  const auto path = folder / "panel.h5";
  write_panel(path, test::small_panel(3000, 6, 6, 3));
  const City city(read_panel(path));
  const WindowSampler sampler = sampler_of();
  BatchPrefetcher undisturbed(*city.series, sampler, 0, {.prefetch = 0}),
      ahead(*city.series, sampler, 0, {.prefetch = 2, .threads = 2});
  for (int i = 0; i < 3; ++i) expect_equal(undisturbed.next(), ahead.next());
  damage(path);
  for (int i = 0; i < 5; ++i) expect_equal(undisturbed.next(), ahead.next());
  for (const bool verify : {true, false}) {  // by its sha256; by the checksum of the chunk
    try {
      read_panel(path, verify);
      FAIL() << "a damaged panel was read, verify " << verify;
    } catch (const DataError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("panel.h5"), std::string::npos) << message;
      EXPECT_EQ(message.find("/counts") != std::string::npos, !verify) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos);
    }
  }
  std::filesystem::remove(path);
  for (int i = 0; i < 5; ++i) expect_equal(undisturbed.next(), ahead.next());
}

}  // namespace
}  // namespace precinct::data
