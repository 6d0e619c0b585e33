// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/reject_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace precinct::data {

std::string csv_quote(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string rejects_csv(std::vector<Reject> rejects, const std::vector<std::string>& files) {
  std::sort(rejects.begin(), rejects.end(), [](const Reject& a, const Reject& b) {
    return std::tie(a.file, a.line) < std::tie(b.file, b.line);
  });
  std::string text = "file,line,byte,column,kind,snippet,message\n";
  for (const Reject& r : rejects) {
    text += fmt::format("{},{},{},{},{},{},{}\n", csv_quote(files[r.file]), r.line, r.byte,
                        csv_quote(r.column), r.kind, csv_quote(r.snippet), csv_quote(r.message));
  }
  return text;
}

}  // namespace precinct::data
