// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/reject_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace precinct::data {

TextWriter::TextWriter(std::filesystem::path path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb"), &std::fclose) {
  PRECINCT_CHECK(file_ != nullptr, IoError,
                 "{}; expected a file that can be written; check path and rights",
                 errno_text(path_.string(), errno));
}

void TextWriter::write(std::string_view text) {
  PRECINCT_CHECK(std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size(), IoError,
                 "{}; expected room for {} more bytes; free some and run again",
                 errno_text(path_.string(), errno), text.size());
}

void TextWriter::finish() {
  PRECINCT_CHECK(std::fflush(file_.get()) == 0 && ::fsync(::fileno(file_.get())) == 0, IoError,
                 "{}; expected room for the file; free some and run again",
                 errno_text(path_.string(), errno));
  file_.reset();
}

std::string csv_quote(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string snippet_of(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
    text = text.substr(0, limit);
  }
  std::string snippet(text);
  for (char& c : snippet) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return snippet;
}

std::string reject_header() { return "file,line,byte,column,kind,snippet,message\n"; }

std::string reject_line(const Reject& r, const std::string& file_name) {
  return fmt::format("{},{},{},{},{},{},{}\n", csv_quote(file_name), r.line, r.byte,
                     csv_quote(r.column), r.kind, csv_quote(r.snippet), csv_quote(r.message));
}

}  // namespace precinct::data
