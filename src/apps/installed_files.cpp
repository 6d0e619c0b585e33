// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/installed_files.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/civil_time.h"

namespace precinct::apps {

namespace {

/// share/precinct/<name> beside an installed bin/; empty when it is not there.
std::filesystem::path shared_folder(const std::string& name) {
  std::error_code error;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  auto installed = binary.parent_path().parent_path() / "share" / "precinct" / name;
  if (!error && std::filesystem::is_directory(installed)) return installed;
  return {};
}

}  // namespace

std::filesystem::path installed_folder(const std::string& name) {
  const auto installed = shared_folder(name);
  return installed.empty() ? std::filesystem::path(PRECINCT_SOURCE_DIR) / name : installed;
}

std::filesystem::path plotly_home() {
  const auto installed = shared_folder("plotly");
  if (!installed.empty()) return installed.parent_path();
  const char* chosen = std::getenv("PRECINCT_DEPS");
  return chosen != nullptr ? chosen : PRECINCT_DEPS_DIR;
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words{std::istreambuf_iterator<char>(file), {}};
  std::string line;
  for (std::size_t at = 0; at < words.size();) {
    const std::string word = words.c_str() + at;
    at += word.size() + 1;
    const bool plain =
        !word.empty() &&
        word.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%") ==
            std::string::npos;
    line += (line.empty() ? "" : " ") + (plain ? word : "'" + word + "'");
  }
  return line;
}

std::string utc_now() {
  using namespace std::chrono;
  const auto now = floor<seconds>(system_clock::now());
  const auto day = floor<days>(now);
  const auto time = (now - day).count();
  return fmt::format("{}T{:02}:{:02}:{:02}Z", format_date(day.time_since_epoch().count()),
                     time / 3600, time / 60 % 60, time % 60);
}

}  // namespace precinct::apps
