// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/file_kind.h"

#include <algorithm>
#include <fstream>
#include <string_view>

namespace precinct::data {
namespace {

using namespace std::string_view_literals;

bool is_text_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || c == '\n' || c == '\r' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

FileKind file_kind(const std::filesystem::path& path) {
  std::string start(4096, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  if (start.empty()) return FileKind::kEmpty;
  if (start.starts_with("\x89HDF\r\n\x1a\n"sv)) return FileKind::kHdf5;
  for (const auto magic : {"\x1f\x8b"sv,
                           "\xfd"
                           "7zXZ\0"sv,
                           "\x28\xb5\x2f\xfd"sv, "PK\3\4"sv, "BZh"sv})
    if (start.starts_with(magic)) return FileKind::kCompressed;
  if (!std::all_of(start.begin(), start.end(), is_text_byte)) return FileKind::kOther;
  const auto first = start.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (start[first] == '{' || start[first] == '['))
    return FileKind::kJson;
  const std::string_view first_line = std::string_view(start).substr(0, start.find('\n'));
  return path.extension() == ".csv" || first_line.find(',') != std::string_view::npos
             ? FileKind::kCsv
             : FileKind::kText;
}

std::string words(FileKind kind) {
  switch (kind) {
    case FileKind::kHdf5:
      return "an HDF5 file";
    case FileKind::kEmpty:
      return "an empty file";
    case FileKind::kCompressed:
      return "a compressed file";
    case FileKind::kCsv:
      return "a CSV file";
    case FileKind::kJson:
      return "a JSON file";
    case FileKind::kText:
      return "a text file";
    case FileKind::kOther:
      break;
  }
  return "a binary file";
}

}  // namespace precinct::data
