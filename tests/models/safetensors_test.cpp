// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/safetensors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "models/folder_manifest.h"
#include "tests/support/temporary_folder.h"

namespace precinct::models {
namespace {

NamedTensors examples() {
  torch::manual_seed(5);
  return {{"b", torch::randn({3, 4})},
          {"a", torch::randn({5}, torch::kFloat64)},
          {"half", torch::randn({2, 2}).to(torch::kBFloat16)},
          {"scalar", torch::tensor(2.5F)},
          {"index", torch::arange(6).view({2, 3})},
          {"empty", torch::zeros({0, 4})},
          {"transposed", torch::randn({4, 3}).t()}};
}

TEST(Safetensors, EveryTypeRoundTripsBitForBit) {
  test::TemporaryFolder folder;
  write_safetensors(folder / "x.safetensors", examples(), {{"format", "pt"}});
  const auto back = read_safetensors(folder / "x.safetensors");
  ASSERT_EQ(back.size(), examples().size());
  for (const auto& [name, tensor] : examples()) {
    ASSERT_TRUE(back.contains(name));
    EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(back.at(name), tensor)) << name;
  }
}

/// The graph of a panel without borders.
TEST(Safetensors, AFileOfNothingButAnEmptyTensorRoundTrips) {
  test::TemporaryFolder folder;
  for (const auto& empty : {torch::zeros({2, 0}, torch::kLong), torch::zeros({0, 4})}) {
    write_safetensors(folder / "x", {{"edge_index", empty}});
    EXPECT_EQ(read_safetensors(folder / "x").at("edge_index").sizes(), empty.sizes());
  }
}

TEST(Safetensors, TensorsArePlacedByTheirOffsetsNotByTheHeadersOrder) {
  test::TemporaryFolder folder;
  const std::string header =
      R"({"z":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}})";
  std::string text(8, '\0');
  text[0] = static_cast<char>(header.size());
  std::ofstream(folder / "x", std::ios::binary)
      << text << header << std::string("\1\0\0\0\2\0\0\0", 8);
  const auto back = read_safetensors(folder / "x");
  EXPECT_EQ(back.at("z").item<int>(), 1);
  EXPECT_EQ(back.at("a").item<int>(), 2);
}

TEST(Safetensors, CutsAndTrailingBytesAreRefused) {
  test::TemporaryFolder folder;
  write_safetensors(folder / "x", examples());
  const std::string good = read_file(folder / "x");
  std::ofstream(folder / "y", std::ios::binary) << good << 'x';
  EXPECT_THROW(read_safetensors(folder / "y"), DataError);
  for (std::size_t size = 0; size < good.size(); size += 7) {
    std::ofstream(folder / "y", std::ios::binary | std::ios::trunc) << good.substr(0, size);
    EXPECT_THROW(read_safetensors(folder / "y"), DataError) << size;
  }
}

TEST(Safetensors, AMutatedHeaderNeverCrashes) {
  test::TemporaryFolder folder;
  write_safetensors(folder / "x", examples());
  const std::string good = read_file(folder / "x");
  const unsigned seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k) bad[random() % 400] = static_cast<char>(random());
    std::ofstream(folder / "y", std::ios::binary | std::ios::trunc) << bad;
    try {
      read_safetensors(folder / "y");
    } catch (const DataError&) {
    }
  }
}

TEST(Safetensors, CopyByNameRefusesMissingLeftOverAndWrongShapes) {
  const NamedTensors target = {{"w", torch::zeros({2})}};
  copy_by_name(target, {{"w", torch::ones({2})}}, "here");
  EXPECT_EQ(target[0].second.sum().item<float>(), 2);
  EXPECT_THROW(copy_by_name(target, {{"v", torch::ones({2})}}, "here"), DataError);
  EXPECT_THROW(copy_by_name(target, {{"w", torch::ones({3})}}, "here"), DataError);
  EXPECT_THROW(copy_by_name(target, {{"w", torch::ones({2})}, {"v", torch::ones({2})}}, "here"),
               DataError);
}

TEST(FolderManifest, NoticesChangedMissingAndForeignFiles) {
  test::TemporaryFolder folder;
  const auto path = folder.path();
  std::ofstream(path / "a") << "hello";
  std::ofstream(path / "b") << "world";
  write_manifest(path);
  verify_manifest(path);
  std::ofstream(path / "c") << "!";
  EXPECT_THROW(verify_manifest(path), DataError);
  std::filesystem::remove(path / "c");
  std::ofstream(path / "a") << "hellO";
  EXPECT_THROW(verify_manifest(path), DataError);
  std::ofstream(path / "a") << "hello";
  verify_manifest(path);
  std::filesystem::remove(path / "b");
  EXPECT_THROW(verify_manifest(path), DataError);
}

}  // namespace
}  // namespace precinct::models
