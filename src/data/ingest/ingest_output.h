// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/distinct_files.h"
#include "data/ingest/quality_report.h"
#include "data/ingest/reject_log.h"
#include "data/panel.h"

namespace precinct::data {

/// The files of one ingest, which appear together or not at all: the panel with its checksum and
/// provenance, the rejects, the quality report and, when asked for, the audit fields. They are
/// written into a hidden folder beside the panel and moved to their names by commit(), the panel
/// last; the destructor removes what was not committed. What a killed ingest left is removed by the
/// next one.
///
/// For a panel named panel.h5 the others are rejects.csv, quality.json, quality.txt,
/// panel.h5.provenance.json; for NAME.h5 they are NAME.rejects.csv and so on.
class IngestOutput {
 public:
  /// Makes the folder. Throws IoError.
  IngestOutput(const std::filesystem::path& panel_path,
               const std::optional<std::filesystem::path>& audit_path);
  TextWriter& rejects() { return rejects_.value(); }
  /// Nothing when no audit file is wanted.
  TextWriter* audit() { return audit_ ? &*audit_ : nullptr; }

  /// Throws IoError; nothing has moved then, unless a move itself fails.
  void commit(const Panel& panel, const QualityReport& quality, const std::string& provenance);

  /// All that will be written.
  static std::vector<NamedFile> files_of(const std::filesystem::path& panel_path,
                                         const std::optional<std::filesystem::path>& audit_path);
  static std::string rejects_name(const std::filesystem::path& panel_path);

 private:
  /// The hidden folder; goes with everything in it, and so do the folders made for it when they
  /// stay empty.
  struct Staging {
    std::filesystem::path path, folder, made_folder;
    Staging(const std::filesystem::path& folder, const std::string& name);
    ~Staging();
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
  };
  /// A file at a temporary name that is removed unless it was moved.
  struct TemporaryFile {
    std::filesystem::path path;
    ~TemporaryFile();
  };

  std::filesystem::path panel_path_;
  std::optional<std::filesystem::path> audit_path_;
  Staging staging_;
  TemporaryFile audit_file_;
  std::optional<TextWriter> rejects_, audit_;
};

}  // namespace precinct::data
