// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/input_scan.h"

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/progress.h"
#include "base/worker_pool.h"
#include "data/ingest/compressed_file.h"

namespace precinct::data {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

/// Names of the header, or "0", "1", ... for files without one.
std::vector<std::string> read_header(const SourceProfile& profile, const CsvBlock& block,
                                     const std::string& name) {
  CsvBlockParser parser(block);
  CsvRecord record;
  PRECINCT_CHECK(parser.next(record), DataError,
                 "{}: expected rows, found only empty lines; is it the right file?", name);
  PRECINCT_CHECK(record.problem == CsvProblem::kNone, DataError,
                 "{}:{}: byte {}: expected {}, found {}; correct the first line", name, record.line,
                 record.byte, profile.header ? "a header" : "a row",
                 record.problem == CsvProblem::kNul ? "a zero byte" : "a stray quote");
  std::vector<std::string> header;
  for (std::size_t i = 0; i < record.fields.size(); ++i)
    header.push_back(profile.header ? std::string(record.fields[i]) : std::to_string(i));
  return header;
}

/// Records of a block, at most `most`.
std::uint64_t count_records(const CsvBlock& block, std::uint64_t most) {
  CsvBlockParser parser(block);
  CsvRecord record;
  std::uint64_t count = 0;
  while (count < most && parser.next(record)) ++count;
  return count;
}

/// Blocks in work, handed to the sink in order.
class OrderedResults {
 public:
  OrderedResults(std::size_t num_threads, const std::function<void(RowReader::Result&&)>& sink)
      : sink_(sink), limit_(2 * num_threads + 1), pool_(num_threads) {}

  void submit(std::shared_ptr<const RowReader> reader, CsvBlock block, std::uint64_t skip) {
    while (waiting_.size() >= limit_) take_one();
    auto task = std::make_shared<std::packaged_task<RowReader::Result()>>(
        [reader = std::move(reader), block = std::move(block), skip] {
          return reader->read_block(block, skip);
        });
    waiting_.push_back(task->get_future());
    pool_.submit([task] { (*task)(); });
  }
  void finish() {
    while (!waiting_.empty()) take_one();
  }

 private:
  void take_one() {
    RowReader::Result result = waiting_.front().get();
    waiting_.pop_front();
    sink_(std::move(result));
  }
  const std::function<void(RowReader::Result&&)>& sink_;
  std::size_t limit_;
  std::deque<std::future<RowReader::Result>> waiting_;
  WorkerPool pool_;  // last: its threads end before the rest goes
};

std::uint64_t stored_size(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

void scan_inputs(const InputScan& scan, const std::function<void(RowReader::Result&&)>& sink) {
  std::uint64_t total = 0, bytes_before = 0, rows = 0;
  for (const auto& input : scan.inputs) total += stored_size(input);
  std::optional<Progress> progress;
  if (!scan.title.empty()) progress.emplace(scan.title, total, "bytes");
  const std::function<void(RowReader::Result &&)> counted = [&](RowReader::Result&& result) {
    rows += result.quality.rows_read;
    sink(std::move(result));
  };
  OrderedResults results(static_cast<std::size_t>(std::max(1, scan.num_threads)), counted);
  for (std::uint32_t i = 0; i < scan.inputs.size(); ++i) {
    const std::string name = scan.inputs[i].string();
    CompressedFile file(scan.inputs[i]);
    CsvBlockCutter cutter([&](std::span<char> out) { return file.read(out); }, name, kBlockBytes);
    std::shared_ptr<const RowReader> reader;
    std::uint64_t skip = (scan.profile.header ? 1 : 0) + (i == 0 ? scan.profile.skip_rows : 0);
    while (auto block = cutter.next()) {
      if (!reader) {
        reader = std::make_shared<RowReader>(scan.profile, scan.codes, scan.locator,
                                             read_header(scan.profile, *block, name), i, name,
                                             scan.options);
        if (scan.on_columns) scan.on_columns(i, reader->columns());
        if (i == 0 && scan.on_audit_header) scan.on_audit_header(reader->audit_header());
      }
      const std::uint64_t skipped = count_records(*block, skip);
      results.submit(reader, std::move(*block), skipped);
      skip -= skipped;
      if (progress)
        progress->update(bytes_before + file.stored_bytes_read(), fmt::format("{} rows", rows));
    }
    PRECINCT_CHECK(reader != nullptr, DataError,
                   "{}: expected rows, found an empty file; is it the right file?", name);
    bytes_before += stored_size(scan.inputs[i]);
  }
  results.finish();
  if (progress) progress->update(total, fmt::format("{} rows", rows));
}

}  // namespace precinct::data
