// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace precinct::parallel {

enum class ReduceOp { kSum, kMax, kMin };

enum class Operation {
  kAllReduce,
  kBroadcast,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kSend,
  kRecv,
  kBarrier,
};

/// "all_reduce", "broadcast", ...
const char* operation_name(Operation operation);

/// One call of a group: what ranks must agree on, and what errors say.
struct CallRecord {
  Operation operation = Operation::kBarrier;
  std::uint64_t number = 0;  ///< from 1 in each group; collectives and messages count apart
  std::string shape;         ///< "[4, 3] float32" of this rank's input
  std::int64_t bytes = 0;    ///< of this rank's input
  std::string detail;        ///< "sum", "root 0", "to 1, tag 5"

  /// "all_reduce(sum) [4, 3] float32"; equal on ranks that agree.
  std::string text() const;
  /// "all_reduce #1822 (dp, 3.1 MB, [811008] float32)".
  std::string text_in(const std::string& group) const;
};

/// "[4, 3] float32".
std::string shape_text(const at::Tensor& tensor);

/// "37 B", "3.1 MB".
std::string bytes_text(std::int64_t bytes);

/// Rolling 64-bit hash over the calls of a group: two ranks have the same value exactly when they
/// made the same calls in the same order (but for collisions, 2^-64).
class CallHash {
 public:
  void add(const CallRecord& record);
  void add(std::uint64_t word);
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace precinct::parallel
