// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/window_sampler.h"

#include <algorithm>

#include "base/error.h"
#include "base/rng.h"

namespace precinct::data {

WindowSampler::WindowSampler(std::vector<std::int64_t> origins, std::uint64_t seed,
                             std::int64_t global_batch_size)
    : origins_(std::move(origins)), seed_(seed), global_batch_size_(global_batch_size) {
  PRECINCT_CHECK(
      !origins_.empty(), ConfigError,
      "data.split: expected at least one training window, found none; shorten lookback or horizon");
  PRECINCT_CHECK(global_batch_size_ >= 1, ConfigError,
                 "train.global_batch_size: expected >= 1, found {}", global_batch_size_);
}

std::int64_t WindowSampler::steps_per_epoch() const {
  return (num_windows() + global_batch_size_ - 1) / global_batch_size_;
}
std::int64_t WindowSampler::epoch_of(std::int64_t consumed) const {
  return consumed / num_windows();
}

std::vector<WindowRef> WindowSampler::global_batch(std::int64_t consumed) const {
  const std::int64_t epoch = epoch_of(consumed), offset = consumed - epoch * num_windows();
  const KeyedPermutation order(mix(stream_key(seed_, "order"), static_cast<std::uint64_t>(epoch)),
                               static_cast<std::uint64_t>(num_windows()));
  const std::int64_t size = std::min(global_batch_size_, num_windows() - offset);
  std::vector<WindowRef> batch;
  batch.reserve(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) {
    const auto window = static_cast<std::size_t>(order(static_cast<std::uint64_t>(offset + i)));
    batch.push_back({origins_[window], consumed + i});
  }
  return batch;
}

std::span<const WindowRef> rank_slice(std::span<const WindowRef> batch, std::int64_t dp_rank,
                                      std::int64_t dp_size) {
  const auto size = static_cast<std::int64_t>(batch.size());
  const std::int64_t begin = dp_rank * size / dp_size, end = (dp_rank + 1) * size / dp_size;
  return batch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

std::vector<std::int64_t> list_origins(const BinRange& origins, std::int64_t stride) {
  std::vector<std::int64_t> list;
  for (std::int64_t e = origins.begin; e < origins.end; e += stride) list.push_back(e);
  return list;
}

}  // namespace precinct::data
