// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/ingest_output.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/store/panel_store.h"

namespace precinct::data {
namespace {

/// "" for panel.h5, "NAME." for NAME.h5: panels of one folder keep their reports apart.
std::string report_prefix(const std::filesystem::path& panel_path) {
  const std::string stem = panel_path.stem().string();
  return stem == "panel" ? "" : stem + ".";
}

/// Removes staging folders of processes that are gone.
void remove_left_overs(const std::filesystem::path& folder, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    int pid = 0;
    const char* end = name.data() + name.size();
    const auto result = std::from_chars(name.data() + prefix.size(), end, pid);
    if (result.ec == std::errc{} && result.ptr == end && ::kill(pid, 0) != 0 && errno == ESRCH)
      std::filesystem::remove_all(entry.path(), ignored);
  }
}

/// The topmost folder of `folder` that does not exist yet; empty when all do.
std::filesystem::path first_missing(std::filesystem::path folder) {
  std::filesystem::path missing;
  while (!folder.empty() && !std::filesystem::exists(folder)) {
    missing = folder;
    if (folder == folder.parent_path()) break;
    folder = folder.parent_path();
  }
  return missing;
}

const std::filesystem::path& check_is_file(const std::filesystem::path& panel_path) {
  PRECINCT_CHECK(panel_path.has_filename() && !std::filesystem::is_directory(panel_path),
                 ConfigError, "--out: expected a file to write, found the folder '{}'; name a file",
                 panel_path.string());
  return panel_path;
}

void move_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  PRECINCT_CHECK(::rename(from.c_str(), to.c_str()) == 0, IoError,
                 "{}; expected a name that can be written; check the folder",
                 errno_text(to.string(), errno));
}

}  // namespace

std::string IngestOutput::rejects_name(const std::filesystem::path& panel_path) {
  return report_prefix(panel_path) + "rejects.csv";
}

std::vector<NamedFile> IngestOutput::files_of(
    const std::filesystem::path& panel_path,
    const std::optional<std::filesystem::path>& audit_path) {
  const std::string prefix = report_prefix(panel_path);
  std::vector<NamedFile> files = {{"--out", panel_path}};
  for (const char* suffix : {".sha256", ".provenance.json"})
    files.push_back({fmt::format("--out's {}", suffix), panel_path.string() + suffix});
  for (const char* report : {"rejects.csv", "quality.json", "quality.txt"})
    files.push_back({prefix + report, panel_path.parent_path() / (prefix + report)});
  if (audit_path) files.push_back({"--keep-audit-fields", *audit_path});
  return files;
}

IngestOutput::Staging::Staging(const std::filesystem::path& target_folder, const std::string& name)
    : folder(target_folder), made_folder(first_missing(target_folder)) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  PRECINCT_CHECK(!error, IoError, "{}; expected a folder that can be made; check path and rights",
                 errno_text(folder.string(), error.value()));
  const std::string prefix = "." + name + ".ingest-";
  remove_left_overs(folder, prefix);
  path = folder / (prefix + std::to_string(::getpid()));
  std::filesystem::create_directory(path, error);
  PRECINCT_CHECK(!error, IoError, "{}; expected a folder that can be written; check its rights",
                 errno_text(path.string(), error.value()));
}

IngestOutput::Staging::~Staging() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  while (!made_folder.empty() && std::filesystem::is_empty(folder, ignored) &&
         std::filesystem::remove(folder, ignored) && folder != made_folder)
    folder = folder.parent_path();
}

IngestOutput::TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  if (!path.empty()) std::filesystem::remove(path, ignored);
}

IngestOutput::IngestOutput(const std::filesystem::path& panel_path,
                           const std::optional<std::filesystem::path>& audit_path)
    : panel_path_(check_is_file(panel_path)),
      audit_path_(audit_path),
      staging_(panel_path.has_parent_path() ? panel_path.parent_path() : ".",
               panel_path.filename().string()) {
  rejects_.emplace(staging_.path / "rejects.csv");
  rejects_->write(reject_header());
  if (!audit_path_) return;
  // it holds person fields: hidden, for this user alone, and removed by the next ingest after a
  // kill
  const std::filesystem::path folder =
      audit_path_->has_parent_path() ? audit_path_->parent_path() : ".";
  const std::string prefix = "." + audit_path_->filename().string() + ".ingest-";
  remove_left_overs(folder, prefix);
  audit_file_.path = folder / (prefix + std::to_string(::getpid()));
  audit_.emplace(audit_file_.path);
  std::filesystem::permissions(
      audit_file_.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

void IngestOutput::commit(const Panel& panel, const QualityReport& quality,
                          const std::string& provenance) {
  const std::string name = panel_path_.filename().string(), prefix = report_prefix(panel_path_);
  rejects_->finish();
  write_file_atomically(staging_.path / "quality.json", quality.to_json().dump(2) + "\n");
  write_file_atomically(staging_.path / "quality.txt", quality.to_text());
  write_file_atomically(staging_.path / (name + ".provenance.json"), provenance + "\n");
  write_panel(staging_.path / name, panel);
  if (audit_) {
    audit_->finish();
    move_file(audit_file_.path, *audit_path_);
  }
  for (const char* report : {"rejects.csv", "quality.json", "quality.txt"})
    move_file(staging_.path / report, staging_.folder / (prefix + report));
  for (const char* suffix : {".provenance.json", ".sha256", ""})
    move_file(staging_.path / (name + suffix), staging_.folder / (name + suffix));
  sync_path(staging_.folder);
}

}  // namespace precinct::data
