// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/ingest/district_locator.h"
#include "data/ingest/quality_report.h"
#include "data/ingest/source_profile.h"
#include "data/panel.h"

namespace precinct::data {

/// One ingest: incident files to a panel.
struct IngestOptions {
  SourceProfile profile;
  std::vector<std::filesystem::path> inputs;
  std::optional<std::filesystem::path> boundaries;  // GeoJSON, plain or compressed
  std::string district_property;                    // empty: the profile's
  std::string name_property;                        // empty: the code
  std::string parent_property;                      // empty: the profile's rule, if it has one
  std::vector<std::string> districts;               // patterns of codes to keep; empty: all
  bool locate_by_point = false;       // default: by code when the profile has a district column
  bool unknown_under_parent = false;  // count unknown codes in one node per parent
  std::optional<GridSpec> grid;
  std::string graph = "adjacency";  // adjacency|queen|knn:<k>|file:<path>|none
  BinSpec bin;
  std::optional<std::int64_t> first_day, last_day;  // range of the series; other rows are rejected
  std::optional<std::filesystem::path> audit_file;
  int num_threads = 2;
  bool show_progress = true;
};

struct IngestResult {
  Panel panel;
  QualityReport quality;
  std::string provenance;  // JSON text
};

/// Reads, locates, deduplicates and counts; nothing is written. The panel does not depend on the
/// order of rows or files, nor on how they are split or compressed. Throws IoError, DataError,
/// ConfigError.
IngestResult ingest(const IngestOptions& options);

/// The same, and writes the panel with what belongs to it (IngestOutput): all files or, when
/// anything fails, none. `origin` goes into the provenance (command, version, date).
IngestResult ingest_to_file(const IngestOptions& options, const std::filesystem::path& panel_path,
                            const std::map<std::string, std::string>& origin = {});

}  // namespace precinct::data
