// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace precinct {

/// Key of the named random stream `name` of a run's seed, e.g. stream_key(seed,
/// "init/head.weight"). Pure function: equal on every host, rank and build.
std::uint64_t stream_key(std::uint64_t seed, std::string_view name);

/// Mixes two words into one key; used for nested streams (epoch, step, layer).
std::uint64_t mix(std::uint64_t a, std::uint64_t b);

/// Counter-based generator (Philox4x32-10, Salmon et al. 2011): four words for (key, counter), no
/// state.
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low,
                                    std::uint64_t counter_high = 0);

/// Uniform in [0, 1) with 53 bits, for (key, counter).
double uniform(std::uint64_t key, std::uint64_t counter);

/// Standard normal (Box-Muller) for (key, counter).
double normal(std::uint64_t key, std::uint64_t counter);

/// Uniform integer in [0, bound) without modulo bias, for (key, counter). bound >= 1.
std::uint64_t uniform_index(std::uint64_t key, std::uint64_t counter, std::uint64_t bound);

/// Keyed permutation of [0, size): a 6-round Feistel network with cycle-walking. O(1) memory,
/// thread-safe.
class KeyedPermutation {
 public:
  KeyedPermutation(std::uint64_t key, std::uint64_t size);
  /// Image of `index` < size.
  std::uint64_t operator()(std::uint64_t index) const;
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t encrypt(std::uint64_t value) const;
  std::uint64_t key_;
  std::uint64_t size_;
  int half_bits_;
};

}  // namespace precinct
