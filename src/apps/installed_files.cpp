// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/installed_files.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

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
  return chosen != nullptr && *chosen != '\0' ? chosen : PRECINCT_DEPS_DIR;
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool plain =
        !word.empty() &&
        word.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%") ==
            std::string::npos;
    std::string quoted;
    for (const char letter : word) quoted += letter == '\'' ? "'\\''" : std::string(1, letter);
    line += (line.empty() ? "" : " ") + (plain ? word : "'" + quoted + "'");
  }
  return line;
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return shell_words(words);
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
