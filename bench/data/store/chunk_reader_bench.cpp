// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Reading a panel's chunks (shuffle + deflate 1 + Fletcher32, 1 MiB) with read_dataset() on one and
// two threads against H5Dread, page cache warm and cold.
// Arguments: seconds a block (3), blocks (7). Prints one JSON line a measurement: ratios of rates,
// and the ceilings of the machine in the same log.
#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/rng.h"
#include "bench/support/measurement.h"
#include "data/store/chunk_reader.h"
#include "tests/support/temporary_folder.h"

namespace {

using precinct::bench::BlockOptions;
using precinct::bench::BlockResult;
using precinct::bench::print;
using precinct::bench::Side;
using precinct::bench::Spread;
using precinct::data::Hdf5File;

struct Case {
  const char* name;
  precinct::data::ElementType type;
  std::vector<std::uint64_t> dims;
};

/// Sparse counts (8 bits), larger counts (16 bits) with a daily cycle, or speeds in tenths.
double made_value(const Case& c, std::uint64_t i) {
  const double draw = precinct::uniform(11, i);
  if (c.type == precinct::data::ElementType::kU8)
    return draw < .85 ? 0 : draw < .96 ? 1 : draw < .99 ? 2 : 3;
  const std::uint64_t row = i / (c.dims[1] * c.dims[2]);
  const double cycle = 1 + std::sin(static_cast<double>(row % 288) * 2 * M_PI / 288);
  if (c.type == precinct::data::ElementType::kU16) return std::floor(40 * cycle + 60 * draw);
  return std::floor(10 * (40 + 12 * cycle + 4 * draw)) / 10;
}

template <typename T>
std::vector<std::byte> made_bytes(const Case& c, std::uint64_t count) {
  std::vector<std::byte> bytes(count * sizeof(T));
  for (std::uint64_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(made_value(c, i));
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

/// Writes the case's file; returns the bytes of its dataset.
double write_case(const Case& c, const std::filesystem::path& path) {
  std::uint64_t count = 1;
  for (const std::uint64_t d : c.dims) count *= d;
  const std::size_t element = precinct::data::element_bytes(c.type);
  const auto bytes = element == 1   ? made_bytes<std::uint8_t>(c, count)
                     : element == 2 ? made_bytes<std::uint16_t>(c, count)
                                    : made_bytes<float>(c, count);
  Hdf5File file = Hdf5File::create_in_memory();
  const std::uint64_t rows = (std::uint64_t{1} << 20) / (c.dims[1] * c.dims[2] * element);
  file.write("/counts", c.type, c.dims, bytes.data(), std::max<std::uint64_t>(rows, 1));
  const auto image = file.image();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()),
             static_cast<std::streamsize>(image.size()));
  return static_cast<double>(bytes.size());
}

/// Puts the file out of the page cache.
void drop(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fdatasync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

/// The dataset by one call of H5Dread into memory that nobody touched before.
void read_by_h5dread(const std::filesystem::path& path, double bytes) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "/counts", H5P_DEFAULT);
  const hid_t type = H5Dget_type(set);
  precinct::data::ByteBuffer out(static_cast<std::size_t>(bytes));
  if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()) < 0) std::abort();
  H5Tclose(type);
  H5Dclose(set);
  H5Fclose(file);
}

/// What two readers that share nothing reach over one: no reader of two threads can do better here.
double two_reader_work(const std::filesystem::path& path, double bytes) {
  std::thread other([&] { precinct::data::read_dataset(path, "/counts", 1); });
  precinct::data::read_dataset(path, "/counts", 1);
  other.join();
  return 2 * bytes;
}

void measure(const Case& c, BlockOptions options) {
  const precinct::test::TemporaryFolder folder;
  const auto path = folder / "panel.h5";
  const double bytes = write_case(c, path);
  options.probe = precinct::bench::copy_rate;
  for (const bool cold : {false, true}) {
    const auto side = [&](const char* name, auto read) {
      return Side{name, [&, read] {
                    if (cold) drop(path);
                    read();
                    return bytes;
                  }};
    };
    const auto direct = [&](int threads) {
      return [&, threads] { precinct::data::read_dataset(path, "/counts", threads); };
    };
    std::vector<Side> sides = {side("h5dread", [&] { read_by_h5dread(path, bytes); }),
                               side("direct", direct(1)), side("direct", direct(2))};
    if (!cold) sides.push_back({"two readers", [&] { return two_reader_work(path, bytes); }});
    const BlockResult result = run_blocks(sides, options);
    const auto line = [&](const char* form, int threads, const char* metric, Spread value,
                          const char* unit) {
      print({.case_name = std::string(c.name) + (cold ? ".cold" : ".warm"),
             .form = form,
             .threads = threads,
             .metric = metric,
             .value = value,
             .unit = unit,
             .repeats = options.num_blocks});
    };
    line("direct", 1, "rate_over_h5dread", result.ratio(1, 0), "x");
    line("direct", 2, "rate_over_h5dread", result.ratio(2, 0), "x");
    line("direct", 2, "rate_over_1_thread", result.ratio(2, 1), "x");
    if (!cold) line("two readers", 2, "rate_over_1_thread", result.ratio(3, 1), "x");
    auto probes = result.probes;
    for (double& probe : probes) probe /= 1e9;
    line("probe", 1, "copy", precinct::bench::spread_of(probes), "GB/s");
    const auto discarded = static_cast<double>(result.num_discarded);
    line(result.is_steady ? "steady" : "drifting", 1, "rounds_discarded",
         {discarded, discarded, discarded}, "rounds");
  }
}

}  // namespace

int main(int argc, char** argv) {
  using precinct::data::ElementType;
  BlockOptions options;
  if (argc > 1) options.block_seconds = std::atof(argv[1]);
  if (argc > 2) options.num_blocks = std::atoi(argv[2]);
  for (const Case& c : {Case{"rd1135-counts-u8", ElementType::kU8, {8'760, 1'135, 6}},
                        Case{"rd1135-counts-u16", ElementType::kU16, {8'760, 1'135, 3}},
                        Case{"metr-values-f32", ElementType::kF32, {34'272, 207, 2}}})
    measure(c, options);
}
