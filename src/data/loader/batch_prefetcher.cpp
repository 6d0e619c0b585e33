// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/batch_prefetcher.h"

#include <c10/util/ParallelGuard.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/threads.h"

namespace precinct::data {

struct BatchPrefetcher::State {
  State(const ResidentSeries& series_in, const WindowSampler& sampler_in, std::int64_t consumed_in,
        Options options_in)
      : series(series_in), sampler(sampler_in), options(options_in), consumed(consumed_in) {}

  /// A step, or why there is none: steps before a failed one still reach the caller, in order.
  struct Made {
    StepBatches step;
    std::exception_ptr failure;
  };

  /// One step's batches; a pure function of the cursor.
  StepBatches make(std::int64_t at) const {
    const auto global = sampler.global_batch(at);
    StepBatches step;
    step.num_global_windows = static_cast<std::int64_t>(global.size());
    step.num_observed_cells = series.num_observed_cells(global);
    step.consumed_after = at + step.num_global_windows;
    for (const auto& part : micro_batches_of(global))
      step.micro_batches.push_back(series.gather(part));
    return step;
  }

  /// This rank's windows of a global batch, part by part.
  std::vector<std::span<const WindowRef>> micro_batches_of(
      std::span<const WindowRef> global) const {
    std::vector<std::span<const WindowRef>> parts;
    if (const std::int64_t shards = options.canonical_shards; shards > 0) {
      for (std::int64_t i = options.dp_rank * shards / options.dp_size;
           i < (options.dp_rank + 1) * shards / options.dp_size; ++i)
        if (const auto part = rank_slice(global, i, shards); !part.empty()) parts.push_back(part);
      return parts;
    }
    const auto mine = rank_slice(global, options.dp_rank, options.dp_size);
    const std::size_t size = options.micro_batch_size > 0
                                 ? static_cast<std::size_t>(options.micro_batch_size)
                                 : std::max<std::size_t>(1, mine.size());
    for (std::size_t begin = 0; begin < mine.size(); begin += size)
      parts.push_back(mine.subspan(begin, std::min(size, mine.size() - begin)));
    return parts;
  }

  void run() {
    // This thread's kernels run serially: a pool of its own would have all cores. (set_num_threads
    // would also set what every thread starts with that has not asked yet, the training one too.)
    const c10::ParallelGuard serial(true);
    while (true) {
      std::int64_t ticket = 0, at = 0;
      {
        std::unique_lock lock(mutex);
        has_room.wait(lock, [&] {
          return stopped || static_cast<std::int64_t>(ready.size()) + in_work < options.prefetch;
        });
        if (stopped) return;
        ticket = next_ticket++;
        at = consumed;
        consumed += static_cast<std::int64_t>(sampler.global_batch(at).size());
        ++in_work;
      }
      Made made;
      try {
        made.step = make(at);
      } catch (...) {
        made.failure = std::current_exception();
      }
      std::lock_guard lock(mutex);
      --in_work;
      stopped = stopped || made.failure;  // nothing after a failed step is wanted
      ready.emplace(ticket, std::move(made));
      has_step.notify_all();
      if (stopped) has_room.notify_all();
    }
  }

  void stop() {
    const std::lock_guard lock(mutex);
    stopped = true;
    has_room.notify_all();
  }

  const ResidentSeries& series;
  const WindowSampler& sampler;
  Options options;
  std::int64_t consumed;  // cursor of the next step to be made
  std::mutex mutex;
  std::condition_variable has_room, has_step;
  std::map<std::int64_t, Made> ready;  // by ticket
  std::int64_t next_ticket = 0, next_out = 0, in_work = 0;
  bool stopped = false;
  std::vector<std::thread> threads;
};

BatchPrefetcher::BatchPrefetcher(const ResidentSeries& series, const WindowSampler& sampler,
                                 std::int64_t consumed, Options options)
    : state_(std::make_unique<State>(series, sampler, consumed, options)) {
  if (options.prefetch <= 0) return;
  State& state = *state_;
  start_threads(
      state.threads, static_cast<std::size_t>(std::max<std::int64_t>(1, options.threads)),
      [&state] { state.run(); }, [&state] { state.stop(); });
}

BatchPrefetcher::~BatchPrefetcher() {
  state_->stop();
  for (auto& thread : state_->threads) thread.join();
}

StepBatches BatchPrefetcher::next() {
  State& s = *state_;
  if (s.threads.empty()) {
    StepBatches step = s.make(s.consumed);
    s.consumed = step.consumed_after;
    return step;
  }
  std::unique_lock lock(s.mutex);
  s.has_step.wait(lock, [&] { return s.ready.contains(s.next_out); });
  // A failure stays where it is: each later call throws it again.
  if (const auto& failure = s.ready.at(s.next_out).failure) std::rethrow_exception(failure);
  auto node = s.ready.extract(s.next_out++);
  s.has_room.notify_all();
  return std::move(node.mapped().step);
}

}  // namespace precinct::data
