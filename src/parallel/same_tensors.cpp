// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/same_tensors.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstring>
#include <map>

#include "base/error.h"
#include "base/rng.h"
#include "parallel/call_checker.h"

namespace precinct::parallel {
namespace {

/// [size, n]: the ranks' words.
at::Tensor gathered(const std::vector<std::int64_t>& words, Communicator& group) {
  const at::Tensor own = at::tensor(words, at::kLong);
  at::Tensor all = at::empty({group.size(), static_cast<std::int64_t>(words.size())}, at::kLong);
  group.all_gather(all, own).wait();
  return all;
}

/// "found 3f.. on ranks 0, 1 and 7a.. on rank 2" of one column.
std::string sides_text(const at::Tensor& column, bool as_hash) {
  std::map<std::int64_t, std::vector<int>> sides;
  for (std::int64_t r = 0; r < column.size(0); ++r)
    sides[column[r].item<std::int64_t>()].push_back(static_cast<int>(r));
  std::string text;
  for (const auto& [value, ranks] : sides)
    text += fmt::format("{}{} on {}", text.empty() ? "" : " and ",
                        as_hash ? fmt::format("{:016x}", static_cast<std::uint64_t>(value))
                                : fmt::format("{}", value),
                        ranks_text(ranks));
  return text;
}

/// The first column whose rows differ, -1 for none.
std::int64_t first_difference(const at::Tensor& all) {
  const at::Tensor differs = all.ne(all.narrow(0, 0, 1)).any(0);
  for (std::int64_t i = 0; i < differs.size(0); ++i)
    if (differs[i].item<bool>()) return i;
  return -1;
}

}  // namespace

std::uint64_t bytes_hash(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
  const auto* data = static_cast<const char*>(host.const_data_ptr());
  const std::size_t size = host.nbytes();
  std::uint64_t hash = mix(0x9e3779b97f4a7c15ULL, size);
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + at, 8);
    hash = (hash ^ word) * 0x100000001b3ULL;
    hash ^= hash >> 29;
  }
  for (; at < size; ++at) hash = (hash ^ static_cast<unsigned char>(data[at])) * 0x100000001b3ULL;
  return mix(hash, 1);
}

void check_same_layout(const NamedTensors& tensors, Communicator& group) {
  std::vector<std::int64_t> words;
  for (const auto& [name, tensor] : tensors)
    words.push_back(static_cast<std::int64_t>(stream_key(0, name + " " + shape_text(tensor))));
  const at::Tensor counts = gathered({static_cast<std::int64_t>(words.size())}, group);
  PRECINCT_CHECK(first_difference(counts) < 0, CommError,
                 "group {}: expected the same number of tensors on all ranks, found {}; build the "
                 "same model on all ranks",
                 group.name(), sides_text(counts.select(1, 0), false));
  if (words.empty()) return;
  const std::int64_t differs = first_difference(gathered(words, group));
  PRECINCT_CHECK(differs < 0, CommError,
                 "group {}: expected the same name, shape and type of tensor {} on all ranks, "
                 "found '{}' {} on "
                 "rank {} and another on others; build the same model on all ranks",
                 group.name(), differs, tensors[static_cast<std::size_t>(differs)].first,
                 shape_text(tensors[static_cast<std::size_t>(differs)].second), group.rank());
}

void check_same_bytes(const NamedTensors& tensors, Communicator& group, const std::string& when) {
  if (!group.is_connected() || tensors.empty()) return;
  std::vector<std::int64_t> words;
  for (const auto& entry : tensors)
    words.push_back(static_cast<std::int64_t>(bytes_hash(entry.second)));
  const at::Tensor all = gathered(words, group);
  const std::int64_t differs = first_difference(all);
  PRECINCT_CHECK(
      differs < 0, CommError,
      "tensor '{}' {}: expected the same bytes on all ranks of {}, found hash {}; a rank "
      "computes differently (other input, hardware or a race): resume from a checkpoint",
      tensors[static_cast<std::size_t>(differs)].first, when, group.name(),
      sides_text(all.select(1, differs), true));
}

void broadcast_tensors(const NamedTensors& tensors, Communicator& group, int root,
                       std::int64_t bucket_bytes) {
  if (!group.is_connected()) return;
  const at::NoGradGuard no_grad;
  for (std::size_t first = 0; first < tensors.size();) {
    const at::Tensor& model = tensors[first].second;
    std::vector<at::Tensor> parts;
    std::int64_t bytes = 0;
    std::size_t end = first;
    for (; end < tensors.size(); ++end) {
      const at::Tensor& tensor = tensors[end].second;
      const auto size = static_cast<std::int64_t>(tensor.nbytes());
      if (tensor.scalar_type() != model.scalar_type() || tensor.device() != model.device()) break;
      if (end > first && bytes + size > bucket_bytes) break;
      bytes += size;
      parts.push_back(tensor.detach().reshape(-1));
    }
    const at::Tensor flat = at::cat(parts);
    group.broadcast(flat, root).wait();
    std::int64_t offset = 0;
    for (; first < end; ++first) {
      const at::Tensor tensor = tensors[first].second.detach();
      tensor.copy_(flat.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
      offset += tensor.numel();
    }
  }
}

}  // namespace precinct::parallel
