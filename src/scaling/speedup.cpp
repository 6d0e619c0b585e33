// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/speedup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "parallel/call_record.h"

namespace precinct::scaling {
namespace {

constexpr double kWorthNaming = 0.05;   // of the step
constexpr std::int64_t kFewRounds = 3;  // fewer have no spread to speak of

/// The median of each round.
std::vector<double> round_medians(const std::vector<double>& seconds, std::int64_t per_round) {
  std::vector<double> medians;
  for (auto at = seconds.begin(); at != seconds.end();) {
    const auto end = at + std::min<std::int64_t>(per_round, seconds.end() - at);
    medians.push_back(quartiles({at, end}).median);
    at = end;
  }
  return medians;
}

const RunTimes* find(const Measurement& m, const std::string& name) {
  const auto found = std::find_if(m.runs.begin(), m.runs.end(),
                                  [&](const RunTimes& run) { return run.name == name; });
  return found == m.runs.end() ? nullptr : &*found;
}

const RunTimes& serial_of(const Measurement& m) {
  const RunTimes* serial = find(m, "serial");
  PRECINCT_CHECK(serial != nullptr && !serial->ranks.empty(), DataError,
                 "{}: runs: expected one called 'serial', found none; measure again", m.name);
  return *serial;
}

/// Where the fastest run has one thread it is both.
const RunTimes& one_thread_of(const Measurement& m) {
  const RunTimes* one = find(m, "one thread");
  return one != nullptr ? *one : serial_of(m);
}

/// What the layouts are compared with: trials may have chosen a number of threads that is not the
/// fastest after all.
const RunTimes& fastest_alone(const Measurement& m) {
  const RunTimes &serial = serial_of(m), &one = one_thread_of(m);
  return quartiles(step_seconds(one)).median < quartiles(step_seconds(serial)).median ? one
                                                                                      : serial;
}

/// How often the same round of `base` took the time that this run took.
Quartiles ratio(const RunTimes& base, const RunTimes& run, std::int64_t per_round) {
  const auto above = round_medians(step_seconds(base), per_round);
  const auto below = round_medians(step_seconds(run), per_round);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(above.size(), below.size()); ++i)
    ratios.push_back(above[i] / below[i]);
  return quartiles(std::move(ratios));
}

std::int64_t cores_in_use(const Measurement& m, const Row& row) {
  return std::min(m.cores, row.num_ranks * row.threads);
}

std::string percent(double part, double whole) {
  return fmt::format("{:.0f} %", whole > 0 ? 100 * part / whole : 0);
}

std::string traffic_text(const Row& row) {
  return fmt::format("{} in {:.0f} calls a step",
                     parallel::bytes_text(std::llround(row.bytes_per_step)), row.calls_per_step);
}

/// The largest part of the step that a perfect layout would not have.
std::string limit_of(const Measurement& m, const Row& row) {
  const StepParts one = parts_of(one_thread_of(m));
  const auto cores = static_cast<double>(cores_in_use(m, row));
  struct Part {
    double seconds;
    std::string text;
  };
  const bool is_pipeline = find(m, row.name)->layout.pp > 1;
  const std::vector<Part> parts = {
      {row.parts.waiting - row.parts.imbalance,
       is_pipeline ? "waiting for messages and for its turn in the pipeline"
                   : "waiting for messages"},
      {row.parts.imbalance, "unequal work: ranks wait for the one that has most of it"},
      {row.parts.data - one.data / cores, "gathering the batch"},
      {row.parts.compute - one.compute / cores,
       fmt::format("computing, which takes {:.2f}x the processor time of one thread",
                   row.parts.compute * cores / one.compute)}};
  const auto largest =
      std::max_element(parts.begin(), parts.end(),
                       [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  if (largest->seconds < kWorthNaming * row.step.median)
    return "no part is 5 % of the step away from what its cores can do";
  return fmt::format("what limits it: {}, {} of the step", largest->text,
                     percent(largest->seconds, row.step.median));
}

std::string straggler_text(const Straggler& s, bool is_pipeline) {
  const std::string who = fmt::format("Rank {} ({})", s.rank, s.host);
  const std::string times =
      fmt::format("{:.1f}x the others' time, {:.1f} ms more a step", s.factor, 1e3 * s.seconds);
  return is_pipeline && s.phase == "compute"
             ? fmt::format(" {} has the longer stages: '{}' takes {}.", who, s.phase, times)
             : fmt::format(" {} is slow in '{}': {}.", who, s.phase, times);
}

std::string valid_sentence(const Measurement& m, const Row& row) {
  const std::int64_t threads = fastest_alone(m).threads;
  std::string text = fmt::format("{}: {:.2f}x the fastest run in one process ({} thread{})",
                                 row.name, row.speedup->median, threads, threads == 1 ? "" : "s");
  if (threads > 1) text += fmt::format(", {:.2f}x one thread", row.over_one_thread->median);
  const double sum = row.parts.data + row.parts.compute + row.parts.waiting;
  if (m.device == "cpu")
    text += fmt::format(
        "; of its step {} is computing, {} exposed communication ({}), {} gathering the batch; {}.",
        percent(row.parts.compute, sum), percent(row.parts.waiting, sum), traffic_text(row),
        percent(row.parts.data, sum), limit_of(m, row));
  else
    text += fmt::format("; it sends {}; its parts are not measured on a GPU.", traffic_text(row));
  if (row.num_ranks * row.threads > m.cores)
    text += fmt::format(" Oversubscribed: {} ranks x {} thread{} on {} core{}.", row.num_ranks,
                        row.threads, row.threads == 1 ? "" : "s", m.cores, m.cores == 1 ? "" : "s");
  for (const Straggler& s : row.stragglers)
    text += straggler_text(s, find(m, row.name)->layout.pp > 1);
  return text;
}

}  // namespace

Quartiles quartiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

StepCheck compare_steps(const RunTimes& serial, const RunTimes& found) {
  const RankTimes& reference = serial.ranks.at(0);
  StepCheck check;
  std::size_t count = reference.losses.size();
  for (const RankTimes& rank : found.ranks) count = std::min(count, rank.losses.size());
  const auto agrees = [&](const char* what, std::size_t rank, double expected, double value,
                          double tolerance) {
    const double difference = std::abs(value - expected);
    if (difference <= tolerance * std::abs(expected)) return true;  // not when one is no number
    check.disagreement = {what, rank, check.num_steps, expected, value, tolerance};
    return false;
  };
  for (; check.num_steps < count; ++check.num_steps) {
    const std::size_t i = check.num_steps;
    const double loss = reference.losses[i], norm = reference.gradient_norms.at(i);
    for (std::size_t r = 0; r < found.ranks.size(); ++r) {
      const RankTimes& rank = found.ranks[r];
      const bool is_first = i < kFirstSteps;
      if (!agrees("loss", r, loss, rank.losses[i],
                  is_first ? kLossTolerance : kLaterLossTolerance) ||
          (is_first &&
           !agrees("gradient norm", r, norm, rank.gradient_norms.at(i), kNormTolerance)))
        return check;
      if (loss != 0)
        check.largest_difference =
            std::max(check.largest_difference, std::abs((rank.losses[i] - loss) / loss));
    }
  }
  return check;
}

std::vector<Row> rows_of(const Measurement& m) {
  const RunTimes &serial = serial_of(m), &one_thread = one_thread_of(m);
  const RunTimes& base = fastest_alone(m);
  std::vector<Row> rows;
  for (const RunTimes& run : m.runs) {
    Row row;
    row.name = run.name;
    row.refused = run.refused;
    row.num_ranks = run.layout.dp * run.layout.pp * run.layout.tp;
    row.threads = run.threads;
    row.micro_batch = run.micro_batch;
    if (row.is_offered()) {
      row.check = compare_steps(serial, run);
      row.step = quartiles(step_seconds(run));
      row.calls_per_step = run.calls_per_step;
      row.bytes_per_step = run.bytes_per_step;
    }
    if (row.is_valid()) {
      row.windows_per_second = run.windows_per_step / row.step.median;
      row.speedup = ratio(base, run, m.steps_per_round);
      row.over_one_thread = ratio(one_thread, run, m.steps_per_round);
      row.efficiency = row.over_one_thread->median / static_cast<double>(cores_in_use(m, row));
      row.parts = parts_of(run);
      row.stragglers = stragglers_of(run);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> invalid_rows(const Measurement& m) {
  std::vector<std::string> found;
  for (const Row& row : rows_of(m))
    if (const auto& d = row.check.disagreement)
      found.push_back(fmt::format(
          "{}: {}: rank {}: {} of step {}: expected the serial run's {:.8g} within {:g} of it, "
          "found {:.8g}; "
          "its times count for nothing until the difference is explained",
          m.name, row.name, d->rank, d->what, d->step, d->expected, d->tolerance, d->found));
  return found;
}

std::vector<std::string> sentences(const Measurement& m) {
  const auto rows = rows_of(m);
  std::vector<std::string> texts;
  for (const Row& row : rows) {
    if (!row.is_offered())
      texts.push_back(fmt::format("{}: not offered: {}", row.name, row.refused));
    else if (row.num_ranks > 1 && row.is_valid())
      texts.push_back(valid_sentence(m, row));
  }
  for (const std::string& invalid : invalid_rows(m)) texts.push_back("INVALID: " + invalid);
  if (!texts.empty() && m.rounds < kFewRounds)
    texts.push_back(
        fmt::format("Few samples: {} round{} of {} step{}, so that chance may make any of these "
                    "differences; measure with --rounds {} or more.",
                    m.rounds, m.rounds == 1 ? "" : "s", m.steps_per_round,
                    m.steps_per_round == 1 ? "" : "s", kFewRounds));
  return texts;
}

}  // namespace precinct::scaling
