// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/ingest/row_reader.h"

namespace precinct::data {

/// What is read, and how.
struct InputScan {
  const SourceProfile& profile;
  const CodeMap& codes;
  const DistrictLocator& locator;
  const std::vector<std::filesystem::path>& inputs;
  RowReader::Options options;
  int num_threads = 2;
  std::string title = "ingest";  // of the progress bar; empty: none
  /// Called for each input before its rows.
  std::function<void(std::uint32_t file, const SourceColumns&)> on_columns = {};
  /// Called once, before the first row, with the header line of Result::audit_rows.
  std::function<void(const std::string&)> on_audit_header = {};
};

/// Reads all inputs: this thread unpacks and cuts blocks at record borders, `num_threads` workers
/// parse them, and `sink` gets the results in the order of the input, on this thread. Memory: some
/// blocks per worker, whatever the size of the input. Throws IoError, DataError, ConfigError; then
/// some results may have been handed out.
void scan_inputs(const InputScan& scan, const std::function<void(RowReader::Result&&)>& sink);

}  // namespace precinct::data
