// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace precinct::parallel {

/// In which order the stages of a pipeline run micro-batches.
enum class ScheduleKind {
  kGpipe,                  ///< all forward, then all backward
  kOneForwardOneBackward,  ///< a backward pass as soon as it can be: fewer micro-batches in memory
  kForwardOnly,            ///< evaluation
};

/// "gpipe", "1f1b", "forward".
const char* schedule_name(ScheduleKind kind);
/// The reverse of schedule_name(). Throws ConfigError with the known names.
ScheduleKind schedule_kind(std::string_view name);

/// One pass of one stage over one micro-batch, and the neighbours that it takes from and gives to.
struct PipelineOperation {
  enum class Kind { kForward, kBackward };
  Kind kind = Kind::kForward;
  std::int64_t micro_batch = 0;
  int receive_from = -1;  ///< stage; -1: no message
  int send_to = -1;

  bool is_forward() const { return kind == Kind::kForward; }
  /// "F3 <1 >3": forward of micro-batch 3, input from stage 1, output to stage 3.
  std::string text() const;
  bool operator==(const PipelineOperation&) const = default;
};

/// What every stage does, in order.
struct PipelineSchedule {
  std::string name;
  std::int64_t num_micro_batches = 0;
  bool has_backward = true;
  std::vector<std::vector<PipelineOperation>> stages;

  int num_stages() const { return static_cast<int>(stages.size()); }
  /// Equal for equal schedules (but for collisions, 2^-64).
  std::uint64_t hash() const;
};

/// Both training schedules run the backward passes in the order of the micro-batches, so that they
/// add gradients in the same order. Throws ShapeError for less than one stage or a negative number
/// of micro-batches.
PipelineSchedule make_schedule(ScheduleKind kind, int num_stages, std::int64_t num_micro_batches);

/// One message that a stage sends or receives between two passes.
struct PipelineMessage {
  bool is_send = false;
  int peer = 0;
  PipelineOperation::Kind kind = PipelineOperation::Kind::kForward;
  std::int64_t micro_batch = 0;
};
/// What a stage exchanges before operation `index` (and, with the number of operations, after the
/// last one): what the operation before gives, what this one takes. One group when both go to the
/// same neighbour, as they cross; else the sending first.
std::vector<std::vector<PipelineMessage>> exchanges_before(
    const std::vector<PipelineOperation>& operations, std::size_t index);

/// Lengths of the passes, in any unit.
struct PassCosts {
  std::int64_t forward = 1;
  std::int64_t backward = 2;
};

/// A schedule that was played through with stages of equal speed and messages that take no time.
struct ScheduleTiming {
  std::int64_t length = 0;
  double idle_fraction = 0;             ///< the bubble: 1 - work / (stages x length)
  std::vector<std::int64_t> max_alive;  ///< by stage: micro-batches between forward and backward
  std::vector<std::vector<std::int64_t>> starts;  ///< by stage and operation
};

/// Plays a schedule through. Throws ShapeError that names stage and operation when a pass is
/// missing, done twice or out of order, when a message has no other end, and when stages would wait
/// for each other for ever, even if a message is only sent once its receiver waits for it.
ScheduleTiming play(const PipelineSchedule& schedule, const PassCosts& costs = {});

/// The schedule as text: a row for each stage, a column for each unit of time.
///   1f1b: 2 stages, 3 micro-batches, forward 1, backward 2, idle 25.0 %
///   stage 0  F0 F1 .  .  B0 -- F2 B1 -- .  B2 --
///   stage 1  .  F0 B0 -- F1 B1 -- F2 B2 -- .  .
std::string table(const PipelineSchedule& schedule, const PassCosts& costs = {});

/// Cuts layers of the given costs into `num_stages` contiguous ranges [first, end) such that the
/// largest sum of a range is smallest; among such cuts the most even one. Throws ConfigError that
/// names parallel.pp when there are fewer layers than stages.
std::vector<std::pair<std::int64_t, std::int64_t>> cut_stages(const std::vector<double>& costs,
                                                              std::int64_t num_stages);

}  // namespace precinct::parallel
