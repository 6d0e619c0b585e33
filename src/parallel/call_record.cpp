// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/call_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/rng.h"

namespace precinct::parallel {

const char* operation_name(Operation operation) {
  switch (operation) {
    case Operation::kAllReduce:
      return "all_reduce";
    case Operation::kBroadcast:
      return "broadcast";
    case Operation::kAllGather:
      return "all_gather";
    case Operation::kReduceScatter:
      return "reduce_scatter";
    case Operation::kAllToAll:
      return "all_to_all";
    case Operation::kSend:
      return "send";
    case Operation::kRecv:
      return "recv";
    case Operation::kBarrier:
      break;
  }
  return "barrier";
}

std::string CallRecord::text() const {
  std::string text = operation_name(operation);
  if (!detail.empty()) text += "(" + detail + ")";
  if (!shape.empty()) text += " " + shape;
  return text;
}

std::string CallRecord::text_in(const std::string& group) const {
  std::string text =
      fmt::format("{} #{} ({}, {}", operation_name(operation), number, group, bytes_text(bytes));
  for (const auto& part : {detail, shape})
    if (!part.empty()) text += ", " + part;
  return text + ")";
}

std::string shape_text(const at::Tensor& tensor) {
  const at::IntArrayRef sizes = tensor.sizes();
  std::string type = c10::toString(tensor.scalar_type());
  if (type == "Float") type = "float32";
  if (type == "Double") type = "float64";
  if (type == "Long") type = "int64";
  if (type == "Int") type = "int32";
  return fmt::format("[{}] {}", fmt::join(sizes.begin(), sizes.end(), ", "), type);
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

void CallHash::add(const CallRecord& record) {
  value_ = mix(mix(value_, record.number), stream_key(value_, record.text()));
}

void CallHash::add(std::uint64_t word) { value_ = mix(value_, word); }

}  // namespace precinct::parallel
