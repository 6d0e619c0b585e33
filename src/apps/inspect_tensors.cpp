// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "apps/inspection.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "report/panel_facts.h"

namespace precinct::apps {
namespace {

[[noreturn]] void damaged(const std::filesystem::path& file, std::uint64_t at,
                          const std::string& found) {
  throw DataError(
      fmt::format("{}: byte {}: expected a whole safetensors file, found {}; use another copy",
                  file.string(), at, found));
}

struct TensorRange {
  double min = std::numeric_limits<double>::infinity(), max = -min;
  std::uint64_t not_finite = 0;
  void add(double value) {
    if (!std::isfinite(value)) {
      ++not_finite;
      return;
    }
    min = std::min(min, value);
    max = std::max(max, value);
  }
};

template <typename T, typename Convert>
TensorRange range_of(std::string_view bytes, Convert convert) {
  TensorRange range;
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    range.add(convert(value));
  }
  return range;
}

/// Nothing for a type without a range here (half precision, booleans).
std::optional<TensorRange> range_of(const std::string& type, std::string_view bytes) {
  const auto number = [](auto value) { return static_cast<double>(value); };
  if (type == "F32") return range_of<float>(bytes, number);
  if (type == "F64") return range_of<double>(bytes, number);
  if (type == "I64") return range_of<std::int64_t>(bytes, number);
  if (type == "I32") return range_of<std::int32_t>(bytes, number);
  if (type == "U8") return range_of<std::uint8_t>(bytes, number);
  if (type == "BF16")
    return range_of<std::uint16_t>(bytes, [](std::uint16_t half) {
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16));
    });
  return std::nullopt;
}

std::uint64_t type_bytes(const std::string& type) {
  if (type == "F64" || type == "I64") return 8;
  if (type == "F32" || type == "I32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16") return 2;
  return type == "I8" || type == "U8" || type == "BOOL" ? 1 : 0;
}

}  // namespace

Inspection inspect_tensors(const std::filesystem::path& file) {
  const std::string content = read_file(file);
  std::uint64_t header_bytes = 0;
  if (content.size() < 8) damaged(file, content.size(), "its end");
  std::memcpy(&header_bytes, content.data(), 8);
  if (header_bytes > content.size() - 8)
    damaged(file, content.size(), fmt::format("its end inside a header of {} bytes", header_bytes));
  const auto header = nlohmann::json::parse(content.substr(8, header_bytes), nullptr, false);
  if (!header.is_object()) damaged(file, 8, "a header that is no JSON object");
  const std::string_view data = std::string_view(content).substr(8 + header_bytes);
  nlohmann::json tensors = nlohmann::json::array();
  std::uint64_t parameters = 0, not_finite = 0, used = 0;
  try {
    for (const auto& [name, row] : header.items()) {
      if (name == "__metadata__") continue;
      const auto type = row.at("dtype").get<std::string>();
      const auto shape = row.at("shape").get<std::vector<std::uint64_t>>();
      const auto offsets = row.at("data_offsets").get<std::vector<std::uint64_t>>();
      std::uint64_t count = 1;
      for (const auto extent : shape) count *= extent;
      if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size() ||
          offsets[1] - offsets[0] != count * type_bytes(type))
        damaged(file, 8 + header_bytes, "tensor " + name + " with offsets that do not fit");
      const auto range = range_of(type, data.substr(offsets[0], offsets[1] - offsets[0]));
      tensors.push_back({{"name", name}, {"type", type}, {"shape", shape}});
      if (range && range->min <= range->max) {
        tensors.back()["min"] = range->min;
        tensors.back()["max"] = range->max;
      }
      not_finite += range ? range->not_finite : 0;
      parameters += count;
      used += offsets[1] - offsets[0];
    }
  } catch (const nlohmann::json::exception& error) {
    damaged(file, 8, std::string("a header without type, shape or offsets (") + error.what() + ")");
  }
  if (used != data.size())
    damaged(file, 8 + header_bytes,
            fmt::format("{} bytes of data where the tensors hold {}", data.size(), used));
  Inspection out;
  out.json = {{"kind", "tensors"},  {"path", file.string()},    {"bytes", content.size()},
              {"tensors", tensors}, {"parameters", parameters}, {"not_finite", not_finite}};
  out.add("tensors",
          fmt::format(
              "{} with {} numbers in {} bytes; {}", tensors.size(), report::grouped(parameters),
              report::grouped(content.size()),
              not_finite == 0 ? "all finite" : report::grouped(not_finite) + " are NOT finite"));
  for (const auto& t : tensors)
    out.add("",
            fmt::format("{} {} [{}]{}", t["name"].get<std::string>(), t["type"].get<std::string>(),
                        fmt::join(t["shape"].get<std::vector<std::uint64_t>>(), ", "),
                        t.contains("min") ? fmt::format(" {:.4g} to {:.4g}", t["min"].get<double>(),
                                                        t["max"].get<double>())
                                          : ""));
  return out;
}

}  // namespace precinct::apps
