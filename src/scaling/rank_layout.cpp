// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/rank_layout.h"

#include <charconv>
#include <map>

#include "base/error.h"

namespace precinct::scaling {
namespace {

/// The size in "tp4"; 0 when it is none.
std::int64_t size_in(const std::string& part) {
  std::int64_t size = 0;
  const char* end = part.data() + part.size();
  if (part.size() < 3) return 0;
  return std::from_chars(part.data() + 2, end, size).ptr == end && size >= 2 ? size : 0;
}

}  // namespace

RankLayout RankLayout::parse(const std::string& text, std::int64_t num_ranks) {
  RankLayout layout;
  std::map<std::string, std::int64_t*> axes = {
      {"dp", &layout.dp}, {"pp", &layout.pp}, {"tp", &layout.tp}};
  std::int64_t product = 1;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('x', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const auto axis = axes.find(part.substr(0, 2));
    const std::int64_t size = size_in(part);
    PRECINCT_CHECK(axis != axes.end() && size > 0, ConfigError,
                   "--layouts: expected axes dp, pp, tp once each with sizes from 2, as in dp2 or "
                   "dp2xtp2, found '{}'; correct it",
                   text);
    *axis->second = size;
    product *= size;
    axes.erase(axis);
    begin = end + 1;
  }
  PRECINCT_CHECK(product == num_ranks, ConfigError,
                 "--layouts: expected sizes that multiply to the {} ranks, found '{}'; change it "
                 "or --nproc",
                 num_ranks, text);
  return layout;
}

}  // namespace precinct::scaling
