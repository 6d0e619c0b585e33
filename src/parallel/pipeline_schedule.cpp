// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline_schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <tuple>

#include "base/error.h"

namespace precinct::parallel {
namespace {

using Kind = PipelineOperation::Kind;

constexpr std::array<std::pair<ScheduleKind, const char*>, 3> kNames = {{
    {ScheduleKind::kGpipe, "gpipe"},
    {ScheduleKind::kOneForwardOneBackward, "1f1b"},
    {ScheduleKind::kForwardOnly, "forward"},
}};

PipelineOperation forward_of(int stage, int num_stages, std::int64_t micro_batch) {
  return {Kind::kForward, micro_batch, stage - 1, stage + 1 < num_stages ? stage + 1 : -1};
}

PipelineOperation backward_of(int stage, int num_stages, std::int64_t micro_batch) {
  return {Kind::kBackward, micro_batch, stage + 1 < num_stages ? stage + 1 : -1, stage - 1};
}

/// "F3", "B0".
std::string pass_text(Kind kind, std::int64_t micro_batch) {
  return fmt::format("{}{}", kind == Kind::kForward ? 'F' : 'B', micro_batch);
}

/// Each stage makes each pass once, backward after forward, with the neighbours that it has.
void check_operations(const PipelineSchedule& schedule) {
  const auto count = static_cast<std::size_t>(schedule.num_micro_batches);
  for (int stage = 0; stage < schedule.num_stages(); ++stage) {
    std::vector<char> forward(count, 0), backward(count, 0);
    for (const auto& operation : schedule.stages[static_cast<std::size_t>(stage)]) {
      const auto m = static_cast<std::size_t>(operation.micro_batch);
      const bool known = operation.micro_batch >= 0 && m < count;
      const bool is_next =
          known && (operation.is_forward() ? !forward[m]
                                           : schedule.has_backward && forward[m] && !backward[m]);
      PRECINCT_CHECK(is_next, ShapeError,
                     "schedule {}, stage {}: expected each of {} micro-batches forward once, then "
                     "{}, found {}; correct the schedule",
                     schedule.name, stage, count,
                     schedule.has_backward ? "backward once" : "no more", operation.text());
      (operation.is_forward() ? forward : backward)[m] = 1;
      const auto expected = operation.is_forward()
                                ? forward_of(stage, schedule.num_stages(), operation.micro_batch)
                                : backward_of(stage, schedule.num_stages(), operation.micro_batch);
      PRECINCT_CHECK(operation == expected, ShapeError,
                     "schedule {}, stage {}: expected {}, found {}; messages go to neighbours",
                     schedule.name, stage, expected.text(), operation.text());
    }
    const auto missing = [&](const std::vector<char>& done, Kind kind) {
      const auto m = std::find(done.begin(), done.end(), 0) - done.begin();
      PRECINCT_CHECK(m == static_cast<std::ptrdiff_t>(count), ShapeError,
                     "schedule {}, stage {}: expected {} among its {} passes, found none; add it",
                     schedule.name, stage, pass_text(kind, m),
                     schedule.stages[static_cast<std::size_t>(stage)].size());
    };
    missing(forward, Kind::kForward);
    if (schedule.has_backward) missing(backward, Kind::kBackward);
  }
}

/// What each stage waits for, where none can go on.
[[noreturn]] void stuck(const PipelineSchedule& schedule, const std::vector<std::string>& waits) {
  std::string text;
  for (std::size_t stage = 0; stage < waits.size(); ++stage)
    if (!waits[stage].empty())
      text += fmt::format("{}stage {} {}", text.empty() ? "" : ", ", stage, waits[stage]);
  throw ShapeError(
      fmt::format("schedule {}: expected that all passes can be made, found stages that wait for "
                  "each other: {}; change their order",
                  schedule.name, text));
}

/// Lets messages pass only when both ends are at them.
void check_rendezvous(const PipelineSchedule& schedule) {
  const auto size = schedule.stages.size();
  std::vector<std::deque<std::vector<PipelineMessage>>> left(size);
  for (std::size_t s = 0; s < size; ++s)
    for (std::size_t i = 0; i <= schedule.stages[s].size(); ++i)
      for (auto& group : exchanges_before(schedule.stages[s], i))
        left[s].push_back(std::move(group));
  const auto take_other_end = [&](std::size_t stage, const PipelineMessage& message) {
    const auto peer = static_cast<std::size_t>(message.peer);
    if (left[peer].empty()) return false;
    auto& group = left[peer].front();
    return std::erase_if(group, [&](const PipelineMessage& other) {
             return other.is_send != message.is_send && other.peer == static_cast<int>(stage) &&
                    other.kind == message.kind && other.micro_batch == message.micro_batch;
           }) > 0;
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t s = 0; s < size; ++s) {
      while (!left[s].empty()) {
        moved |= std::erase_if(left[s].front(), [&](const PipelineMessage& message) {
                   return take_other_end(s, message);
                 }) > 0;
        if (!left[s].front().empty()) break;
        left[s].pop_front();
        moved = true;
      }
    }
  }
  if (std::all_of(left.begin(), left.end(), [](const auto& one) { return one.empty(); })) return;
  std::vector<std::string> waits(size);
  for (std::size_t s = 0; s < size; ++s) {
    if (left[s].empty()) continue;
    const auto& message = left[s].front().front();
    waits[s] = fmt::format("at {} {} {} {}", message.is_send ? "sending" : "receiving",
                           pass_text(message.kind, message.micro_batch),
                           message.is_send ? "to" : "from", message.peer);
  }
  stuck(schedule, waits);
}

/// Most micro-batches between their forward and backward pass at once.
std::int64_t most_alive(const std::vector<PipelineOperation>& operations) {
  std::int64_t alive = 0, most = 0;
  for (const auto& operation : operations) {
    alive += operation.is_forward() ? 1 : -1;
    most = std::max(most, alive);
  }
  return most;
}

}  // namespace

const char* schedule_name(ScheduleKind kind) {
  for (const auto& [known, name] : kNames)
    if (known == kind) return name;
  return "?";
}

ScheduleKind schedule_kind(std::string_view name) {
  for (const auto& [kind, known] : kNames)
    if (name == known) return kind;
  throw ConfigError(fmt::format(
      "pipeline schedule: expected one of gpipe, 1f1b, forward, found '{}'; choose one", name));
}

std::string PipelineOperation::text() const {
  std::string text = pass_text(kind, micro_batch);
  if (receive_from >= 0) text += fmt::format(" <{}", receive_from);
  if (send_to >= 0) text += fmt::format(" >{}", send_to);
  return text;
}

std::uint64_t PipelineSchedule::hash() const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a over words
  const auto add = [&](std::int64_t word) {
    for (int byte = 0; byte < 8; ++byte) {
      hash ^= (static_cast<std::uint64_t>(word) >> (8 * byte)) & 0xff;
      hash *= 0x100000001b3ULL;
    }
  };
  for (const auto& stage : stages) {
    add(static_cast<std::int64_t>(stage.size()));
    for (const auto& operation : stage) {
      add(operation.is_forward() ? 0 : 1);
      add(operation.micro_batch);
      add(operation.receive_from);
      add(operation.send_to);
    }
  }
  return hash;
}

PipelineSchedule make_schedule(ScheduleKind kind, int num_stages, std::int64_t num_micro_batches) {
  PRECINCT_CHECK(num_stages >= 1 && num_micro_batches >= 0, ShapeError,
                 "schedule {}: expected a stage at least and micro-batches from 0, found {} and "
                 "{}; correct the call",
                 schedule_name(kind), num_stages, num_micro_batches);
  PipelineSchedule schedule{
      schedule_name(kind), num_micro_batches, kind != ScheduleKind::kForwardOnly, {}};
  for (int stage = 0; stage < num_stages; ++stage) {
    std::vector<PipelineOperation> operations;
    // forward passes before the first backward pass: those that later stages need to fill up
    const std::int64_t ahead =
        kind == ScheduleKind::kOneForwardOneBackward
            ? std::min<std::int64_t>(num_stages - stage - 1, num_micro_batches)
            : num_micro_batches;
    for (std::int64_t m = 0; m < ahead; ++m) operations.push_back(forward_of(stage, num_stages, m));
    for (std::int64_t m = 0; m < num_micro_batches && schedule.has_backward; ++m) {
      if (ahead + m < num_micro_batches)
        operations.push_back(forward_of(stage, num_stages, ahead + m));
      operations.push_back(backward_of(stage, num_stages, m));
    }
    schedule.stages.push_back(std::move(operations));
  }
  return schedule;
}

std::vector<std::vector<PipelineMessage>> exchanges_before(
    const std::vector<PipelineOperation>& operations, std::size_t index) {
  std::vector<std::vector<PipelineMessage>> groups;
  if (index > 0 && operations[index - 1].send_to >= 0) {
    const auto& before = operations[index - 1];
    groups.push_back({{true, before.send_to, before.kind, before.micro_batch}});
  }
  if (index < operations.size() && operations[index].receive_from >= 0) {
    const auto& next = operations[index];
    const PipelineMessage taken{false, next.receive_from, next.kind, next.micro_batch};
    if (!groups.empty() && groups.back().front().peer == taken.peer) {
      groups.back().push_back(taken);
    } else {
      groups.push_back({taken});
    }
  }
  return groups;
}

ScheduleTiming play(const PipelineSchedule& schedule, const PassCosts& costs) {
  PRECINCT_CHECK(costs.forward > 0 && costs.backward > 0, ShapeError,
                 "schedule {}: expected costs above 0, found {} and {}; give whole units",
                 schedule.name, costs.forward, costs.backward);
  check_operations(schedule);
  check_rendezvous(schedule);
  const auto size = schedule.stages.size();
  ScheduleTiming timing;
  timing.starts.resize(size);
  std::vector<std::int64_t> free(size, 0);
  std::map<std::tuple<std::size_t, Kind, std::int64_t>, std::int64_t> ends;  // by maker and pass
  std::int64_t work = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t s = 0; s < size; ++s) {
      while (timing.starts[s].size() < schedule.stages[s].size()) {
        const auto& operation = schedule.stages[s][timing.starts[s].size()];
        std::int64_t start = free[s];
        if (operation.receive_from >= 0) {
          const auto input = ends.find({static_cast<std::size_t>(operation.receive_from),
                                        operation.kind, operation.micro_batch});
          if (input == ends.end()) break;
          start = std::max(start, input->second);
        }
        const std::int64_t cost = operation.is_forward() ? costs.forward : costs.backward;
        timing.starts[s].push_back(start);
        free[s] = start + cost;
        work += cost;
        ends[{s, operation.kind, operation.micro_batch}] = free[s];
        moved = true;
      }
    }
  }
  for (const auto& operations : schedule.stages) timing.max_alive.push_back(most_alive(operations));
  timing.length = *std::max_element(free.begin(), free.end());
  if (timing.length > 0)
    timing.idle_fraction = 1 - static_cast<double>(work) / static_cast<double>(timing.length) /
                                   static_cast<double>(size);
  return timing;
}

std::string table(const PipelineSchedule& schedule, const PassCosts& costs) {
  const ScheduleTiming timing = play(schedule, costs);
  const std::size_t width =
      pass_text(Kind::kForward, std::max<std::int64_t>(schedule.num_micro_batches - 1, 0)).size();
  std::string text =
      fmt::format("{}: {} stages, {} micro-batches, forward {}, backward {}, idle {:.1f} %\n",
                  schedule.name, schedule.num_stages(), schedule.num_micro_batches, costs.forward,
                  costs.backward, 100 * timing.idle_fraction);
  for (std::size_t s = 0; s < schedule.stages.size(); ++s) {
    std::vector<std::string> cells(static_cast<std::size_t>(timing.length), ".");
    for (std::size_t i = 0; i < timing.starts[s].size(); ++i) {
      const auto& operation = schedule.stages[s][i];
      const auto start = static_cast<std::size_t>(timing.starts[s][i]);
      const auto cost =
          static_cast<std::size_t>(operation.is_forward() ? costs.forward : costs.backward);
      cells[start] = pass_text(operation.kind, operation.micro_batch);
      for (std::size_t t = 1; t < cost; ++t) cells[start + t] = std::string(width, '-');
    }
    std::string row = fmt::format("stage {:<2}", s);
    for (const auto& cell : cells) row += fmt::format(" {:<{}}", cell, width);
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

std::vector<std::pair<std::int64_t, std::int64_t>> cut_stages(const std::vector<double>& costs,
                                                              std::int64_t num_stages) {
  const std::size_t count = costs.size();
  PRECINCT_CHECK(
      num_stages >= 1 && num_stages <= static_cast<std::int64_t>(count), ConfigError,
      "parallel.pp: expected 1 to {} stages, one layer in each at least, found {}; change it",
      count, num_stages);
  std::vector<double> sums(count + 1, 0);
  for (std::size_t i = 0; i < count; ++i) {
    PRECINCT_CHECK(costs[i] >= 0 && std::isfinite(costs[i]), ShapeError,
                   "cost of layer {}: expected a number from 0, found {}; measure it again", i,
                   costs[i]);
    sums[i + 1] = sums[i] + costs[i];
  }
  const auto stages = static_cast<std::size_t>(num_stages);
  const double never = std::numeric_limits<double>::infinity();
  using Row = std::vector<double>;
  // best[k][end]: of k stages over layers [0, end); first the smallest largest sum, then, under
  // that limit, the smallest sum of squares
  const auto solve = [&](const auto& joined, std::vector<std::vector<std::size_t>>& cuts) {
    std::vector<Row> best(stages + 1, Row(count + 1, never));
    cuts.assign(stages + 1, std::vector<std::size_t>(count + 1, 0));
    best[0][0] = 0;
    for (std::size_t k = 1; k <= stages; ++k) {
      for (std::size_t end = k; end <= count; ++end) {
        for (std::size_t first = k - 1; first < end; ++first) {
          const double value = joined(best[k - 1][first], sums[end] - sums[first]);
          if (value < best[k][end]) {
            best[k][end] = value;
            cuts[k][end] = first;
          }
        }
      }
    }
    return best[stages][count];
  };
  std::vector<std::vector<std::size_t>> cuts;
  const double limit = solve([](double a, double b) { return std::max(a, b); }, cuts);
  solve([&](double a,
            double b) { return b <= limit ? a + b * b : std::numeric_limits<double>::infinity(); },
        cuts);
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges(stages);
  std::size_t end = count;
  for (std::size_t k = stages; k >= 1; --k) {
    const std::size_t first = cuts[k][end];
    ranges[k - 1] = {static_cast<std::int64_t>(first), static_cast<std::int64_t>(end)};
    end = first;
  }
  return ranges;
}

}  // namespace precinct::parallel
