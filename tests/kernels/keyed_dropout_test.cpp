// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/keyed_dropout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <random>

#include "tests/support/central_differences.h"

namespace precinct::kernels {
namespace {

constexpr std::uint64_t kKey = 0x9876543210FEDCBAULL;

/// murmur3's finaliser, chained over the words (key, position) low, high, bin, node, unit.
std::uint32_t chained_hash(std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> words) {
  std::uint32_t h = 0;
  for (const auto& [before, word] : words) {
    h ^= before;
    h ^= static_cast<std::uint32_t>(word * 0x9E3779B9U + 0x7F4A7C15U);
    h = (h ^ (h >> 16)) * 0x85EBCA6BU;
    h = (h ^ (h >> 13)) * 0xC2B2AE35U;
    h ^= h >> 16;
  }
  return h;
}

bool is_kept(std::uint64_t key, std::uint64_t position, std::uint32_t bin, std::uint32_t node,
             std::uint32_t unit, double p) {
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  return chained_hash({{low(key), low(position)},
                       {low(key >> 32), low(position >> 32)},
                       {0, bin},
                       {0, node},
                       {0, unit}}) >= p * 4294967296.0;
}

at::Tensor places(std::int64_t first, std::int64_t size) {
  return at::arange(first, first + size, at::kLong);
}

TEST(KeyedDropout, DrawsAreTheStatedHash) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 60; ++round) {
    const std::uint64_t key = random();
    const std::int64_t b = 1 + random() % 3, t = 1 + random() % 4, n = 1 + random() % 4,
                       d = 1 + random() % 20;
    const DropoutOffset offset{static_cast<std::int64_t>(random() % 9),
                               static_cast<std::int64_t>(random() % 9),
                               static_cast<std::int64_t>(random() % 9)};
    const double p = static_cast<double>(random() % 1000) / 1000;
    const at::Tensor position = places(static_cast<std::int64_t>(random() >> 20), b);
    const at::Tensor x = at::randn({b, t, n, d}, at::kDouble);
    const at::Tensor y = keyed_dropout(x, position, key, p, offset);
    const auto value = x.accessor<double, 4>(), out = y.accessor<double, 4>();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const std::int64_t w = i / (t * n * d), bin = i / (n * d) % t, node = i / d % n, u = i % d;
      const bool kept = is_kept(key, static_cast<std::uint64_t>(position[w].item<std::int64_t>()),
                                static_cast<std::uint32_t>(bin + offset.bin),
                                static_cast<std::uint32_t>(node + offset.node),
                                static_cast<std::uint32_t>(u + offset.unit), p);
      ASSERT_EQ(out[w][bin][node][u], kept ? value[w][bin][node][u] * (1 / (1 - p)) : 0) << round;
    }
    ASSERT_TRUE(at::equal(y, x * keyed_dropout_factors(x.sizes(), position, key, p, offset)));
  }
}

TEST(KeyedDropout, SameKeySameMaskWhateverTheSplit) {
  const at::Tensor x = at::randn({12, 5, 4, 16});
  const at::Tensor position = places(100, 12), whole = keyed_dropout(x, position, kKey, 0.4);
  EXPECT_TRUE(at::equal(whole, keyed_dropout(x, position, kKey, 0.4)));
  for (const std::int64_t size : {1, 3, 4, 6}) {  // micro-batches
    std::vector<at::Tensor> parts;
    for (std::int64_t b = 0; b < 12; b += size)
      parts.push_back(
          keyed_dropout(x.slice(0, b, b + size), position.slice(0, b, b + size), kKey, 0.4));
    EXPECT_TRUE(at::equal(at::cat(parts), whole)) << size;
  }
  const at::Tensor order = at::randperm(12, at::kLong);  // other ranks, other rows
  EXPECT_TRUE(
      at::equal(keyed_dropout(x.index_select(0, order), position.index_select(0, order), kKey, 0.4),
                whole.index_select(0, order)));
  // parts of nodes, bins and units, as other layouts would hold them
  EXPECT_TRUE(at::equal(keyed_dropout(x.slice(2, 1, 3), position, kKey, 0.4, {0, 1, 0}),
                        whole.slice(2, 1, 3)));
  EXPECT_TRUE(
      at::equal(keyed_dropout(x.slice(1, 2), position, kKey, 0.4, {2, 0, 0}), whole.slice(1, 2)));
  EXPECT_TRUE(
      at::equal(keyed_dropout(x.slice(3, 8), position, kKey, 0.4, {0, 0, 8}), whole.slice(3, 8)));
}

TEST(KeyedDropout, EveryWordOfTheKeyCounts) {
  const at::Tensor x = at::ones({4, 4, 4, 16});
  const at::Tensor position = places(0, 4), base = keyed_dropout(x, position, kKey, 0.5);
  for (int bit = 0; bit < 64; ++bit)
    EXPECT_FALSE(at::equal(base, keyed_dropout(x, position, kKey ^ (1ULL << bit), 0.5))) << bit;
  for (const int bit : {2, 20, 32, 40, 62})
    EXPECT_FALSE(at::equal(base, keyed_dropout(x, position + (std::int64_t{1} << bit), kKey, 0.5)))
        << bit;
}

TEST(KeyedDropout, DropsTheStatedShareIndependently) {
  // 2^20 draws each: |share - p| within 5 deviations fails once in 1.7 million runs of a new hash;
  // the key is fixed, so the test does not vary.
  const at::Tensor x = at::ones({16, 32, 32, 64});
  const double size = static_cast<double>(x.numel());
  for (const double p : {0.05, 0.1, 0.3, 0.5, 0.9}) {
    const at::Tensor dropped = (keyed_dropout(x, places(7, 16), kKey, p) == 0).to(at::kDouble);
    EXPECT_NEAR(dropped.mean().item<double>(), p, 5 * std::sqrt(p * (1 - p) / size)) << p;
    const at::Tensor centred = dropped - p;
    for (std::int64_t dim = 0; dim < 4; ++dim) {  // no correlation with the next along any axis
      const at::Tensor product = centred * centred.roll(1, dim);
      EXPECT_NEAR(product.mean().item<double>(), 0, 5 * p * (1 - p) / std::sqrt(size)) << dim;
    }
  }
  EXPECT_TRUE(at::equal(keyed_dropout(x, places(7, 16), kKey, 0), x));
}

TEST(KeyedDropout, EveryTypeAndLayoutGivesTheSameMask) {
  const at::Tensor x = at::randn({6, 5, 4, 8}).abs() + 1, position = places(1, 6);
  const at::Tensor mask = keyed_dropout(x, position, kKey, 0.3) != 0;
  for (const auto type : {at::kDouble, at::kBFloat16}) {
    const at::Tensor y = keyed_dropout(x.to(type), position, kKey, 0.3);
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_TRUE(at::equal(y != 0, mask));
  }
  const at::Tensor bins_first = x.transpose(0, 1).contiguous().transpose(0, 1);
  EXPECT_TRUE(at::equal(keyed_dropout(bins_first, position, kKey, 0.3),
                        keyed_dropout(x, position, kKey, 0.3)));
  const at::Tensor units_first = x.transpose(1, 3).contiguous().transpose(1, 3);
  EXPECT_TRUE(at::equal(keyed_dropout(units_first, position, kKey, 0.3),
                        keyed_dropout(x, position, kKey, 0.3)));
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(keyed_dropout(x, position, kKey, 0.3) != 0, mask));
  at::set_num_threads(before);
}

// The form that devices without a kernel of their own run: asked for by another device's key.
TEST(KeyedDropout, FormOfOtherDevicesIsTheSame) {
  const at::Tensor x = at::randn({3, 4, 5, 6}, at::kDouble), position = places(9, 3);
  const auto op = c10::Dispatcher::singleton()
                      .findSchemaOrThrow("precinct::keyed_dropout", "")
                      .typed<at::Tensor(const at::Tensor&, const at::Tensor&, std::int64_t, double,
                                        at::IntArrayRef)>();
  const std::vector<std::int64_t> offset{1, 2, 3};
  EXPECT_TRUE(at::equal(op.redispatch(c10::DispatchKeySet(c10::DispatchKey::XPU), x, position,
                                      static_cast<std::int64_t>(kKey), 0.3, offset),
                        keyed_dropout(x, position, kKey, 0.3, {1, 2, 3})));
}

TEST(KeyedDropout, GradientsAgreeWithCentralDifferencesOfAnyOrder) {
  const at::Tensor x = at::randn({2, 3, 2, 5}, at::kDouble).requires_grad_(),
                   position = places(4, 2);
  const at::Tensor weight = at::randn_like(x).detach();
  const auto loss = [&] { return (keyed_dropout(x, position, kKey, 0.4).sin() * weight).sum(); };
  EXPECT_LE(test::gradient_error({x}, loss), 1e-6);
  const auto slope = [&] {  // the first derivative is differentiable again
    const auto grad = torch::autograd::grad({loss()}, {x}, {}, std::nullopt, /*create_graph=*/true);
    return (grad[0] * weight).sum();
  };
  const auto second = torch::autograd::grad({slope()}, {x});
  const double step = 1e-6;
  at::Tensor data = x.detach();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    double* value = data.mutable_data_ptr<double>() + i;
    const double before = *value;
    *value = before + step;
    const double up = slope().item<double>();
    *value = before - step;
    const double down = slope().item<double>();
    *value = before;
    EXPECT_NEAR(second[0].flatten()[i].item<double>(), (up - down) / (2 * step), 1e-6);
  }
}

TEST(KeyedDropout, WrongArgumentsAreRefused) {
  const at::Tensor x = at::ones({2, 3, 4, 5}), position = places(0, 2);
  EXPECT_THROW(keyed_dropout(x[0], position, kKey, 0.1), c10::Error);
  EXPECT_THROW(keyed_dropout(x, places(0, 3), kKey, 0.1), c10::Error);
  EXPECT_THROW(keyed_dropout(x, position.to(at::kInt), kKey, 0.1), c10::Error);
  EXPECT_THROW(keyed_dropout(x, position, kKey, 1.0), c10::Error);
  EXPECT_THROW(keyed_dropout(x, position, kKey, -0.1), c10::Error);
}

}  // namespace
}  // namespace precinct::kernels
