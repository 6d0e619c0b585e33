// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "models/folder_manifest.h"
#include "train/train_state.h"

namespace precinct::train {
namespace fs = std::filesystem;

std::string CheckpointStore::name_of(std::int64_t step) { return fmt::format("step-{:09}", step); }

CheckpointStore::CheckpointStore(fs::path folder, std::int64_t keep_last, bool writes)
    : folder_(std::move(folder)), keep_last_(std::max<std::int64_t>(1, keep_last)) {
  if (!writes) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  PRECINCT_CHECK(!error, IoError,
                 "{}: expected a folder that can be made, found {}; check path and rights",
                 folder_.string(), error.message());
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') && name.find(".part-") != std::string::npos)
      fs::remove_all(entry.path());
  }
}

std::vector<CheckpointStore::Entry> CheckpointStore::entries() const {
  std::vector<Entry> entries;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    const std::string digits = name.starts_with("step-") ? name.substr(5) : "";
    if (digits.size() < 9 || digits.size() > 18 ||
        !std::all_of(digits.begin(), digits.end(), ::isdigit))
      continue;
    entries.push_back({std::stoll(digits), entry.path()});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.step > b.step; });
  return entries;
}

bool CheckpointStore::is_good(const fs::path& path) {
  try {
    models::verify_manifest(path);
    TrainState::read(path / "state.json");
    return true;
  } catch (const Error& error) {
    spdlog::warn("checkpoint {} is not used: {}", path.filename().string(), error.what());
    return false;
  }
}

void CheckpointStore::set_aside(const fs::path& path) const {
  fs::path target = path.string() + ".bad";
  for (int i = 2; fs::exists(target); ++i) target = fmt::format("{}.bad-{}", path.string(), i);
  fs::rename(path, target);
  sync_path(folder_);
}

void CheckpointStore::save(std::int64_t step, bool is_best,
                           const std::function<void(const fs::path&)>& write) {
  const fs::path target = folder_ / name_of(step);
  if (fs::exists(target) && !is_good(target)) set_aside(target);
  if (!fs::exists(target)) {
    AtomicFolder temporary(target);
    write(temporary.path());
    models::write_manifest(temporary.path());
    temporary.commit();
  }
  write_file_atomically(folder_ / "LATEST", name_of(step) + "\n");
  if (is_best) mark_best(step);
  if (!is_good(target)) {
    set_aside(target);
    throw IoError(fmt::format(
        "{}: expected to read back what was written, found other bytes; the checkpoint before "
        "it stays, check the disk",
        target.string()));
  }
  prune();
}

void CheckpointStore::mark_best(std::int64_t step) {
  write_file_atomically(folder_ / "BEST", name_of(step) + "\n");
}

void CheckpointStore::mark_stopped(std::int64_t step) {
  write_file_atomically(folder_ / "STOPPED", name_of(step) + "\n");
}

void CheckpointStore::clear_stopped() { fs::remove(folder_ / "STOPPED"); }

void CheckpointStore::prune() {
  std::string best;
  if (fs::exists(folder_ / "BEST")) best = read_file(folder_ / "BEST");
  std::int64_t kept = 0;
  for (const Entry& entry : entries()) {
    if (kept++ < keep_last_ || best == name_of(entry.step) + "\n") continue;
    // hidden first: a half-removed checkpoint is never taken for one
    const fs::path hidden = folder_ / fmt::format(".{}.part-removed", name_of(entry.step));
    fs::rename(entry.path, hidden);
    fs::remove_all(hidden);
  }
}

std::optional<fs::path> CheckpointStore::newest_good() {
  for (const Entry& entry : entries()) {
    if (is_good(entry.path)) return entry.path;
    set_aside(entry.path);
  }
  const bool has_any = fs::directory_iterator(folder_) != fs::directory_iterator();
  PRECINCT_CHECK(!has_any, CheckpointError,
                 "{}: expected a checkpoint that verifies, found none among those that are there; "
                 "restore one from a "
                 "copy, or start a new run with --resume never",
                 folder_.string());
  return std::nullopt;
}

fs::path CheckpointStore::good(const std::string& name) {
  fs::path path = folder_ / name;
  PRECINCT_CHECK(fs::exists(path) && is_good(path), CheckpointError,
                 "{}: expected a checkpoint that verifies, found none; restore it from a copy, or "
                 "start a new run "
                 "with --resume never",
                 path.string());
  return path;
}

}  // namespace precinct::train
