// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/beat.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace precinct::parallel {
namespace {

constexpr const char* kVersion = "beat2";

/// Fields are separated by tabs, records by line breaks.
std::string clean(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
  return text;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

}  // namespace

std::string Beat::text() const {
  std::string text = fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", kVersion, number,
                                 clean(host), pid, step, clean(phase), changes, idle_s,
                                 clean(waits_for), clean(waits_in), waits_number);
  for (const auto& [name, usual_s] : usual)
    text += fmt::format("usual\t{}\t{}\t{}\t{}\n", clean(name), usual_s.count, usual_s.median_s,
                        usual_s.p99_s);
  for (const Group& group : groups)
    text += fmt::format("group\t{}\t{}\t{}\t{}\t{}\n", clean(group.id), clean(group.name),
                        group.last.number, group.last.hash, clean(group.last.text));
  return text;
}

std::optional<Beat> Beat::parse(const std::string& text) {
  std::istringstream lines(text);
  Beat beat;
  std::string line;
  try {
    if (!std::getline(lines, line)) return std::nullopt;
    auto f = fields_of(line);
    if (f.size() != 11 || f[0] != kVersion) return std::nullopt;
    beat.number = std::stoull(f[1]);
    beat.host = f[2];
    beat.pid = std::stoll(f[3]);
    beat.step = std::stoll(f[4]);
    beat.phase = f[5];
    beat.changes = std::stoull(f[6]);
    beat.idle_s = std::stod(f[7]);
    beat.waits_for = f[8];
    beat.waits_in = f[9];
    beat.waits_number = std::stoull(f[10]);
    while (std::getline(lines, line)) {
      f = fields_of(line);
      if (f[0] == "usual" && f.size() == 5) {
        beat.usual[f[1]] = {std::stoll(f[2]), std::stod(f[3]), std::stod(f[4])};
      } else if (f[0] == "group" && f.size() == 6) {
        beat.groups.push_back({f[1], f[2], {std::stoull(f[3]), std::stoull(f[4]), f[5]}});
      } else {
        return std::nullopt;
      }
    }
  } catch (const std::exception&) {  // a number that is none
    return std::nullopt;
  }
  return beat;
}

}  // namespace precinct::parallel
