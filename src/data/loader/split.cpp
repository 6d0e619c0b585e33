// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/split.h"

#include <cmath>

#include "base/error.h"

namespace precinct::data {
namespace {

void check(const BinRange& range, const char* name, std::int64_t num_bins, std::int64_t horizon) {
  PRECINCT_CHECK(range.begin >= 0 && range.end <= num_bins && range.size() >= horizon, ConfigError,
                 "data.split: {}: expected at least {} bins (data.horizon) inside 0..{}, found "
                 "{}..{}; shorten the horizon or widen the part",
                 name, horizon, num_bins, range.begin, range.end);
}

}  // namespace

Split Split::by_fractions(std::int64_t num_bins, double train, double validation, double test,
                          double production, std::int64_t gap, std::int64_t horizon) {
  const double sum = train + validation + test + production;
  PRECINCT_CHECK(
      std::abs(sum - 1) < 1e-6 && train > 0 && validation > 0 && test > 0 && production >= 0,
      ConfigError,
      "data.split.fractions: expected parts > 0 that add up to 1, found a sum of {:g}; change them",
      sum);
  const auto border = [&](double share) {
    return static_cast<std::int64_t>(std::llround(share * static_cast<double>(num_bins)));
  };
  Split split;
  split.train = {0, border(train)};
  split.validation = {split.train.end + gap, border(train + validation)};
  split.test = {split.validation.end + gap,
                production > 0 ? border(train + validation + test) : num_bins};
  if (production > 0) split.production = {split.test.end + gap, num_bins};
  check(split.train, "train", num_bins, horizon);
  check(split.validation, "validation", num_bins, horizon);
  check(split.test, "test", num_bins, horizon);
  if (production > 0) check(split.production, "production", num_bins, horizon);
  return split;
}

Split Split::by_bins(std::int64_t num_bins, BinRange train, BinRange validation, BinRange test,
                     std::int64_t horizon) {
  check(train, "train_bins", num_bins, horizon);
  check(validation, "validation_bins", num_bins, horizon);
  check(test, "test_bins", num_bins, horizon);
  PRECINCT_CHECK(train.end <= validation.begin && validation.end <= test.begin, ConfigError,
                 "data.split: expected train before validation before test, found ends {} and {} "
                 "after the next begin {} and {}; a part may not look ahead",
                 train.end, validation.end, validation.begin, test.begin);
  return {train, validation, test, {}};
}

BinRange origins_in(const BinRange& range, std::int64_t lookback, std::int64_t horizon) {
  const std::int64_t begin = std::max(range.begin, lookback);
  return {begin, std::max(begin, range.end - horizon + 1)};
}

}  // namespace precinct::data
