// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/simple_means.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <functional>

#include "models/baselines/registry.h"
#include "tests/support/small_panel.h"

namespace precinct::models {
namespace {

using data::Panel;
/// Mean of step h (0-based) from origin e of one cell, from its definition.
using Definition =
    std::function<double(std::int64_t e, std::int64_t h, std::int64_t n, std::int64_t c)>;

/// Compares every cell of the named baseline with its definition, beyond the panel's end too.
void expect_equals(const std::string& name, const Panel& panel, std::int64_t horizon,
                   const Definition& definition) {
  const auto baseline = make_baseline(name);
  const data::Split split{{0, panel.num_bins / 2}, {panel.num_bins / 2, panel.num_bins}, {}, {}};
  baseline->fit(panel, split);
  std::vector<std::int64_t> origins;
  for (std::int64_t e = 0; e <= panel.num_bins; e += e < 12 ? 1 : 5) origins.push_back(e);
  origins.push_back(panel.num_bins);
  const Forecast forecast = baseline->predict(panel, origins, horizon);
  ASSERT_EQ(forecast.origins, origins);
  ASSERT_EQ(static_cast<std::int64_t>(forecast.mean.size()), forecast.size());
  for (std::size_t o = 0; o < origins.size(); ++o) {
    for (std::int64_t h = 0; h < horizon; ++h) {
      for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
        for (std::int64_t c = 0; c < panel.num_categories; ++c) {
          const double wanted = std::max(definition(origins[o], h, n, c), 1e-4);
          const auto at =
              static_cast<std::size_t>(forecast.index(static_cast<std::int64_t>(o), h, n, c));
          ASSERT_NEAR(forecast.mean[at], wanted, 2e-6 * (1 + wanted))
              << name << " origin " << origins[o] << " step " << h << " node " << n << " category "
              << c;
        }
      }
    }
  }
}

Panel with_gaps(Panel panel) {
  const auto nodes = static_cast<std::size_t>(panel.num_nodes);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins) * nodes, 1);
  for (std::size_t t = 9; t < 26; ++t) panel.observed[t * nodes + 1] = 0;
  for (std::size_t t = 0; t < 30; ++t) panel.observed[t * nodes + 2] = 0;      // joins later
  for (std::size_t n = 0; n < nodes; ++n) panel.observed[21 * nodes + n] = 0;  // a whole bin
  return panel;
}

Panel rebinned(Panel panel, const char* spec, const char* start) {
  panel.axis = BinAxis(BinSpec::parse(spec), parse_civil(start, "test"));
  return panel;
}

std::vector<Panel> panels() {
  const Panel daily = test::small_panel(60, 2, 2);
  return {daily, with_gaps(daily), rebinned(daily, "hours:12", "2020-03-15"),
          rebinned(daily, "week", "2020-03-15"), rebinned(daily, "month", "2020-03-01")};
}

/// Bins of a duration, at least one.
std::int64_t bins_of(const Panel& panel, double days) {
  switch (panel.axis.spec().kind) {
    case BinKind::kHours:
      return std::llround(days * 2);  // hours:12
    case BinKind::kDay:
      return std::llround(days);
    case BinKind::kWeek:
      return std::llround(days / 7);
    case BinKind::kMonth:
      return std::llround(days * 12 / 365.25);
  }
  return 0;
}

TEST(LastValue, IsTheLastObservedCount) {
  for (const Panel& panel : panels()) {
    expect_equals("last_value", panel, 3,
                  [&](std::int64_t e, std::int64_t, std::int64_t n, std::int64_t c) -> double {
                    for (std::int64_t t = e - 1; t >= 0; --t)
                      if (panel.is_observed(t, n)) return panel.count(t, n, c);
                    return 0;
                  });
  }
}

TEST(SeasonalNaive, IsTheLastKnownCountOfTheSameSeason) {
  const std::vector<std::int64_t> lengths = {7, 7, 14, 52, 12};  // a week, 52 weeks, a year
  const auto all = panels();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Panel& panel = all[i];
    expect_equals("seasonal_naive", panel, 16,
                  [&](std::int64_t e, std::int64_t h, std::int64_t n, std::int64_t c) -> double {
                    for (std::int64_t t = e - 1; t >= 0; --t)
                      if ((e + h - t) % lengths[i] == 0 && panel.is_observed(t, n))
                        return panel.count(t, n, c);
                    return 0;
                  });
  }
}

TEST(HistoricalMean, IsTheMeanOfTheSeasonShrunkToTheCell) {
  for (const Panel& panel : panels()) {
    expect_equals("historical_mean", panel, 9,
                  [&](std::int64_t e, std::int64_t h, std::int64_t n, std::int64_t c) {
                    double own = 0, own_bins = 0, all = 0, all_bins = 0;
                    for (std::int64_t t = 0; t < e; ++t) {
                      if (!panel.is_observed(t, n)) continue;
                      const bool same = panel.axis.season_of(t) == panel.axis.season_of(e + h);
                      own += same ? panel.count(t, n, c) : 0;
                      own_bins += same ? 1 : 0;
                      all += panel.count(t, n, c);
                      ++all_bins;
                    }
                    const double overall = all_bins > 0 ? all / all_bins : 0;
                    return (own + 10 * overall) / (own_bins + 10);
                  });
  }
}

TEST(MovingAverage, IsTheMeanOfTheLastDays) {
  for (const Panel& panel : panels()) {
    for (const double days : {28.0, 365.0}) {
      const std::int64_t bins = std::max<std::int64_t>(1, bins_of(panel, days));
      expect_equals(days == 28 ? "moving_average_28" : "moving_average_365", panel, 2,
                    [&](std::int64_t e, std::int64_t, std::int64_t n, std::int64_t c) {
                      double sum = 0, seen = 0;
                      for (std::int64_t t = std::max<std::int64_t>(0, e - bins); t < e; ++t) {
                        if (!panel.is_observed(t, n)) continue;
                        sum += panel.count(t, n, c);
                        ++seen;
                      }
                      return seen > 0 ? sum / seen : 0;
                    });
    }
  }
}

TEST(ExponentialMean, IsTheWeightedMeanShrunkToTheCategory) {
  const std::vector<double> half_lives = {120, 120, 240, 120 / 7.0, 120 * 12 / 365.25};
  const auto all = panels();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Panel& panel = all[i];
    expect_equals(
        "ewma", panel, 2, [&](std::int64_t e, std::int64_t, std::int64_t n, std::int64_t c) {
          double own = 0, own_weight = 0, sum = 0, weight = 0;
          for (std::int64_t m = 0; m < panel.num_nodes; ++m) {
            for (std::int64_t t = 0; t < e; ++t) {
              if (!panel.is_observed(t, m)) continue;
              const double w = std::pow(.5, static_cast<double>(e - 1 - t) / half_lives[i]);
              own += m == n ? w * panel.count(t, m, c) : 0;
              own_weight += m == n ? w : 0;
              sum += w * panel.count(t, m, c);
              weight += w;
            }
          }
          const double overall = weight > 0 ? sum / weight : 0;
          return (own + 2 * overall) / (own_weight + 2);
        });
  }
}

TEST(ShareLevelSeason, IsShareTimesLevelTimesSeasonFactor) {
  for (const Panel& panel : panels()) {
    const auto total = [&](std::int64_t t, std::int64_t c) {
      double sum = 0;
      for (std::int64_t n = 0; n < panel.num_nodes; ++n)
        if (panel.is_observed(t, n)) sum += panel.count(t, n, c);
      return sum;
    };
    const auto seen = [&](std::int64_t t) {
      for (std::int64_t n = 0; n < panel.num_nodes; ++n)
        if (panel.is_observed(t, n)) return true;
      return false;
    };
    const auto factor = [&](std::int64_t e, int season, std::int64_t c) {
      double own = 0, own_bins = 0, all = 0, bins = 0;
      for (std::int64_t t = 0; t < e; ++t) {
        if (!seen(t)) continue;
        const bool same = panel.axis.season_of(t) == season;
        own += same ? total(t, c) : 0;
        own_bins += same ? 1 : 0;
        all += total(t, c);
        ++bins;
      }
      const double overall = bins > 0 ? all / bins : 0;
      return overall > 0 ? (own + 3 * overall) / (own_bins + 3) / overall : 1.0;
    };
    const std::int64_t year = bins_of(panel, 365),
                       month = std::max<std::int64_t>(1, bins_of(panel, 28));
    expect_equals(
        "share_level_season", panel, 8,
        [&](std::int64_t e, std::int64_t h, std::int64_t n, std::int64_t c) {
          double own = 0, all = 0, level = 0, bins = 0;
          for (std::int64_t t = std::max<std::int64_t>(0, e - year); t < e; ++t) {
            own += panel.is_observed(t, n) ? panel.count(t, n, c) : 0;
            all += total(t, c);
          }
          for (std::int64_t t = std::max<std::int64_t>(0, e - month); t < e; ++t) {
            if (!seen(t)) continue;
            level += total(t, c) / factor(e, panel.axis.season_of(t), c);
            ++bins;
          }
          const double share = all > 0 ? own / all : 1 / static_cast<double>(panel.num_nodes);
          return share * (bins > 0 ? level / bins : 0) * factor(e, panel.axis.season_of(e + h), c);
        });
  }
}

TEST(SeasonalBaselines, OriginsInAnyOrderGiveTheSameBits) {
  const Panel panel = with_gaps(test::small_panel(60, 2, 2));
  const data::Split split{{0, 30}, {30, 40}, {40, 60}, {}};
  for (const char* name : {"historical_mean", "share_level_season"}) {
    const auto baseline = make_baseline(name);
    baseline->fit(panel, split);
    const std::vector<std::int64_t> origins = {55, 12, 60, 0, 41, 41};
    const Forecast all = baseline->predict(panel, origins, 3);
    std::vector<float> one_by_one;
    for (const std::int64_t origin : origins) {
      const auto fresh = make_baseline(name);
      fresh->fit(panel, split);
      const auto mean = fresh->predict(panel, {&origin, 1}, 3).mean;
      one_by_one.insert(one_by_one.end(), mean.begin(), mean.end());
    }
    EXPECT_EQ(all.mean, one_by_one) << name;
  }
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double mapped = 0, resident = 0;
  file >> mapped >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

TEST(SeasonalBaselines, HoursCostNoRowPerBinAndSeason) {
  const Panel panel = rebinned(test::small_panel(20'000), "hours:1", "2020-03-15");
  for (const char* name : {"historical_mean", "share_level_season"}) {
    const auto baseline = make_baseline(name);
    const double before = resident_bytes();
    baseline->fit(panel, {{0, 19'980}, {19'980, 19'990}, {19'990, 20'000}, {}});
    // 168 seasons for each bin would be 54 MB of factors, 242 MB of sums
    EXPECT_LT(resident_bytes() - before, 30e6) << name;
  }
}

}  // namespace
}  // namespace precinct::models
