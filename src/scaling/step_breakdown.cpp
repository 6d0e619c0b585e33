// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/step_breakdown.h"

#include <algorithm>

#include "scaling/speedup.h"

namespace precinct::scaling {
namespace {

constexpr double kStragglerFactor = 1.3;
constexpr double kStragglerShare = 0.05;  // of the step

double median(std::vector<double> values) { return quartiles(std::move(values)).median; }

std::vector<double> compute_of(const RankTimes& rank) {
  std::vector<double> compute;
  for (std::size_t i = 0; i < rank.total.size(); ++i)
    compute.push_back(rank.total[i] - rank.data[i] - rank.waiting[i]);
  return compute;
}

/// Of each step, the mean over the ranks of what `of` gives; then the median.
template <typename Of>
double median_of_means(const RunTimes& run, const Of& of) {
  std::vector<double> means;
  for (std::size_t i = 0; i < run.ranks.at(0).total.size(); ++i) {
    double sum = 0;
    for (const auto& rank : run.ranks) sum += of(rank, i);
    means.push_back(sum / static_cast<double>(run.ranks.size()));
  }
  return median(std::move(means));
}

void find_stragglers(const RunTimes& run, const std::string& phase,
                     const std::vector<std::vector<double>>& seconds,
                     std::vector<Straggler>& found) {
  const double step = median(step_seconds(run));
  for (std::size_t r = 0; r < seconds.size(); ++r) {
    std::vector<double> others, high;
    for (std::size_t o = 0; o < seconds.size(); ++o) {
      if (o == r) continue;
      others.push_back(median(seconds[o]));
      high.push_back(quartiles(seconds[o]).high);
    }
    const Quartiles own = quartiles(seconds[r]);
    const double theirs = median(others);
    const double more = own.median - theirs;
    if (own.median > kStragglerFactor * theirs && more > kStragglerShare * step &&
        own.low > median(high))
      found.push_back({r, run.ranks[r].host, phase, theirs > 0 ? own.median / theirs : 0, more});
  }
}

}  // namespace

std::vector<double> step_seconds(const RunTimes& run) {
  std::vector<double> longest = run.ranks.at(0).total;
  for (const auto& rank : run.ranks)
    for (std::size_t i = 0; i < longest.size(); ++i)
      longest[i] = std::max(longest[i], rank.total.at(i));
  return longest;
}

StepParts parts_of(const RunTimes& run) {
  StepParts parts;
  const auto busy = [](const RankTimes& rank, std::size_t i) {
    return rank.total[i] - rank.waiting[i];
  };
  parts.data = median_of_means(run, [](const auto& rank, std::size_t i) { return rank.data[i]; });
  parts.waiting =
      median_of_means(run, [](const auto& rank, std::size_t i) { return rank.waiting[i]; });
  parts.compute = median_of_means(
      run, [&](const auto& rank, std::size_t i) { return busy(rank, i) - rank.data[i]; });
  std::vector<double> medians;
  double sum = 0;
  for (const auto& rank : run.ranks) {
    std::vector<double> seconds;
    for (std::size_t i = 0; i < rank.total.size(); ++i) seconds.push_back(busy(rank, i));
    medians.push_back(median(std::move(seconds)));
    sum += medians.back();
  }
  parts.imbalance = std::min(parts.waiting, *std::max_element(medians.begin(), medians.end()) -
                                                sum / static_cast<double>(medians.size()));
  return parts;
}

std::vector<Straggler> stragglers_of(const RunTimes& run) {
  std::vector<Straggler> found;
  if (run.ranks.size() < 2) return found;
  std::vector<std::vector<double>> data, compute;
  for (const auto& rank : run.ranks) {
    data.push_back(rank.data);
    compute.push_back(compute_of(rank));
  }
  find_stragglers(run, "load batch", data, found);
  find_stragglers(run, "compute", compute, found);
  return found;
}

}  // namespace precinct::scaling
