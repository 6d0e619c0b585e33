// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "parallel/host_address.h"

namespace precinct::train {
namespace fs = std::filesystem;
namespace {

/// The variables that change what a run does or how fast, and those that tell one start from
/// another.
nlohmann::json environment_that_matters() {
  constexpr std::array kNames = {"CUDA_VISIBLE_DEVICES",
                                 "OMP_NUM_THREADS",
                                 "OMP_WAIT_POLICY",
                                 "HDF5_USE_FILE_LOCKING",
                                 "TMPDIR",
                                 "RANK",
                                 "WORLD_SIZE",
                                 "SLURM_JOB_ID",
                                 "MASTER_ADDR",
                                 "MASTER_PORT",
                                 "GLOO_SOCKET_IFNAME",
                                 "NO_COLOR"};
  constexpr std::array kPrefixes = {"NCCL_", "TORCH_NCCL_", "PRECINCT_"};
  nlohmann::json values = nlohmann::json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry, name = text.substr(0, text.find('='));
    const bool matters = std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
                         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                                     [&](const char* prefix) { return name.starts_with(prefix); });
    if (matters && name.size() < text.size())
      values[std::string(name)] = text.substr(name.size() + 1);
  }
  return values;
}

/// Temporaries of atomic writes that a killed process left.
void remove_left_overs(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') &&
        (name.find(".part-") != std::string::npos || name.ends_with(".old")))
      fs::remove_all(entry.path());
  }
}

}  // namespace

RunFolder::RunFolder(fs::path path) : path_(std::move(path)), made_(path_) {
  const fs::path file = path_ / ".lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  PRECINCT_CHECK(lock_ >= 0, IoError,
                 "{}; expected a file that can be written; check path and rights",
                 errno_text(file.string(), errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 512> owner{};
    [[maybe_unused]] const auto count = ::pread(lock_, owner.data(), owner.size() - 1, 0);
    ::close(lock_);
    throw IoError(fmt::format(
        "{}: expected a run folder that no job is using, found one in use by {}; wait for it, "
        "or choose another --run-dir",
        path_.string(), owner.data()));
  }
  const std::string me = fmt::format("host {}, process {}", parallel::host_name(), ::getpid());
  if (::ftruncate(lock_, 0) != 0 ||
      ::pwrite(lock_, me.data(), me.size(), 0) != static_cast<ssize_t>(me.size())) {
    const int error_number = errno;
    ::close(lock_);
    remove_what_was_made();
    throw IoError(fmt::format("{}; expected to write {} bytes; make room",
                              errno_text(file.string(), error_number), me.size()));
  }
  remove_left_overs(path_);
}

std::string RunFolder::owner_of(const fs::path& path) {
  std::ifstream file(path / ".lock");
  std::string owner;
  std::getline(file, owner);
  return owner;
}

std::string RunFolder::why_not_shared(const std::string& owner,
                                      std::chrono::milliseconds patience) const {
  if (lock_ >= 0) return "";
  // a network file system may show it some seconds later
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (owner_of(path_) != owner) {
    if (std::chrono::steady_clock::now() >= deadline)
      return fmt::format(
          "{}: expected the run folder of rank 0 ({}) on every host, found another or none on {}; "
          "choose a --run-dir that all ranks share",
          path_.string(), owner, parallel::host_name());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return "";
}

bool RunFolder::holds_checkpoint() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(checkpoints(), error))
    if (entry.path().filename().string().starts_with("step-")) return true;
  return false;
}

void RunFolder::remove_what_was_made() const {
  if (!made_ || !made_->made_any()) return;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path_, ignored))
    fs::remove_all(entry.path(), ignored);
  made_->remove_empty();
}

RunFolder::~RunFolder() {
  if (std::uncaught_exceptions() > 0 && !holds_checkpoint()) remove_what_was_made();
  if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::is_finished() const {
  return fs::exists(evaluation()) && fs::exists(artifact() / "MANIFEST.json");
}

std::string RunFolder::this_process() {
  return nlohmann::json{{"host", parallel::host_name()},
                        {"process", ::getpid()},
                        {"processors", std::thread::hardware_concurrency()}}
      .dump();
}

void RunFolder::write_manifest(const Start& start) const {
  auto hosts = nlohmann::json::array();
  for (const std::string& process : start.processes) {
    hosts.push_back(nlohmann::json::parse(process));
    hosts.back()["rank"] = hosts.size() - 1;
  }
  const nlohmann::json manifest = {
      {"version", start.version},      {"compiler", __VERSION__},
      {"command", start.command_line}, {"ranks_from", start.ranks_from},
      {"hosts", std::move(hosts)},     {"environment", environment_that_matters()}};
  write_file_atomically(
      path_ / "manifest.json",
      manifest.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

fs::path RunFolder::choose(const fs::path& output, const std::string& name, Choice choice) {
  fs::path last = output / name, path = last;
  if (choice == Choice::kGoOn) return path;
  for (int i = 2; fs::exists(path); ++i) {
    last = path;
    path = output / fmt::format("{}-{}", name, i);
  }
  return choice == Choice::kFresh ? path : last;
}

}  // namespace precinct::train
