// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace precinct {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  // SplitMix64 finaliser (Steele, Lea, Flood 2014) over a golden-ratio combination.
  std::uint64_t z = a + 0x9E3779B97F4A7C15ULL * (b + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t stream_key(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a of the name
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return mix(mix(0, seed), hash);
}

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low,
                                    std::uint64_t counter_high) {
  std::array<std::uint32_t, 4> c = {
      static_cast<std::uint32_t>(counter_low), static_cast<std::uint32_t>(counter_low >> 32),
      static_cast<std::uint32_t>(counter_high), static_cast<std::uint32_t>(counter_high >> 32)};
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

double uniform(std::uint64_t key, std::uint64_t counter) {
  const auto words = philox(key, counter);
  const std::uint64_t bits = (std::uint64_t{words[1]} << 32) | words[0];
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

double normal(std::uint64_t key, std::uint64_t counter) {
  const auto words = philox(key, counter);
  const std::uint64_t first = (std::uint64_t{words[1]} << 32) | words[0];
  const std::uint64_t second = (std::uint64_t{words[3]} << 32) | words[2];
  const double u = (static_cast<double>(first >> 11) + 1.0) * 0x1.0p-53;  // (0, 1]
  const double v = static_cast<double>(second >> 11) * 0x1.0p-53;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::uint64_t uniform_index(std::uint64_t key, std::uint64_t counter, std::uint64_t bound) {
  // Lemire's multiply-shift with rejection; further words come from the high counter.
  for (std::uint64_t attempt = 0;; ++attempt) {
    const auto words = philox(key, counter, attempt);
    const std::uint64_t x = (std::uint64_t{words[1]} << 32) | words[0];
    const unsigned __int128 product = static_cast<unsigned __int128>(x) * bound;
    if (static_cast<std::uint64_t>(product) >= (0 - bound) % bound)
      return static_cast<std::uint64_t>(product >> 64);
  }
}

KeyedPermutation::KeyedPermutation(std::uint64_t key, std::uint64_t size)
    : key_(key), size_(size), half_bits_((std::bit_width(size > 1 ? size - 1 : 1) + 1) / 2) {}

std::uint64_t KeyedPermutation::encrypt(std::uint64_t value) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_, right = value & mask;
  for (std::uint64_t round = 0; round < 6; ++round) {
    const std::uint64_t next = left ^ (mix(key_ + round, right) & mask);
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

std::uint64_t KeyedPermutation::operator()(std::uint64_t index) const {
  do {
    index = encrypt(index);
  } while (index >= size_);  // cycle-walking: stays inside [0, size)
  return index;
}

}  // namespace precinct
