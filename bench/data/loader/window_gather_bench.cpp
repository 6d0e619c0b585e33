// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Windows delivered by WindowSource (u8 counts looked up, u16 counts transformed once and copied),
// as the loader asks it, against memcpy of the same windows out of a series that is f32 already,
// and against LibTorch's operators. Each side writes a fresh tensor of the same size; bytes are
// those written. Arguments: threads (1), seconds a block (3), blocks (7). Prints one JSON line a
// measurement, and the copy rate of the machine in the same log.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/rng.h"
#include "bench/support/measurement.h"
#include "kernels/window_gather.h"

namespace {

using precinct::bench::BlockOptions;
using precinct::bench::BlockResult;
using precinct::bench::print;
using precinct::bench::Side;
using precinct::bench::Spread;

/// A standard case: sizes of one batch and of the series that it is drawn from.
struct Case {
  const char* name;
  at::ScalarType type;
  std::int64_t bins, nodes, categories, lookback, windows;
};

/// Counts with many zeros, or (16 bits) numbers up to 700.
at::Tensor made_counts(const Case& c) {
  at::Tensor counts = at::empty({c.bins, c.nodes, c.categories}, at::kInt);
  auto* out = counts.mutable_data_ptr<std::int32_t>();
  for (std::int64_t i = 0; i < counts.numel(); ++i) {
    const double draw = precinct::uniform(11, static_cast<std::uint64_t>(i));
    out[i] = c.type == at::kUInt16 ? static_cast<int>(700 * draw)
             : draw < .85          ? 0
             : draw < .96          ? 1
             : draw < .99          ? 2
                                   : 3;
  }
  return counts.to(c.type);
}

/// Origins of one batch, drawn anew for each call as an epoch's order does.
at::Tensor made_origins(const Case& c, std::uint64_t call) {
  at::Tensor origins = at::empty({c.windows}, at::kLong);
  for (std::int64_t b = 0; b < c.windows; ++b)
    origins.mutable_data_ptr<std::int64_t>()[b] =
        c.lookback +
        static_cast<std::int64_t>(precinct::uniform_index(
            call, static_cast<std::uint64_t>(b), static_cast<std::uint64_t>(c.bins - c.lookback)));
  return origins;
}

/// Copies each window out of an f32 series, threads shared out as window_gather does.
at::Tensor copy_windows(const at::Tensor& series, const at::Tensor& origins,
                        std::int64_t lookback) {
  const std::int64_t row = series.size(1) * series.size(2);
  at::Tensor out =
      at::empty({origins.size(0), lookback, series.size(1), series.size(2)}, series.options());
  const auto* in = series.const_data_ptr<float>();
  const auto* first = origins.const_data_ptr<std::int64_t>();
  auto* target = out.mutable_data_ptr<float>();
  at::parallel_for(0, origins.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      std::memcpy(target + b * lookback * row, in + (first[b] - lookback) * row,
                  static_cast<std::size_t>(lookback * row) * sizeof(float));
  });
  return out;
}

void measure(const Case& c, int threads, BlockOptions options) {
  options.probe = precinct::bench::copy_rate;
  const at::Tensor counts = made_counts(c);
  const at::Tensor table = at::rand({c.type == at::kByte ? 256 : 701, c.categories});
  // The f32 series that memcpy is given: window_gather's own transform of every bin.
  const at::Tensor series =
      precinct::kernels::window_gather(counts, table, at::tensor({c.bins}, at::kLong), c.bins)
          .squeeze(0);
  const precinct::kernels::WindowSource source(counts, table);  // as the loader holds it
  std::uint64_t call = 0;
  const double bytes =
      static_cast<double>(c.windows * c.lookback * c.nodes * c.categories) * sizeof(float);
  const auto side = [&](const char* name, auto deliver) {
    return Side{name, [&, deliver] {
                  deliver(made_origins(c, ++call));
                  return static_cast<double>(c.windows);
                }};
  };
  const std::vector<Side> sides = {
      side("window_gather", [&](const at::Tensor& e) { source.windows(e, c.lookback); }),
      side("memcpy", [&](const at::Tensor& e) { copy_windows(series, e, c.lookback); }),
      side("reference", [&](const at::Tensor& e) {
        precinct::kernels::window_gather_reference(counts, table, e, c.lookback);
      })};
  const BlockResult result = run_blocks(sides, options);
  const auto line = [&](const std::string& form, const char* metric, Spread value,
                        const char* unit) {
    print({.case_name = c.name,
           .form = form,
           .threads = threads,
           .metric = metric,
           .value = value,
           .unit = unit,
           .repeats = options.num_blocks});
  };
  const double gigabytes_per_window = bytes / static_cast<double>(c.windows) / 1e9;
  for (std::size_t s = 0; s < sides.size(); ++s) {
    const Spread rate = precinct::bench::spread_of(result.rates[s]);
    line(sides[s].name, "throughput/windows_per_sec", rate, "windows/s");
    line(sides[s].name, "throughput/written",
         {rate.median * gigabytes_per_window, rate.lower * gigabytes_per_window,
          rate.upper * gigabytes_per_window},
         "GB/s");
  }
  line("window_gather/memcpy", "ratio", result.ratio(0, 1), "1");
  line("window_gather/reference", "ratio", result.ratio(0, 2), "1");
  Spread probe = precinct::bench::spread_of(result.probes);
  for (double* rate : {&probe.median, &probe.lower, &probe.upper}) *rate /= 1e9;
  line("copy of 64 MiB", result.is_steady ? "probe" : "probe, drifting", probe, "GB/s");
  line("rounds discarded", "count",
       {static_cast<double>(result.num_discarded), static_cast<double>(result.num_discarded),
        static_cast<double>(result.num_discarded)},
       "1");
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  BlockOptions options;
  if (argc > 2) options.block_seconds = std::atof(argv[2]);
  if (argc > 3) options.num_blocks = std::atoi(argv[3]);
  at::set_num_threads(threads);
  // Batches of the standard cases; series of 504 days, 90 days of hours, a week of 5 minutes.
  for (const Case& c :
       {Case{"wla", at::kByte, 504, 69, 3, 28, 64}, Case{"metr", at::kUInt16, 2016, 207, 3, 12, 64},
        Case{"la21-h168", at::kByte, 2160, 21, 16, 168, 64},
        Case{"rd1135-h24", at::kByte, 2160, 1135, 16, 24, 16}})
    measure(c, threads, options);
}
