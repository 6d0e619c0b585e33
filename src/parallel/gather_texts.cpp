// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/gather_texts.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

namespace precinct::parallel {

std::vector<std::string> gather_texts(const std::string& text, Communicator& group) {
  if (!group.is_connected()) return {text};
  const auto length = static_cast<std::int64_t>(text.size());
  const at::Tensor lengths = at::empty({group.size()}, at::kLong);
  group.all_gather(lengths, at::full({1}, length, at::kLong)).wait();
  const std::int64_t longest = std::max<std::int64_t>(1, lengths.max().item<std::int64_t>());
  const at::Tensor mine = at::zeros({longest}, at::kByte);
  std::memcpy(mine.data_ptr(), text.data(), text.size());
  const at::Tensor bytes = at::empty({group.size() * longest}, at::kByte);
  group.all_gather(bytes, mine).wait();
  std::vector<std::string> texts;
  for (std::int64_t r = 0; r < group.size(); ++r)
    texts.emplace_back(static_cast<const char*>(bytes.const_data_ptr()) + r * longest,
                       static_cast<std::size_t>(lengths[r].item<std::int64_t>()));
  return texts;
}

}  // namespace precinct::parallel
