// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/support/paired_blocks.h"
#include "git_commit.h"  // written by cmake/git_commit.cmake at each build

namespace precinct::bench {

/// One measurement line.
struct Measurement {
  std::string case_name;
  std::string model = "none";
  std::string form;
  std::string device = "cpu";
  int threads = 1;
  int ranks = 1;
  std::string metric;
  Spread value;
  std::string unit;
  int repeats = 0;
};

/// The line as JSON, the form of all benches: iqr holds the lower and the upper quartile.
inline std::string to_json(const Measurement& m) {
  return fmt::format(
      R"({{"case":"{}","model":"{}","form":"{}","device":"{}","threads":{},"ranks":{},)"
      R"("metric":"{}","value":{:.4g},"unit":"{}","iqr":[{:.4g},{:.4g}],"repeats":{},)"
      R"("commit":"{}"}})",
      m.case_name, m.model, m.form, m.device, m.threads, m.ranks, m.metric, m.value.median, m.unit,
      m.value.lower, m.value.upper, m.repeats, PRECINCT_GIT_COMMIT);
}

/// Writes the line at once.
inline void print(const Measurement& m) {
  std::puts(to_json(m).c_str());
  std::fflush(stdout);
}

/// Copy rate of 64 MiB, bytes/s: best of five, the ceiling around which rounds are judged.
inline double copy_rate() {
  static std::vector<char> from(std::size_t{1} << 26, 1), to(from.size());
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    std::memcpy(to.data(), from.data(), from.size());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(from.size()) / took.count());
  }
  return best;
}

}  // namespace precinct::bench
