// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
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
  bool locate_by_point = false;  // default: by code when the profile has a district column
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
  std::string rejects;     // CSV text
  std::string audit_rows;  // CSV text, when asked for
  std::string provenance;  // JSON text; the command line is added by the caller
};

/// Reads, locates, deduplicates and counts. The panel does not depend on the order of rows or
/// files, nor on how they are split or compressed. Nothing is written. Throws IoError, DataError,
/// ConfigError.
IngestResult ingest(const IngestOptions& options);

/// Writes panel.h5 with its checksum and provenance, rejects.csv, quality.json and quality.txt
/// beside it; the panel last.
void write_ingest(const std::filesystem::path& panel_path, const IngestResult& result);

}  // namespace precinct::data
