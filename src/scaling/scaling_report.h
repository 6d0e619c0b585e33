// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scaling/measurement.h"

namespace precinct::scaling {

/// Where and by what a report was made.
struct Origin {
  std::string host, processor, system;
  std::int64_t cores = 1;  // of the host
  std::string precinct;    // release and commit
  std::string libtorch;
  std::string command;
  std::string date;  // ISO 8601, UTC
};

/// This host's; release, command and date are the caller's.
Origin origin_here();

/// One network as a table for a terminal, with its sentences.
std::string to_text(const Measurement& measurement);

/// The same in Markdown.
std::string to_markdown(const Measurement& measurement);

/// All networks of a run, with where they were measured and what the columns mean.
std::string text_report(const Origin& origin, const std::vector<Measurement>& measurements);
std::string markdown_report(const Origin& origin, const std::vector<Measurement>& measurements);

/// {"origin": {...}, "networks": [{every field of a Measurement: the raw times, "rows": [{figures
/// of the tables}], "sentences": [...]}]}
nlohmann::json json_report(const Origin& origin, const std::vector<Measurement>& measurements);

}  // namespace precinct::scaling
