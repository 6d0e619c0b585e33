// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/csv_reader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace precinct::data {
namespace {

/// The one state machine that cutter and parser share.
class Scanner {
 public:
  enum class Event { kNone, kFieldEnd, kRecordEnd };
  /// Consumes one byte outside of the pair CR LF (its LF is eaten by the caller).
  Event step(char c) {
    switch (state_) {
      case State::kQuoted:
        if (c == '"') state_ = State::kQuoteSeen;
        return Event::kNone;
      case State::kQuoteSeen:
        if (c == '"') {
          escaped_ = true;
          state_ = State::kQuoted;
          return Event::kNone;
        }
        if (c != ',' && c != '\n' && c != '\r') bad_quote_ = true;
        break;
      case State::kFieldStart:
        if (c == '"') {
          state_ = State::kQuoted;
          return Event::kNone;
        }
        break;
      case State::kPlain:
        if (c == '"') bad_quote_ = true;
        break;
    }
    if (c == ',') {
      state_ = State::kFieldStart;
      return Event::kFieldEnd;
    }
    if (c == '\n' || c == '\r') {
      state_ = State::kFieldStart;
      return Event::kRecordEnd;
    }
    state_ = State::kPlain;
    return Event::kNone;
  }
  bool in_quotes() const { return state_ == State::kQuoted; }
  bool take_bad_quote() { return std::exchange(bad_quote_, false); }
  bool take_escaped() { return std::exchange(escaped_, false); }

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kQuoteSeen } state_ = State::kFieldStart;
  bool bad_quote_ = false, escaped_ = false;
};

/// A UTF-16 (or UTF-32) mark, or every second byte of the start is zero.
bool looks_like_utf16(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) return true;
  const std::string_view start = text.substr(0, 256);
  std::size_t zeros[2] = {0, 0};
  for (std::size_t i = 0; i < start.size(); ++i) zeros[i % 2] += start[i] == 0;
  return start.size() >= 4 && std::max(zeros[0], zeros[1]) * 4 > start.size();
}

std::uint64_t count_lines(std::string_view text) {
  std::uint64_t lines = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    lines += text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
  }
  return lines;
}

}  // namespace

CsvBlockCutter::CsvBlockCutter(Source source, std::string name, std::size_t block_bytes,
                               std::size_t max_record_bytes)
    : source_(std::move(source)),
      name_(std::move(name)),
      block_bytes_(block_bytes),
      max_record_bytes_(max_record_bytes) {}

std::optional<CsvBlock> CsvBlockCutter::next() {
  while (true) {
    if (!ended_) {
      const std::size_t have = pending_.size();
      pending_.resize(have + block_bytes_);
      const std::size_t count = source_(std::span<char>(pending_.data() + have, block_bytes_));
      pending_.resize(have + count);
      ended_ = count == 0;
    }
    if (!started_) {
      started_ = true;
      PRECINCT_CHECK(!looks_like_utf16(pending_), DataError,
                     "{}:1: byte 0: expected UTF-8 text, found UTF-16; convert it with iconv -f "
                     "UTF-16 -t UTF-8",
                     name_);
      if (pending_.starts_with("\xEF\xBB\xBF")) {
        pending_.erase(0, 3);
        byte_ = 3;
      }
    }
    if (pending_.empty()) return std::nullopt;
    // Find the end of the last whole record; a CR at the very end waits for its LF.
    Scanner scanner;
    std::size_t cut = 0;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const char c = pending_[i];
      if (c == '\r' && !scanner.in_quotes()) {
        if (i + 1 == pending_.size() && !ended_) break;
        if (i + 1 < pending_.size() && pending_[i + 1] == '\n') ++i;
        scanner.step('\n');
        cut = i + 1;
      } else if (scanner.step(c) == Scanner::Event::kRecordEnd) {
        cut = i + 1;
      }
    }
    if (ended_) {
      PRECINCT_CHECK(!scanner.in_quotes(), DataError,
                     "{}:{}: byte {}: expected a closing quote, found the end of the file; the "
                     "file is cut short or a quote is missing",
                     name_, line_ + count_lines(std::string_view(pending_).substr(0, cut)),
                     byte_ + cut);
      cut = pending_.size();
    }
    PRECINCT_CHECK(cut > 0 || pending_.size() < max_record_bytes_, DataError,
                   "{}:{}: byte {}: expected a record of at most {} bytes, found more; a quote may "
                   "never close",
                   name_, line_, byte_, max_record_bytes_);
    if (cut == 0) continue;
    CsvBlock block;
    block.first_line = line_;
    block.first_byte = byte_;
    block.bytes = pending_.substr(0, cut);
    pending_.erase(0, cut);
    line_ += count_lines(block.bytes);
    byte_ += cut;
    return block;
  }
}

CsvBlockParser::CsvBlockParser(const CsvBlock& block) : block_(block), line_(block.first_line) {}

bool CsvBlockParser::next(CsvRecord& record) {
  const std::string_view text = block_.bytes;
  while (at_ < text.size() && (text[at_] == '\n' || text[at_] == '\r')) {  // empty lines
    if (text[at_] == '\n' || at_ + 1 == text.size() || text[at_ + 1] != '\n') ++line_;
    ++at_;
  }
  if (at_ >= text.size()) return false;
  record.fields.clear();
  unescaped_.clear();
  record.problem = CsvProblem::kNone;
  record.line = line_;
  record.byte = block_.first_byte + at_;
  Scanner scanner;
  const std::size_t begin = at_;
  std::size_t field = at_;
  const auto end_field = [&](std::size_t end) {
    std::string_view value = text.substr(field, end - field);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
      if (scanner.take_escaped()) {
        std::string& plain = unescaped_.emplace_back();
        for (std::size_t i = 0; i < value.size(); ++i) {
          plain += value[i];
          if (value[i] == '"') ++i;
        }
        value = plain;
      }
    } else {
      scanner.take_escaped();
    }
    record.fields.push_back(value);
  };
  for (;; ++at_) {
    if (at_ >= text.size()) {  // a last record without a newline
      end_field(at_);
      record.raw = text.substr(begin, at_ - begin);
      break;
    }
    const char c = text[at_];
    if (c == 0) record.problem = CsvProblem::kNul;
    const auto event = scanner.step(c);
    if (event == Scanner::Event::kFieldEnd) {
      end_field(at_);
      field = at_ + 1;
    } else if (event == Scanner::Event::kRecordEnd) {
      end_field(at_);
      record.raw = text.substr(begin, at_ - begin);
      line_ += 1 + count_lines(record.raw);
      at_ += c == '\r' && at_ + 1 < text.size() && text[at_ + 1] == '\n' ? 2 : 1;
      break;
    }
  }
  if (scanner.take_bad_quote() && record.problem == CsvProblem::kNone)
    record.problem = CsvProblem::kQuote;
  return true;
}

}  // namespace precinct::data
