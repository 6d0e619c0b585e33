// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/call_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <sstream>

namespace precinct::parallel {
namespace {

bool read_number(const std::string& text, int base, std::uint64_t& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end && !text.empty();
}

}  // namespace

void CallHistory::add(const CallRecord& record, std::uint64_t hash) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({record, hash});
  if (entries_.size() > kKept) entries_.pop_front();
}

PastCall CallHistory::past(const Entry& entry) {
  return {entry.record.number, entry.hash, entry.record.text()};
}

std::optional<PastCall> CallHistory::last() const {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return std::nullopt;
  return past(entries_.back());
}

std::optional<PastCall> CallHistory::at(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  if (entries_.empty() || number < entries_.front().record.number ||
      number > entries_.back().record.number)
    return std::nullopt;
  return past(entries_[number - entries_.front().record.number]);
}

std::string CallHistory::dump() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const Entry& entry : entries_) {
    const PastCall call = past(entry);
    fmt::format_to(std::back_inserter(text), "{} {:x} {}\n", call.number, call.hash, call.text);
  }
  return text;
}

std::vector<PastCall> CallHistory::read(const std::string& dump) {
  std::vector<PastCall> calls;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(' '), second = line.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    PastCall call;
    if (!read_number(line.substr(0, first), 10, call.number)) continue;
    if (!read_number(line.substr(first + 1, second - first - 1), 16, call.hash)) continue;
    call.text = line.substr(second + 1);
    calls.push_back(std::move(call));
  }
  return calls;
}

std::optional<CallDifference> first_difference(const std::vector<PastCall>& own,
                                               const std::vector<PastCall>& other) {
  std::map<std::uint64_t, const PastCall*> others;
  for (const PastCall& call : other) others[call.number] = &call;
  bool agreed_before = false;
  for (const PastCall& call : own) {
    const auto found = others.find(call.number);
    if (found == others.end()) continue;
    if (found->second->hash == call.hash) {
      agreed_before = true;
      continue;
    }
    const bool is_first = agreed_before || call.number == 1;
    return CallDifference{call.number, call.text, found->second->text, is_first};
  }
  return std::nullopt;
}

std::string difference_text(const std::string& group, const CallDifference& found,
                            std::int64_t own_rank, std::int64_t other_rank) {
  return fmt::format(
      "group {}, call #{}: expected the same call on all ranks, found {} on rank {} and {} on "
      "rank {}{}; look for a branch that only some ranks take",
      group, found.number, found.own, own_rank, found.other, other_rank,
      found.is_first && found.own != found.other ? "" : ", but an earlier call or step differs");
}

}  // namespace precinct::parallel
